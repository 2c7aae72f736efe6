"""An answerer that knows what a test tells it."""

from collections.abc import Callable, Sequence

from prosa.evaluate.tasks.answerer import Answer
from prosa.tokenizers.chat import Message


class Parrot:
    """Answers by a function of the last turn; a word is a token."""

    def __init__(self, reply: Callable[[str], str], *, form: str = "chat", context: int = 10_000) -> None:
        self.reply, self.form, self.context = reply, form, context
        self.asked: list[Sequence[Message]] = []
        self.limits: list[int] = []

    def length(self, conversation: Sequence[Message]) -> int:
        return sum(len(message.content.split()) for message in conversation)

    def answer(self, conversations, *, max_tokens, paragraph=False, bar=None, **_) -> list[Answer]:
        self.asked += conversations
        self.limits.append(max_tokens)
        if bar is not None:
            bar.advance(len(conversations))
        texts = [self.reply(turns[-1].content) for turns in conversations]
        return [Answer(text.removesuffix("…"), text.endswith("…")) for text in texts]

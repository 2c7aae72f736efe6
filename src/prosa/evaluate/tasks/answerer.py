"""A model as something that answers, in one of two forms.

    chat    the conversation by the chat template, and the assistant's turn: for models that were tuned to answer
    plain   the same turns as lines of text, "question\\nanswer\\nquestion\\n", and what is written up to the end of
            the line: for a base model, which only continues text (Brown et al. 2020, arXiv 2005.14165)

Both are given the same turns, so that base and tuned models are asked the same.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal, TypeVar

from prosa.core.errors import UserError
from prosa.core.language import tr
from prosa.core.progress import Bar
from prosa.generate.sampling import Sampling
from prosa.generate.tools.toolbox import Toolbox
from prosa.tokenizers.chat import ChatEncoder, Message

if TYPE_CHECKING:  # torch, which the commands load only where something is computed
    from prosa.generate.engine import Engine

Form = Literal["chat", "plain"]
Conversation = Sequence[Message]
GREEDY = Sampling(temperature=0)
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Answer:
    """What was answered, and whether it was cut off by the most tokens or the context's end."""

    text: str
    cut: bool


class Answerer:
    """Answers conversations with one model.

    Args:
        form: how they are put to it.
        toolbox: what may be called, in chat form.

    Raises:
        UserError: chat form with a tokenizer without chat tokens, or tools in plain form.
    """

    def __init__(self, engine: "Engine", form: Form, toolbox: Toolbox | None = None) -> None:
        if toolbox is not None and form == "plain":
            raise UserError(
                tr(
                    "a model that answers in plain text calls no tools.",
                    "um modelo que responde em texto simples não chama ferramentas.",
                ),
                tr("Leave --tools out, or give a tuned model.", "Omita --tools, ou dê um modelo ajustado."),
            )
        self.form = form
        self._engine = engine
        self._encoder = ChatEncoder(engine.tokenizer) if form == "chat" else None
        self._toolbox = toolbox

    @property
    def context(self) -> int:
        """The most tokens that a conversation may have."""
        return self._engine.model.config.context

    def length(self, conversation: Conversation) -> int:
        """The tokens that the model reads before it answers."""
        if self._encoder is not None:
            from prosa.generate.reply import announced

            return len(self._encoder.prompt(announced(conversation, self._toolbox)))
        tokenizer = self._engine.tokenizer
        return len(tokenizer.encode(_text(conversation))) + (tokenizer.end_of_text is not None)

    def answer(
        self,
        conversations: Sequence[Conversation],
        *,
        max_tokens: int,
        sampling: Sampling = GREEDY,
        samples: int = 1,
        paragraph: bool = False,
        bar: Bar | None = None,
    ) -> list[Answer]:
        """Answer each conversation, which must fit the context.

        Args:
            max_tokens: the most of a turn.
            samples: answers to each.
            paragraph: in plain form, an answer goes on to a blank line, not only to the line's end.
            bar: advances by each conversation.

        Returns:
            ``samples`` answers to the first conversation, then those to the second, …
        """
        from prosa.generate.engine import MAX_ROWS
        from prosa.generate.reply import replies

        found: list[Answer] = []
        for some in _chunks(conversations, max(1, MAX_ROWS // samples)):
            if self._encoder is not None:
                made = replies(
                    self._engine,
                    self._encoder,
                    some,
                    sampling,
                    max_tokens=max_tokens,
                    samples=samples,
                    toolbox=self._toolbox,
                )
                found += [Answer(reply.text, reply.finish_reason == "length") for reply in made]
            else:
                ended = replace(sampling, stop=("\n\n" if paragraph else "\n",))
                texts = [_text(conversation) for conversation in some]
                written = self._engine.generate(texts, ended, max_tokens=max_tokens, samples=samples)
                found += [Answer(completion.text, completion.finish_reason == "length") for completion in written]
            if bar is not None:
                bar.advance(len(some))
        return found

    def log_probabilities(self, conversation: Conversation, answers: Sequence[str]) -> list[float]:
        """How likely the model finds the beginnings of some answers: the sum of their tokens' log-probabilities, nats.

        Raises:
            UserError: they do not fit the context.
        """
        import torch

        model, tokenizer = self._engine.model, self._engine.tokenizer
        if self._encoder is not None:
            from prosa.generate.reply import announced

            prompt = list(self._encoder.prompt(announced(conversation, self._toolbox)))
        else:
            start = [] if tokenizer.end_of_text is None else [tokenizer.end_of_text]
            prompt = start + tokenizer.encode(_text(conversation))
        found = [tokenizer.encode(answer) for answer in answers]
        longest = max(map(len, found))
        rows = [prompt + ids + [0] * (longest - len(ids)) for ids in found]  # causal: what comes after changes nothing
        with torch.no_grad():
            hidden = model.hidden(torch.tensor(rows, device=model.embedding.weight.device))
            logs = model.head(hidden[:, len(prompt) - 1 : -1]).float().log_softmax(dim=-1)
        return [float(sum(row[i, id] for i, id in enumerate(ids))) for row, ids in zip(logs, found, strict=True)]


def _text(conversation: Conversation) -> str:
    return "".join(f"{message.content}\n" for message in conversation)


def _chunks(items: Sequence[T], size: int) -> list[Sequence[T]]:
    return [items[start : start + size] for start in range(0, len(items), size)]

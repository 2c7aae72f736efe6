"""What a reply is worth: what a verifier says, what a reward model says, or both.

reward = w_v [right] + w_m score - c [cut off]
"""

from collections.abc import Sequence
from typing import Protocol

from prosa.align.prompts import Asked
from prosa.align.reward import RewardModel
from prosa.generate.reply import Reply


class Reward(Protocol):
    """Values replies."""

    name: str

    def __call__(self, asked: Sequence[Asked], replies: Sequence[Reply]) -> list[float]:
        """A number for each reply, the higher the better; ``asked[i]`` is what ``replies[i]`` answers."""
        ...


class Verifier:
    """1 for a right reply, 0 for a wrong one; 0 too where nobody knows what is right."""

    name = "verifier"

    def __call__(self, asked: Sequence[Asked], replies: Sequence[Reply]) -> list[float]:
        """See ``Reward``."""
        return [
            float(prompt.check is not None and prompt.check(reply.text))
            for prompt, reply in zip(asked, replies, strict=True)
        ]


class Scored:
    """The score of a reward model, of the question and the last turn of the reply.

    How tools came to help is not judged: preferences are between answers, and of anything else the model has learnt
    nothing. The last turn is the very ids that were written, and at the end ``<|end|>``, also where a reply was cut or
    ended the text. What the context cannot hold is left out before that.
    """

    name = "reward model"

    def __init__(self, model: RewardModel) -> None:
        self._model = model
        self._context = model.network.config.backbone.context

    def __call__(self, asked: Sequence[Asked], replies: Sequence[Reply]) -> list[float]:
        """See ``Reward``."""
        encoder = self._model.encoder
        ends = {encoder.end_id, encoder.tokenizer.end_of_text}
        sequences = []
        for prompt, reply in zip(asked, replies, strict=True):
            start = max((at + 1 for at, written in enumerate(reply.written) if not written), default=0)
            ids = [*encoder.prompt(prompt.messages), *reply.ids[start:]]
            ids = ids[:-1] if ids[-1] in ends else ids
            sequences.append([*ids[: self._context - 1], encoder.end_id])
        return self._model.score_ids(sequences)


class Weighted:
    """The weighted sum of rewards, less a cost for replies that were cut off.

    Args:
        parts: rewards and their weights.
        unfinished_cost: taken from a reply that did not end by itself.
    """

    def __init__(self, parts: Sequence[tuple[Reward, float]], unfinished_cost: float = 0.0) -> None:
        self._parts, self._cost = parts, unfinished_cost
        self.name = " + ".join(reward.name for reward, _ in parts)

    def __call__(self, asked: Sequence[Asked], replies: Sequence[Reply]) -> list[float]:
        """See ``Reward``."""
        of_each = [[weight * value for value in reward(asked, replies)] for reward, weight in self._parts]
        return [
            sum(values) - self._cost * (reply.finish_reason == "length")
            for *values, reply in zip(*of_each, replies, strict=True)
        ]

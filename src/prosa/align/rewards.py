"""What a reply is worth: what a verifier says, what a reward model says, or both.

reward = w_v [right] + w_m score - c [cut off]
"""

from collections.abc import Callable, Sequence
from typing import Protocol

from prosa.align.prompts import Asked
from prosa.generate.reply import Reply
from prosa.tokenizers.chat import Message


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
    """The score of a reward model.

    Args:
        score: conversations -> scores, ``align.reward.RewardModel.score``.
    """

    name = "reward model"

    def __init__(self, score: Callable[[Sequence[Sequence[Message]]], list[float]]) -> None:
        self._score = score

    def __call__(self, asked: Sequence[Asked], replies: Sequence[Reply]) -> list[float]:
        """See ``Reward``."""
        return self._score([[*prompt.messages, *reply.messages] for prompt, reply in zip(asked, replies, strict=True)])


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

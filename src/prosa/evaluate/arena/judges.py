"""Who says which of two answers is better: a verifier, a score such as a reward model's, or an outside model.

Each judge is an object with a name and ``compare``. The outside one is in outside.py.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from prosa.core.errors import UserError
from prosa.core.language import tr
from prosa.evaluate.arena.comparison import Winner
from prosa.evaluate.arena.prompt import Prompt
from prosa.tokenizers.chat import Message

Reward = Callable[[Sequence[Sequence[Message]]], Sequence[float | None]]
"""Conversations to a score of each one's last turn; None for a conversation that the reward model cannot hold."""


@dataclass(frozen=True)
class Verdict:
    """What a judge says of two answers.

    Attributes:
        winner: whose answer is better, or None: nothing that could be read as a verdict.
        flipped: whether the verdict was another when the answers changed places; None: not asked in both orders.
        unreadable: the judge's replies that are no verdict.
    """

    winner: Winner | None
    flipped: bool | None = None
    unreadable: tuple[str, ...] = ()


class Judge(Protocol):
    """Compares two answers to one prompt."""

    @property
    def name(self) -> str:
        """What the comparisons say of who judged."""
        ...

    def compare(self, prompt: Prompt, a: str, b: str) -> Verdict:
        """Whether ``a`` (the first) or ``b`` (the second) is the better answer to ``prompt``."""
        ...


@dataclass(frozen=True)
class VerifierJudge:
    """A right answer beats a wrong one; both right or both wrong is a tie."""

    name: str = "verifier"

    def compare(self, prompt: Prompt, a: str, b: str) -> Verdict:
        """Check both.

        Raises:
            ValueError: nobody knows the prompt's answer.
        """
        if prompt.check is None:
            raise ValueError(f"{prompt.id} has no answer to verify by")
        right_a, right_b = prompt.check(a), prompt.check(b)
        return Verdict("tie" if right_a == right_b else "first" if right_a else "second")


@dataclass(frozen=True)
class ScoreJudge:
    """The answer of the higher score wins; equal scores are a tie.

    Attributes:
        score: of an answer to a prompt.
    """

    score: Callable[[Prompt, str], float]
    name: str = "reward"

    def compare(self, prompt: Prompt, a: str, b: str) -> Verdict:
        """Score both.

        Raises:
            UserError: a score is not a number.
        """
        score_a, score_b = self.score(prompt, a), self.score(prompt, b)
        if not (math.isfinite(score_a) and math.isfinite(score_b)):
            raise UserError(
                tr(
                    f"{self.name} gave the scores {score_a} and {score_b}: not numbers to compare.",
                    f"{self.name} deu as notas {score_a} e {score_b}: não são números que se comparem.",
                )
            )
        return Verdict("tie" if score_a == score_b else "first" if score_a > score_b else "second")


def reward_judge(
    reward: Reward, prompts: Sequence[Prompt], answers: Mapping[str, Mapping[str, str]], name: str = "reward"
) -> tuple[ScoreJudge, list[Prompt]]:
    """A judge that has scored all answers at once, and the prompts that it can judge: those whose answers it can hold.

    Args:
        answers: of each model, the answer to each prompt by its id.
    """
    asked = {
        (prompt.id, given[prompt.id]): [*prompt.turns, Message("assistant", given[prompt.id])]
        for prompt in prompts
        for given in answers.values()
    }
    scored = zip(asked, reward(list(asked.values())), strict=True)
    known = {key: score for key, score in scored if score is not None}
    held = [prompt for prompt in prompts if all((prompt.id, given[prompt.id]) in known for given in answers.values())]
    return ScoreJudge(lambda prompt, answer: known[prompt.id, answer], name), held

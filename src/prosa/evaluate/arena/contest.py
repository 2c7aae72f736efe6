"""A contest: every pair of models, on every prompt, before one judge."""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from prosa.core.errors import UserError
from prosa.core.language import number, tr
from prosa.core.progress import progress
from prosa.evaluate.arena.comparison import Comparison
from prosa.evaluate.arena.judges import Judge, Verdict
from prosa.evaluate.arena.prompt import Prompt

FEW = 10  # pairs before it is said that a judge gives no verdicts


@dataclass(frozen=True)
class Contest:
    """The comparisons, and how the judge behaved.

    Attributes:
        comparisons: those with a verdict, prompt by prompt.
        without_verdict: pairs of answers on which the judge gave none; they are left out.
        unreadable: the judge's replies that are no verdict.
        both_orders: pairs of answers that were judged in both orders.
        flips: of these, how many had another verdict when the answers changed places.
    """

    comparisons: tuple[Comparison, ...]
    without_verdict: int = 0
    unreadable: tuple[str, ...] = ()
    both_orders: int = 0
    flips: int = 0

    @property
    def flip_rate(self) -> float | None:
        """Flips of the pairs judged in both orders; None: there were none."""
        return self.flips / self.both_orders if self.both_orders else None


def hold_contest(judge: Judge, prompts: Sequence[Prompt], answers: Mapping[str, Mapping[str, str]]) -> Contest:
    """Let ``judge`` compare every two models' answers; the same answer twice is a tie without asking.

    Args:
        answers: of each model, the answer to each prompt by its id.

    Raises:
        UserError: no prompt, fewer than two models, an answer is missing, or most pairs get no verdict; and what the
            judge raises.
    """
    _check(prompts, answers)
    pairs = list(itertools.combinations(answers, 2))
    comparisons, verdicts = list[Comparison](), list[Verdict]()
    with progress(tr("judging", "julgando"), len(prompts) * len(pairs), tr("pairs", "pares")) as bar:
        for prompt, (first, second) in itertools.product(prompts, pairs):
            a, b = answers[first][prompt.id], answers[second][prompt.id]
            verdict = Verdict("tie") if a == b else judge.compare(prompt, a, b)
            verdicts.append(verdict)
            if verdict.winner is not None:
                comparisons.append(Comparison(prompt.id, first, second, verdict.winner, judge.name))
            elif len(verdicts) >= FEW:
                _check_readable(judge, verdicts)
            bar.advance()
    _check_readable(judge, verdicts)
    asked = [v.flipped for v in verdicts if v.flipped is not None]
    return Contest(
        tuple(comparisons),
        without_verdict=len(verdicts) - len(comparisons),
        unreadable=tuple(reply for v in verdicts for reply in v.unreadable),
        both_orders=len(asked),
        flips=sum(asked),
    )


def _check(prompts: Sequence[Prompt], answers: Mapping[str, Mapping[str, str]]) -> None:
    if not prompts:
        raise UserError(tr("there is no prompt to compare on.", "não há nenhum prompt em que comparar."))
    if len(answers) < 2:
        raise UserError(
            tr(
                f"a contest needs at least two models, not {number(len(answers))}.",
                f"uma disputa precisa de ao menos dois modelos, e não {number(len(answers))}.",
            )
        )
    for model, given in answers.items():
        if missing := [prompt.id for prompt in prompts if prompt.id not in given]:
            raise UserError(
                tr(
                    f"{model} has no answer to {number(len(missing))} prompts, the first is {missing[0]!r}.",
                    f"{model} não tem resposta para {number(len(missing))} prompts; o primeiro é {missing[0]!r}.",
                )
            )


def _check_readable(judge: Judge, verdicts: list[Verdict]) -> None:
    """Stop where more than half of the pairs have no verdict: what is left would say little of the models."""
    without = [verdict for verdict in verdicts if verdict.winner is None]
    if 2 * len(without) > len(verdicts):
        reply = " ".join(" ".join(without[-1].unreadable).split())[:300]
        raise UserError(
            tr(
                f"{judge.name} gave no verdict on {number(len(without))} of {number(len(verdicts))} pairs. Its last "
                f"reply: {reply!r}",
                f"{judge.name} não deu veredito em {number(len(without))} de {number(len(verdicts))} pares. A última "
                f"resposta dele: {reply!r}",
            ),
            tr("Use another judge.", "Use outro juiz."),
        )

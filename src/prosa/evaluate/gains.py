"""What each stage of a run gained: the same held-out problems put to every stage, and what came of it.

Each stage is compared with the one that it was made from, problem by problem, so that what both get right says nothing
(tasks/measure.py: ``Difference``); its verdict is of all problems together, and only an interval wholly above zero is a
gain. The greedy answers then meet in an arena, judged by the verifiers and, where there is one, by the reward model.
Alignment costs diversity (Kirk et al. 2024, arXiv 2310.06452), so samples of the first and the last stage are compared.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from random import Random
from typing import Any

from prosa.core.errors import UserError
from prosa.core.interval import wilson
from prosa.evaluate.arena.contest import hold_contest
from prosa.evaluate.arena.diversity import Estimate, diversity, diversity_change
from prosa.evaluate.arena.judges import Judge, Reward, VerifierJudge, reward_judge
from prosa.evaluate.arena.prompt import Prompt
from prosa.evaluate.arena.standings import Standings, standings
from prosa.evaluate.tasks.answerer import Answerer
from prosa.evaluate.tasks.exam import Exam
from prosa.evaluate.tasks.measure import MAX_TOKENS, Difference, Marked, Score, Verdict, asked_turns, compare
from prosa.evaluate.tasks.prompting import Prompting
from prosa.generate.sampling import Sampling
from prosa.tokenizers.chat import Message

ALL = "all"  # the row of all tasks together
SIDE_BY_SIDE = 10  # prompts that are shown with every stage's answer
REWARDED = 300  # prompts that the reward model judges
VARIED, SAMPLES = 40, 4  # prompts that diversity is measured on, and samples of each

Samples = dict[str, list[str]]


@dataclass(frozen=True)
class StageScores:
    """A stage's answers.

    Attributes:
        name: ``base``, ``sft``, …
        before: the stage that it was made from, None for the first.
        form: how it was asked.
        scores: of every exam, in the order of all stages.
        samples: drawn for diversity, by prompt id.
    """

    name: str
    before: str | None
    form: str
    scores: Sequence[Score]
    samples: Samples = field(default_factory=dict)


@dataclass(frozen=True)
class Gain:
    """A stage against the one before it: all problems together, and task by task."""

    stage: str
    before: str
    overall: Difference
    tasks: Mapping[str, Difference]

    @property
    def verdict(self) -> Verdict:
        """Of all problems together."""
        return self.overall.verdict


@dataclass(frozen=True)
class Gains:
    """All that was measured of a run's stages."""

    run: str
    language: str
    seed: int
    stages: Sequence[StageScores]
    differences: Sequence[Gain]
    arena: Mapping[str, Standings]  # by judge
    diversity: dict[str, Any] | None
    answers: Sequence[dict[str, Any]]

    def to_json(self) -> dict[str, Any]:
        """What ``gains.json`` holds."""
        return {
            "run": self.run,
            "language": self.language,
            "seed": self.seed,
            "stages": [{"stage": s.name, "before": s.before, "form": s.form} for s in self.stages],
            "rows": [row for stage in self.stages for row in _rows(stage, self.seed)],
            "differences": [
                {"stage": gain.stage, "before": gain.before, "task": task, **difference.to_json()}
                for gain in self.differences
                for task, difference in {ALL: gain.overall, **gain.tasks}.items()
            ],
            "verdicts": {gain.stage: gain.verdict for gain in self.differences},
            "win_rates": {judge: [rate.to_json() for rate in found.win_rates] for judge, found in self.arena.items()},
            "ratings": {
                judge: {
                    "prompts": found.to_json()["prompts"],
                    "bradley_terry": [rating.to_json() for rating in found.bradley_terry],
                    "elo": [rating.to_json() for rating in found.elo],
                }
                for judge, found in self.arena.items()
            },
            "diversity": self.diversity,
            "answers": list(self.answers),
        }


def gains_of(
    run: str, stages: Sequence[StageScores], *, seed: int, language: str, reward: Reward | None = None
) -> Gains:
    """Compare the stages of a run.

    Args:
        stages: oldest first, asked the same exams.
        reward: of the run's reward model, which leaves out prompts with an answer that it cannot hold.
    """
    at = {stage.name: stage for stage in stages}
    differences = [
        Gain(
            stage.name,
            stage.before,
            compare(at[stage.before].scores, stage.scores),
            {new.task: compare([old], [new]) for old, new in zip(at[stage.before].scores, stage.scores, strict=True)},
        )
        for stage in stages
        if stage.before is not None
    ]
    return Gains(
        run,
        language,
        seed,
        stages,
        differences,
        _arena(stages, seed, reward),
        _diversity(stages, seed),
        _side_by_side(stages, seed),
    )


def draw_samples(answerer: Answerer, exams: Sequence[Exam], prompting: Prompting, *, seed: int) -> Samples:
    """Sampled answers to some problems of all exams, by prompt id; what does not fit the context is left out."""
    turns = {}
    by_name = {exam.name: exam for exam in exams}
    for name, i in _turns({exam.name: len(exam.problems) for exam in exams}, seed)[:VARIED]:
        asked, _ = asked_turns(answerer, by_name[name], i, prompting, seed)
        if asked is not None:
            turns[f"{name}/{i}"] = asked
    drawn = answerer.answer(
        list(turns.values()), max_tokens=MAX_TOKENS, sampling=Sampling(temperature=1.0, seed=seed), samples=SAMPLES
    )
    texts = [answer.text for answer in drawn]
    return {id: texts[n * SAMPLES : (n + 1) * SAMPLES] for n, id in enumerate(turns)}


def _rows(stage: StageScores, seed: int) -> list[dict[str, Any]]:
    """A row an exam, and one of all."""
    rows = [{"stage": stage.name, "form": stage.form, **score.to_json()} for score in stage.scores]
    right, n = sum(score.right for score in stage.scores), sum(score.n for score in stage.scores)
    together = {"task": ALL, "score": right / n, "right": right, "n": n, "interval": list(wilson(right, n))}
    return [*rows, {"stage": stage.name, "form": stage.form, **together, "seed": seed}]


def _marked(stage: StageScores) -> dict[str, Marked]:
    """A stage's answers by prompt id."""
    return {f"{score.task}/{i}": answer for score in stage.scores for i, answer in enumerate(score.marked)}


def _arena(stages: Sequence[StageScores], seed: int, reward: Reward | None) -> dict[str, Standings]:
    if len(stages) < 2:
        return {}
    marked = {stage.name: _marked(stage) for stage in reversed(stages)}  # the newest first: sft × base
    some = next(iter(marked.values()))
    answers = {name: {id: answer.reply for id, answer in given.items()} for name, given in marked.items()}
    prompts = {}
    for id, answer in some.items():
        right = {given[id].reply: given[id].right for given in marked.values()}
        prompts[id] = Prompt(id, (Message("user", answer.problem.prompt),), right.__getitem__)
    judges: list[tuple[Judge, list[Prompt]]] = [(VerifierJudge(), list(prompts.values()))]
    if reward is not None:
        judge, held = reward_judge(reward, [prompts[id] for id in _drawn(stages, seed)[:REWARDED]], answers)
        if held:
            judges.append((judge, held))
    return {judge.name: standings(hold_contest(judge, asked, answers), seed=seed) for judge, asked in judges}


def _diversity(stages: Sequence[StageScores], seed: int) -> dict[str, Any] | None:
    """The last stage's samples beside the first's; None where there are no two, or one writes no word."""
    first, last = stages[0], stages[-1]
    shared = first.samples.keys() & last.samples.keys()
    if first is last or not shared:
        return None
    old, new = ({id: stage.samples[id] for id in sorted(shared)} for stage in (first, last))
    try:
        before, after, change = (
            diversity(old, seed=seed),
            diversity(new, seed=seed),
            diversity_change(old, new, seed=seed),
        )
    except UserError:  # not one word in the samples of a stage
        return None

    def plain(estimate: Estimate) -> dict[str, Any]:
        return asdict(estimate)

    return {
        "before": first.name,
        "after": last.name,
        "prompts": len(shared),
        "samples": SAMPLES,
        "temperature": 1.0,
        "figures": {
            name: {"before": plain(before[name]), "after": plain(after[name]), "change": plain(change[name])}
            for name in change
        },
    }


def _side_by_side(stages: Sequence[StageScores], seed: int) -> list[dict[str, Any]]:
    """Some problems with every stage's answer."""
    marked = {stage.name: _marked(stage) for stage in stages}
    found = []
    for id in _drawn(stages, seed)[:SIDE_BY_SIDE]:
        problem = next(iter(marked.values()))[id].problem
        replies = {name: {"text": given[id].reply, "right": given[id].right} for name, given in marked.items()}
        found.append({"task": problem.task, "prompt": problem.prompt, "answer": problem.answer, "replies": replies})
    return found


def _drawn(stages: Sequence[StageScores], seed: int) -> list[str]:
    """The ids of all problems in an order drawn by ``seed``."""
    turns = _turns({score.task: score.n for score in stages[0].scores}, seed)
    return [f"{task}/{i}" for task, i in turns]


def _turns(counts: Mapping[str, int], seed: int) -> list[tuple[str, int]]:
    """All problems as (exam, number): one of each exam, then another of each, in an order drawn by ``seed``."""
    random = Random(f"turns/{seed}")
    orders = {name: random.sample(range(n), n) for name, n in counts.items()}
    names = random.sample(list(counts), len(counts))
    rounds = max(counts.values(), default=0)
    return [(name, orders[name][turn]) for turn in range(rounds) for name in names if turn < counts[name]]

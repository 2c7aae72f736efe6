"""``prosa gains``: what each stage of a run gained over the one before, on the same held-out problems."""

from collections.abc import Sequence
from pathlib import Path

from prosa.core.config import read_yaml
from prosa.core.device import DeviceName
from prosa.core.errors import UserError
from prosa.core.files import is_complete, write_json
from prosa.core.language import Lang, tr
from prosa.core.progress import progress
from prosa.evaluate.arena.judges import Reward
from prosa.evaluate.gains import Gains, StageScores, draw_samples, gains_of
from prosa.evaluate.tasks.measure import measure
from prosa.pipeline.run import BASE, GAINS, MODEL_STAGES, REWARD
from prosa.pipeline.stage import RESOLVED
from prosa.pipeline.tasks import exams_of, load_answerer, usual_prompting
from prosa.tokenizers.chat import Message


def gains(
    run: Path,
    *,
    tasks: tuple[str, ...] = ("all",),
    problems_file: Path | None = None,
    problems: int = 200,
    tools: bool = False,
    language: Lang = "pt-BR",
    seed: int = 0,
    device: DeviceName = "auto",
) -> Gains:
    """What each stage of a run gained over the one before it, on the same held-out problems.

    Task scores, paired differences, win rates and ratings with their intervals, what alignment cost in diversity, and
    ten prompts answered by every stage: all of it also goes to the run's gains.json, for the report. A base model is
    shown examples and answers in plain text; later stages are asked without examples, by the chat template.

    Args:
        run: Run folder.
        tasks: Tasks and groups of tasks: plurals letters 2D+ arithmetic suites all ...
        problems_file: Your own test too, as of prosa evaluate.
        problems: The most problems of each task.
        tools: Stages after base may call calculator and dates.
        language: Of the problems.
        seed: Of the problems, the samples and the intervals.
        device: Where to compute.

    Raises:
        UserError: not a run folder, no finished stage in it, or an unknown task.
    """
    from prosa.generate.tools import Toolbox, builtin_tools

    names = _stages(run)
    exams = exams_of(tasks, problems_file, problems, language=language, seed=seed)
    toolbox = Toolbox(builtin_tools("en" if language == "en" else "pt")) if tools else None
    stages = []
    asked = sum(len(exam.problems) for exam in exams) * len(names)
    with progress(tr("answering", "respondendo"), asked, tr("problems", "problemas")) as bar:
        for name in names:
            answerer, _ = load_answerer(f"{run}:{name}", device=device, toolbox=None if name == BASE else toolbox)
            way = usual_prompting(answerer)
            scores = [measure(answerer, exam, way, seed=seed, bar=bar) for exam in exams]
            drawn = draw_samples(answerer, exams, way, seed=seed) if name in (names[0], names[-1]) else {}
            before = None if name == names[0] else _before(run, name, names)
            stages.append(StageScores(name, before, answerer.form, scores, drawn))
    reward = scorer(run / REWARD, device) if is_complete(run / REWARD) and len(stages) > 1 else None
    found = gains_of(run.resolve().name, stages, seed=seed, language=language, reward=reward)
    write_json(run / GAINS, found.to_json())
    return found


def scorer(folder: Path, device: DeviceName = "auto") -> Reward:
    """The reward model of a folder as a function of conversations; None for one longer than its context.

    Raises:
        UserError: as ``load_reward``.
    """
    from prosa.align.reward import load_reward

    model = load_reward(folder, device=device)
    context = model.network.config.backbone.context

    def score(conversations: Sequence[Sequence[Message]]) -> list[float | None]:
        encoded = [ids.ids.tolist() for ids in model.encoder.encode_batch(conversations)]
        fitting = iter(model.score_ids([ids for ids in encoded if len(ids) <= context]))
        return [next(fitting) if len(ids) <= context else None for ids in encoded]

    return score


def _stages(run: Path) -> list[str]:
    """The finished stages of a run, oldest first."""
    names = [name for name in reversed(MODEL_STAGES) if is_complete(run / name)]
    if not names:
        raise UserError(
            tr(f"{run} has no finished stage.", f"{run} não tem nenhuma etapa pronta."),
            tr("Give a run folder, such as runs/mine.", "Dê a pasta de uma execução, como runs/minha."),
        )
    return names


def _before(run: Path, name: str, names: list[str]) -> str:
    """The stage that a stage was made from, by its configuration; else the one before it in order."""
    earlier = names[: names.index(name)]
    try:
        source = Path(str(read_yaml(run / name / RESOLVED).get("model"))).name
    except UserError:
        source = ""
    return source if source in earlier else earlier[-1]

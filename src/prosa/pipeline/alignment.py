"""The stages of ``prosa build`` after pretraining: the base model becomes an assistant, and what each stage gained."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

from prosa.core.config import from_mapping, read_yaml
from prosa.core.errors import UserError
from prosa.core.files import COMPLETE, read_json
from prosa.core.language import tr
from prosa.corpus.problems import Problems
from prosa.data.conversations import read_conversations
from prosa.data.preferences import read_rankings
from prosa.evaluate.tasks.registry import find_tasks
from prosa.pipeline.dpo import Configuration as DpoSettings
from prosa.pipeline.dpo import dpo
from prosa.pipeline.gains import gains
from prosa.pipeline.recipe import Recipe, Stage
from prosa.pipeline.reward import Configuration as RewardSettings
from prosa.pipeline.reward import reward
from prosa.pipeline.rl import Configuration as RlSettings
from prosa.pipeline.rl import rl
from prosa.pipeline.run import DPO, GAINS, MODEL_STAGES, REWARD, RL, SFT
from prosa.pipeline.sft import Configuration as SftSettings
from prosa.pipeline.sft import sft
from prosa.pipeline.stage import RESOLVED


def check_stages(recipe: Recipe) -> None:
    """Refuse stages that would have nothing to learn from, before the first of all has begun.

    Raises:
        UserError: conversations, preferences and problems are missing where a stage needs them, their files have no
            record to begin with, or a task is unknown.
    """
    files = {SFT: recipe.conversations, REWARD: recipe.preferences, DPO: recipe.preferences, RL: ()}
    names = {REWARD: recipe.judged.names, DPO: recipe.judged.names, RL: recipe.rl_tasks}
    for stage in recipe.stages:
        if not (files[stage] or recipe.tasks.names or names.get(stage)):
            asked = {SFT: "--conversations … / ", RL: ""}.get(stage, "--preferences … / ")
            raise UserError(
                tr(f"the stage {stage} has nothing to learn from.", f"a etapa {stage} não tem com que aprender."),
                tr(f"Give {asked}--tasks.names TASK ...", f"Dê {asked}--tasks.names TAREFA ..."),
            )
    find_tasks(recipe.rl_tasks or ("all",))
    for path in recipe.conversations:
        next(iter(read_conversations((path,), Problems())))
    for path in recipe.preferences:
        next(iter(read_rankings((path,), Problems())))


def align(out: Path, recipe: Recipe, title: Callable[[str], None]) -> tuple[Recipe, dict[str, Any]]:
    """Do the stages that ``recipe`` names, those that are not done, and measure what each gained.

    Args:
        out: Run folder with a base model.
        title: Tells that a stage begins.

    Returns:
        The recipe with the settings that were settled, and what ``gains.json`` holds.
    """
    tasks = recipe.tasks
    judged = recipe.judged if recipe.judged.names else replace(recipe.judged, names=tasks.names)
    for stage in [stage for stage in get_args(Stage) if stage in recipe.stages]:
        title(NAMES[stage]())
        if stage == SFT:
            sft(f"{out}", data=recipe.conversations, tasks=tasks, sft=recipe.sft, resume="auto")
            recipe = replace(recipe, sft=_settled(out, SFT, SftSettings).sft)
        elif stage == REWARD:
            reward(f"{out}", data=recipe.preferences, tasks=judged, reward=recipe.reward, resume="auto")
            recipe = replace(recipe, reward=_settled(out, REWARD, RewardSettings).reward)
        elif stage == DPO:
            dpo(f"{out}", data=recipe.preferences, tasks=judged, dpo=recipe.dpo, resume="auto")
            recipe = replace(recipe, dpo=_settled(out, DPO, DpoSettings).dpo)
        else:
            rl(
                f"{out}",
                method=recipe.method,
                tasks=recipe.rl_tasks or tasks.names,
                languages=tasks.languages,
                tools=tasks.tools,
                rl=recipe.rl,
                grpo=recipe.grpo,
                ppo=recipe.ppo,
                resume="auto",
            )
            recipe = replace(recipe, rl=_settled(out, RL, RlSettings).rl)
    title(tr("what each stage gained", "o que cada etapa ganhou"))
    if not _is_measured(out):
        gains(
            out,
            tasks=recipe.gains.tasks or tasks.names or ("all",),
            problems=recipe.gains.problems,
            tools=tasks.tools,
            language=next(iter(tasks.languages), "pt-BR"),
            seed=recipe.gains.seed,
        )
    return recipe, read_json(out / GAINS)


NAMES: dict[Stage, Callable[[], str]] = {
    "sft": lambda: tr("supervised fine-tuning", "ajuste fino supervisionado"),
    "reward": lambda: tr("reward model", "modelo de recompensa"),
    "dpo": lambda: tr("direct preference optimization", "otimização direta de preferências"),
    "rl": lambda: tr("reinforcement learning", "aprendizado por reforço"),
}


def _settled(out: Path, stage: str, settings: type[Any]) -> Any:
    return from_mapping(settings, read_yaml(out / stage / RESOLVED), RESOLVED)


def _is_measured(out: Path) -> bool:
    """Whether ``gains.json`` is newer than every stage."""
    stages = [out / name / COMPLETE for name in (*MODEL_STAGES, REWARD) if (out / name / COMPLETE).is_file()]
    there = out / GAINS
    return there.is_file() and all(there.stat().st_mtime_ns > stage.stat().st_mtime_ns for stage in stages)

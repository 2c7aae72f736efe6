"""Which folders Prosa made: without this, a second corpus of ``.`` would read the first, and samples of a model."""

import os
from pathlib import Path

from prosa.core.files import COMPLETE, MANIFEST

STAGES = ("corpus", "tokenizer", "data", "base", "sft", "dpo", "reward", "rl", "classifier", "vectors")
BESIDE_STAGES = ("recipe.yaml", "inputs.json", "evaluation.json", "report.html")  # in a run folder
_TRAINING = "config.resolved.yaml"  # in a model's folder from its first step on


def is_stage(folder: Path) -> bool:
    """Whether a folder is a finished stage, or a model's, finished or not."""
    finished = os.path.exists(folder / COMPLETE) and os.path.exists(folder / MANIFEST)
    return finished or os.path.exists(folder / _TRAINING)


def is_run(folder: Path) -> bool:
    """Whether a folder holds stages under their names, or is where a build has begun."""
    begun = os.path.exists(folder / "recipe.yaml") and os.path.exists(folder / "inputs.json")
    return begun or any(os.path.exists(folder / stage / COMPLETE) or is_stage(folder / stage) for stage in STAGES)

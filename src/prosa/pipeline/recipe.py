"""A recipe: every part's configuration, by stage. Its YAML is in ``recipes/*.yaml`` and in a run's ``recipe.yaml``."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from prosa.align.demonstrations import TaskData
from prosa.align.dpo_config import DpoConfig
from prosa.align.judged import JudgedData
from prosa.align.reward import RewardConfig
from prosa.align.rl_config import GrpoConfig, Method, PpoConfig, RlConfig
from prosa.align.sft import SftConfig
from prosa.core.config import from_environment, from_mapping, read_yaml, recipe_path
from prosa.corpus.config import CorpusConfig
from prosa.data.prepare import DataConfig
from prosa.pipeline.gains_config import GainsConfig
from prosa.pipeline.model_choice import ModelChoice
from prosa.pipeline.samples import SampleConfig
from prosa.tokenizers.config import TokenizerConfig
from prosa.train.config import TrainConfig

DEFAULT = "default"
Stage = Literal["sft", "reward", "dpo", "rl"]
"""What may come after pretraining, in this order."""


@dataclass(frozen=True)
class Recipe:
    """Everything a build needs but the text, and the text too when ``paths`` names it."""

    paths: tuple[Path, ...] = ()
    """Files and folders of text, relative to the current folder; those on the command line replace them."""
    corpus: CorpusConfig = field(default_factory=CorpusConfig)
    tokenizer: TokenizerConfig = field(default_factory=TokenizerConfig)
    data: DataConfig = field(default_factory=DataConfig)
    model: ModelChoice = field(default_factory=ModelChoice)
    train: TrainConfig = field(default_factory=TrainConfig)
    sample: SampleConfig = field(default_factory=SampleConfig)
    stages: tuple[Stage, ...] = ()
    """Stages after pretraining; after them it is measured what each gained."""
    conversations: tuple[Path, ...] = ()
    """What sft learns from, with the problems of ``tasks``."""
    tasks: TaskData = field(default_factory=TaskData)
    """Problems that sft is shown."""
    sft: SftConfig = field(default_factory=SftConfig)
    preferences: tuple[Path, ...] = ()
    """What reward and dpo learn from, with the judged answers."""
    judged: JudgedData = field(default_factory=JudgedData)
    """How answers are made to be judged; those to the problems of ``tasks`` where it names none."""
    reward: RewardConfig = field(default_factory=RewardConfig)
    dpo: DpoConfig = field(default_factory=DpoConfig)
    rl_tasks: tuple[str, ...] = ()
    """What rl is asked; the problems of ``tasks`` where it names none."""
    method: Method = "grpo"
    """Of rl."""
    rl: RlConfig = field(default_factory=RlConfig)
    grpo: GrpoConfig = field(default_factory=GrpoConfig)
    ppo: PpoConfig = field(default_factory=PpoConfig)
    gains: GainsConfig = field(default_factory=GainsConfig)


def load_recipe(name: str | None = None) -> Recipe:
    """The recipe ``name`` (a name in ``recipes/``, or a YAML file; None: ``default``) with the environment on top.

    Raises:
        UserError: no such recipe, an unknown key, a value of the wrong type; each names where.
    """
    path = recipe_path(name or DEFAULT)
    return from_environment(Recipe, from_mapping(Recipe, read_yaml(path), path.as_posix()))

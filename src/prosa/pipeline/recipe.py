"""A recipe: every part's configuration, by stage. Its YAML is in ``recipes/*.yaml`` and in a run's ``recipe.yaml``."""

from dataclasses import dataclass, field
from pathlib import Path

from prosa.core.config import from_environment, from_mapping, read_yaml, recipe_path
from prosa.corpus.config import CorpusConfig
from prosa.data.prepare import DataConfig
from prosa.pipeline.model_choice import ModelChoice
from prosa.pipeline.samples import SampleConfig
from prosa.tokenizers.config import TokenizerConfig
from prosa.train.config import TrainConfig

DEFAULT = "default"


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


def load_recipe(name: str | None = None) -> Recipe:
    """The recipe ``name`` (a name in ``recipes/``, or a YAML file; None: ``default``) with the environment on top.

    Raises:
        UserError: no such recipe, an unknown key, a value of the wrong type; each names where.
    """
    path = recipe_path(name or DEFAULT)
    return from_environment(Recipe, from_mapping(Recipe, read_yaml(path), path.as_posix()))

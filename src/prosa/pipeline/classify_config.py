"""What the training of a classifier, and the comparison of several, are configured by."""

from dataclasses import dataclass
from pathlib import Path

from prosa.align.classify import ClassifyConfig, Method
from prosa.align.lora import LoraConfig
from prosa.core.errors import UserError, unknown
from prosa.core.language import tr
from prosa.data.labelled import Columns
from prosa.models.bag_of_words import BagConfig, FeatureName
from prosa.pipeline.model_choice import ModelChoice
from prosa.tokenizers.config import TokenizerConfig
from prosa.train.classical import LinearConfig

FINE_TUNED = "fine-tuned"


@dataclass(frozen=True)
class Configuration:
    """What ``classifier/config.resolved.yaml`` holds."""

    model: str | None
    data: tuple[Path, ...]
    columns: Columns
    classify: ClassifyConfig
    shape: ModelChoice
    tokenizer: TokenizerConfig
    lora: LoraConfig
    bag: BagConfig
    linear: LinearConfig


ROWS: dict[str, tuple[Method, FeatureName | None]] = {
    "naive-bayes": ("naive-bayes", "counts"),
    "logistic-counts": ("logistic", "counts"),
    "logistic": ("logistic", "tf-idf"),
    "logistic-characters": ("logistic", "characters"),
    "svm-counts": ("svm", "counts"),
    "svm": ("svm", "tf-idf"),
    "svm-characters": ("svm", "characters"),
    "cnn": ("cnn", None),
    "gpt": ("transformer", None),
    FINE_TUNED: ("transformer", None),
}


@dataclass(frozen=True)
class ComparisonConfig:
    """How classifiers are compared."""

    methods: tuple[str, ...] = ()
    """Which: naive-bayes logistic svm (logistic-counts, svm-characters and so on: other features), cnn, gpt (from
    random weights), fine-tuned (the model that --model names). None: all."""
    folds: int = 5
    """In how many parts the texts are divided, each measured once by what was learnt from the others."""
    repeats: int = 1
    """How often all that is done, with other folds and other seeds."""
    minutes: float = 1.0
    """The longest that cnn, gpt and fine-tuned may train, each time; in place of --classify.minutes."""

    def __post_init__(self) -> None:
        for name in self.methods:
            if name not in ROWS:
                raise unknown(tr("method", "método"), name, ROWS)
        if self.folds < 2 or self.repeats < 1 or not 0 < self.minutes < float("inf"):
            raise UserError(
                tr(
                    f"comparison: folds is {self.folds} but must be at least 2, repeats {self.repeats} at least 1, "
                    f"minutes {self.minutes} above 0.",
                    f"comparison: folds é {self.folds}, mas deve ser pelo menos 2; repeats {self.repeats}, pelo menos "
                    f"1; minutes {self.minutes}, acima de 0.",
                )
            )


@dataclass(frozen=True)
class Comparison(Configuration):
    """What ``comparison/config.resolved.yaml`` holds."""

    comparison: ComparisonConfig

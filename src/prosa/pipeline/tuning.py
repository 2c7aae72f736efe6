"""What the stages after pretraining share: they read records, train a model that is there, and write the new one."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from prosa.align.lora import LoraConfig
from prosa.core.config import write_yaml
from prosa.core.errors import UserError
from prosa.core.files import mark_complete, write_json, write_text
from prosa.core.language import tr
from prosa.core.progress import warn
from prosa.corpus.problems import Problems
from prosa.data.division import Asked, divide
from prosa.pipeline.stage import RESOLVED, TRAINING, Resume, claim_stage

if TYPE_CHECKING:
    from torch import nn

    from prosa.models.gpt import GPT
    from prosa.tokenizers.protocol import Tokenizer
    from prosa.train.loop import TrainResult

MEASURED = 500  # held-out records: enough for a curve
SAMPLES = 4  # held-out prompts that are answered during the training
ANSWER_TOKENS = 120
ADAPTER = "adapter"

A = TypeVar("A", bound=Asked)
T = TypeVar("T")


@dataclass(frozen=True)
class Tuned:
    """A trained model."""

    folder: Path
    figures: dict[str, Any]  # data, steps, tokens, seconds, the last train and validation lines of metrics.jsonl

    def to_json(self) -> dict[str, Any]:
        """Folder and figures."""
        return {"folder": str(self.folder), **self.figures}


@dataclass(frozen=True)
class Records(Generic[A]):
    """What was read to train with."""

    learnt: list[A]
    held_out: list[A]
    problems: Problems

    @classmethod
    def divided(cls, records: Sequence[A], problems: Problems, share: float) -> "Records[A]":
        """Records in two parts; the first of the problems met while reading are told.

        Raises:
            UserError: all are held out.
        """
        for problem in problems.named[:3]:
            warn(tr(f"left out: {problem.source}: {problem.why}", f"deixado de fora: {problem.source}: {problem.why}"))
        learnt, held_out = divide(records, share)
        if not learnt:
            raise UserError(
                tr("everything is held out: nothing to train on.", "tudo está reservado: nada para treinar."),
                tr("Lower held_out, or give more data.", "Diminua held_out, ou dê mais dados."),
            )
        return cls(learnt, held_out, problems)

    @property
    def read(self) -> int:
        """How many there are."""
        return len(self.learnt) + len(self.held_out)

    @property
    def to_measure(self) -> list[A]:
        """Those of the held out to measure on: all, or some from everywhere among them."""
        return some(self.held_out)

    def figures(self, fit: Any, measured: int) -> dict[str, Any]:
        """How many there are of what.

        Args:
            fit: what became of those to learn from, a dataclass.
            measured: how many are measured on.
        """
        return {
            "read": self.read,
            "bad": self.problems.count,
            "problems": [f"{p.source}: {p.why}" for p in self.problems.named],
            "held_out": len(self.held_out),
            "measured": measured,
            **asdict(fit),
        }


def some(items: Sequence[T]) -> list[T]:
    """All items, or ``MEASURED`` from everywhere among them."""
    n = min(len(items), MEASURED)
    return [items[i * len(items) // n] for i in range(n)]


def or_none(batches: Callable[[Sequence[A]], T], records: Sequence[A]) -> T | None:
    """The batches of held-out records; None where none of them has anything to be measured on."""
    try:
        return batches(records) if records else None
    except UserError:
        return None


def begin(
    folder: Path, asked: Any, resume: Resume, *, force: bool, inputs: Sequence[Path], later: Sequence[str]
) -> None:
    """Claim the stage's folder and write what it is begun with.

    Args:
        asked: its configuration, a dataclass.
        later: as ``claim_stage``'s.

    Raises:
        UserError: something is there.
    """
    from prosa.core.environment import environment

    claim_stage(folder, resume, force=force, inputs=list(inputs), later=later)
    if not (folder / "env.json").is_file():
        write_text(folder / RESOLVED, write_yaml(asked))
        write_json(folder / "env.json", environment())


def adapted(network: "nn.Module", lora: LoraConfig) -> int:
    """Give the model its adapters where they are asked for; how many parameters will be trained."""
    from prosa.align.lora import add_adapters

    return add_adapters(network, lora) if lora.rank else sum(p.numel() for p in network.parameters())


def finish(
    folder: Path,
    network: "GPT",
    tokenizer: "Tokenizer",
    result: "TrainResult",
    *,
    settled: Any,
    lora: LoraConfig,
    base: str,
    figures: dict[str, Any],
) -> Tuned:
    """Write the trained model as a Hugging Face folder, with its adapters beside it, and mark the stage complete.

    Args:
        settled: the stage's configuration with what "auto" became.
        base: the model that the stage began with.
        figures: those of this stage alone.
    """
    from prosa.align.adapter import save_adapter
    from prosa.align.lora import merge
    from prosa.models.huggingface import save_model

    network.cpu()
    if lora.rank:
        save_adapter(network, folder / ADAPTER, base=base, dropout=lora.dropout)
        merge(network)
    figures = {"parameters": sum(p.numel() for p in network.parameters()), **figures}
    save_model(network, folder, tokenizer=tokenizer)
    return complete(folder, result, settled=settled, figures=figures)


def complete(folder: Path, result: "TrainResult", *, settled: Any, figures: dict[str, Any]) -> Tuned:
    """Write what is told of a trained model beside it, and mark the stage complete; arguments as ``finish``'s."""
    whole = {
        **figures,
        "steps": result.steps,
        "tokens": result.tokens,
        "seconds": result.seconds,
        "train": result.train,
        "validation": result.validation,
    }
    write_text(folder / RESOLVED, write_yaml(settled))
    write_json(folder / TRAINING, whole)
    mark_complete(folder)
    return Tuned(folder, whole)

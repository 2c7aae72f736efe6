"""Everything training can be told. The docstrings of the fields are what ``--help`` shows. Imports no torch."""

import math
from dataclasses import dataclass
from typing import Literal

from prosa.core.device import DeviceName, PrecisionName
from prosa.core.errors import UserError
from prosa.core.language import tr


@dataclass(frozen=True)
class TrainConfig:
    """How a model is trained.

    Raises:
        UserError: on construction, one message with every field that is wrong.
    """

    steps: int = 0
    """Optimizer steps. 0: as many as minutes and epochs allow, by the measured speed."""
    minutes: float = 8.0
    """With steps 0: how long training may take. 0: no limit."""
    epochs: float = 8.0
    """With steps 0: the most passes over the text. 0: no limit."""
    batch_size: int = 16
    """Sequences a step, over the whole step (accumulated micro-batches and all processes included)."""
    micro_batch: int = 0
    """Sequences a process computes at once; a divisor of batch_size. 0: as many as the memory takes."""
    document_mask: bool = False
    """A token sees only its own document, not what stands before it in the window."""
    optimizer: Literal["adamw", "muon"] = "muon"
    """adamw, or muon for the hidden matrices with AdamW for the rest."""
    lr: float = 4e-3
    """AdamW's peak learning rate."""
    embedding_lr: float = 2e-2
    """AdamW's peak learning rate for the embeddings. 0: the same as lr."""
    muon_lr: float = 0.02
    """Muon's peak learning rate (only with optimizer muon)."""
    schedule: Literal["cosine", "linear", "constant", "noam"] = "linear"
    """How the learning rate falls after the warm-up; noam: by the root of the step."""
    warmup: float = 0.02
    """Fraction of the steps over which the learning rate rises from 0 to its peak."""
    warmup_steps: int = 0
    """The steps of the warm-up, in place of a fraction; noam needs them. 0: by warmup."""
    decay_fraction: float = 0.6
    """With linear: the fraction of the steps, at the end, over which the learning rate falls."""
    min_lr: float = 0.01
    """The learning rate of the last step, as a fraction of the peak."""
    betas: tuple[float, float] = (0.9, 0.95)
    """AdamW's decay rates of the two moments."""
    weight_decay: float = 0.0
    """Decoupled weight decay of matrices; norms, biases and embeddings have none."""
    clip: float = 1.0
    """Largest norm of the gradient; a longer one is scaled down to it. 0: no clipping."""
    precision: PrecisionName = "auto"
    """What the model computes in (the weights are float32). auto: bfloat16 where it is measured to be faster."""
    workers: int = 0
    """On a CPU, threads that share the rows of a micro-batch instead of every product. 0: where measured to be faster;
    1: none."""
    compile: bool | Literal["auto"] = "auto"
    """torch.compile, where a C++ compiler is found. auto: when the run is long enough to repay compiling, sooner
    if torch's cache has the code from before, and the compiled model is measured to be faster."""
    activation_checkpointing: bool = False
    """Keep only the input of each block and compute the rest again in the backward pass: less memory, slower."""
    loss_chunk: int = 0
    """Tokens whose logits exist at the same time: the memory of the loss is loss_chunk x vocabulary. 0: 8 million
    logits on a CPU, 67 million on a GPU."""
    seed: int = 0
    """Seed of the first weights, the order of the data and dropout."""
    eval_every: int = 0
    """Steps between validations; there is always one at the start and one at the end. 0: about 20 over the run."""
    sample_every: int = 0
    """Steps between sample texts; there are always some at the start and at the end. 0: about 5 over the run."""
    checkpoint_every: int = 0
    """Steps between checkpoints; there is always one at the start and one at the end. 0: about 10 over the run."""
    keep_checkpoints: int = 2
    """How many of the newest checkpoints stay on the disk."""
    log_every: int = 1
    """Steps between lines in metrics.jsonl."""
    device: DeviceName = "auto"
    """Where to compute: cpu, cuda, mps. auto: the best there is."""

    def __post_init__(self) -> None:
        problems = _problems(self)
        if problems:
            raise UserError(tr("train: ", "train: ") + "; ".join(problems) + ".")


def _problems(c: TrainConfig) -> list[str]:
    """Every field that is wrong, each in a phrase with its name, its value and what it may be."""
    wrong: list[str] = []

    def check(ok: bool, name: str, en: str, pt: str) -> None:
        if not ok:
            value = getattr(c, name)
            wrong.append(tr(f"{name} is {value!r} but must be {en}", f"{name} é {value!r}, mas deve ser {pt}"))

    for name in ("batch_size", "keep_checkpoints", "log_every"):
        check(getattr(c, name) >= 1, name, "at least 1", "pelo menos 1")
    for name in (
        "steps",
        "micro_batch",
        "workers",
        "loss_chunk",
        "eval_every",
        "sample_every",
        "checkpoint_every",
        "warmup_steps",
        "seed",
    ):
        check(getattr(c, name) >= 0, name, "0 or more", "0 ou mais")
    for name in ("lr", "muon_lr"):
        check(0 < getattr(c, name) < math.inf, name, "a number above 0", "um número acima de 0")
    for name in ("minutes", "epochs", "embedding_lr", "weight_decay", "clip"):
        check(0 <= getattr(c, name) < math.inf, name, "a number of 0 or more", "um número maior ou igual a 0")
    limited = bool(c.steps or c.minutes or c.epochs)
    check(limited, "steps", "above 0 without minutes or epochs", "acima de 0 sem minutes nem epochs")
    for name in ("min_lr", "decay_fraction"):
        check(0 <= getattr(c, name) <= 1, name, "between 0 and 1", "entre 0 e 1")
    check(0 <= c.warmup < 1, "warmup", "a fraction from 0 to below 1", "uma fração de 0 a menos de 1")
    check(all(0 <= b < 1 for b in c.betas), "betas", "two numbers from 0 to below 1", "dois números de 0 a menos de 1")
    if c.micro_batch > 0 and c.batch_size >= 1:
        check(
            c.batch_size % c.micro_batch == 0,
            "micro_batch",
            f"a divisor of batch_size ({c.batch_size})",
            f"um divisor de batch_size ({c.batch_size})",
        )
    if c.schedule == "noam":
        check(c.warmup_steps >= 1, "warmup_steps", "at least 1 with noam", "pelo menos 1 com noam")
    if c.schedule == "linear":
        check(c.decay_fraction > 0, "decay_fraction", "above 0", "acima de 0")
        check(
            c.warmup + c.decay_fraction <= 1 or c.decay_fraction == 1,
            "decay_fraction",
            f"at most 1 - warmup ({1 - c.warmup:g}), or 1 for all that follows the warm-up",
            f"no máximo 1 - warmup ({1 - c.warmup:g}), ou 1 para tudo o que vem depois do aquecimento",
        )
    return wrong

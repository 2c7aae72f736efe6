"""What each part of a GPT buys: the same small model trained without it, on the same text, for the same steps.

    .venv/bin/python benchmarks/ablations.py            # about 6 minutes on one quiet core; --seeds 1 for a third

Characters of Machado de Assis' stories (``data/machado-de-assis/contos``), a GPT-2 of 4 layers of 64, context 64, 300
steps of 16 windows: 0.3 M characters of 1.7 M, so nothing is read twice. The last two rows ask for calibration where a
text *is* read often: a single story of 20,479 characters ("The Verdict"), some 19 times over.

Whatever is left out is left out by this file: the model itself has no such options.

- no residual connections: x = f(norm(x)) in place of x = x + f(norm(x));
- no norms: the identity in the place of every LayerNorm;
- positions: none, or sinusoidal, in place of learned ones (an option of ``GPTConfig``), and the whole modern shape;
- label smoothing 0.1: of ``NextToken``; measured, as all, by plain cross-entropy.

Figures: bits a character on held-out text, and the expected calibration error of the first choice (15 bins); mean and
standard deviation over seeds. ``benchmarks/results/ablations.json`` has them all.
"""

import argparse
import math
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from prosa.core.files import write_json
from prosa.data.batches import Batches
from prosa.evaluate.calibration import expected_calibration_error
from prosa.models.gpt import GPT, GPTConfig
from prosa.nn.attention import Store
from prosa.nn.block import Block
from prosa.nn.positions import Rotation
from prosa.train.config import TrainConfig
from prosa.train.loop import TrainingDiverged, fit
from prosa.train.objectives import NextToken

HERE = Path(__file__).parent
STORIES = HERE.parent / "data" / "machado-de-assis" / "contos"
VERDICT = HERE.parent / "data" / "english" / "the-verdict.txt"
FIGURES = ("bits", "ece", "confidence", "accuracy")
HELD_OUT = 32_768  # characters measured, at the text's end
CONTEXT = 64
TRAIN = TrainConfig(
    steps=300, batch_size=16, optimizer="adamw", lr=3e-3, embedding_lr=0.0, schedule="cosine", warmup=0.05,
    min_lr=0.1, eval_every=10**6, checkpoint_every=10**6, precision="float32", workers=1, compile=False, device="cpu",
)  # fmt: skip


class WithoutResidual(Block):
    """A block that adds nothing to what it was given: its parts stand in a row."""

    def forward(
        self, x_BTC: Tensor, by: Rotation | None = None, mask: Tensor | None = None, store: Store | None = None
    ) -> Tensor:
        x_BTC = self.attention(self.attention_norm(x_BTC), by, mask, store)
        out_BTC: Tensor = self.feedforward(self.feedforward_norm(x_BTC))
        return out_BTC


def without_residual(model: GPT) -> GPT:
    """The same parts, in blocks of ``WithoutResidual``."""
    for block in model.blocks:
        block.__class__ = WithoutResidual
    return model


def without_norms(model: GPT) -> GPT:
    """The identity in the place of every norm."""
    for block in model.blocks:
        block.attention_norm = block.feedforward_norm = nn.Identity()
    model.norm = nn.Identity()
    return model


@dataclass(frozen=True)
class Case:
    """A row of the table."""

    name: str
    change: Callable[[GPT], GPT] | None = None
    shape: str = "classic"
    positions: str = "auto"
    smoothing: float = 0.0
    small: bool = False  # the short text, often


CASES = (
    Case("GPT-2"),
    Case("no residual connections", change=without_residual),
    Case("no norms", change=without_norms),
    Case("no positions", positions="none"),
    Case("sinusoidal positions", positions="sinusoidal"),
    Case("modern: RMSNorm, rotary, SwiGLU", shape="modern"),
    Case("label smoothing 0.1", smoothing=0.1),
    Case("a short text, 19 times", small=True),
    Case("the same, label smoothing 0.1", small=True, smoothing=0.1),
)


def text_of(small: bool) -> str:
    """All the text there is of a case."""
    if small:
        return VERDICT.read_text(encoding="utf-8")
    return "".join(path.read_text(encoding="utf-8") for path in sorted(STORIES.glob("*.txt")))


def run(case: Case, seed: int) -> dict[str, float]:
    """Train and measure."""
    text = text_of(case.small)
    letters = sorted(set(text))
    number = {letter: i for i, letter in enumerate(letters)}
    ids = np.array([number[letter] for letter in text])
    held_out = min(HELD_OUT, len(ids) // 5)
    torch.manual_seed(seed)
    shape = GPTConfig(len(letters), CONTEXT, 4, 4, 64, shape=case.shape, positions=case.positions)  # type: ignore[arg-type]
    model = GPT(shape)
    if case.change is not None:
        model = case.change(model)
    batches = Batches(ids[:-held_out], context=CONTEXT, batch_size=TRAIN.batch_size, seed=seed)
    with tempfile.TemporaryDirectory() as folder:
        try:
            fit(
                model, NextToken(label_smoothing=case.smoothing), batches, replace(TRAIN, seed=seed), Path(folder),
                resume=False, data_fingerprint=case.name,
            )  # fmt: skip
        except TrainingDiverged:
            return dict.fromkeys(FIGURES, float("nan"))
    return measure(model, torch.from_numpy(ids[-held_out:]))


@torch.no_grad()
def measure(model: GPT, ids: Tensor) -> dict[str, float]:
    """Bits a character, and calibration, over windows that do not overlap."""
    rows = ids[: (len(ids) - 1) // CONTEXT * CONTEXT].view(-1, CONTEXT)
    targets = ids[1 : 1 + rows.numel()].view(-1, CONTEXT)
    log_p = torch.cat([model(part).log_softmax(-1) for part in rows.split(64)])
    confidence, first = log_p.exp().max(-1)
    bits = -log_p.gather(-1, targets[..., None]).mean().item() / math.log(2)
    right = first == targets
    return {
        "bits": bits,
        "ece": expected_calibration_error(confidence.flatten(), right.flatten()),
        "confidence": confidence.mean().item(),
        "accuracy": right.float().mean().item(),
    }


def main() -> None:
    """All cases and seeds, and the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--out", type=Path, default=HERE / "results" / "ablations.json")
    options = parser.parse_args()
    found: dict[str, list[dict[str, float]]] = {case.name: [] for case in CASES}
    for seed in range(options.seeds):
        for case in CASES:
            found[case.name].append(run(case, seed))
            write_json(options.out, found)
    print(f"{'':32} {'bits a character':>20} {'ECE':>16} {'confidence':>11} {'right':>7}")
    for name, results in found.items():
        mean = {key: np.mean([r[key] for r in results]) for key in FIGURES}
        spread = {key: np.std([r[key] for r in results], ddof=1) if options.seeds > 1 else 0 for key in FIGURES}
        print(
            f"{name:32} {mean['bits']:13.3f} ± {spread['bits']:.3f} {mean['ece']:9.4f} ± {spread['ece']:.4f} "
            f"{mean['confidence']:10.3f} {mean['accuracy']:7.3f}"
        )


if __name__ == "__main__":
    main()

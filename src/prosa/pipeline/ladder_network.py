"""A network's rung: trained for its share of the time, kept as it was when it was best on text set aside for that.

All rungs are given the same training text. A network that reads it many times comes to know it by heart, and must be
told when to stop; for that each sets aside a twentieth of it, which counting has no need to do. The held-out documents
take part in nothing but the measurement (and in the curves, which nothing is chosen by).
"""

import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from prosa.core.files import read_json, write_json, writing
from prosa.data.shards import TokenFolder, TokenStream
from prosa.pipeline import ladder_masked
from prosa.pipeline.ladder_rungs import BATCH, CONTEXT, Rung, build
from prosa.pipeline.ladder_size import Size

if TYPE_CHECKING:
    from prosa.data.batches import Batch, Batches
    from prosa.data.masking import MaskedBatches
    from prosa.models.bert import MaskedLM
    from prosa.models.language_model import LanguageModel
    from prosa.train.config import TrainConfig

SET_ASIDE, LEAST_ASIDE, PIECES = 0.05, 4096, 20  # share, bytes (but at most a tenth), places that it comes from
LOOK = 32  # windows of each kind that a look during training takes
SHORT = 200  # steps a pass; of a shorter text there is a look every half pass
BEST, WEIGHTS = "best.json", "best.safetensors"


def train_config(rung: Rung, *, seed: int, seconds: float, steps: int, device: Any, per_pass: int) -> "TrainConfig":
    """How a rung is trained. Nothing is compiled, so that no time goes into it; where the steps are given, so that the
    numbers may be the same again, nothing is chosen by measuring either."""
    from prosa.train.config import TrainConfig

    settled: dict[str, Any] = {"precision": "float32", "workers": 1} if steps else {}
    return TrainConfig(
        steps=steps,
        minutes=seconds / 60,
        epochs=0.0,
        batch_size=BATCH,
        compile=False,
        seed=seed,
        eval_every=max(10, per_pass // 2) if per_pass < SHORT else 0,
        keep_checkpoints=1,
        device=device,
        **(settled | dict(rung.train)),
    )


def set_aside(stream: TokenStream) -> tuple[TokenStream, TokenStream]:
    """What is trained on, and what tells when to stop: the ends of equal pieces of the text, without copying it."""
    share = max(SET_ASIDE, min(0.1, LEAST_ASIDE / max(1, len(stream))))
    pieces = [piece for part in stream.parts for piece in np.array_split(part, min(PIECES, max(1, len(part) // 10**5)))]
    cuts = [len(piece) - round(share * len(piece)) for piece in pieces]
    ours = [piece[:cut] for piece, cut in zip(pieces, cuts, strict=True)]
    aside = [piece[cut:] for piece, cut in zip(pieces, cuts, strict=True)]
    return TokenStream(ours, stream.end_of_text, None), TokenStream(aside, stream.end_of_text, None)


def batches_of(rung: Rung, stream: TokenStream, seed: int) -> "Batches | MaskedBatches":
    """The windows that every network is trained on.

    Raises:
        UserError: the text is shorter than a window.
    """
    from prosa.data.batches import Batches

    if rung.kind == "masked":
        return ladder_masked.batches_of(stream, context=CONTEXT, batch_size=BATCH, seed=seed)
    return Batches(stream, context=CONTEXT, batch_size=BATCH, seed=seed)


def train(
    rung: Rung, size: Size, data: TokenFolder, folder: Path, config: "TrainConfig"
) -> "tuple[LanguageModel | MaskedLM, dict[str, Any]]":
    """Train a network in ``folder``, or go on where that was interrupted; the best weights, and figures.

    Raises:
        UserError: as ``train.loop.fit``.
        KeyboardInterrupt: with a checkpoint saved.
    """
    import torch
    from safetensors.torch import load_file

    from prosa.train.checkpoint import weights
    from prosa.train.loop import fit
    from prosa.train.metrics import METRICS, read_metrics
    from prosa.train.objectives import NextToken
    from prosa.train.speed import flops_per_token

    ours, aside = set_aside(data.stream("train", data.sources[0].name))
    batches = batches_of(rung, ours, config.seed)
    torch.manual_seed(config.seed)
    model = build(rung, size.shape, data.vocab_size, CONTEXT)
    result = fit(
        model,
        NextToken(),
        batches,
        config,
        folder,
        resume=True,
        data_fingerprint=data.fingerprint,
        validate=_looker(rung, aside, data.stream("held_out", data.sources[0].name), folder),
    )
    best = load_file(folder / WEIGHTS)
    with torch.no_grad():
        for name, value in weights(model).items():
            value.copy_(best[name])
    a_byte = flops_per_token(model, CONTEXT)
    lines = [line for line in read_metrics(folder / METRICS) if line["kind"] == "validation"]
    return model, {
        "parameters": size.parameters,
        "shape": dict(size.shape),
        "steps": result.steps,
        "best_step": read_json(folder / BEST)["step"],
        "bytes_read": result.tokens,
        "passes": result.tokens / len(ours),
        "seconds": result.seconds,
        "flops": a_byte * result.tokens,
        "precision": result.resolved.precision,
        "workers": result.resolved.workers,
        "curve": [
            {
                "flops": a_byte * line["step"] * batches.tokens_per_step,
                "aside": line["aside"],
                "held_out": line["held_out"],
            }
            for line in lines
        ],
    }


def _looker(
    rung: Rung, aside: TokenStream, held: TokenStream, folder: Path
) -> "Callable[[Any, int], dict[str, float]]":
    """For ``fit``: bits a byte of what is set aside and of held-out windows; keeps the best weights on the disk."""
    import torch
    from safetensors.torch import save_file

    from prosa.data.batches import validation_batches
    from prosa.train.checkpoint import weights
    from prosa.train.objectives import NextToken
    from prosa.train.step import rows

    objective = NextToken()

    def windows(stream: TokenStream) -> "Iterator[Batch]":
        if rung.kind == "masked":
            return ladder_masked.windows(stream, context=CONTEXT, batch_size=LOOK, most=LOOK)
        return validation_batches(stream, context=CONTEXT, batch_size=LOOK, max_windows=LOOK)

    @torch.no_grad()
    def bits(model: Any, stream: TokenStream) -> float:
        device, total, count = next(model.parameters()).device, 0.0, 0
        for batch in windows(stream):
            loss, n, _ = objective(model, rows(batch, 0, len(batch.inputs), device))
            total, count = total + float(loss), count + n
        return total / count / math.log(2)

    def look(model: Any, step: int) -> dict[str, float]:
        found = bits(model, aside)
        before = read_json(folder / BEST)["aside"] if (folder / BEST).is_file() and step else math.inf
        if found <= before:
            with writing(folder / WEIGHTS) as path:
                save_file({name: value.contiguous() for name, value in weights(model).items()}, path)
            write_json(folder / BEST, {"step": step, "aside": found})
        return {"aside": found, "held_out": bits(model, held)}

    return look

"""One rung, made and measured once, in a process of its own: ``python -m prosa.pipeline.ladder_rung OUT RUNG SEED``.

A process of its own so that its memory is its own, whatever was made before it. What comes of it is ``result.json`` in
its folder, also where it could not be made: then it says why. The process ends when the one that started it is gone.
"""

import math
import os
import shutil
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from prosa.core.config import from_mapping, read_yaml
from prosa.core.errors import UserError
from prosa.core.files import read_json, write_json
from prosa.core.language import tr
from prosa.core.memory import peak, resident
from prosa.core.progress import progress
from prosa.data.shards import TokenFolder
from prosa.pipeline import ladder_masked, ladder_measure, ladder_text
from prosa.pipeline.ladder_config import LadderConfig
from prosa.pipeline.ladder_rungs import RUNGS, Rung
from prosa.pipeline.run import TOKENS
from prosa.pipeline.stage import RESOLVED

if TYPE_CHECKING:
    from prosa.data.batches import Batches
    from prosa.data.masking import MaskedBatches
    from prosa.train.config import TrainConfig

RESULT, SIZE = "result.json", "size.json"
INTERRUPTED, SIZED = 130, 75


def folder_of(out: Path, name: str, seed: int) -> Path:
    """Where a rung's result is; counting has no seed, and is done once."""
    return out / "rungs" / name / ("counted" if RUNGS[name].kind == "counts" else f"seed-{seed}")


def make(out: Path, name: str, seed: int) -> bool:
    """Make a rung, measure it, and write its result; of a network whose size is not chosen yet, choose it.

    Returns:
        Whether there is a result: choosing a size tries several, whose memory would be taken for the rung's, so the
        rung itself wants another process.

    Raises:
        KeyboardInterrupt: with a checkpoint saved, to go on from.
    """
    config = from_mapping(LadderConfig, read_yaml(out / RESOLVED), str(out / RESOLVED))
    rung, folder = RUNGS[name], folder_of(out, name, seed)
    folder.mkdir(parents=True, exist_ok=True)
    data = TokenFolder(out / TOKENS)
    try:
        if rung.kind == "counts":
            found = _counted(rung, data, config)
        elif (folder.parent / SIZE).is_file():
            found = _trained(rung, data, folder, seed, config)
        else:
            _choose(rung, data, folder, seed, config)
            return False
        found["status"] = "done"
    except (UserError, MemoryError) as error:
        found = {
            "status": "not_made",
            "why": getattr(error, "what", "") or "MemoryError",
            "hint": getattr(error, "hint", ""),
        }
    found = {"rung": name, "seed": seed, **found}
    write_json(folder / RESULT, found)
    return True


def _counted(rung: Rung, data: TokenFolder, config: LadderConfig) -> dict[str, Any]:
    from prosa.evaluate.baselines import training_documents
    from prosa.models.ngram import CountModel, KneserNey, Unigram, count_ngrams, uniform

    held, V, end = ladder_measure.held_out(data), data.vocab_size, data.end_of_text
    before, began = resident(), time.perf_counter()
    model: CountModel
    read, parameters, operations = 0, 0, 0.0
    if rung.order == 0:
        model = uniform(V)
    else:
        documents = list(training_documents(data))
        read = sum(map(len, documents))
        counts = count_ngrams(documents, rung.order, V, end)
        model = Unigram(counts.raw[0]) if rung.order == 1 else KneserNey(rung.order, V, end_of_text=end).fit(counts)
        parameters = sum(len(keys) for keys in counts.keys)
        operations = read * _comparisons(rung.order, read)
    seconds, memory = time.perf_counter() - began, _grown(before)
    nats = ladder_measure.of_counts(model, held)
    write = ladder_text.write(model.next_distribution, config.prompt, end_of_text=held.end_of_text, seed=0)
    return {
        "parameters": parameters,
        "bytes_read": read,
        "passes": read / max(1, data.totals("train")["bytes"]),
        "seconds": seconds,
        "flops": operations,
        "memory": memory,
        "nats": nats,
        "text": write,
    }


def _comparisons(order: int, n: int) -> float:
    """Operations a byte of counting to an order: one to count bytes, and a sort of n keys for every higher order."""
    return 1.0 + (order - 1) * math.log2(max(2, n))


def _training(
    rung: Rung, data: TokenFolder, seed: int, config: LadderConfig
) -> "tuple[Batches | MaskedBatches, TrainConfig]":
    from prosa.pipeline import ladder_network

    ours, _ = ladder_network.set_aside(data.stream("train", data.sources[0].name))
    batches = ladder_network.batches_of(rung, ours, seed)
    return batches, ladder_network.train_config(
        rung,
        seed=seed,
        seconds=config.share,
        steps=config.steps,
        device=config.device,
        per_pass=batches.steps_per_epoch,
    )


def _choose(rung: Rung, data: TokenFolder, folder: Path, seed: int, config: LadderConfig) -> None:
    from prosa.pipeline.ladder_size import choose_size

    batches, training = _training(rung, data, seed, config)
    size = choose_size(rung, batches, data.totals("train")["bytes"], data.vocab_size, training)
    write_json(folder.parent / SIZE, {"shape": dict(size.shape), "parameters": size.parameters, "steps": size.steps})


def _trained(rung: Rung, data: TokenFolder, folder: Path, seed: int, config: LadderConfig) -> dict[str, Any]:
    import torch

    from prosa.models.bert import MaskedLM
    from prosa.models.huggingface_bert import save_bert
    from prosa.models.language_model import save_language_model
    from prosa.pipeline import ladder_network
    from prosa.pipeline.ladder_size import Size
    from prosa.tokenizers.bytes import byte_tokenizer

    held = ladder_measure.held_out(data)
    before = resident()
    _, training = _training(rung, data, seed, config)
    size = Size(**read_json(folder.parent / SIZE))  # all seeds have one
    model, figures = ladder_network.train(rung, size, data, folder, training)
    on_gpu = next(model.parameters()).device.type == "cuda"
    memory = torch.cuda.max_memory_allocated() if on_gpu else _grown(before)
    if isinstance(model, MaskedLM):
        held = ladder_measure.held_out(data, ladder_masked.MOST_BYTES)
        figures |= {"nats": ladder_masked.nats(model, held), "lengths": held.lengths()}
        distribution = ladder_masked.distribution_of(model)
        save_bert(model.cpu(), folder / "model")
    else:
        with progress(tr("measuring", "medindo"), held.bytes, "bytes") as bar:
            figures["nats"] = ladder_measure.of_network(model, held, bar.advance)
        distribution = ladder_text.of_network(model)
        save_language_model(model.cpu(), folder / "model", tokenizer=byte_tokenizer())
    text = ladder_text.write(distribution, config.prompt, end_of_text=held.end_of_text, seed=0)
    _tidy(folder)
    return {**figures, "memory": memory, "text": text}


def _grown(before: int | None) -> int | None:
    now = peak()
    return None if before is None or now is None else max(0, now - before)


def _tidy(folder: Path) -> None:
    """Remove what was only for going on."""
    from prosa.pipeline.ladder_network import BEST, WEIGHTS
    from prosa.train.loop import CHECKPOINTS

    shutil.rmtree(folder / CHECKPOINTS, ignore_errors=True)
    for name in (BEST, WEIGHTS):
        (folder / name).unlink(missing_ok=True)


def _end_with(parent: int) -> None:
    """End this process when its parent is gone (killed, it cannot tell us)."""

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(0.5)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def main(argv: list[str]) -> int:
    """Of the command line: folder, rung, seed; gives the exit code."""
    out, name, seed = argv
    try:
        return 0 if make(Path(out), name, int(seed)) else SIZED
    except KeyboardInterrupt:
        return INTERRUPTED


if __name__ == "__main__":
    _end_with(os.getppid())
    sys.exit(main(sys.argv[1:]))

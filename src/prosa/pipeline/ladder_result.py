"""What a ladder found: a row a rung, its seeds together, and the rungs compared on the same held-out bytes.

The interval of a rung is over held-out documents, of the mean over its seeds: what another text would have given. The
spread of the seeds (least to most) is what another beginning would have given; of counting there is none. The
difference of two rungs is paired: both predict the same documents, so its interval is narrower than theirs.
"""

import math
import statistics
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from prosa.core.config import to_mapping
from prosa.core.environment import cpu_name
from prosa.core.files import read_json
from prosa.data.shards import TokenFolder
from prosa.pipeline.ladder_config import LadderConfig
from prosa.pipeline.ladder_measure import HeldOut, bits_per_byte, held_out, interval
from prosa.pipeline.ladder_rung import RESULT, folder_of
from prosa.pipeline.ladder_rungs import BATCH, CONTEXT, RUNGS
from prosa.pipeline.run import CORPUS, TOKENS


@dataclass(frozen=True)
class Ladder:
    """A finished ladder: its folder, and what ``ladder.json`` holds."""

    folder: Path
    found: dict[str, Any]

    def to_json(self) -> dict[str, Any]:
        """The folder and all that was found."""
        return {"folder": str(self.folder), **self.found}


def gather(out: Path, config: LadderConfig) -> dict[str, Any]:
    """All results of a ladder as plain values, rungs in their order."""
    import os

    data = TokenFolder(out / TOKENS)
    held = held_out(data)
    made = {name: _made(out, name, config) for name in config.rungs}
    rows = [_row(name, made[name], held) for name in config.rungs]
    report = read_json(out / CORPUS / "report.json")
    return {
        "budget": config.budget,
        "share_seconds": None if config.steps else config.share,
        "steps": config.steps,
        "seeds": config.seeds,
        "vocabulary": data.vocab_size,
        "context": CONTEXT,
        "batch": BATCH,
        "prompt": config.prompt,
        "paths": [str(path) for path in config.paths],
        "corpus": to_mapping(config.corpus),
        "train": report["train"],
        "held_out": {
            **report["held_out"],
            "measured_bytes": held.bytes,
            "units": len(held.lengths()),
            "units_are": held.units.over,
        },
        "machine": {"cpu": cpu_name(), "cores": os.cpu_count()},
        "rows": rows,
        "comparison": _comparison(rows, made, held),
    }


def _made(out: Path, name: str, config: LadderConfig) -> list[dict[str, Any]]:
    """The results of a rung's seeds."""
    seeds = 1 if RUNGS[name].kind == "counts" else config.seeds
    found: list[dict[str, Any]] = [read_json(folder_of(out, name, seed) / RESULT) for seed in range(seeds)]
    return found


def _row(name: str, made: list[dict[str, Any]], held: HeldOut) -> dict[str, Any]:
    rung = RUNGS[name]
    begin = {"rung": name, "kind": rung.kind, "paper": rung.paper}
    done = [result for result in made if result["status"] == "done"]
    if not done:
        return {**begin, "status": "not_made", "why": made[0]["why"], "hint": made[0]["hint"]}
    lengths = done[0].get("lengths") or held.lengths()  # a masked one is measured on fewer bytes
    each = [bits_per_byte(result["nats"], lengths) for result in done]
    mean = _mean_nats(done)
    seconds = statistics.fmean(result["seconds"] for result in done)
    read = statistics.fmean(result["bytes_read"] for result in done)
    memory = [result["memory"] for result in done if result["memory"] is not None]
    return {
        **begin,
        "status": "done",
        "bits_per_byte": bits_per_byte(mean, lengths),
        "interval": interval(mean, lengths),
        "seeds": [{"seed": result["seed"], "bits_per_byte": bits} for result, bits in zip(done, each, strict=True)],
        "spread": [min(each), max(each)] if len(each) > 1 else None,
        "failed_seeds": [{"seed": result["seed"], "why": result["why"]} for result in made if result not in done],
        "parameters": done[0]["parameters"],
        "shape": done[0].get("shape"),
        "flops": statistics.fmean(result["flops"] for result in done),
        "bytes_read": read,
        "passes": statistics.fmean(result["passes"] for result in done),
        "seconds": seconds,
        "bytes_per_second": read / seconds if read else None,
        "memory": max(memory, default=None),
        "best_step": [result["best_step"] for result in done if "best_step" in result],
        "steps": [result["steps"] for result in done if "steps" in result],
        "curves": [result["curve"] for result in done if "curve" in result],
        "measured_bytes": sum(lengths),
        "text": done[0]["text"],
    }


def _mean_nats(done: list[dict[str, Any]]) -> list[float]:
    """Of each unit, the mean over seeds."""
    return [statistics.fmean(values) for values in zip(*(result["nats"] for result in done), strict=True)]


def _comparison(
    rows: list[dict[str, Any]], made: dict[str, list[dict[str, Any]]], held: HeldOut
) -> dict[str, Any] | None:
    """The best network less the best counts, in bits per byte, paired; None without one of each."""
    best: dict[str, dict[str, Any]] = {}
    for row in rows:
        kind = row["kind"]
        if row["status"] == "done" and (kind not in best or row["bits_per_byte"] < best[kind]["bits_per_byte"]):
            best[kind] = row
    if not {"counts", "network"} <= best.keys():
        return None
    network, counts = (
        _mean_nats([result for result in made[best[kind]["rung"]] if result["status"] == "done"])
        for kind in ("network", "counts")
    )
    less = [a - b for a, b in zip(network, counts, strict=True)]
    lengths = held.lengths()
    return {
        "network": best["network"]["rung"],
        "counts": best["counts"]["rung"],
        "bits_per_byte": sum(less) / sum(lengths) / math.log(2),
        "interval": interval(less, lengths),
    }

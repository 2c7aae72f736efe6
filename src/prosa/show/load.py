"""What a run folder holds, read into one dataclass; a part that is missing, torn or strange is noted, never fatal.

The files and their fields are those of docs/architecture.md, "The contracts between packages".
"""

import json
import math
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from prosa.core.errors import UserError
from prosa.core.files import is_complete, read_json
from prosa.core.language import tr
from prosa.show.gains_form import is_gains

HELD_OUT_CHARACTERS = 200_000  # enough to measure a tokenizer on; a report need not read a whole corpus
STAGES = ("sft", "reward", "dpo", "rl")  # after base, in the order that they are made
PARTS = (
    "corpus",
    "tokenizer",
    "data",
    "base",
    *STAGES,
    "recipe.yaml",
    "evaluation.json",
    "metrics.jsonl",
    "config.json",
)


@dataclass(frozen=True)
class Problem:
    """A file that could not be read in full, and the line (from 1) where there is one."""

    file: str
    line: int | None = None


@dataclass
class StageData:
    """A stage after base: what its training.json says, and its metrics.jsonl by kind, in order of step."""

    figures: dict[str, Any] | None = None
    train: list[dict[str, Any]] = field(default_factory=list)
    validation: list[dict[str, Any]] = field(default_factory=list)
    samples: list[dict[str, Any]] = field(default_factory=list)
    complete: bool = False


@dataclass
class RunData:
    """A run folder's content. None or empty: not made yet (or unreadable, and then in ``problems``)."""

    folder: Path
    corpus: dict[str, Any] | None = None  # corpus/report.json
    held_out: list[str] = field(default_factory=list)  # the first held-out documents' texts
    tokenizer: Path | None = None  # the folder, to be loaded by prosa.tokenizers
    data: dict[str, Any] | None = None  # data/index.json
    model: dict[str, Any] | None = None  # base/config.json
    parameters: int | None = None  # counted in model.safetensors
    train: list[dict[str, Any]] = field(default_factory=list)  # metrics.jsonl by kind, in order of step
    validation: list[dict[str, Any]] = field(default_factory=list)
    samples: list[dict[str, Any]] = field(default_factory=list)
    evaluation: dict[str, Any] | None = None
    stages: dict[str, StageData] = field(default_factory=dict)  # those after base that there are
    gains: dict[str, Any] | None = None  # gains.json
    environment: dict[str, Any] | None = None  # base/env.json
    recipe: str | None = None  # the resolved configuration, YAML text
    recipe_file: Path | None = None
    complete: bool = False  # the model was trained to the end
    problems: list[Problem] = field(default_factory=list)

    @property
    def name(self) -> str:
        """The run's name: its folder's."""
        return self.folder.resolve().name


def figure(mapping: Any, *keys: str) -> float | None:
    """The finite number under ``keys`` of nested mappings; None where there is none."""
    for key in keys:
        mapping = mapping.get(key) if isinstance(mapping, dict) else None
    if isinstance(mapping, bool) or not isinstance(mapping, int | float):
        return None
    try:
        return mapping if math.isfinite(mapping) else None
    except OverflowError:  # a whole number beyond any float
        return None


def load_run(folder: Path) -> RunData:
    """Read what there is of a run folder (or of a bare model folder, as ``prosa pretrain`` makes it).

    Raises:
        UserError: the folder does not exist or has nothing of a run.
    """
    folder = Path(folder)
    if not any((folder / part).exists() for part in PARTS):
        raise UserError(
            tr(f"{folder} is not a run folder.", f"{folder} não é a pasta de uma execução."),
            tr("Make one with: prosa build TEXTS --out FOLDER", "Crie uma com: prosa build TEXTOS --out PASTA"),
        )
    run = RunData(folder)
    base = folder / "base" if (folder / "base").is_dir() else folder
    run.corpus = _corpus(run, folder / "corpus" / "report.json")
    run.held_out = _held_out(run, folder / "corpus" / "held_out.jsonl")
    run.tokenizer = next((f for f in (folder / "tokenizer", base) if (f / "tokenizer.json").is_file()), None)
    if run.tokenizer is None and (folder / "tokenizer").is_dir():
        run.tokenizer = folder / "tokenizer"
    run.data = _mapping(run, folder / "data" / "index.json")
    run.model = _mapping(run, base / "config.json")
    run.parameters = _parameters(run, base / "model.safetensors")
    run.evaluation = _mapping(run, folder / "evaluation.json")
    run.environment = _mapping(run, base / "env.json")
    for path in (folder / "recipe.yaml", base / "config.resolved.yaml"):
        if run.recipe is None:
            run.recipe = _text(run, path)
            run.recipe_file = path if run.recipe is not None else None
    run.complete = is_complete(base) and bool(run.model)
    run.train, run.validation, run.samples = _metrics(run, base / "metrics.jsonl")
    for name in STAGES:
        if (folder / name).is_dir():
            lines = _metrics(run, folder / name / "metrics.jsonl")
            run.stages[name] = StageData(
                _mapping(run, folder / name / "training.json"), *lines, is_complete(folder / name)
            )
    run.gains = _mapping(run, folder / "gains.json")
    if run.gains is not None and not is_gains(run.gains):
        _note(run, folder / "gains.json")
        run.gains = None
    return run


def _metrics(run: RunData, path: Path) -> tuple[list[dict[str, Any]], list[dict[str, Any]], list[dict[str, Any]]]:
    """The lines of a metrics.jsonl: training, validation, samples."""
    kinds: dict[str, list[dict[str, Any]]] = {"train": [], "validation": [], "sample": []}
    for line in _lines(run, path):
        kind = line.get("kind")
        if isinstance(kind, str) and kind in kinds and figure(line, "step") is not None:
            kinds[kind].append(line)
    for lines in kinds.values():
        lines.sort(key=lambda line: float(line["step"]))
    return kinds["train"], kinds["validation"], kinds["sample"]


def _note(run: RunData, path: Path, line: int | None = None) -> None:
    run.problems.append(Problem(path.relative_to(run.folder).as_posix(), line))


def _mapping(run: RunData, path: Path) -> dict[str, Any] | None:
    if not path.is_file():
        return None
    try:
        value = read_json(path)
    except (UserError, RecursionError):
        value = None
    if not isinstance(value, dict):
        _note(run, path)
        return None
    return value


def _corpus(run: RunData, path: Path) -> dict[str, Any] | None:
    """The corpus report. What should be a list of objects becomes one; what was of another type is noted."""
    report = _mapping(run, path)
    if report is None:
        return None
    strange = [_only_objects(report, key) for key in ("rules", "problems")]
    strange += [_only_objects(rule, "examples") for rule in report["rules"]]
    mappings = ("train", "held_out", "lengths", "languages", "formats")  # that are none: read as having no figures
    if any(strange) or not all(isinstance(report.get(key), dict | None) for key in mappings):
        _note(run, path)
    return report


def _only_objects(mapping: dict[str, Any], key: str) -> bool:
    """Leave only the JSON objects in the list under ``key``; whether there was anything else."""
    found = mapping.get(key)
    mapping[key] = [entry for entry in found if isinstance(entry, dict)] if isinstance(found, list) else []
    return found is not None and found != mapping[key]


def _text(run: RunData, path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8", errors="replace") if path.is_file() else None
    except OSError:
        _note(run, path)
        return None


def _lines(run: RunData, path: Path) -> Iterator[dict[str, Any]]:
    """The JSON objects of a JSONL file; a torn or strange line is noted."""
    if not path.is_file():
        return
    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            for number, text in enumerate(file, 1):
                try:
                    value = json.loads(text)
                except (ValueError, RecursionError):
                    value = None
                if isinstance(value, dict):
                    yield value
                elif text.strip():
                    _note(run, path, number)
    except OSError:
        _note(run, path)


def _held_out(run: RunData, path: Path) -> list[str]:
    texts: list[str] = []
    left = HELD_OUT_CHARACTERS
    for line in _lines(run, path):
        if isinstance(line.get("text"), str):
            texts.append(line["text"][:left])
            left -= len(texts[-1])
        if left <= 0:
            break
    return texts


def _parameters(run: RunData, path: Path) -> int | None:
    """The numbers stored in a safetensors file, by its header: 8 bytes of length, then JSON with the shapes."""
    if not path.is_file():
        return None
    try:
        with path.open("rb") as file:
            (length,) = struct.unpack("<Q", file.read(8))
            header = json.loads(file.read(length)) if length <= path.stat().st_size else {"": {}}
        return sum(int(math.prod(entry["shape"])) for name, entry in header.items() if name != "__metadata__")
    except (OSError, ValueError, KeyError, TypeError, AttributeError, struct.error):
        _note(run, path)
        return None

"""``metrics.jsonl``: what happened, a JSON object a line, written as it happens and cut back on resume."""

import json
import math
from pathlib import Path
from types import TracebackType
from typing import Any

from prosa.core.errors import UserError
from prosa.core.files import write_text
from prosa.core.language import tr

METRICS = "metrics.jsonl"


def read_metrics(path: Path) -> list[dict[str, Any]]:
    """The whole lines of a metrics file, in order; a last line torn by a kill is left out. No file: no lines.

    Raises:
        UserError: a line that is not the last is not a JSON object; it is named.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    except FileNotFoundError:
        return []
    found: list[dict[str, Any]] = []
    for number, line in enumerate(lines, 1):
        try:
            if not line.endswith("\n"):
                raise ValueError("torn")
            found.append(dict(json.loads(line)))
        except (ValueError, TypeError):
            if number == len(lines):
                break
            raise UserError(
                tr(f"{path}, line {number}: not a JSON object.", f"{path}, linha {number}: não é um objeto JSON.")
            ) from None
    return found


class MetricsLog:
    """Appends lines to a metrics file.

    Args:
        step: lines of later steps are dropped first (a resumed run does those steps again).
    """

    def __init__(self, path: Path, step: int) -> None:
        kept = [line for line in read_metrics(path) if line["step"] <= step]
        write_text(path, "".join(_line(line) for line in kept))
        self._file = path.open("a", encoding="utf-8")

    def write(self, kind: str, step: int, **values: Any) -> None:
        """Append ``{"kind", "step", …}``; it is in the file when this returns."""
        self._file.write(_line({"kind": kind, "step": step, **values}))
        self._file.flush()

    def __enter__(self) -> "MetricsLog":
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self._file.close()


def _line(values: dict[str, Any]) -> str:
    """One line; a number that JSON has not (NaN, infinity) becomes null."""
    values = {k: None if isinstance(v, float) and not math.isfinite(v) else v for k, v in values.items()}
    return json.dumps(values, ensure_ascii=False, allow_nan=False) + "\n"

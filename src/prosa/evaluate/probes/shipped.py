"""The questions that ship with the probes, in ``data/``, all written for Prosa."""

import json
from pathlib import Path
from typing import Any

from prosa.core.language import Lang

_DATA = Path(__file__).parent / "data"


def rows(name: str, language: Lang | None) -> list[dict[str, Any]]:
    """The rows of a file in one language, or in all."""
    lines = (_DATA / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()
    return [row for row in map(json.loads, lines) if language is None or row["language"] == language]

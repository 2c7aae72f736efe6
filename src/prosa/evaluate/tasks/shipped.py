"""The word lists and suites that ship with the package, in ``data/``, all written for Prosa."""

import json
from functools import cache
from pathlib import Path
from typing import Any

Row = dict[str, Any]

_DATA = Path(__file__).parent / "data"


@cache
def words(name: str) -> tuple[str, ...]:
    """The words of a list, in its order: ``nouns.pt``, ``verbs.pt`` or ``words.en``."""
    return tuple((_DATA / f"{name}.txt").read_text(encoding="utf-8").split())


@cache
def rows(name: str, language: str) -> tuple[Row, ...]:
    """The problems of a suite in one language."""
    lines = (_DATA / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()
    return tuple(row for row in map(json.loads, lines) if row["language"] == language)

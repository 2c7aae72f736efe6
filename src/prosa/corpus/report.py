"""What cleaning found, changed and removed: the ``report.json`` of a corpus folder."""

import bisect
from array import array
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from prosa.core.language import tr
from prosa.corpus.clean import Cleaned
from prosa.corpus.problems import Problems
from prosa.corpus.repair import excerpt

EXAMPLES = 5
CHANGES = ("encoding", "normalization", "reflow")
REMOVALS = ("length", "language", "repetition", "exact_duplicates", "near_duplicates")
LENGTH_EDGES = (100, 300, 1000, 3000, 10_000, 30_000, 100_000, 300_000, 1_000_000)


def rule_title(rule: str) -> str:
    """A rule's name for people."""
    return {
        "encoding": tr("encoding repaired", "codificação reparada"),
        "normalization": tr("characters normalized", "caracteres normalizados"),
        "reflow": tr("wrapped lines joined", "linhas quebradas unidas"),
        "length": tr("too short", "curtos demais"),
        "language": tr("other languages", "outras línguas"),
        "repetition": tr("repetitive", "repetitivos"),
        "exact_duplicates": tr("exact duplicates", "duplicatas exatas"),
        "near_duplicates": tr("near duplicates", "quase duplicatas"),
    }[rule]


@dataclass
class Size:
    """A number of documents and their bytes in UTF-8."""

    documents: int = 0
    bytes: int = 0

    def add(self, n_bytes: int, documents: int = 1) -> None:
        """Count a document, or the bytes of several."""
        self.documents += documents
        self.bytes += n_bytes


@dataclass
class Rule:
    """What a rule did.

    Attributes:
        rule: its name, one of ``CHANGES`` or ``REMOVALS``.
        kind: whether it changes documents or removes them.
        size: documents changed or removed, and bytes removed (negative when a repair added some).
        examples: up to five, ``{"source", "excerpt", "why"}``.
    """

    rule: str
    kind: Literal["changes", "removes"]
    size: Size = field(default_factory=Size)
    examples: list[dict[str, str]] = field(default_factory=list)

    def count(self, n_bytes: int, source: str, excerpt: str, why: str) -> None:
        """Count a document that the rule touched."""
        self.size.add(n_bytes)
        if len(self.examples) < EXAMPLES:
            self.examples.append({"source": source, "excerpt": excerpt, "why": why})


@dataclass
class CorpusReport:
    """The figures of a corpus.

    ``documents_in`` = ``documents_out`` + documents of the rules that remove, and ``bytes_in`` = ``bytes_out`` + bytes
    of all rules. ``train`` and ``held_out`` sum to ``documents_out`` unless a small corpus was cut into sections
    (``split_note`` says so); their bytes always do. Languages, formats and lengths are of the documents that stay.
    """

    read: Size = field(default_factory=Size)
    kept: Size = field(default_factory=Size)
    train: Size = field(default_factory=Size)
    held_out: Size = field(default_factory=Size)
    languages: dict[str, Size] = field(default_factory=dict)
    formats: dict[str, Size] = field(default_factory=dict)
    rules: dict[str, Rule] = field(default_factory=dict)
    files: int = 0
    split_note: str = ""
    problems: Problems = field(default_factory=Problems)
    _lengths: "array[int]" = field(default_factory=lambda: array("q"), repr=False)
    _bins: list[Size] = field(default_factory=lambda: [Size() for _ in range(len(LENGTH_EDGES) + 1)], repr=False)

    def __post_init__(self) -> None:
        for rule in CHANGES:
            self.rules[rule] = Rule(rule, "changes")
        for rule in REMOVALS:
            self.rules[rule] = Rule(rule, "removes")

    def came(self, item: Cleaned) -> None:
        """A document was read and repaired."""
        self.read.add(item.bytes_in)
        for change in item.changes:
            self.rules[change.rule].count(change.removed, item.document.source, change.excerpt, change.why)

    def went(self, item: Cleaned, rule: str, why: str) -> None:
        """A rule removed it."""
        self.rules[rule].count(item.bytes_out, item.document.source, excerpt(item.document.text), why)

    def stayed(self, item: Cleaned) -> None:
        """It was kept."""
        document, n_bytes = item.document, item.bytes_out
        self.kept.add(n_bytes)
        self.languages.setdefault(document.lang or "und", Size()).add(n_bytes)
        self.formats.setdefault(item.format, Size()).add(n_bytes)
        self._lengths.append(len(document.text))
        self._bins[bisect.bisect_right(LENGTH_EDGES, len(document.text))].add(n_bytes)

    def lengths(self) -> dict[str, Any]:
        """Characters a document: quantiles, and documents and bytes by length (``up_to`` excluded; None has no end)."""
        if not self._lengths:
            return {}
        values = np.quantile(np.frombuffer(self._lengths, np.int64), (0, 0.1, 0.5, 0.9, 1), method="inverted_cdf")
        quantiles = dict(zip(("min", "p10", "median", "p90", "max"), (int(v) for v in values), strict=True))
        edges = (*LENGTH_EDGES, None)
        return quantiles | {
            "bins": [{"up_to": edge, **_plain(size)} for edge, size in zip(edges, self._bins, strict=True)]
        }

    def to_json(self) -> dict[str, Any]:
        """The content of ``report.json``."""
        return {
            "documents_in": self.read.documents,
            "bytes_in": self.read.bytes,
            "documents_out": self.kept.documents,
            "bytes_out": self.kept.bytes,
            "train": _plain(self.train),
            "held_out": _plain(self.held_out),
            "split_note": self.split_note,
            "files": self.files,
            "languages": _by_bytes(self.languages),
            "formats": _by_bytes(self.formats),
            "lengths": self.lengths(),
            "rules": [
                {"rule": r.rule, "kind": r.kind, **_plain(r.size), "examples": r.examples} for r in self.rules.values()
            ],
            "problems": [{"source": p.source, "why": p.why} for p in self.problems.named],
            "problem_count": self.problems.count,
        }


def _plain(size: Size) -> dict[str, int]:
    return {"documents": size.documents, "bytes": size.bytes}


def _by_bytes(sizes: dict[str, Size]) -> dict[str, dict[str, int]]:
    return {name: _plain(size) for name, size in sorted(sizes.items(), key=lambda item: (-item[1].bytes, item[0]))}

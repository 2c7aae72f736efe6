"""Analogies: *homem* is to *mulher* as *rei* is to what? (Mikolov et al. 2013a; in Portuguese Rodrigues et al. 2016)

A file in the form of ``questions-words.txt``: ``: section`` lines, and lines of four words, a b c d. Right is one whose
d is, of all words but a, b, c, the nearest by cosine to b − a + c (their unit vectors). One with a word that has no
vector of its own among the most frequent words is not asked: the coverage says how many were.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from prosa.core.errors import UserError
from prosa.core.interval import wilson
from prosa.core.language import tr
from prosa.corpus.readers.task import why
from prosa.models.word_vectors import WordVectors

_AT_A_TIME = 512


@dataclass(frozen=True)
class Section:
    """A section of a file: so many analogies, asked, right."""

    name: str
    there: int
    asked: int
    right: int

    def to_json(self) -> dict[str, Any]:
        """With accuracy (None where none was asked), its 95 % interval, and coverage."""
        return {
            "section": self.name,
            "there": self.there,
            "asked": self.asked,
            "right": self.right,
            "coverage": self.asked / self.there if self.there else 0.0,
            "accuracy": self.right / self.asked if self.asked else None,
            "interval": wilson(self.right, self.asked),
        }


@dataclass(frozen=True)
class Analogies:
    """The scores of a file."""

    sections: tuple[Section, ...]
    among: int

    @property
    def total(self) -> Section:
        """All sections together."""
        return Section("total", *(sum(getattr(s, name) for s in self.sections) for name in ("there", "asked", "right")))

    def to_json(self) -> dict[str, Any]:
        """The total and every section."""
        return {"among": self.among, "total": self.total.to_json(), "sections": [s.to_json() for s in self.sections]}


def read_analogies(path: Path) -> dict[str, list[tuple[str, ...]]]:
    """The analogies of a file by section.

    Raises:
        UserError: it cannot be read, a line has not four words (it is named), or there is none.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except OSError as error:
        raise UserError(tr(f"cannot read {path}: {why(error)}.", f"não consigo ler {path}: {why(error)}.")) from error
    except UnicodeDecodeError as error:
        raise UserError(tr(f"{path} is no UTF-8 text.", f"{path} não é um texto em UTF-8.")) from error
    found: dict[str, list[tuple[str, ...]]] = {}
    section = ""
    for n, line in enumerate(lines, start=1):
        words = line.split()
        if line.startswith(":"):
            section = line[1:].strip()
        elif len(words) == 4:
            found.setdefault(section, []).append(tuple(words))
        elif words:
            raise UserError(
                tr(
                    f"{path}, line {n}: an analogy has four words, not {len(words)}.",
                    f"{path}, linha {n}: uma analogia tem quatro palavras, não {len(words)}.",
                ),
                tr("Sections begin with a line `: name`.", "Seções começam com uma linha `: nome`."),
            )
    if not found:
        raise UserError(tr(f"{path} has no analogies.", f"{path} não tem analogias."))
    return found


def score(vectors: WordVectors, analogies: dict[str, list[tuple[str, ...]]], *, among: int = 30_000) -> Analogies:
    """Ask every analogy whose four words are all among the ``among`` most frequent ones."""
    units = vectors.units[:among]
    sections = []
    for name, rows in analogies.items():
        places = [[_place(vectors, word, len(units)) for word in row] for row in rows]
        asked = np.array([row for row in places if -1 not in row], dtype=np.int64).reshape(-1, 4)
        right = sum(_right(units, asked[start : start + _AT_A_TIME]) for start in range(0, len(asked), _AT_A_TIME))
        sections.append(Section(name, len(rows), len(asked), right))
    return Analogies(tuple(sections), among)


def _place(vectors: WordVectors, word: str, among: int) -> int:
    place = vectors.find(word)
    return -1 if place is None or place >= among else place


def _right(units: Any, asked: Any) -> int:
    a, b, c, d = asked.T
    cosines = (units[b] - units[a] + units[c]) @ units.T
    np.put_along_axis(cosines, asked[:, :3], -np.inf, axis=1)
    return int((cosines.argmax(1) == d).sum())

"""Do the vectors of professions lean to he or to she? (Bolukbasi et al. 2016, arXiv 1607.06520)

    g      = the mean of the unit differences (he − she, man − woman, …), at length 1
    lean   = cos(w, g) of a profession w: above 0 to he, below to she
    bias   = the mean of |lean| over professions (the paper's DirectBias with c = 1)

**Chance.** Differences of any words have some direction. So the signs of the pairs' differences are drawn at random,
and p is the share of such directions that have as much bias: a small p says that the professions lie along what the
pairs share, gender.

**Grammatical gender.** A Portuguese *professora* is near *ela* for its ending's sake. So professions of one form
(*dentista*) are one group, and of those with two the mean of both forms is taken, in another. Besides, g itself has
grammar in it: the direction from feminine to masculine things (*mesa*, *livro*) is taken out of it (Zhou et al. 2019,
arXiv 1909.02224), unless told otherwise.

**Neutralising** takes g out of each profession, w − (w · g) g, at length 1 again. Along that g nothing is left, which
says nothing; so the pairs are divided: g from every other one neutralises, and the lean is measured, before and after,
along the direction of the rest, and then the roles change. What is left is what one direction does not hold (Gonen &
Goldberg 2019, arXiv 1903.03862).
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from prosa.core.errors import UserError
from prosa.core.language import tr
from prosa.evaluate.arena.diversity import Estimate
from prosa.evaluate.probes.estimates import mean

Language = Literal["pt", "en"]
Floats = NDArray[np.float64]
VectorOf = Callable[[str], Any]
"""A word's vector, (C,), or None where it has none."""
DRAWS = 2000
FEWEST = 4  # pairs of he and she, and professions of a group


@dataclass(frozen=True)
class Lexicon:
    """The words of a language; pairs are (masculine, feminine)."""

    he_she: list[list[str]]
    things: list[list[str]]
    one_form: list[str]
    pairs: list[list[str]]


@dataclass(frozen=True)
class Group:
    """What was found of a group of professions.

    Attributes:
        n: professions that have a vector.
        lean: the mean lean.
        bias: the mean |lean|.
        chance: the mean bias along directions of random signs.
        p: the share of those with as much bias.
        before, after: the mean |lean| along the other half of the pairs, without and with neutralising.
        less: after less before.
        words: each profession's lean, the most to he first.
    """

    n: int
    lean: Estimate
    bias: Estimate
    chance: float
    p: float
    before: Estimate
    after: Estimate
    less: Estimate
    words: dict[str, float]


@dataclass(frozen=True)
class Bias:
    """The probe of a model."""

    model: str
    language: str
    kind: str
    he_she: list[str]
    grammar: float | None
    """The cosine of g with the direction of grammatical gender, before that is taken out; None where it was not."""
    groups: dict[str, Group]
    missing: list[str]

    def to_json(self) -> dict[str, Any]:
        """All of it."""
        return asdict(self)


def lexicon(language: Language) -> Lexicon:
    """The words that ship, written for Prosa."""
    text = (Path(__file__).parent / "data" / "professions.json").read_text(encoding="utf-8")
    return Lexicon(**json.loads(text)[language])


def bias(
    vector_of: VectorOf, words: Lexicon, *, model: str, language: str, kind: str, grammar: bool = True, seed: int = 0
) -> Bias:
    """Probe whatever gives words vectors.

    Args:
        kind: of vectors, for the report.
        grammar: take grammatical gender out of the direction, where the lexicon has things for it.

    Raises:
        UserError: too few of the words have vectors.
    """
    missing: list[str] = []

    def unit_of(word: str) -> Any:
        found = vector_of(word)
        length = 0.0 if found is None else float(np.linalg.norm(found))
        if not length:
            missing.append(word)
            return None
        return np.asarray(found, dtype=np.float64) / length

    he_she, differences = _differences(words.he_she, unit_of)
    if len(differences) < FEWEST:
        raise _too_few(tr("pairs like he and she", "pares como ele e ela"), len(differences), missing)
    _, things = _differences(words.things, unit_of)
    out = _unit(things.mean(0)) if grammar and len(things) >= FEWEST else None
    plain = _unit(differences.mean(0))
    groups = {}
    for name, professions in (("one_form", [[w] for w in words.one_form]), ("two_forms", words.pairs)):
        rows = {}
        for forms in professions:
            found = [unit_of(form) for form in forms]
            if all(v is not None for v in found):
                rows["/".join(forms)] = _unit(np.mean(found, axis=0))
        if len(rows) >= FEWEST:
            groups[name] = _group(rows, differences, out, seed)
    if not groups:
        raise _too_few(tr("professions", "profissões"), 0, missing)
    along = None if out is None else float(plain @ out)
    return Bias(model, language, kind, he_she, along, groups, missing)


def direction(differences: Floats, out: Floats | None = None) -> Floats:
    """Of differences (n, C) the mean, without its part along ``out``, at length 1."""
    mean_of: Floats = differences.mean(0)
    return _unit(mean_of if out is None else mean_of - (mean_of @ out) * out)


def neutralised(vectors: Floats, g: Floats) -> Floats:
    """Vectors (n, C) without their part along g, at length 1."""
    return _unit(vectors - (vectors @ g)[:, None] * g)


def _group(rows: dict[str, Floats], differences: Floats, out: Floats | None, seed: int) -> Group:
    vectors = np.stack(list(rows.values()))
    leans = vectors @ direction(differences, out)
    generator = np.random.default_rng(seed)
    signs = generator.choice([-1.0, 1.0], size=(DRAWS, len(differences)))
    directions = signs @ differences
    if out is not None:
        directions -= (directions @ out)[:, None] * out
    drawn = np.abs(_unit(directions) @ vectors.T).mean(1)
    found = float(np.abs(leans).mean())
    before, after = np.zeros(len(rows)), np.zeros(len(rows))
    halves = [differences[0::2], differences[1::2]]
    for a, b in (halves, halves[::-1]):
        g, other = direction(a, out), direction(b, out)
        before += np.abs(vectors @ other) / 2
        after += np.abs(neutralised(vectors, g) @ other) / 2
    ranked = sorted(zip(rows, leans.tolist(), strict=True), key=lambda pair: -pair[1])
    return Group(
        n=len(rows),
        lean=mean(leans.tolist(), seed, signed=True),
        bias=mean(np.abs(leans).tolist(), seed),
        chance=float(drawn.mean()),
        p=float((1 + (drawn >= found).sum()) / (1 + DRAWS)),
        before=mean(before.tolist(), seed),
        after=mean(after.tolist(), seed),
        less=mean((after - before).tolist(), seed, signed=True),
        words=dict(ranked),
    )


def _differences(pairs: Sequence[Sequence[str]], unit_of: VectorOf) -> tuple[list[str], Floats]:
    """The pairs that have vectors, and their unit differences, (n, C)."""
    names, rows = [], []
    for he, she in pairs:
        a, b = unit_of(he), unit_of(she)
        if a is not None and b is not None and np.linalg.norm(a - b) > 0:
            names.append(f"{he}/{she}")
            rows.append(_unit(a - b))
    return names, np.array(rows)


def _unit(vectors: Floats) -> Floats:
    length = np.linalg.norm(vectors, axis=-1, keepdims=True)
    unit: Floats = vectors / np.where(length > 0, length, 1)
    return unit


def _too_few(what: str, found: int, missing: Sequence[str]) -> UserError:
    some = ", ".join(missing[:6])
    return UserError(
        tr(
            f"too few {what} have vectors here ({found}; at least {FEWEST} are needed). Without one: {some}, …",
            f"poucos têm vetores aqui: {what} ({found}; são precisos pelo menos {FEWEST}). Sem vetor: {some}, …",
        ),
        tr("Is it the right --language? Or train on more text.", "É a --language certa? Ou treine com mais texto."),
    )

"""Whether a model's vectors tell a word's senses apart: "banco" of the money and "banco" of the garden.

Each sentence's word takes the sense of its nearest neighbour (cosine) among the other sentences with that word. A
vector that does not depend on the sentence is equally near to all: it is then right as often as its sense is among the
others, which of 6 + 6 sentences is 5 of 11. (Peters et al. 2018, 5.3, do this with all words of a corpus.)

One function measures any model: what differs is where the vectors come from. ``token_vectors`` takes them of whatever
has ``hidden`` and ``blocks`` (BERT, GPT), ``elmo_vectors`` of ELMo.

Shapes: n sentences, T tokens, C channels.
"""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from prosa.core.errors import UserError
from prosa.core.interval import wilson
from prosa.core.language import tr
from prosa.models.elmo import Elmo, spell
from prosa.tokenizers.frame import Frame
from prosa.tokenizers.protocol import Tokenizer
from prosa.tokenizers.word import TOKEN

SHIPPED = Path(__file__).parent / "tasks" / "data" / "senses.jsonl"
TIE = 1e-6  # of cosines
Vectors = NDArray[np.float64]


@dataclass(frozen=True)
class Occurrence:
    """A word in a sentence, in one of its senses."""

    word: str
    sense: str
    text: str
    start: int  # where the word is in the text
    end: int


def read_senses(path: Path = SHIPPED) -> list[Occurrence]:
    """The sentences of a file of ``{"word", "sense", "text"}`` a line; unless told, those that ship (10 words).

    Raises:
        UserError: a line is no such object, or its text does not have the word just once.
    """
    found = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        try:
            value = json.loads(line)
            word, sense, text = (str(value[name]) for name in ("word", "sense", "text"))
            (match,) = re.finditer(rf"\b{re.escape(word)}\b", text, re.IGNORECASE)
        except (ValueError, KeyError, TypeError) as error:
            raise UserError(
                tr(
                    f"{path}, line {number}: expected word, sense and text, with the word once in it.",
                    f"{path}, linha {number}: esperava word, sense e text, com a palavra uma vez nele.",
                )
            ) from error
        found.append(Occurrence(word, sense, text, *match.span()))
    return found


@dataclass(frozen=True)
class SenseScore:
    """How often the nearest neighbour has the same sense; a tie counts in part."""

    right: float
    n: int
    by_word: dict[str, float]

    @property
    def accuracy(self) -> float:
        """Share of the sentences."""
        return self.right / self.n

    def to_json(self) -> dict[str, Any]:
        """Accuracy, its 95 % interval, and each word's."""
        return {
            "accuracy": self.accuracy,
            "interval": list(wilson(round(self.right), self.n)),
            "n": self.n,
            "by_word": self.by_word,
        }


def sense_score(vectors: Vectors, occurrences: Sequence[Occurrence]) -> SenseScore:
    """Leave one out, nearest neighbour.

    Args:
        vectors: (n, C), of the word in each sentence.

    Raises:
        ValueError: not a vector for each, or a word stands in one sentence alone.
    """
    if len(vectors) != len(occurrences):
        raise ValueError(f"{len(vectors)} vectors of {len(occurrences)} sentences")
    right = np.zeros(len(occurrences))
    words = [o.word for o in occurrences]
    for word in dict.fromkeys(words):
        where = [n for n, other in enumerate(words) if other == word]
        if len(where) < 2:
            raise ValueError(f"{word!r} stands in one sentence alone")
        unit = vectors[where] / np.maximum(np.linalg.norm(vectors[where], axis=1, keepdims=True), 1e-12)
        near = unit @ unit.T
        np.fill_diagonal(near, -np.inf)
        senses = np.array([occurrences[n].sense for n in where])
        for n, row, sense in zip(where, near, senses, strict=True):
            nearest = row >= row.max() - TIE
            right[n] = (senses[nearest] == sense).mean()
    by_word = {word: float(right[[w == word for w in words]].mean()) for word in dict.fromkeys(words)}
    return SenseScore(float(right.sum()), len(words), by_word)


@torch.no_grad()
def token_vectors(
    model: Any, tokenizer: Tokenizer, occurrences: Sequence[Occurrence], *, frame: Frame = Frame()
) -> list[Vectors]:
    """The word's vectors after each layer, (n, C) a layer: the mean over the tokens that have some of it.

    Args:
        model: has ``hidden`` and ``blocks``, as ``models.bert.Bert`` and ``models.gpt.GPT``; in evaluation mode. The
            first layer is what goes into the first block; the last, what ``hidden`` gives.
        frame: what stands around a sentence.
    """
    device = next(model.parameters()).device
    found: list[list[NDArray[np.float64]]] = []
    for o in occurrences:
        spans = tokenizer.spans(o.text)
        inside = [k + len(frame.before) for k, (_, start, end) in enumerate(spans) if start < o.end and end > o.start]
        ids = [*frame.before, *(id for id, _, _ in spans), *frame.after]
        states = _states(model, torch.tensor([ids], device=device))
        found.append([state[0, inside].double().mean(0).cpu().numpy() for state in states])
    return [np.stack(layer) for layer in zip(*found, strict=True)]


def _states(model: Any, ids_1T: Tensor) -> list[Tensor]:
    """What goes into each block, and what ``hidden`` gives, (1, T, C) each."""
    states: list[Tensor] = []
    hooks = [block.register_forward_pre_hook(lambda _, given: states.append(given[0])) for block in model.blocks]
    try:
        states.append(model.hidden(ids_1T))
    finally:
        for hook in hooks:
            hook.remove()
    return states


@torch.no_grad()
def elmo_vectors(model: Elmo, occurrences: Sequence[Occurrence]) -> list[Vectors]:
    """The word's vectors of each layer, (n, 2C) a layer; the first, of the word's letters alone, is a static one."""
    found: list[list[NDArray[np.float64]]] = []
    for o in occurrences:
        matches = list(TOKEN.finditer(o.text))
        (place,) = [k for k, match in enumerate(matches) if match.start() <= o.start < match.end()]
        letters = torch.from_numpy(spell([match.group() for match in matches], model.config.longest))[None]
        found.append([layer[0, place].double().numpy() for layer in model(letters)])
    return [np.stack(layer) for layer in zip(*found, strict=True)]

"""An answer from passages: sentences quoted from them, and what a model writes after reading them, with marks [1] [2].

Quotes are the documents' own words. A model's text is its own, and may be wrong: a sentence of it gets the mark of a
passage only where that passage has most of its words, whatever marks the model itself wrote (those are dropped).
"""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from prosa.core.language import tr
from prosa.retrieve.chunks import LONGEST_HEADING
from prosa.retrieve.passage import Passage
from prosa.retrieve.search import Found, Hit, coverage
from prosa.retrieve.sentences import sentences
from prosa.retrieve.terms import searchable, telling

Mode = Literal["documents", "both"]

QUOTED = 2
"""Sentences that are quoted."""
ROOM = 4
"""An answer has the tokens that are asked for of room, or one part in so many of the context where that is less."""
SUPPORTED = 0.6
"""The share of a sentence's words that a passage must have for its mark."""

_MARK = re.compile(r"[^\S\n]*\[\d{1,3}\]")
_MAYBE_MARK = re.compile(r"[^\S\n]*(?:\[\d{0,3})?\Z")  # what may become one
_SENTENCE_END = re.compile(r"[.!?…]+[\"'”’»)]*(?=\s)|\n")


@dataclass(frozen=True, slots=True)
class Quote:
    """A sentence of a passage: the ``number``-th hit, from 1."""

    number: int
    text: str


def quotes(found: Found, most: int = QUOTED) -> list[Quote]:
    """The sentences of relevant hits that cover most of the question, best first; of equals those of the better hit."""
    scored = [
        (-coverage(hit.passage.text[start:end], found.terms), number, start, hit.passage.text[start:end])
        for number, hit in enumerate(found.hits, 1)
        if hit.relevant
        for start, end in sentences(hit.passage.text, _after_heading(hit.passage))
    ]
    return [Quote(number, text) for covered, number, _, text in sorted(scored)[:most] if covered]


def nearest_sentence(passage: Passage, text: str) -> str:
    """The sentence of a passage that has most of a text's words; of equals the first."""
    words = dict.fromkeys(telling(text), 1.0)
    spans = sentences(passage.text, _after_heading(passage))
    found = [passage.text[start:end] for start, end in spans] or [passage.text]
    return max(found, key=lambda sentence: coverage(sentence, words)) if words else found[0]


def _after_heading(passage: Passage) -> int:
    """Where a passage's text begins after the headings that it begins with, which are no sentences."""
    titles = set(passage.place.heading.split(" › ")) - {""}
    at = 0
    for line in passage.text.splitlines(keepends=True):
        bare = line.strip("# \t\r\n")
        if bare and not line.startswith("#") and " ".join(bare.split())[:LONGEST_HEADING] not in titles:
            break
        at += len(line)
    return at if titles and passage.text[at:].strip() else 0


def with_passages(question: str, passages: Sequence[tuple[int, str]], mode: Mode) -> str:
    """What a model is asked: the passages with their numbers, and the question."""
    if not passages:
        return question
    only = mode == "documents"
    how = tr(
        "Answer with the passages below and cite them like [1]."
        + (" If they do not tell, say that you do not know." if only else " Add what you know."),
        "Responda com os trechos abaixo e cite-os assim: [1]."
        + (" Se eles não dizem, diga que não sabe." if only else " Acrescente o que você sabe."),
    )
    shown = "\n\n".join(f"[{number}] {text}" for number, text in passages)
    return f"{how}\n\n{shown}\n\n" + tr("Question: ", "Pergunta: ") + question


def fitting(
    prompt: Callable[[str], list[int]], question: str, found: Found, mode: Mode, room: int
) -> tuple[list[int], list[tuple[int, str]]]:
    """The prompt's ids, at most ``room`` of them where that can be, and the passages in it.

    A passage that does not fit whole is tried as its best sentence; one that does not fit either is left out.

    Args:
        prompt: gives the ids of a conversation whose question is worded so.
    """
    taken: list[tuple[int, str]] = []
    ids = prompt(question)
    for number, hit in enumerate(found.hits, 1):
        alone = quotes(Found((hit,), found.terms, ()), most=1)  # none of what is not relevant
        for text in (hit.passage.text, *(quote.text for quote in alone)):
            more = prompt(with_passages(question, [*taken, (number, text)], mode))
            if len(more) <= room:
                taken.append((number, text))
                ids = more
                break
    return ids, taken


@dataclass(frozen=True, slots=True)
class Citation:
    """``text``, from ``start`` to ``end`` of what was given out, has the mark of the ``number``-th hit after it."""

    number: int
    start: int
    end: int
    text: str


class Citer:
    """Puts marks into a text as it comes: pieces in, pieces out, a sentence's mark before what follows the sentence.

    Args:
        passages: those that the model read, with their numbers.
        only: leave out the sentences that get no mark.

    Attributes:
        cited: the sentences that got a mark, in what was given out.
        left_out: how many were left out.
    """

    def __init__(self, passages: Iterable[tuple[int, str]], *, only: bool = False) -> None:
        self._passages = [(number, f" {searchable(text)} ") for number, text in passages]
        self._only = only
        self.cited: list[Citation] = []
        self.left_out = 0
        self._given = 0  # characters given out
        self._held = ""  # not given out yet
        self._sentence = ""  # given out since the last sentence ended

    def push(self, text: str) -> str:
        """What is sure of the text so far."""
        return "".join(map(self._next, text))  # by characters, so that the pieces do not matter

    def finish(self) -> str:
        """What is left of it."""
        rest = _MARK.sub("", self._held).rstrip()
        self._held = ""
        return self._give(self._ended(rest))

    def _next(self, character: str) -> str:
        self._held = _MARK.sub("", self._held + character)
        out = ""
        while end := _SENTENCE_END.search(self._held):
            out += self._give(self._ended(self._held[: end.end()].rstrip("\n")))
            out += self._give("\n" * self._held[: end.end()].count("\n"))
            self._held = self._held[end.end() :]
        if self._only:
            return out
        maybe = _MAYBE_MARK.search(self._held)
        at = maybe.start() if maybe else len(self._held)
        if at and self._held[at - 1] in ".!?…\"'”’»)":  # the sentence may have ended here: its mark comes first
            at = len(self._held[:at].rstrip(".!?…\"'”’»)"))
        out += self._give(self._held[:at])
        self._sentence += self._held[:at]
        self._held = self._held[at:]
        return out

    def _give(self, text: str) -> str:
        self._given += len(text)
        return text

    def _ended(self, text: str) -> str:
        """The end of a sentence, with its mark."""
        begun = self._given - len(self._sentence)
        sentence, self._sentence = self._sentence + text, ""
        number = self._source(sentence)
        if number is not None:
            blank = len(sentence) - len(sentence.lstrip())
            self.cited.append(Citation(number, begun + blank, begun + len(sentence), sentence[blank:]))
            return f"{text} [{number}]"
        if self._only:
            self.left_out += bool(sentence.strip())
            return ""
        return text

    def _source(self, sentence: str) -> int | None:
        """The passage that has most of a sentence's words, if it has enough of them."""
        words = telling(sentence)
        if not words or not self._passages:
            return None
        shares = [(sum(f" {word} " in text for word in words) / len(words), -number) for number, text in self._passages]
        share, number = max(shares)
        return -number if share >= SUPPORTED else None


def support(text: str, passages: Iterable[str]) -> float | None:
    """The share of a text's telling words that are in the passages; None where it has none. Marks do not count."""
    words = telling(_MARK.sub("", text))
    there = " ".join(f" {searchable(passage)} " for passage in passages)
    return sum(f" {word} " in there for word in words) / len(words) if words else None


def where(passage: Passage) -> str:
    """File and place of a passage, as it is cited."""
    return f"{passage.file}, {passage.place}"


def plain_hit(number: int, hit: Hit) -> dict[str, object]:
    """A hit as plain values."""
    place = {name: getattr(hit.passage.place, name) for name in hit.passage.place.__slots__}
    return {
        "number": number,
        "file": hit.passage.file,
        "place": {name: value for name, value in place.items() if value},
        "text": hit.passage.text,
        "score": round(hit.score, 4),
        "covered": round(hit.covered, 4),
    }

"""Which documents are held out: a hash of the text decides, never its position, so adding files moves nothing.

A corpus of a few documents, where the hash holds out none (or all, or far too much), is cut into sections of some
thousand characters, and the hash decides for each section.
"""

from collections.abc import Iterable, Iterator

from prosa.corpus.document import Document
from prosa.corpus.duplicates import Duplicates, signature
from prosa.corpus.pieces import cut_text
from prosa.corpus.rules import Words

_SECTION, _SMALLEST_SECTION = 4000, 200  # characters
_SECTIONS = 20  # a short corpus is cut into about so many
_SPACE = 1 << 64


def is_held_out(id: str, fraction: float) -> bool:
    """Whether a document or section with this id is held out when ``fraction`` of all are."""
    return int(id, 16) < fraction * _SPACE


def section_size(n_chars: int) -> int:
    """Characters a section of a corpus of ``n_chars``."""
    return max(_SMALLEST_SECTION, min(_SECTION, n_chars // _SECTIONS))


def sections(document: Document, n: int) -> Iterator[Document]:
    """The document's sections of at most ``n`` characters, cut between paragraphs; together they are its text."""
    for number, text in enumerate(cut_text(document.text, n), start=1):
        yield Document(text, f"{document.source}#{number}", document.lang)


def lowest_section(documents: Iterable[Document], n: int) -> str:
    """The lowest id of all sections: held out when the hash holds out none."""
    return min(section.id for document in documents for section in sections(document, n))


def split_sections(
    documents: Iterable[Document], n: int, fraction: float, lowest: str, near_duplicate_threshold: float
) -> Iterator[tuple[bool, Document]]:
    """(held out?, text) for every section; neighbours on the training side are one document again.

    A section that repeats an earlier one goes to the same side, so that no near-duplicate straddles the split.
    """
    seen = Duplicates(near_duplicate_threshold)
    sides: list[bool] = []
    for document in documents:
        run: list[Document] = []
        for section in sections(document, n):
            signed = signature(Words(section.text))
            twin = seen.twin(section.id, signed)
            held = sides[twin] if twin is not None else section.id == lowest or is_held_out(section.id, fraction)
            if twin is None:
                seen.add(section.id, signed, section.source)
                sides.append(held)
            if held:
                yield from _joined(run)
                run = []
                yield True, section
            else:
                run.append(section)
        yield from _joined(run)


def _joined(run: list[Document]) -> Iterator[tuple[bool, Document]]:
    if run:
        yield False, Document("".join(s.text for s in run), run[0].source, run[0].lang)

"""A passage: a piece of a document, exact, and where it stands."""

from dataclasses import dataclass

from prosa.core.language import tr


@dataclass(frozen=True, slots=True)
class Place:
    """Where a passage stands in its file; what a format does not have is 0.

    Attributes:
        heading: the headings above it, outermost first, joined by " › ".
        page, last_page: of a PDF.
        line, last_line: of a text file.
        record: the line of a JSONL file or row of a Parquet file that holds the document.
        part: its number among the passages of its document (what is left to name where there is nothing else).
    """

    heading: str = ""
    page: int = 0
    last_page: int = 0
    line: int = 0
    last_line: int = 0
    record: int = 0
    part: int = 0

    def __str__(self) -> str:
        """In the words of the language in force: ``p. 3–4``, ``lines 10–14``, ``record 7``, ``passage 2``."""
        if self.page:
            where = "p. " + _span(self.page, self.last_page)
        elif self.line:
            where = _span(self.line, self.last_line)
            many = self.last_line > self.line
            where = (tr("lines ", "linhas ") if many else tr("line ", "linha ")) + where
        else:
            where = tr(f"passage {self.part}", f"trecho {self.part}")
            if self.record:
                where = tr(f"record {self.record}, ", f"registro {self.record}, ") + where
        return f"{where}, {self.heading}" if self.heading else where


def _span(first: int, last: int) -> str:
    return str(first) if last <= first else f"{first}–{last}"


@dataclass(frozen=True, slots=True)
class Passage:
    """A piece of a document as it was read.

    Attributes:
        text: exactly what stands there (after ``corpus.repair``'s decoding; lines and words are untouched).
        place: where.
        file: the file's path below the indexed folder, with ``/``.
    """

    text: str
    place: Place
    file: str = ""

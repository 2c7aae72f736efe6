"""What the corpus stage may be told."""

from dataclasses import dataclass

from prosa.core.errors import UserError
from prosa.core.language import tr


@dataclass(frozen=True)
class CorpusConfig:
    """How files are read, cleaned and split."""

    text_field: str = "text"
    """The field (JSONL) or column (Parquet) that holds the text."""
    languages: tuple[str, ...] = ()
    """Keep only these languages (ISO 639-1: pt, en, es); empty keeps all. They are identified and reported anyway."""
    min_chars: int = 50
    """Drop documents shorter than this, in characters."""
    max_duplicate_lines: float = 0.5
    """Drop a document with more than this share of its characters in lines that repeat an earlier line (1 = never)."""
    max_top_ngram: float = 0.2
    """Drop a document with more than this share of its characters in its most frequent 2-, 3- or 4-gram (1 = never)."""
    max_duplicate_ngrams: float = 0.5
    """Drop a document with more than this share of its words in repeats of an earlier 10-gram (1 = never)."""
    near_duplicate_threshold: float = 0.8
    """Drop a document whose word 5-grams overlap an earlier one's by this Jaccard similarity (1 = only equal texts)."""
    reflow: bool = True
    """Join the lines of hard-wrapped prose (books cut at 70 columns, PDF); verse and dialogue keep their lines."""
    held_out: float = 0.05
    """The share of the documents kept out of training, chosen by a hash of each text."""
    max_document_chars: int = 2_000_000
    """A longer text is cut at paragraphs into documents of at most this many characters, which bounds memory."""
    max_line_bytes: int = 32_000_000
    """A JSONL line longer than this is refused and named, which bounds memory."""
    workers: int = 0
    """Processes that read and clean (0 = one a core). The result does not depend on it; small corpora use one."""

    def __post_init__(self) -> None:
        def check(good: bool, field: str, en: str, pt: str) -> None:
            if not good:
                value = getattr(self, field)
                raise UserError(
                    tr(
                        f"corpus: {field} is {value!r}; it must be {en}.",
                        f"corpus: {field} é {value!r}; deve ser {pt}.",
                    )
                )

        for field in ("max_duplicate_lines", "max_top_ngram", "max_duplicate_ngrams"):
            check(0 < getattr(self, field) <= 1, field, "above 0 and at most 1", "maior que 0 e no máximo 1")
        check(
            0.5 <= self.near_duplicate_threshold <= 1,
            "near_duplicate_threshold",
            "between 0.5 and 1",
            "um número entre 0,5 e 1",
        )
        check(0 < self.held_out <= 0.3, "held_out", "above 0 and at most 0.3", "maior que 0 e no máximo 0,3")
        check(self.min_chars >= 0, "min_chars", "0 or more", "0 ou mais")
        check(self.max_document_chars >= 1000, "max_document_chars", "1,000 or more", "1.000 ou mais")
        check(self.max_line_bytes >= 1000, "max_line_bytes", "1,000 or more", "1.000 ou mais")
        check(self.workers >= 0, "workers", "0 or more", "0 ou mais")

"""One document's way from raw text to a verdict: repair, reflow, judge, sign. Runs in the workers."""

from dataclasses import dataclass, field

from prosa.corpus.config import CorpusConfig
from prosa.corpus.document import Document
from prosa.corpus.duplicates import signature
from prosa.corpus.problems import Problems
from prosa.corpus.readers.task import Raw, Task
from prosa.corpus.reflow import reflow_document
from prosa.corpus.registry import READERS
from prosa.corpus.repair import Change, excerpt, plain_ends, repair, size
from prosa.corpus.rules import Words, judge


@dataclass(frozen=True, slots=True)
class Cleaned:
    """A document after everything that can be said of it alone.

    Attributes:
        document: the clean text; only its beginning when ``dropped`` says that it goes.
        format: the file format that it came from.
        bytes_in: of the text as read, in UTF-8.
        bytes_out: of the clean text.
        dropped: (rule, why), None for a document to keep.
        changes: what was repaired.
        signature: for near-duplicates, empty when dropped.
    """

    document: Document
    format: str
    bytes_in: int
    bytes_out: int
    dropped: tuple[str, str] | None
    changes: tuple[Change, ...]
    signature: bytes


@dataclass
class Outcome:
    """What a batch of tasks gave."""

    cleaned: list[Cleaned] = field(default_factory=list)
    problems: Problems = field(default_factory=Problems)
    done: int = 0


def clean(raw: Raw, config: CorpusConfig) -> Cleaned:
    """Repair, reflow, judge and sign one text."""
    text = plain_ends(raw.text)
    bytes_in = size(text)
    text, changes = repair(text, raw.encoding)
    if config.reflow:
        text, joined = reflow_document(text)
        changes += joined
    words = Words(text)
    lang, dropped = judge(text, words, config)
    signed = b"" if dropped or config.near_duplicate_threshold >= 1 else signature(words)
    kept = text if dropped is None else excerpt(text)
    return Cleaned(Document(kept, raw.source, lang), raw.format, bytes_in, size(text), dropped, tuple(changes), signed)


def clean_batch(batch: list[Task], config: CorpusConfig) -> Outcome:
    """The documents and problems of some tasks, in order."""
    outcome = Outcome()
    for task in batch:
        for raw in READERS[task.format].texts(task, config, outcome.problems):
            outcome.cleaned.append(clean(raw, config))
        outcome.done += task.size
    return outcome

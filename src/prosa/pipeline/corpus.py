"""``prosa corpus``: files and folders of text -> clean, deduplicated, split documents."""

from pathlib import Path

from prosa.core.files import check_free
from prosa.corpus import CorpusReport, build_corpus
from prosa.corpus.config import CorpusConfig


def corpus(
    paths: tuple[Path, ...],
    *,
    out: Path,
    corpus: CorpusConfig = CorpusConfig(),
    force: bool = False,
) -> CorpusReport:
    """Read, repair, clean, deduplicate and split documents (.txt .md .html .pdf .jsonl .jsonl.gz .parquet).

    Args:
        paths: Files and folders; a folder is read with all that lies below it.
        out: Folder for train.jsonl, held_out.jsonl and report.json.
        corpus: Rules of reading, cleaning and splitting.
        force: Replace what is in the folder.

    Raises:
        UserError: nothing readable, most of it bad, or ``out`` is taken.
    """
    check_free(out, force=force, inputs=paths)
    return build_corpus(paths, out, corpus)

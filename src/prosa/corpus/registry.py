"""Which reader reads which format."""

from prosa.corpus.readers import html, jsonl, markdown, parquet, pdf, plain
from prosa.corpus.readers.task import Reader

READERS: dict[str, Reader] = {
    ".txt": plain,
    ".md": markdown,
    ".html": html,
    ".htm": html,
    ".pdf": pdf,
    ".jsonl": jsonl,
    ".jsonl.gz": jsonl,
    ".parquet": parquet,
}

"""``.parquet``: a row is a document, its text in one column; read in small batches of rows."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from prosa.core.language import tr
from prosa.corpus.config import CorpusConfig
from prosa.corpus.pieces import cut_text
from prosa.corpus.problems import Problems
from prosa.corpus.readers.task import BLOCK, Raw, Task, missing_extra, why

_ROWS = 256  # read at a time
_BUFFER = 1_000_000  # bytes of a column chunk held at a time


def tasks(path: Path, config: CorpusConfig, problems: Problems) -> Iterator[Task]:
    """Blocks of rows. A missing column, or one that does not hold text, is a problem.

    Raises:
        UserError: ``pyarrow`` is not installed.
    """
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError as error:
        raise missing_extra("pyarrow", "Parquet") from error
    name = path.as_posix()
    try:
        size = path.stat().st_size
        with pq.ParquetFile(path, buffer_size=_BUFFER, pre_buffer=False) as file:
            problem = _column_problem(file.schema_arrow, config.text_field, pa)
            if problem is not None:
                problems.add(name, problem)
                return
            share = size / max(1, file.metadata.num_rows)
            block: list[tuple[int, str | None]] = []
            held, row, piece = 0, 0, 1
            for batch in file.iter_batches(_ROWS, columns=[config.text_field]):
                for text in batch.column(0).to_pylist():
                    row += 1
                    block.append((row, text))
                    held += len(text or "")
                if held >= BLOCK:
                    yield Task(path, ".parquet", round(share * len(block)), piece, records=tuple(block))
                    block, held, piece = [], 0, piece + 1
            if block:
                yield Task(path, ".parquet", round(share * len(block)), piece, records=tuple(block))
    except (OSError, pa.ArrowException, UnicodeDecodeError) as error:
        problems.add(name, why(error))


def _column_problem(schema: Any, field: str, pa: Any) -> str | None:
    """Why the column cannot be read, with the columns that there are; None when it holds text."""
    if field not in schema.names:
        columns = ", ".join(schema.names)
        return tr(
            f"no column {field!r}; there are: {columns} (name one with text_field)",
            f"não há a coluna {field!r}; há: {columns} (indique uma com text_field)",
        )
    kind = schema.field(field).type
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    if pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind):
        return None
    return tr(
        f"column {field!r} holds {kind}, not text (name another with text_field)",
        f"a coluna {field!r} tem {kind}, não texto (indique outra com text_field)",
    )


def texts(task: Task, config: CorpusConfig, problems: Problems) -> Iterator[Raw]:
    """The text of every row that has one."""
    name = task.path.as_posix()
    for number, text in task.records:
        if isinstance(text, str):
            problems.good_record(name)
            for n, piece in enumerate(cut_text(text, config.max_document_chars), start=1):
                yield Raw(piece, f"{name}:{number}" if n == 1 else f"{name}:{number}#{n}", task.format)
        else:
            problems.bad_record(name, number, tr("null", "nulo"))

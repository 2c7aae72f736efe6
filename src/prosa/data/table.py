"""Rows of text tables. CSV as spreadsheets and pandas write it (commas, or semicolons where commas are decimal; quoted
fields may hold line ends), and TSV, whose fields hold neither tabs nor line ends and are quoted only as a whole.
"""

import csv
from collections.abc import Iterator
from pathlib import Path

from prosa.core.errors import UserError
from prosa.core.language import size as human_size
from prosa.core.language import tr
from prosa.corpus.encoding import decode
from prosa.corpus.problems import Problems
from prosa.corpus.readers.task import why

TABLES = (".csv", ".tsv")
LARGEST = 512 * 2**20  # bytes of a file, which is held in memory


def read_table(path: Path, problems: Problems) -> Iterator[tuple[int, list[str]]]:
    """The number of the line where a row begins (from 1), and its fields; a row that cannot be read is a problem.

    Raises:
        UserError: the file is missing, or larger than is read.
    """
    if not path.is_file():
        raise UserError(tr(f"{path} is not a file.", f"{path} não é um arquivo."))
    if path.stat().st_size > LARGEST:
        raise UserError(
            tr(
                f"{path}: a table of more than {human_size(LARGEST)} is not read.",
                f"{path}: uma tabela de mais de {human_size(LARGEST)} não é lida.",
            ),
            tr("Write it as JSONL, an object a line.", "Grave-a como JSONL, um objeto por linha."),
        )
    try:
        text = decode(path.read_bytes())[0]
    except OSError as error:
        problems.add(path.as_posix(), why(error))
        return
    lines = [line.removesuffix("\n").removesuffix("\r") for line in text.split("\n")]
    if path.suffix.lower() == ".tsv":
        for number, line in enumerate(lines, start=1):
            if line.strip():
                yield number, [_unquoted(field) for field in line.split("\t")]
        return
    first = next((line for line in lines if line.strip()), "")
    csv.field_size_limit(LARGEST)
    delimiter = ";" if first.count(";") > first.count(",") else ","
    # strict: a quotation that never ends would silently swallow the rest of the file
    rows = csv.reader((line + "\n" for line in lines), delimiter=delimiter, strict=True)
    while True:
        number = rows.line_num + 1
        try:
            row = next(rows, None)
        except csv.Error as error:
            problems.bad_record(path.as_posix(), number, str(error))
            continue
        if row is None:
            return
        if any(field.strip() for field in row):
            yield number, row


def _unquoted(field: str) -> str:
    inner = field[1:-1]
    whole = len(field) > 1 and field[0] == field[-1] == '"' and '"' not in inner.replace('""', "")
    return inner.replace('""', '"') if whole else field

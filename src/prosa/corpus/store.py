"""A corpus folder: ``train.jsonl`` and ``held_out.jsonl``, a document a line, read and written as streams."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Literal

from prosa.core.errors import UserError
from prosa.core.files import MANIFEST, is_complete, read_json
from prosa.core.language import tr
from prosa.corpus.document import Document
from prosa.corpus.report import Size

Split = Literal["train", "held_out"]
READ = 1 << 20  # bytes read at once: the usual 8 kB are a document or two


def split_file(folder: Path, split: Split) -> Path:
    """The file of one side of the split."""
    return folder / f"{split}.jsonl"


class Writer:
    """Appends documents to a file and counts them."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.size = Size()

    def write(self, document: Document) -> None:
        """One line: ``{"id", "text", "source", "lang"}``."""
        value = {"id": document.id, "text": document.text, "source": document.source, "lang": document.lang}
        self._file.write(json.dumps(value, ensure_ascii=False).encode("utf-8") + b"\n")
        self.size.add(document.n_bytes)


def read_split(path: Path) -> Iterator[Document]:
    """The documents of a split's file, one at a time.

    Raises:
        UserError: a line is not what ``Writer`` writes; it is named.
    """
    with path.open("rb", buffering=READ) as file:
        for number, line in enumerate(file, start=1):
            try:
                value = json.loads(line)
                yield Document(value["text"], value["source"], value["lang"])
            except (ValueError, KeyError, TypeError) as error:
                raise UserError(
                    tr(
                        f"{path}:{number}: not a document of a corpus.",
                        f"{path}:{number}: não é documento de um corpus.",
                    ),
                    tr("Make the corpus again.", "Refaça o corpus."),
                ) from error


def load_corpus(folder: Path, split: Split) -> Iterator[Document]:
    """The documents of a corpus folder, one at a time, in the order of the files they came from.

    The folder must be complete and the split's size must be its manifest's; checksums are not computed.

    Raises:
        UserError: there is no corpus, or its file is missing or was changed. At the call, not at the first document.
    """
    folder = Path(folder)
    path = split_file(folder, split)
    if not is_complete(folder):
        raise UserError(
            tr(f"{folder} is not a complete corpus.", f"{folder} não é um corpus completo."),
            tr("Make one with: prosa corpus FILES --out FOLDER", "Crie um com: prosa corpus ARQUIVOS --out PASTA"),
        )
    try:
        expected = read_json(folder / MANIFEST)["files"][path.name]["bytes"]
    except (KeyError, TypeError):
        expected = None
    actual = path.stat().st_size if path.is_file() else None
    if actual is None or actual != expected:
        raise UserError(
            tr(
                f"{path} has {actual} bytes; its manifest says {expected}.",
                f"{path} tem {actual} bytes; o manifesto diz {expected}.",
            ),
            tr("It was changed or cut short: make the corpus again.", "Foi alterado ou cortado: refaça o corpus."),
        )
    return read_split(path)

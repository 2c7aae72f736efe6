"""A judge's replies, kept in a file as they come: no question is asked, and paid for, twice.

A line is {"question": "…", "reply": "…"}; the question is known by a hash. The file is only ever added to. A last line
without its end, of a process that was killed while it wrote, is dropped.
"""

import json
from pathlib import Path

from prosa.core.errors import UserError
from prosa.core.files import write_bytes
from prosa.core.language import tr


class Replies:
    """What was replied to each question.

    Args:
        path: where they are kept; None: only in memory.

    Raises:
        UserError: the file cannot be read, or holds anything else.
    """

    def __init__(self, path: Path | None = None) -> None:
        self.path = path
        self._known: dict[str, str] = {}
        if path is not None and path.exists():
            self._read(path)

    def __len__(self) -> int:
        return len(self._known)

    def get(self, question: str) -> str | None:
        """The reply to a question; None: it was not asked yet."""
        return self._known.get(question)

    def add(self, question: str, reply: str) -> None:
        """Keep a reply.

        Raises:
            UserError: the file cannot be written.
        """
        self._known[question] = reply
        if self.path is None:
            return
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with self.path.open("a", encoding="utf-8") as file:
                file.write(json.dumps({"question": question, "reply": reply}) + "\n")
        except OSError as error:
            raise UserError(
                tr(f"cannot write {self.path}: {error}", f"não consigo gravar {self.path}: {error}")
            ) from error

    def _read(self, path: Path) -> None:
        try:
            content = path.read_bytes()
        except OSError as error:
            raise UserError(tr(f"cannot read {path}: {error}", f"não consigo ler {path}: {error}")) from error
        whole, _, rest = content.rpartition(b"\n")
        for at, line in enumerate(whole.split(b"\n") if whole else (), start=1):
            try:
                value = json.loads(line)
                self._known[str(value["question"])] = str(value["reply"])
            except (ValueError, LookupError, TypeError, RecursionError) as error:
                raise UserError(
                    tr(f"{path}:{at} is no reply of a judge.", f"{path}:{at} não é uma resposta de juiz."),
                    tr("Delete the file, or choose another --out.", "Apague o arquivo, ou escolha outro --out."),
                ) from error
        if rest:
            write_bytes(path, whole + b"\n" if whole else b"")

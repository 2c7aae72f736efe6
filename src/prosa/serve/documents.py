"""The owner's documents, for a server: searched by several threads, read again by their numbers.

A model NAME of a server with documents is there three times: NAME answers from them and on its own, NAME:only-documents
from them alone, NAME:no-documents without them.
"""

import re
import threading
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from prosa.core.language import tr
from prosa.retrieve.answer import Mode
from prosa.retrieve.search import Found, Index
from prosa.retrieve.terms import asked
from prosa.serve.errors import ApiError
from prosa.serve.served import Served

ONLY, WITHOUT = ":only-documents", ":no-documents"
PASSAGES = 5
"""How many are found for a question."""


class Documents:
    """An index, one thread at a time."""

    def __init__(self, index: Index) -> None:
        self._index, self._lock = index, threading.Lock()

    def search(self, question: str) -> Found:
        """The best passages for a question; none where it has no words."""
        if not asked(question):
            return Found((), {}, ())
        with self._lock:
            return self._index.search(question, k=PASSAGES)

    def passage(self, id: str) -> dict[str, Any]:
        """A passage that was cited, with what stands around it.

        Raises:
            ApiError: there is none of this id (any more): 404.
        """
        number = int(id) if re.fullmatch(r"[1-9][0-9]{0,17}", id) else -1
        with self._lock:
            found = self._index.passage(number)
        if found is None:
            message = tr("There is no such passage in the index.", "Não há este trecho no índice.")
            raise ApiError(404, message, param="id", code="passage_not_found")
        passage, before, after = found
        return {
            "id": id,
            "object": "passage",
            "file": passage.file,
            "place": str(passage.place),
            "text": passage.text,
            "before": before,
            "after": after,
        }

    def close(self) -> None:
        """Let go of the index."""
        with self._lock:
            self._index.close()


@dataclass(frozen=True)
class Library:
    """The documents that a model answers from, and whether from them alone."""

    documents: Documents
    mode: Mode


def with_documents(models: Iterable[Served], documents: Documents) -> list[Served]:
    """Each model three times; one that cannot chat stays as it is."""
    found: list[Served] = []
    for model in models:
        if model.encoder is None:
            found.append(model)
            continue
        found += [
            replace(model, library=Library(documents, "both")),
            replace(model, name=model.name + ONLY, library=Library(documents, "documents")),
            replace(model, name=model.name + WITHOUT),
        ]
    return found


def no_completions(name: str) -> ApiError:
    """The error for continuing a text by a model that answers from documents."""
    plain = name.removesuffix(ONLY) + WITHOUT
    message = tr(
        f"The model {name} answers questions from documents; {plain} continues texts.",
        f"O modelo {name} responde perguntas a partir de documentos; {plain} continua textos.",
    )
    return ApiError(400, message, param="model", code="model_has_documents")

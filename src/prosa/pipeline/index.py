"""``prosa index``: a folder of documents -> an index of its passages."""

from pathlib import Path
from typing import TYPE_CHECKING

from prosa.retrieve.index import Indexed, update_index

if TYPE_CHECKING:
    from prosa.retrieve.vectors import Embedder


def index(
    folder: Path,
    *,
    out: Path,
    model: str | None = None,
    text_field: str = "text",
    force: bool = False,
) -> Indexed:
    """Index a folder of documents, or bring its index up to date: only files that changed are read again.

    Args:
        folder: Your documents (.txt .md .html .pdf .jsonl .jsonl.gz .parquet). Nothing in it is changed.
        out: The index; it holds the text of the documents.
        model: A run or model folder whose vectors are made too, for prosa ask --by vectors or both.
        text_field: The field of JSONL and Parquet files that holds the text.
        force: Make the index anew, whatever it was an index of.

    Raises:
        UserError: nothing to read, a place that is taken, or another folder's or model's index.
    """
    embedder = load_embedder(model) if model is not None else None
    return update_index(folder, out, text_field=text_field, embedder=embedder, force=force)


def load_embedder(spec: str) -> "Embedder":
    """What makes vectors with the model of a run, a stage or a folder.

    Raises:
        UserError: no such model.
    """
    from prosa.pipeline.run import load
    from prosa.retrieve.vectors import Embedder

    model, tokenizer, folder = load(spec)
    return Embedder(model, tokenizer, name=str(folder))

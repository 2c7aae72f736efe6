"""Documents of several sources into a token folder, in a stream: memory does not grow with the corpus."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from prosa.core.ahead import ahead
from prosa.core.errors import UserError
from prosa.core.files import building, mark_complete, read_json, write_json
from prosa.core.language import tr
from prosa.core.progress import Bar, progress, warn
from prosa.data.index import INDEX, SPLITS, Index, Source, Split, SplitIndex
from prosa.data.mixing import check_weights
from prosa.data.writer import SplitWriter
from prosa.tokenizers.protocol import Tokenizer

TOKENIZER = "tokenizer"  # the folder in a token folder


@dataclass(frozen=True)
class DataConfig:
    """How tokens are stored.

    Args:
        shard_tokens: the most tokens a shard file holds.
        batch_bytes: how much text is encoded at once; memory is some ten times this. 1 MB of text and its ids stay in
            the processor's cache: in batches of 16 MB encoding takes 40 % longer.
    """

    shard_tokens: int = 100_000_000
    batch_bytes: int = 1_000_000


class HasText(Protocol):
    """What is needed of a document: ``corpus.Document`` has it."""

    @property
    def text(self) -> str: ...


Documents = Path | Sequence[Path] | Mapping[Split, Iterable[HasText]]


def prepare_tokens(
    sources: Mapping[str, tuple[Documents, float]], tokenizer: Tokenizer, out: Path, config: DataConfig = DataConfig()
) -> dict[str, Any]:
    """Encode all documents into the token folder ``out``, whole or not at all (it replaces one that is there).

    Every document is followed by the tokenizer's end-of-text, if it has one. Documents without text are left out and
    counted. The tokenizer goes along, in the folder's ``tokenizer/``: ids mean nothing without it.

    Args:
        sources: name -> (documents, weight). Documents are a corpus folder, several of them, or an iterable of objects
            with ``.text`` for each split, ``{"train": ..., "held_out": ...}``.

    Returns:
        What ``index.json`` holds (see ``data/index.py``).

    Raises:
        UserError: a name that cannot be a file's, a weight that is not above 0, text that is not Unicode, or a source
            with nothing to train on.
    """
    if not sources:
        raise UserError(tr("there are no sources to prepare.", "não há fontes para preparar."))
    _check_config(config)
    _check_names(list(sources))
    check_weights([weight for _, weight in sources.values()], list(sources))
    with (
        building(Path(out)) as folder,
        progress(tr("tokens", "tokens"), _megabytes(sources), "MB") as bar,
    ):
        done = []
        for name, (documents, weight) in sources.items():
            splits: dict[str, SplitIndex] = {
                split: _write_split(folder, name, split, documents, tokenizer, config, bar) for split in SPLITS
            }
            if splits["train"].tokens < 2:
                raise UserError(
                    tr(
                        f"source {name!r} has too little text (training documents: {splits['train'].documents}).",
                        f"a fonte {name!r} tem pouco para treinar (documentos de treino: {splits['train'].documents}).",
                    ),
                    tr("Add documents to it or leave it out.", "Acrescente documentos a ela ou retire-a."),
                )
            done.append(Source(name, float(weight), splits))
        index = Index(
            tokenizer.vocab_size, tokenizer.end_of_text, tokenizer.kind, tokenizer.fingerprint, tuple(done)
        ).to_json()
        write_json(folder / INDEX, index)
        tokenizer.save(folder / TOKENIZER)
        mark_complete(folder)
    return index


def _write_split(
    folder: Path, name: str, split: Split, documents: Documents, tokenizer: Tokenizer, config: DataConfig, bar: Bar
) -> SplitIndex:
    writer, empty = SplitWriter(folder, f"{name}-{split}", tokenizer.vocab_size, config.shard_tokens), 0
    with closing(writer):
        for batch in ahead(_batches(_documents(documents, split), config.batch_bytes, name)):
            kept = [item for item in batch if item.size]
            empty += len(batch) - len(kept)
            if kept:
                flat, offsets = _encode(tokenizer, kept, name)
                writer.add(*_with_endings(flat, offsets, tokenizer.end_of_text), [item.size for item in kept])
            bar.advance(sum(item.size for item in batch) / 1e6, f"{name} {split}")
        found = writer.finish()
    if empty:
        warn(
            tr(
                f"source {name!r}, {split}: documents without text, left out: {empty}.",
                f"fonte {name!r}, {split}: documentos sem texto, deixados de fora: {empty}.",
            )
        )
    return found


def _encode(tokenizer: Tokenizer, batch: "list[_Item]", name: str) -> tuple[NDArray[np.uint32], NDArray[np.int64]]:
    """Flat ids and offsets of the texts; a text that the tokenizer refuses is told by its document and source."""
    try:
        return tokenizer.encode_batch([item.text for item in batch])
    except UserError:
        for item in batch:
            try:
                tokenizer.encode(item.text)
            except UserError as error:
                raise UserError(tr("source", "fonte") + f" {name!r}, {item.where}: {error.what}", error.hint) from error
        raise


def _with_endings(
    flat: NDArray[np.uint32], offsets: NDArray[np.int64], end_of_text: int | None
) -> tuple[NDArray[np.uint32], NDArray[np.int64]]:
    """Flat ids and document lengths, the end-of-text put after each document: offsets (n+1,) -> lengths (n,)."""
    lengths = offsets[1:] - offsets[:-1]
    if end_of_text is None:
        return flat, lengths
    return np.insert(flat, offsets[1:], end_of_text), lengths + 1


class _Item(NamedTuple):
    """A document's text, its UTF-8 bytes, and how it is called in messages."""

    text: str
    size: int
    where: str


def _batches(documents: Iterable[HasText], batch_bytes: int, name: str) -> Iterator[list[_Item]]:
    """Documents, some ``batch_bytes`` at a time."""
    batch: list[_Item] = []
    total = 0
    for number, document in enumerate(documents, 1):
        where = getattr(document, "source", None) or f"{tr('document', 'documento')} {number}"
        try:
            size = len(document.text.encode("utf-8"))
        except UnicodeEncodeError as error:
            raise UserError(
                tr("source", "fonte")
                + f" {name!r}, {where}: "
                + tr(f"not Unicode text ({error.reason}).", f"não é texto Unicode ({error.reason}).")
            ) from error
        batch.append(_Item(document.text, size, where))
        total += size
        if total >= batch_bytes:
            yield batch
            batch, total = [], 0
    if batch:
        yield batch


def _documents(documents: Documents, split: Split) -> Iterator[HasText]:
    if isinstance(documents, Mapping):
        yield from documents.get(split, ())
        return
    from prosa.corpus import load_corpus

    for folder in _folders(documents):
        yield from load_corpus(folder, split)


def _folders(documents: Path | Sequence[Path]) -> list[Path]:
    return [documents] if isinstance(documents, Path) else list(documents)


def _megabytes(sources: Mapping[str, tuple[Documents, float]]) -> float | None:
    """How much text there is, from the corpus folders' reports; None when some source does not tell."""
    total = 0.0
    for documents, _ in sources.values():
        if isinstance(documents, Mapping):
            return None
        for folder in _folders(documents):
            if not (folder / "report.json").is_file():
                return None
            report = read_json(folder / "report.json")
            total += sum(report[split]["bytes"] for split in SPLITS)
    return total / 1e6


def _check_config(config: DataConfig) -> None:
    for field in ("shard_tokens", "batch_bytes"):
        if getattr(config, field) < 1:
            raise UserError(
                tr(
                    f"data: {field} is {getattr(config, field)}; it must be at least 1.",
                    f"data: {field} é {getattr(config, field)}; precisa ser pelo menos 1.",
                )
            )


def _check_names(names: list[str]) -> None:
    """Names go into file names: letters, digits, ``_``, ``-`` and ``.`` only, different also without regard to case."""
    for name in names:
        if not name.replace("-", "").replace("_", "").replace(".", "").isalnum():
            raise UserError(
                tr(f"{name!r} cannot name a source.", f"{name!r} não serve de nome de fonte."),
                tr("Use letters, digits, - _ and . only.", "Use apenas letras, algarismos, - _ e ponto."),
            )
    if len({name.casefold() for name in names}) < len(names):
        raise UserError(
            tr(
                f"two sources have the same name: {', '.join(names)}.",
                f"duas fontes têm o mesmo nome: {', '.join(names)}.",
            )
        )

"""``prosa tokenizer``: train, encode, decode, show, compare."""

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from prosa.core.errors import UserError
from prosa.core.files import building, check_free, is_complete, mark_complete
from prosa.core.language import tr
from prosa.pipeline.run import CORPUS
from prosa.tokenizers.compare import Comparison
from prosa.tokenizers.compare import compare as compare_tokenizers
from prosa.tokenizers.config import TokenizerConfig
from prosa.tokenizers.load import load as load_tokenizer
from prosa.tokenizers.pieces import Piece, pieces
from prosa.tokenizers.protocol import Tokenizer
from prosa.tokenizers.train import train as train_tokenizer


@dataclass(frozen=True)
class Trained:
    """A trained tokenizer and where it lies."""

    tokenizer: Tokenizer
    folder: Path

    def to_json(self) -> dict[str, Any]:
        """Kind, size, fingerprint and folder."""
        return {
            "kind": self.tokenizer.kind,
            "vocab_size": self.tokenizer.vocab_size,
            "special_tokens": self.tokenizer.special_tokens,
            "fingerprint": self.tokenizer.fingerprint,
            "folder": str(self.folder),
        }


@dataclass(frozen=True)
class Encoded:
    """The ids of a text and each token's text."""

    ids: list[int]
    tokens: list[str]

    def to_json(self) -> dict[str, Any]:
        """``{"ids", "tokens", "count"}``."""
        return {"ids": self.ids, "tokens": self.tokens, "count": len(self.ids)}


def train(
    paths: tuple[Path, ...],
    *,
    out: Path,
    tokenizer: TokenizerConfig = TokenizerConfig(),
    force: bool = False,
) -> Trained:
    """Learn a vocabulary from a corpus folder or from files and folders of text.

    Args:
        paths: A corpus folder (its training documents are read), or files and folders of text.
        out: Folder for tokenizer.json and its companions.
        tokenizer: Kind and size of the vocabulary.
        force: Replace what is in the folder.

    Raises:
        UserError: nothing to learn from, an impossible size, or ``out`` is taken.
    """
    texts = _texts(paths)
    check_free(out, force=force, inputs=paths)
    trained = train_tokenizer(texts, tokenizer)
    with building(out) as folder:
        trained.save(folder)
        mark_complete(folder)
    return Trained(trained, out)


def _texts(paths: tuple[Path, ...]) -> Iterator[str]:
    from prosa.corpus import load_corpus
    from prosa.corpus.config import CorpusConfig
    from prosa.corpus.read import read_documents

    if not paths:
        raise UserError(tr("no text given.", "nenhum texto foi dado."))
    plain = []
    for path in paths:
        folder = next((f for f in (path, path / CORPUS) if is_complete(f) and (f / "train.jsonl").is_file()), None)
        if folder is None:
            plain.append(path)
        else:
            yield from (document.text for document in load_corpus(folder, "train"))
    if plain:
        yield from (document.text for document in read_documents(plain, CorpusConfig()))


def given_text(words: tuple[str, ...]) -> str:
    """The text of a command line: its words joined by a space, or standard input for ``-``."""
    if words != ("-",):
        return " ".join(words)
    try:
        return sys.stdin.buffer.read().decode("utf-8")
    except UnicodeDecodeError as error:
        raise UserError(
            tr(f"standard input is not UTF-8: {error}", f"a entrada padrão não é UTF-8: {error}"),
            tr("Convert it first, or use a file.", "Converta-a antes, ou use um arquivo."),
        ) from error


def encode(text: tuple[str, ...], *, tokenizer: str, allow_special: bool = False) -> Encoded:
    """Text to ids.

    Args:
        text: The text; - reads standard input as it is.
        tokenizer: Tokenizer: a run, a folder, a file, or KIND:PATH.
        allow_special: Take <|endoftext|> and its like in the text as control tokens, not as text.
    """
    loaded = load_tokenizer(tokenizer)
    ids = [int(i) for i in loaded.encode(given_text(text), allow_special=allow_special)]
    return Encoded(ids, [loaded.token_text(i) for i in ids])


def decode(ids: tuple[int, ...], *, tokenizer: str) -> str:
    """Ids to text.

    Args:
        ids: The ids.
        tokenizer: Tokenizer: a run, a folder, a file, or KIND:PATH.
    """
    loaded = load_tokenizer(tokenizer)
    bad = [i for i in ids if not 0 <= i < loaded.vocab_size]
    if bad:
        raise UserError(
            tr(
                f"id {bad[0]} is not in 0..{loaded.vocab_size - 1}.",
                f"o id {bad[0]} não está em 0..{loaded.vocab_size - 1}.",
            )
        )
    return loaded.decode(ids)


def show(text: tuple[str, ...], *, tokenizer: str) -> list[Piece]:
    """The pieces that a tokenizer cuts a text into, in colour.

    Args:
        text: The text; - reads standard input.
        tokenizer: Tokenizer: a run, a folder, a file, or KIND:PATH.
    """
    return pieces(load_tokenizer(tokenizer), given_text(text))


def compare(specs: tuple[str, ...], *, text: tuple[Path, ...], price: tuple[float, ...] = ()) -> list[Comparison]:
    """Several tokenizers on one text: tokens, characters and bytes a token, fertility, unknowns, cost.

    Args:
        specs: Tokenizers: runs, folders, files, or KIND:PATH.
        text: Files of text.
        price: Prices for 1,000 tokens: one for all, or one a tokenizer.
    """
    from prosa.corpus.config import CorpusConfig
    from prosa.corpus.read import read_documents

    if len(price) not in (0, 1, len(specs)):
        raise UserError(
            tr(
                f"{len(price)} prices for {len(specs)} tokenizers.",
                f"{len(price)} preços para {len(specs)} tokenizadores.",
            )
        )
    content = "\n".join(document.text for document in read_documents(list(text), CorpusConfig()))
    prices = dict(zip(specs, price * len(specs) if len(price) == 1 else price, strict=False))
    return compare_tokenizers({spec: load_tokenizer(spec) for spec in specs}, content, prices)

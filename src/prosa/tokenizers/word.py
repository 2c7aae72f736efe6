"""Word tokenizers V1 and V2 (Raschka, "Build a Large Language Model (From Scratch)", 2024, chapter 2).

A text is split at blanks, which are dropped, and around ``, . : ; ? _ ! " ( ) '`` and ``--``, which are tokens. V1
knows only the words of its vocabulary. V2 adds ``<|endoftext|>`` and ``<|unk|>``, and reads unknown words as
``<|unk|>``; to give the published ids, it takes ``<|endoftext|>`` for the token even without ``allow_special``: that is
its definition, and it has no control tokens of a chat that could be forged. Neither restores the text: see ``decode``.
"""

import hashlib
import json
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from prosa.core.errors import UserError
from prosa.core.files import read_json, write_json
from prosa.core.language import tr
from prosa.tokenizers.config import END_OF_TEXT, UNKNOWN
from prosa.tokenizers.library import flatten
from prosa.tokenizers.text import read_text, surrogate_error

WORD_FILE = "word-tokenizer.json"
WordKind = Literal["word-v1", "word-v2"]

# What re.split(r'''([,.:;?_!"()']|--|\s)''') leaves once blanks are dropped.
TOKEN = re.compile(r"""[,.:;?_!"()']|--|(?:(?!--)[^,.:;?_!"()'\s])+""")
# Before these, decoding takes the blank away; V2 adds : and ;.
CLOSING = {"word-v1": ",.?!\"()'", "word-v2": ",.:;?!\"()'"}


class WordTokenizer:
    """V1 or V2 over a list of words (see ``Tokenizer`` for the methods).

    Args:
        tokens: the vocabulary; a token's place is its id. V2's must hold ``<|unk|>``.
    """

    def __init__(self, kind: WordKind, tokens: Sequence[str]) -> None:
        self.kind: str = kind
        self.tokens = tuple(tokens)
        self._ids = {token: id for id, token in enumerate(self.tokens)}
        self.vocab_size = len(self.tokens)
        self.end_of_text = self._ids.get(END_OF_TEXT)
        self.unknown = self._ids[UNKNOWN] if kind == "word-v2" else None
        names = (END_OF_TEXT, UNKNOWN) if kind == "word-v2" else ()
        self.special_tokens: dict[str, int] = {token: self._ids[token] for token in names if token in self._ids}
        self._closing = re.compile(rf"\s+([{re.escape(CLOSING[kind])}])")
        definition = json.dumps([kind, self.tokens], ensure_ascii=False)
        self.fingerprint = hashlib.sha256(definition.encode("utf-8", "surrogatepass")).hexdigest()

    def encode(self, text: str, *, allow_special: bool = False) -> list[int]:
        """See ``Tokenizer.encode``; ``allow_special`` changes nothing here (see the module)."""
        return [id for id, _, _ in self.spans(text)]

    def spans(self, text: str) -> list[tuple[int, int, int]]:
        """See ``Tokenizer.spans``."""
        if (refusal := surrogate_error(text)) is not None:
            raise refusal
        found = []
        for match in TOKEN.finditer(text):
            id = self._ids.get(match.group(), self.unknown)
            if id is None:
                raise _unknown_word(match.group(), text, match.start())
            found.append((id, match.start(), match.end()))
        return found

    def encode_batch(self, texts: Sequence[str]) -> tuple[NDArray[np.uint32], NDArray[np.int64]]:
        """See ``Tokenizer.encode_batch``."""
        parts = []
        for number, text in enumerate(texts):
            try:
                parts.append(np.array(self.encode(text), dtype=np.uint32))
            except UserError as error:
                raise UserError(tr(f"text {number}: ", f"texto {number}: ") + error.what, error.hint) from error
        return flatten(parts)

    def decode(self, ids: Sequence[int]) -> str:
        """The words joined by blanks, and no blank before closing punctuation.

        Raises:
            UserError: an id outside the vocabulary.
        """
        return self._closing.sub(r"\1", " ".join([self.token_text(id) for id in ids]))

    def token_bytes(self, id: int) -> bytes:
        """See ``Tokenizer.token_bytes``."""
        return self._closing.sub(r"\1", " " + self.token_text(id)).encode("utf-8")

    def token_text(self, id: int) -> str:
        """See ``Tokenizer.token_text``."""
        if not 0 <= id < self.vocab_size:
            raise UserError(
                tr(
                    f"token id {id} is not in this vocabulary of {self.vocab_size} words (0 to {self.vocab_size - 1}).",
                    f"o id {id} não está neste vocabulário de {self.vocab_size} palavras (0 a {self.vocab_size - 1}).",
                )
            )
        return self.tokens[id]

    def save(self, folder: Path) -> None:
        """Write word-tokenizer.json: the kind and the words in the order of their ids."""
        write_json(folder / WORD_FILE, {"kind": self.kind, "tokens": list(self.tokens)})


def _unknown_word(word: str, text: str, start: int) -> UserError:
    line = text.count("\n", 0, start) + 1
    return UserError(
        tr(
            f"the word {word!r} (character {start}, line {line}) is not in the vocabulary.",
            f"a palavra {word!r} (caractere {start}, linha {line}) não está no vocabulário.",
        ),
        tr(
            "word-v1 has no token for unknown words; word-v2 has, and byte-level BPE needs none.",
            "word-v1 não tem token para palavras desconhecidas; word-v2 tem, e o BPE de bytes não precisa.",
        ),
    )


def words(text: str) -> list[str]:
    """The tokens of a text, as V1 and V2 split it."""
    return TOKEN.findall(text)


def word_tokenizer(kind: WordKind, vocabulary: Iterable[str]) -> WordTokenizer:
    """V1 or V2 over the distinct words of ``vocabulary``, sorted; V2's two tokens come last."""
    tokens = sorted(set(vocabulary) - {END_OF_TEXT, UNKNOWN} if kind == "word-v2" else set(vocabulary))
    return WordTokenizer(kind, [*tokens, END_OF_TEXT, UNKNOWN] if kind == "word-v2" else tokens)


def load_word(path: Path, kind: WordKind) -> WordTokenizer:
    """A word tokenizer from a folder saved by us, a JSON vocabulary, a file of one token a line, or any text.

    A JSON holds token: id pairs or a list of tokens. A file in which some line holds more than one token is a text, of
    which the vocabulary is built; otherwise each line is a token, whose id is its place.

    Raises:
        UserError: unreadable, empty, or ids that are not 0, 1, 2, …
    """
    file = path / WORD_FILE if path.is_dir() else path
    if file.suffix == ".json":
        return _given(kind, _json_tokens(file), file)
    lines = [words(line) for line in read_text(file).splitlines()]
    if any(len(line) > 1 for line in lines):
        return word_tokenizer(kind, (word for line in lines for word in line))
    return _given(kind, [line[0] for line in lines if line], file)


def saved_kind(folder: Path) -> WordKind:
    """The kind of the tokenizer saved in ``folder``.

    Raises:
        UserError: word-tokenizer.json is damaged.
    """
    value = read_json(folder / WORD_FILE)
    kind = value.get("kind") if isinstance(value, dict) else None
    if kind not in list(CLOSING):
        raise UserError(
            tr(
                f"{folder / WORD_FILE} is not a word tokenizer's: its kind is {kind!r}, not word-v1 or word-v2.",
                f"{folder / WORD_FILE} não é de um tokenizador de palavras: kind é {kind!r}, e não word-v1 ou word-v2.",
            )
        )
    return "word-v1" if kind == "word-v1" else "word-v2"


def _json_tokens(file: Path) -> list[str]:
    value = read_json(file)
    if isinstance(value, dict) and isinstance(value.get("tokens"), list):
        value = value["tokens"]
    if isinstance(value, dict):
        if sorted(map(str, value.values())) != sorted(map(str, range(len(value)))):
            raise UserError(
                tr(
                    f"{file}: the ids of {len(value)} tokens must be 0 to {len(value) - 1}, each once.",
                    f"{file}: os ids de {len(value)} tokens devem ser de 0 a {len(value) - 1}, um de cada.",
                )
            )
        value = sorted(value, key=lambda token: int(value[token]))
    if not isinstance(value, list) or not all(isinstance(token, str) for token in value):
        raise UserError(
            tr(f"{file}: expected token: id pairs or a list of tokens.", f"{file}: esperava pares token: id ou lista.")
        )
    return value


def _given(kind: WordKind, tokens: list[str], file: Path) -> WordTokenizer:
    """A vocabulary as it is; V2's two tokens are added when it lacks them."""
    if not tokens:
        raise UserError(tr(f"{file} holds no token.", f"{file} não tem nenhum token."))
    seen: set[str] = set()
    for token in tokens:
        if token in seen:
            raise UserError(tr(f"{file}: the token {token!r} is repeated.", f"{file}: o token {token!r} se repete."))
        seen.add(token)
    if kind == "word-v2":
        tokens = [*tokens, *(token for token in (END_OF_TEXT, UNKNOWN) if token not in seen)]
    return WordTokenizer(kind, tokens)

"""Everything that a ``tokenizer.json`` holds: byte-level BPE, WordPiece, Unigram, WordLevel, and what others publish.

``tokenizers`` is the reference; long texts and batches of BPE go through fastokens (fast.py).
"""

import functools
import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tokenizers
from numpy.typing import NDArray

from prosa.core.errors import UserError
from prosa.core.files import read_json, write_json, write_text
from prosa.core.language import tr
from prosa.tokenizers import bytelevel, fast
from prosa.tokenizers.config import CHAT_TEMPLATE, CHAT_TOKENS
from prosa.tokenizers.frame import for_transformers
from prosa.tokenizers.text import read_text, surrogate_error

KINDS = {"BPE": "bpe", "WordPiece": "wordpiece", "Unigram": "unigram", "WordLevel": "wordlevel"}
ENDS = ("<|endoftext|>", "<|end_of_text|>", "</s>", "<eos>", "<|im_end|>", "[SEP]")
LONG = 10_000  # characters: from here on, opening the fast encoder pays
REFERENCE_BATCH = 256


class LibraryTokenizer:
    """A tokenizer defined by a ``tokenizer.json`` (see ``Tokenizer`` for the methods).

    Args:
        definition: the content of a tokenizer.json; its truncation, padding and post-processor are left aside.
        settings: the content of tokenizer_config.json, kept when saving.
        chat_template: Jinja; when None and all of Prosa's chat tokens are there, Prosa's.
        where: the file, for error messages.
    """

    def __init__(
        self,
        definition: dict[str, Any],
        settings: dict[str, Any] | None = None,
        chat_template: str | None = None,
        where: str = "tokenizer.json",
    ) -> None:
        self._definition = {**definition, "truncation": None, "padding": None}
        self._settings = settings or {}
        try:
            # The post-processor only adds special tokens and trims offsets: neither is wanted here.
            self._json = json.dumps({**self._definition, "post_processor": None}, ensure_ascii=False)
            self._reference = self._open(plain=True)
            model = definition["model"]
            self.kind = KINDS[type(self._reference.model).__name__]  # files of 2020 do not say "type"
        except Exception as error:  # tokenizers raises bare Exceptions
            raise UserError(
                tr(
                    f"{where} is not a tokenizer.json that can be read: {error}",
                    f"{where} não é um tokenizer.json que se possa ler: {error}",
                )
            ) from error
        added: dict[int, tokenizers.AddedToken] = self._reference.get_added_tokens_decoder()
        self.special_tokens: dict[str, int] = {token.content: id for id, token in added.items() if token.special}
        self._vocab: dict[str, int] = self._reference.get_vocab(with_added_tokens=True)
        self.vocab_size = max(self._vocab.values(), default=-1) + 1
        self._by_id: list[str | None] = [None] * self.vocab_size
        for token, id in self._vocab.items():
            self._by_id[id] = token
        self._added_ids = frozenset(added)
        self.unknown = model.get("unk_id") if self.kind == "unigram" else self._vocab.get(model.get("unk_token") or "")
        self.end_of_text = self._find_end()
        self.byte_level = (definition.get("decoder") or {}).get("type") == "ByteLevel"
        if chat_template is None and all(token in self.special_tokens for token in CHAT_TOKENS):
            chat_template = CHAT_TEMPLATE
        self.chat_template = chat_template
        self._fast: Any = None
        self._fast_tried = self.kind != "bpe"

    def _open(self, *, plain: bool) -> tokenizers.Tokenizer:
        opened = tokenizers.Tokenizer.from_str(self._json)
        opened.encode_special_tokens = plain
        return opened

    def _find_end(self) -> int | None:
        told = self._settings.get("eos_token")
        told = told.get("content") if isinstance(told, dict) else told
        names = [told, *ENDS] if isinstance(told, str) else ENDS
        return next((self._vocab[name] for name in names if name in self._vocab), None)

    @functools.cached_property
    def _reads_special(self) -> tokenizers.Tokenizer:
        return self._open(plain=False)

    @functools.cached_property
    def fingerprint(self) -> str:
        """Hexadecimal SHA-256 of the parts of tokenizer.json that decide the ids."""
        parts = {key: self._definition.get(key) for key in ("added_tokens", "normalizer", "pre_tokenizer", "model")}
        canonical = json.dumps(parts, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(canonical.encode("utf-8", "surrogatepass")).hexdigest()

    def encode(self, text: str, *, allow_special: bool = False) -> list[int]:
        """See ``Tokenizer.encode``."""
        try:
            if allow_special:
                return self._ids(self._reads_special, text)
            if len(text) >= LONG and (encoder := self._fast_encoder([text])):
                ids: list[int] = fast.encode_flat(encoder, [text])[0].tolist()
                return ids
            return self._ids(self._reference, text)
        except (TypeError, UnicodeEncodeError) as error:
            raise surrogate_error(text) or error from error

    @staticmethod
    def _ids(encoder: tokenizers.Tokenizer, text: str) -> list[int]:
        ids: list[int] = encoder.encode(text, add_special_tokens=False).ids
        return ids

    def encode_batch(self, texts: Sequence[str]) -> tuple[NDArray[np.uint32], NDArray[np.int64]]:
        """See ``Tokenizer.encode_batch``."""
        try:
            if encoder := self._fast_encoder(texts):
                return fast.encode_flat(encoder, texts)
            lists: list[NDArray[np.uint32]] = []
            for start in range(0, len(texts), REFERENCE_BATCH):
                part = list(texts[start : start + REFERENCE_BATCH])
                encodings = self._reference.encode_batch_fast(part, add_special_tokens=False)
                lists.extend(np.array(encoding.ids, dtype=np.uint32) for encoding in encodings)
            return flatten(lists)
        except (TypeError, UnicodeEncodeError) as error:
            for number, text in enumerate(texts):
                if (refusal := surrogate_error(text, number)) is not None:
                    raise refusal from error
            raise

    def _fast_encoder(self, texts: Sequence[str]) -> Any:
        """The fast encoder, opened and compared with the reference the first time, or None."""
        if not self._fast_tried:
            self._fast = fast.open_fast(self._plain_definition(), self._reference, texts)
            self._fast_tried = True
        return self._fast

    def _plain_definition(self) -> dict[str, Any]:
        """The tokenizer.json without its special tokens: content never is one, and fastokens wants no gaps."""
        model = self._definition["model"]
        vocab = {token: id for token, id in model["vocab"].items() if token not in self.special_tokens}
        added = [token for token in self._definition.get("added_tokens") or [] if not token["special"]]
        return {**self._definition, "post_processor": None, "added_tokens": added, "model": {**model, "vocab": vocab}}

    def spans(self, text: str) -> list[tuple[int, int, int]]:
        """See ``Tokenizer.spans``."""
        try:
            found = self._reference.encode(text, add_special_tokens=False)
        except TypeError as error:
            raise surrogate_error(text) or error from error
        return [(id, start, end) for id, (start, end) in zip(found.ids, found.offsets, strict=True)]

    def decode(self, ids: Sequence[int]) -> str:
        """See ``Tokenizer.decode``."""
        ids = [self._checked(id) for id in ids]
        if self.byte_level:
            table = self._bytes
            return b"".join([table[id] for id in ids]).decode("utf-8", "replace")
        text: str = self._reference.decode(ids, skip_special_tokens=False)
        return text

    def _checked(self, id: int) -> int:
        if not 0 <= id < self.vocab_size:
            raise UserError(
                tr(
                    f"token id {id} is not in this vocabulary of {self.vocab_size} (0 to {self.vocab_size - 1}).",
                    f"o id {id} não está neste vocabulário de {self.vocab_size} (0 a {self.vocab_size - 1}).",
                )
            )
        return int(id)

    @functools.cached_property
    def _bytes(self) -> list[bytes]:
        return [self._bytes_of(id, token) for id, token in enumerate(self._by_id)]

    def _bytes_of(self, id: int, token: str | None) -> bytes:
        if token is None:
            return b""
        if id in self._added_ids:
            return token.encode("utf-8")
        if self.byte_level:
            return bytelevel.to_bytes(token)
        if self._definition["model"].get("byte_fallback") and len(token) == 6 and token.startswith("<0x"):
            return bytes.fromhex(token[3:5])
        # After another token, as in mid-sentence: WordPiece's "ing" is " ing", "##ing" is "ing".
        decoder = self._reference.decoder
        joined: str = f"a {token}" if decoder is None else decoder.decode(["a", token])
        return joined[1:].encode("utf-8")

    def token_bytes(self, id: int) -> bytes:
        """See ``Tokenizer.token_bytes``."""
        return self._bytes[self._checked(id)]

    def token_text(self, id: int) -> str:
        """See ``Tokenizer.token_text``."""
        token = self._by_id[self._checked(id)] or ""
        return self.token_bytes(id).decode("utf-8", "backslashreplace") if self.byte_level else token

    def save(self, folder: Path) -> None:
        """Write tokenizer.json, tokenizer_config.json and, for chat tokens, chat_template.jinja.

        ``tokenizer_class`` is PreTrainedTokenizerFast: without it ``AutoTokenizer``, in a folder with a Qwen3
        config.json, would silently put Qwen's own split pattern and NFC in the place of ours.
        """
        settings = {
            **self._settings,
            "tokenizer_class": "PreTrainedTokenizerFast",
            "clean_up_tokenization_spaces": False,
        }
        if self.end_of_text is not None:
            settings.setdefault("eos_token", self._by_id[self.end_of_text])
        if self.unknown is not None:
            settings.setdefault("unk_token", self._by_id[self.unknown])
        named, framing = for_transformers(self.special_tokens)
        settings = named | settings
        definition = self._definition
        if framing is not None and definition.get("post_processor") is None:
            definition = {**definition, "post_processor": framing}
        # Not indented: Python writes the 100,000 merges of a large vocabulary ten times as fast.
        write_text(folder / "tokenizer.json", json.dumps(definition, ensure_ascii=False) + "\n")
        write_json(folder / "tokenizer_config.json", settings)
        if self.chat_template is not None:
            write_text(folder / "chat_template.jinja", self.chat_template)


def flatten(parts: Sequence[NDArray[np.uint32]]) -> tuple[NDArray[np.uint32], NDArray[np.int64]]:
    """Ids of each text → flat ids (n,) and offsets (texts + 1,)."""
    offsets = np.zeros(len(parts) + 1, dtype=np.int64)
    np.cumsum([len(part) for part in parts], out=offsets[1:])
    flat = np.concatenate(parts) if parts else np.zeros(0)
    return flat.astype(np.uint32, copy=False), offsets


def read_library_files(path: Path) -> tuple[dict[str, Any], dict[str, Any], str | None]:
    """A tokenizer.json and what lies beside it: its content, tokenizer_config.json's, the chat template.

    Raises:
        UserError: a file that is not JSON.
    """
    definition = read_json(path)
    if not isinstance(definition, dict) or not isinstance(definition.get("model"), dict):
        raise UserError(tr(f"{path} is not a tokenizer.json.", f"{path} não é um tokenizer.json."))
    template = path.with_name("chat_template.jinja")
    return definition, read_settings(path.parent), read_text(template) if template.is_file() else None


def read_settings(folder: Path) -> dict[str, Any]:
    """The tokenizer_config.json in ``folder``, {} when there is none.

    Raises:
        UserError: it is not a JSON object.
    """
    path = folder / "tokenizer_config.json"
    settings = read_json(path) if path.is_file() else {}
    if not isinstance(settings, dict):
        raise UserError(tr(f"{path}: expected key: value pairs.", f"{path}: esperava pares chave: valor."))
    return settings

"""Train a tokenizer of any family on a stream of texts: words and counts are kept, not the texts.

But for the first 39 MB where the vocabulary's size is automatic (``_automatic``), and WordPiece's temporary file.
"""

import itertools
import json
import tempfile
from collections.abc import Iterable, Iterator
from typing import Any

import tokenizers
from tokenizers import decoders, models, normalizers, pre_tokenizers, trainers

from prosa.core.errors import UserError
from prosa.core.language import number, tr
from prosa.core.progress import progress, warn
from prosa.tokenizers import bert, bytelevel
from prosa.tokenizers.char import char_tokenizer
from prosa.tokenizers.config import BYTES_A_TOKEN, LARGEST, TokenizerConfig, automatic_vocab_size
from prosa.tokenizers.library import LibraryTokenizer
from prosa.tokenizers.protocol import Tokenizer
from prosa.tokenizers.text import surrogate_error
from prosa.tokenizers.word import word_tokenizer, words


def train(texts: Iterable[str], config: TokenizerConfig) -> Tokenizer:
    """A tokenizer learnt from ``texts`` (read once, streaming).

    BPE, WordPiece and Unigram learn with ``tokenizers``; BPE and Unigram are byte-level with Qwen2's split pattern,
    WordPiece splits as BERT and keeps case and accents. Special tokens come after all others. The same texts give the
    same tokenizer, but for Unigram, whose trainer sums in the order of a hash table: its scores move a little.

    Raises:
        UserError: no text, or a text with a lone surrogate (it is named).
    """
    with progress(tr("tokenizer: reading", "tokenizador: lendo"), None, "MB") as bar:

        def watched() -> Iterator[str]:
            for index, text in enumerate(texts):
                if (refusal := surrogate_error(text, index)) is not None:
                    raise refusal
                yield text
                bar.advance(len(text) / 1e6)

        stream: Iterator[str] = (text for text in watched() if text)
        first = next(stream, None)
        if first is None:
            raise UserError(tr("there is no text to train a tokenizer on.", "não há texto para treinar o tokenizador."))
        stream = itertools.chain([first], stream)
        if config.kind == "char":
            return char_tokenizer(_union(stream), config.special_tokens)
        if config.kind == "word-v1" or config.kind == "word-v2":
            return word_tokenizer(config.kind, _union(map(words, stream)))
        size = config.vocab_size
        if not size:
            size, stream = _automatic(stream)
        definition = _learn(stream, config, size - len(config.special_tokens))
    vocab = definition["model"]["vocab"]  # of Unigram: [piece, score] pairs
    taken = {entry if isinstance(entry, str) else entry[0] for entry in vocab}
    for token in config.special_tokens:
        if token in taken:
            raise UserError(
                tr(
                    f"the special token {token!r} is also a word of the text.",
                    f"o token especial {token!r} também é palavra do texto.",
                ),
                tr(
                    "Give it a form that no text has: <|name|>.", "Dê a ele uma forma que nenhum texto tenha: <|nome|>."
                ),
            )
    first_id = len(vocab)
    definition["added_tokens"] += [
        bytelevel.added_token(token, first_id + place) for place, token in enumerate(config.special_tokens)
    ]
    learnt = LibraryTokenizer(definition)
    if config.vocab_size and learnt.vocab_size < config.vocab_size:
        warn(
            tr(
                f"the text holds only {number(learnt.vocab_size)} tokens worth having, not {number(size)}.",
                f"o texto só rende {number(learnt.vocab_size)} tokens, e não {number(size)}.",
            )
        )
    return learnt


def _union(parts: Iterable[Iterable[str]]) -> set[str]:
    """All the characters or words of a stream, one text at a time."""
    found: set[str] = set()
    for part in parts:
        found.update(part)
    return found


def _automatic(texts: Iterator[str]) -> tuple[int, Iterator[str]]:
    """The vocabulary size that fits ``texts``, and the same texts again.

    Texts are held only until they reach the bytes (39 MB) from which on the size no longer grows.
    """
    held, n_bytes = [], 0
    for text in texts:
        held.append(text)
        n_bytes += len(text.encode("utf-8"))
        if n_bytes >= LARGEST * BYTES_A_TOKEN:
            break
    return automatic_vocab_size(n_bytes), itertools.chain(held, texts)


def _learn(texts: Iterator[str], config: TokenizerConfig, size: int) -> dict[str, Any]:
    """The tokenizer.json of ``size`` learnt tokens, without the control tokens."""
    if config.kind == "wordpiece":
        return _learn_wordpiece(texts, config, size)
    alphabet = sorted(bytelevel.BYTE_CHARACTERS)
    learner = tokenizers.Tokenizer(models.BPE() if config.kind == "bpe" else models.Unigram())
    learner.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(tokenizers.Regex(bytelevel.QWEN2_PATTERN), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, trim_offsets=False, use_regex=False),
        ]
    )
    learner.decoder = decoders.ByteLevel()
    trainer: Any
    if config.kind == "bpe":
        trainer = trainers.BpeTrainer(
            vocab_size=size, min_frequency=config.min_frequency, initial_alphabet=alphabet, show_progress=False
        )
    else:
        trainer = trainers.UnigramTrainer(vocab_size=size, initial_alphabet=alphabet, show_progress=False)
    learner.train_from_iterator(texts, trainer=trainer)
    definition: dict[str, Any] = json.loads(learner.to_str())
    return definition


def _learn_wordpiece(texts: Iterator[str], config: TokenizerConfig, size: int) -> dict[str, Any]:
    """The same for WordPiece, in two passes, so that the same texts give the same pieces.

    ``tokenizers`` numbers the letters inside words (``##a``) as its hash table gives them, anew each time, and settles
    ties by those numbers. So the letters are found first (the texts wait in a temporary file) and then given in order.
    """
    learner = tokenizers.Tokenizer(models.WordPiece(unk_token="[UNK]"))
    # strip_accents must be said: without it, it follows lowercase, which BERT's loaders may change.
    learner.normalizer = normalizers.BertNormalizer(lowercase=False, strip_accents=False)
    learner.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    learner.decoder = decoders.WordPiece()
    with tempfile.TemporaryFile("w+", encoding="utf-8") as kept:

        def keeping() -> Iterator[str]:
            for text in texts:
                kept.write(json.dumps(text) + "\n")
                yield text

        only_letters = trainers.WordPieceTrainer(vocab_size=0, special_tokens=[], show_progress=False)
        learner.train_from_iterator(keeping(), trainer=only_letters)
        letters = sorted(token for token in learner.get_vocab() if token.startswith("##"))
        kept.seek(0)
        trainer = trainers.WordPieceTrainer(
            vocab_size=size,
            min_frequency=config.min_frequency,
            special_tokens=[*bert.SPECIAL, *letters],
            show_progress=False,
        )
        learner.train_from_iterator(map(json.loads, kept), trainer=trainer)
    definition: dict[str, Any] = json.loads(learner.to_str())
    definition["added_tokens"] = [token for token in definition["added_tokens"] if token["content"] in bert.SPECIAL]
    return definition

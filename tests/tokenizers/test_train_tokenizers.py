import json
import weakref

import pytest

from prosa.core.config import from_mapping
from prosa.core.errors import UserError
from prosa.tokenizers import bytelevel, config, train
from prosa.tokenizers.bytelevel import QWEN2_PATTERN
from prosa.tokenizers.config import TokenizerConfig, automatic_vocab_size
from prosa.tokenizers.library import LibraryTokenizer

SPECIAL = ("<|endoftext|>", "<|system|>", "<|user|>", "<|assistant|>", "<|tool|>", "<|call|>", "<|end|>")


def test_bytes_are_written_as_gpt2_writes_them(gpt2: LibraryTokenizer) -> None:
    from transformers.convert_slow_tokenizer import bytes_to_unicode

    assert dict(enumerate(bytelevel.BYTE_CHARACTERS)) == bytes_to_unicode()
    assert bytelevel.to_bytes("Ġa") == b" a"
    assert bytelevel.to_characters("ção".encode()) == "Ã§Ã£o"
    assert bytelevel.to_bytes("日") == "日".encode()


def test_bpe_is_qwens_split_without_normalizer_and_specials_last(trained: LibraryTokenizer) -> None:
    definition = trained._definition
    split, byte_level = definition["pre_tokenizer"]["pretokenizers"]
    assert split["pattern"] == {"Regex": QWEN2_PATTERN}
    assert byte_level["use_regex"] is False
    assert definition["normalizer"] is None
    assert trained.vocab_size == 600
    assert sorted(trained.special_tokens.values()) == list(range(593, 600))
    assert len(definition["model"]["vocab"]) == 593
    assert len(definition["model"]["merges"]) == 593 - 256


def test_the_pattern_is_qwen2s_to_the_letter() -> None:
    from transformers.models.qwen2.tokenization_qwen2 import PRETOKENIZE_REGEX

    assert QWEN2_PATTERN == PRETOKENIZE_REGEX


def test_digits_stay_alone_however_frequent() -> None:
    learnt = train.train(["Em 1908, 1908 e 1908. " * 50], TokenizerConfig())
    assert [learnt.token_text(id) for id in learnt.encode(" 1908")] == [" ", "1", "9", "0", "8"]


def test_first_merges_are_the_most_frequent_pairs() -> None:
    learnt = train.train(["hug"] * 10 + ["pug"] * 5 + ["pun"] * 12 + ["bun"] * 4, TokenizerConfig(vocab_size=265))
    assert isinstance(learnt, LibraryTokenizer)
    # p+u 17 times (u+n 16, u+g 15); then pu+n 12 (h+u and u+g 10, u+n 4)
    assert [tuple(pair) for pair in learnt._definition["model"]["merges"]] == [("p", "u"), ("pu", "n")]


def test_a_pair_seen_once_is_not_merged() -> None:
    learnt = train.train(["ab cd cd"], TokenizerConfig())
    vocabulary = {learnt.token_text(id) for id in range(learnt.vocab_size)}
    assert " cd" in vocabulary
    assert "ab" not in vocabulary


@pytest.mark.parametrize("kind", ["bpe", "wordpiece", "char", "word-v1", "word-v2"])
def test_the_same_text_gives_the_same_tokenizer(kind, verdict: str) -> None:
    one, other = (train.train([verdict], TokenizerConfig(kind=kind)) for _ in range(2))
    assert one.fingerprint == other.fingerprint
    different = train.train([verdict.replace("Gisburn", "Conceição")], TokenizerConfig(kind=kind))
    assert different.fingerprint != one.fingerprint
    assert one.kind == kind


def test_wordpiece_keeps_case_and_accents() -> None:
    learnt = train.train(["Coração coração São"] * 9, TokenizerConfig(kind="wordpiece"))
    assert learnt.decode(learnt.encode("Coração São coração")) == "Coração São coração"
    assert learnt.encode("日") == [learnt.unknown]
    assert list(learnt.special_tokens)[:5] == ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    last = learnt.vocab_size - len(SPECIAL)
    assert [learnt.special_tokens[token] for token in SPECIAL] == list(range(last, learnt.vocab_size))
    assert learnt.end_of_text == last
    control = set(learnt.special_tokens.values()) - {learnt.unknown}
    assert control.isdisjoint(learnt.encode("[CLS] <|user|> [SEP]"))


def test_unigram_is_byte_level(verdict: str) -> None:
    learnt = train.train([verdict], TokenizerConfig(kind="unigram", vocab_size=500))
    assert learnt.kind == "unigram"
    assert learnt.unknown is None
    text = "Ação: 日本 😀\r\n\x00 <|end|>"
    assert learnt.decode(learnt.encode(text)) == text
    assert set(learnt.special_tokens.values()).isdisjoint(learnt.encode(text))
    assert len(learnt.encode(verdict)) < len(verdict) / 2


def test_characters(verdict: str) -> None:
    learnt = train.train(["pão", "\tab\r\n"], TokenizerConfig(kind="char"))
    characters = sorted("pão\tab\r\n")
    assert [learnt.token_text(id) for id in range(8)] == characters
    assert [learnt.token_text(id) for id in range(8, 16)] == ["<|unk|>", *SPECIAL]
    assert learnt.encode("ão\r\nz") == [characters.index(c) for c in "ão\r\n"] + [8]
    assert learnt.decode(learnt.encode("ão\r\nz")) == "ão\r\n<|unk|>"
    assert learnt.encode_batch(["p", "", "<|end|>"])[1].tolist() == [0, 1, 1, 8]
    assert learnt.encode("a<|end|>", allow_special=True)[-1] == 15
    assert 15 not in learnt.encode("a<|end|>")
    whole = train.train([verdict], TokenizerConfig(kind="char"))
    assert whole.decode(whole.encode(verdict)) == verdict
    assert whole.vocab_size == len(set(verdict)) + 8
    with pytest.raises(UserError, match="text 1: character 2 is a lone surrogate"):
        whole.encode_batch(["a", "ab\udc00"])


def test_words(verdict: str) -> None:
    v1 = train.train([verdict[:9000], verdict[9000:]], TokenizerConfig(kind="word-v1"))
    v2 = train.train([verdict], TokenizerConfig(kind="word-v2"))
    assert v2.vocab_size == 1132
    assert v1.end_of_text is None


@pytest.mark.parametrize(
    ("n_bytes", "size"),
    [(0, 512), (20_479, 512), (2_000_000, 832), (11_000_000, 4_544), (78_643_200, 32_768), (10**12, 32_768)],
)
def test_automatic_size(n_bytes: int, size: int) -> None:
    assert automatic_vocab_size(n_bytes) == size


def test_automatic_size_streams(monkeypatch) -> None:
    """Texts are held only until the largest size is reached, and none is lost or read twice."""
    monkeypatch.setattr(train, "LARGEST", 1)
    monkeypatch.setattr(train, "BYTES_A_TOKEN", 100)
    read = []

    def texts():
        for i in range(50):
            read.append(i)
            yield "ç" * 10  # 20 bytes

    size, again = train._automatic(texts())
    assert size == config.SMALLEST
    assert read == [0, 1, 2, 3, 4]
    assert list(again) == ["ç" * 10] * 50
    assert read == list(range(50))


def test_automatic_size_of_the_story(verdict: str) -> None:
    assert train.train([verdict], TokenizerConfig()).vocab_size == 512


def test_too_little_text_for_the_size_asked_is_said(capsys) -> None:
    assert train.train(["aa aa aa"], TokenizerConfig(vocab_size=1000)).vocab_size < 300
    assert "the text holds only" in capsys.readouterr().err


@pytest.mark.parametrize("texts", [[], ["", ""]])
def test_no_text(texts: list[str]) -> None:
    with pytest.raises(UserError, match="no text to train"):
        train.train(texts, TokenizerConfig())


@pytest.mark.parametrize("kind", ["char", "word-v1", "word-v2"])
def test_texts_are_let_go_as_they_are_read(kind) -> None:
    class Text(str):
        pass

    alive, most = weakref.WeakSet(), 0

    def stream():
        nonlocal most
        for number in range(100):
            text = Text(f"palavra{number}")
            alive.add(text)
            most = max(most, len(alive))
            yield text

    assert train.train(stream(), TokenizerConfig(kind=kind)).vocab_size >= 17
    assert most <= 4


def test_a_lone_surrogate_in_the_corpus() -> None:
    with pytest.raises(UserError, match="text 1: character 1 is a lone surrogate"):
        train.train(["abc", "a\ud800"], TokenizerConfig())


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"vocab_size": 200}, "vocab_size 200 is too small.*\n.*at least 263"),
        ({"kind": "char", "vocab_size": 300}, "vocab_size 300 does not apply to char"),
        ({"min_frequency": -1}, "min_frequency is -1; it must be 0 or more"),
        ({"min_frequency": 2**64}, "min_frequency is 18446744073709551616"),
        ({"kind": "bqe"}, "Did you mean 'bpe'"),
        ({"special_tokens": ["<|a|>", "<|a|>"]}, "a repeated name"),
        ({"special_tokens": ["a"]}, "fewer than two characters"),
    ],
)
def test_bad_configuration(settings, message: str) -> None:
    with pytest.raises(UserError, match=message):
        from_mapping(TokenizerConfig, settings, "tokenizer")


def test_configuration_without_special_tokens(verdict: str) -> None:
    bare = train.train([verdict], TokenizerConfig(vocab_size=300, special_tokens=()))
    assert (bare.vocab_size, bare.end_of_text, bare.special_tokens) == (300, None, {})
    assert json.dumps(bare.decode(bare.encode("é"))) == json.dumps("é")


@pytest.mark.parametrize("kind", ["bpe", "wordpiece"])
def test_a_special_token_that_is_a_word(kind) -> None:
    with pytest.raises(UserError, match="'casa' is also a word of the text"):
        train.train(["casa", "cama", "mesa"] * 99, TokenizerConfig(kind=kind, special_tokens=("<|a|>", "casa")))


def test_a_special_token_that_is_a_piece_of_unigram(verdict: str) -> None:
    pieces = train.train([verdict], TokenizerConfig(kind="unigram", vocab_size=700))._definition["model"]["vocab"]
    likely = next(piece for piece, _ in pieces if len(piece) > 2 and piece.isascii())
    with pytest.raises(UserError, match=f"'{likely}' is also a word of the text"):
        train.train([verdict], TokenizerConfig(kind="unigram", vocab_size=700, special_tokens=(likely,)))

"""fastokens is trusted only after it agreed with the reference."""

import json

import fastokens
import pytest

from prosa.tokenizers import fast
from prosa.tokenizers.library import LibraryTokenizer


def copy_of(tokenizer: LibraryTokenizer) -> LibraryTokenizer:
    return LibraryTokenizer(tokenizer._definition)


def test_batches_of_bpe_go_through_fastokens(trained: LibraryTokenizer, verdict: str, capsys) -> None:
    fresh = copy_of(trained)
    flat, _ = fresh.encode_batch([verdict])
    assert isinstance(fresh._fast, fastokens.Tokenizer)
    assert flat.tolist() == [id for id, _, _ in trained.spans(verdict)]
    assert capsys.readouterr().err == ""


def test_an_encoder_that_differs_is_not_used(trained: LibraryTokenizer, verdict: str, monkeypatch, capsys) -> None:
    real = fast.encode_flat

    def wrong_on_the_callers_text(encoder, texts):
        flat, offsets = real(encoder, texts)
        if any("Gisburn" in text for text in texts):
            flat = flat.copy()
            flat[-1] += 1
        return flat, offsets

    monkeypatch.setattr(fast, "encode_flat", wrong_on_the_callers_text)
    fresh = copy_of(trained)
    expected = [id for id, _, _ in trained.spans(verdict)]
    assert fresh.encode_batch([verdict])[0].tolist() == expected
    error = capsys.readouterr().err
    assert error.count("fastokens is not used: its ids differ on 'I HAD always thought") == 1
    fresh.encode_batch([verdict])
    assert capsys.readouterr().err == ""  # said once


def test_an_encoder_that_does_not_open_is_not_used(
    trained: LibraryTokenizer, verdict: str, monkeypatch, capsys
) -> None:
    def refuse(text: str) -> None:
        raise ValueError("unsupported part")

    monkeypatch.setattr(fastokens.Tokenizer, "from_json_str", refuse)
    fresh = copy_of(trained)
    flat, offsets = fresh.encode_batch([verdict, "", "x", *"abc" * 199])
    one = trained.encode(verdict)
    assert flat[: len(one)].tolist() == one
    assert offsets.tolist() == [0, len(one), *range(len(one), len(one) + 599)]
    assert "fastokens is not used: it cannot open this tokenizer (unsupported part)" in capsys.readouterr().err


def test_families_that_it_lacks_use_the_reference_silently(bert: LibraryTokenizer, verdict: str, capsys) -> None:
    flat, offsets = bert.encode_batch([verdict, verdict])
    assert flat.tolist() == bert.encode(verdict) * 2
    assert offsets.tolist() == [0, 5212, 10424]
    assert capsys.readouterr().err == ""


def test_an_empty_batch(trained: LibraryTokenizer, bert: LibraryTokenizer) -> None:
    for tokenizer in (trained, bert):
        flat, offsets = tokenizer.encode_batch([])
        assert (len(flat), offsets.tolist()) == (0, [0])


@pytest.mark.parametrize("special", [True, False])
def test_added_tokens_match_in_content_unless_special(trained: LibraryTokenizer, special: bool) -> None:
    """Other people's tokenizers hold added tokens that are text (runs of blanks), which must still be found."""
    definition = json.loads(json.dumps(trained._definition))
    definition["added_tokens"].append(
        {**definition["added_tokens"][-1], "id": 600, "content": "===", "special": special}
    )
    tokenizer = LibraryTokenizer(definition)
    assert (600 in tokenizer.encode("a===b")) is not special
    assert (600 in tokenizer.encode_batch(["a===b"])[0].tolist()) is not special
    assert tokenizer.encode_batch(["a===b"])[0].tolist() == tokenizer.encode("a===b")
    assert 600 in tokenizer.encode("a===b", allow_special=True)

import json
import os
from pathlib import Path

import pytest

from prosa.core.errors import UserError
from prosa.tokenizers.config import TokenizerConfig
from prosa.tokenizers.library import LibraryTokenizer
from prosa.tokenizers.load import load
from prosa.tokenizers.train import train

TEXT = 'Olá, "mundo" 1908!\r\n\tMrs. Gisburn <|user|> [CLS] <|endoftext|> e\u0301'


@pytest.fixture(scope="module", params=["bpe", "wordpiece", "unigram", "char", "word-v1", "word-v2"])
def any_kind(request, verdict: str):
    text = verdict if request.param != "word-v1" else verdict + TEXT
    return train([text], TokenizerConfig(kind=request.param))


def test_a_saved_tokenizer_is_the_same(any_kind, verdict: str, tmp_path: Path) -> None:
    any_kind.save(tmp_path)
    loaded = load(tmp_path)
    for name in ("kind", "vocab_size", "special_tokens", "end_of_text", "unknown", "fingerprint"):
        assert getattr(loaded, name) == getattr(any_kind, name), name
    for text in (TEXT, verdict):
        assert loaded.encode(text) == any_kind.encode(text)
        assert loaded.encode(text, allow_special=True) == any_kind.encode(text, allow_special=True)
        assert loaded.decode(loaded.encode(text)) == any_kind.decode(any_kind.encode(text))
    loaded.save(tmp_path / "again")
    assert load(tmp_path / "again").fingerprint == any_kind.fingerprint
    for file in (tmp_path / "again").iterdir():
        assert file.read_bytes() == (tmp_path / file.name).read_bytes()


def test_transformers_gives_the_same_ids_beside_a_qwen3_model(any_kind, verdict: str, tmp_path: Path) -> None:
    """AutoTokenizer would otherwise replace the split pattern and add NFC (DESIGN's trap)."""
    if any_kind.kind.startswith("word"):
        pytest.skip("words are not a tokenizer.json")
    from transformers import AutoTokenizer

    any_kind.save(tmp_path)
    config = {"model_type": "qwen3", "architectures": ["Qwen3ForCausalLM"]}
    (tmp_path / "config.json").write_text(json.dumps(config), encoding="utf-8")
    theirs = AutoTokenizer.from_pretrained(tmp_path)
    for text in (TEXT, verdict, "1908 e\u0301 '  x\n\n\n  ção"):
        assert theirs(text, add_special_tokens=False)["input_ids"] == any_kind.encode(text, allow_special=True)
        assert theirs(text, split_special_tokens=True)["input_ids"] == any_kind.encode(text)
    assert theirs.eos_token == "<|endoftext|>"
    assert theirs.eos_token_id == any_kind.end_of_text
    ids = any_kind.encode(TEXT)
    assert theirs.decode(ids) == any_kind.decode(ids)


def test_the_chat_template_touches_no_content(trained: LibraryTokenizer, tmp_path: Path) -> None:
    from transformers import AutoTokenizer

    trained.save(tmp_path)
    theirs = AutoTokenizer.from_pretrained(tmp_path)
    messages = [{"role": "user", "content": " Oi "}, {"role": "assistant", "content": "Olá\n"}]
    text = theirs.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
    assert text == "<|user|> Oi <|end|><|assistant|>Olá\n<|end|><|assistant|>"
    special = trained.special_tokens
    segments = [
        *(special["<|user|>"], *trained.encode(" Oi "), special["<|end|>"]),
        *(special["<|assistant|>"], *trained.encode("Olá\n"), special["<|end|>"], special["<|assistant|>"]),
    ]
    assert trained.encode(text, allow_special=True) == segments
    with pytest.raises(Exception, match="unknown role: root"):
        theirs.apply_chat_template([{"role": "root", "content": ""}], tokenize=False)


def test_other_peoples_settings_are_kept(trained: LibraryTokenizer, tmp_path: Path) -> None:
    trained.save(tmp_path / "a")
    settings = json.loads((tmp_path / "a/tokenizer_config.json").read_text(encoding="utf-8"))
    assert settings["tokenizer_class"] == "PreTrainedTokenizerFast"
    settings |= {"tokenizer_class": "Qwen2Tokenizer", "eos_token": {"content": "<|end|>"}, "model_max_length": 77}
    (tmp_path / "a/tokenizer_config.json").write_text(json.dumps(settings), encoding="utf-8")
    (tmp_path / "a/chat_template.jinja").write_text("mine", encoding="utf-8")
    loaded = load(tmp_path / "a")
    assert loaded.end_of_text == trained.special_tokens["<|end|>"]
    assert loaded.fingerprint == trained.fingerprint
    loaded.save(tmp_path / "b")
    saved = json.loads((tmp_path / "b/tokenizer_config.json").read_text(encoding="utf-8"))
    assert saved["model_max_length"] == 77
    assert saved["tokenizer_class"] == "PreTrainedTokenizerFast"
    assert (tmp_path / "b/chat_template.jinja").read_text(encoding="utf-8") == "mine"


def test_truncation_and_padding_of_a_file_are_not_applied(bert: LibraryTokenizer, verdict: str, tmp_path: Path) -> None:
    definition = dict(bert._definition)
    definition["truncation"] = {"direction": "Right", "max_length": 128, "strategy": "LongestFirst", "stride": 0}
    definition["padding"] = {
        "strategy": {"Fixed": 128},
        "direction": "Right",
        "pad_to_multiple_of": None,
        "pad_id": 0,
        "pad_type_id": 0,
        "pad_token": "[PAD]",
    }
    (tmp_path / "tokenizer.json").write_text(json.dumps(definition), encoding="utf-8")
    loaded = load(tmp_path / "tokenizer.json")
    assert loaded.encode("hello") == [7592]
    assert len(loaded.encode(verdict)) == 5_212
    assert loaded.fingerprint == bert.fingerprint


@pytest.mark.parametrize("stage", ["tokenizer", "base", "sft"])
def test_a_run_folder(trained: LibraryTokenizer, tmp_path: Path, stage: str) -> None:
    trained.save(tmp_path / "run" / stage)
    (tmp_path / "run" / "corpus").mkdir()
    assert load(tmp_path / "run").fingerprint == trained.fingerprint
    assert load(str(tmp_path / "run" / stage / "tokenizer.json")).fingerprint == trained.fingerprint


def test_a_stage_of_a_run(trained: LibraryTokenizer, bert: LibraryTokenizer, tmp_path, monkeypatch) -> None:
    bert.save(tmp_path / "mine" / "tokenizer")
    trained.save(tmp_path / "mine" / "base")
    assert load(tmp_path / "mine").kind == "wordpiece"
    assert load(f"{tmp_path / 'mine'}:base").fingerprint == trained.fingerprint
    monkeypatch.chdir(tmp_path)
    assert load("mine:base").fingerprint == trained.fingerprint
    with pytest.raises(UserError, match="mine has no stage 'sft'"):
        load("mine:sft")
    with pytest.raises(UserError, match="Did you mean 'base'"):
        load("mine:bsae")


def test_the_tokenizer_stage_comes_before_the_model(
    trained: LibraryTokenizer, bert: LibraryTokenizer, tmp_path
) -> None:
    bert.save(tmp_path / "base")
    trained.save(tmp_path / "tokenizer")
    assert load(tmp_path).kind == "bpe"


def test_published_folders_are_told_by_their_files(samples: Path) -> None:
    assert load(samples / "gpt2").vocab_size == 50_257
    assert load(f"gpt2:{samples / 'gpt2'}").kind == "bpe"
    assert load(samples / "bert-base-uncased").kind == "wordpiece"
    assert load(samples / "bert-base-uncased" / "vocab.txt").vocab_size == 30_522


def test_wrong_specs_say_what_there_is(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="there is no no-such-folder") as caught:
        load("no-such-folder")
    assert "gpt2:FOLDER" in caught.value.hint
    with pytest.raises(UserError, match=r"'wrod-v1'\. Did you mean 'word-v1'\?") as caught:
        load("wrod-v1:vocab.txt")
    assert "word-v1:VOCAB" in caught.value.hint
    with pytest.raises(UserError, match=r"there is no .*missing\.txt"):
        load(f"word-v1:{tmp_path / 'missing.txt'}")
    with pytest.raises(UserError, match="there is no tokenizer in") as caught:
        load(tmp_path)
    assert "tokenizer/, base/" in caught.value.hint
    with pytest.raises(UserError, match="no tokenizer is named"):
        load("")
    with pytest.raises(UserError, match="there is no aaaa"):
        load("a" * 5000)
    (tmp_path / "notes.md").write_text("x", encoding="utf-8")
    with pytest.raises(UserError, match=r"notes\.md is not a tokenizer"):
        load(tmp_path / "notes.md")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "cannot read .*line 1"),
        ("[]", "is not a tokenizer.json"),
        ('{"model": {"type": "BPE"}}', "not a tokenizer.json that can be read"),
        ('{"model": 3}', "is not a tokenizer.json"),
    ],
)
def test_damaged_tokenizer_json(tmp_path: Path, content: str, message: str) -> None:
    (tmp_path / "tokenizer.json").write_text(content, encoding="utf-8")
    with pytest.raises(UserError, match=message):
        load(tmp_path)


def test_files_of_2020_do_not_say_their_type(trained: LibraryTokenizer, tmp_path: Path) -> None:
    model = {key: value for key, value in trained._definition["model"].items() if key != "type"}
    (tmp_path / "tokenizer.json").write_text(json.dumps({**trained._definition, "model": model}), encoding="utf-8")
    loaded = load(tmp_path)
    assert loaded.kind == "bpe"
    assert loaded.encode_batch([TEXT])[0].tolist() == trained.encode(TEXT)


def test_text_files_that_are_not_utf8_or_have_a_mark(tmp_path: Path) -> None:
    (tmp_path / "v.txt").write_bytes("\ufeffaço\nfim\n".encode())
    assert load(f"word-v1:{tmp_path / 'v.txt'}").encode("fim aço") == [1, 0]
    (tmp_path / "v.txt").write_bytes("aço".encode("latin-1"))
    with pytest.raises(UserError, match=r"cannot read .*v\.txt"):
        load(f"word-v1:{tmp_path / 'v.txt'}")


@pytest.mark.parametrize(
    ("content", "kind"), [('{"kind": "word-v9", "tokens": []}', "'word-v9'"), ("[]", "None"), ('{"kind": []}', r"\[\]")]
)
def test_damaged_word_file(tmp_path: Path, content: str, kind: str) -> None:
    (tmp_path / "word-tokenizer.json").write_text(content, encoding="utf-8")
    with pytest.raises(UserError, match=rf"word-tokenizer\.json is not a word tokenizer's: its kind is {kind}"):
        load(tmp_path)


def test_a_folder_called_tiktoken(tmp_path: Path) -> None:
    folder = tmp_path / "cl100k_base.tiktoken"
    folder.mkdir()
    for spec in (tmp_path, folder):
        with pytest.raises(UserError, match="there is no tokenizer in"):
            load(spec)
    with pytest.raises(UserError, match=r"cannot read .*cl100k_base\.tiktoken"):
        load(f"tiktoken:{folder}")


@pytest.mark.skipif(os.name != "nt", reason="drive letters are Windows'")
def test_a_drive_letter_is_no_kind() -> None:
    with pytest.raises(UserError, match="there is no C:"):
        load("C:\\no\\such")

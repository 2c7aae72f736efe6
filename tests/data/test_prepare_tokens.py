import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from data_helpers import ByteTokenizer, Text, texts

from prosa.core.errors import UserError
from prosa.core.files import mark_complete, write_manifest
from prosa.data.prepare import DataConfig, prepare_tokens
from prosa.data.shards import TokenFolder
from prosa.tokenizers.word import word_tokenizer


def corpus_folder(folder: Path, train: list[Text], held_out: list[Text]) -> Path:
    """A corpus folder as the contract in docs/architecture.md has it."""
    folder.mkdir()
    report = {}
    for split, documents in (("train", train), ("held_out", held_out)):
        lines = [{"id": "0" * 16, "text": d.text, "source": f"{n}.txt", "lang": "pt"} for n, d in enumerate(documents)]
        (folder / f"{split}.jsonl").write_text(
            "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines), encoding="utf-8"
        )
        report[split] = {"documents": len(documents), "bytes": sum(len(d.text.encode("utf-8")) for d in documents)}
    (folder / "report.json").write_text(json.dumps(report), encoding="utf-8")
    write_manifest(folder)
    mark_complete(folder)
    return folder


def test_corpus_folders_and_iterables_give_the_same(tmp_path: Path) -> None:
    train, held = texts(25, 1), texts(6, 2)
    a = corpus_folder(tmp_path / "a", train[:10], held[:2])
    b = corpus_folder(tmp_path / "b", train[10:], held[2:])
    returned = prepare_tokens({"x": ([a, b], 1.0)}, ByteTokenizer(), tmp_path / "t1")
    prepare_tokens({"x": ({"train": iter(train), "held_out": held}, 1.0)}, ByteTokenizer(), tmp_path / "t2")
    assert returned == json.loads((tmp_path / "t1" / "index.json").read_text(encoding="utf-8"))
    assert returned == json.loads((tmp_path / "t2" / "index.json").read_text(encoding="utf-8"))
    one = prepare_tokens({"x": (a, 1.0)}, ByteTokenizer(), tmp_path / "t3")
    assert one["splits"]["train"]["documents"] == 10


def test_what_is_stored_does_not_depend_on_batch_or_shard_sizes(tmp_path: Path) -> None:
    train = texts(25, 3)
    folders = []
    for number, config in enumerate((DataConfig(), DataConfig(13, 1), DataConfig(5, 500), DataConfig(100, 77))):
        prepare_tokens({"x": ({"train": train}, 1.0)}, ByteTokenizer(), tmp_path / str(number), config)
        folders.append(TokenFolder(tmp_path / str(number)))
    first = folders[0].stream("train", "x")
    for folder in folders[1:]:
        stream = folder.stream("train", "x")
        assert np.array_equal(stream.tokens(0, len(stream)), first.tokens(0, len(first)))
        assert stream.ends is not None
        assert np.array_equal(stream.ends, first.ends)
        assert folder.fingerprint == folders[0].fingerprint


def test_text_is_encoded_a_little_at_a_time(tmp_path: Path) -> None:
    given, alive = 0, ByteTokenizer()

    def stream() -> Iterator[Text]:
        nonlocal given
        for document in texts(200, 4):
            given += len(document.text.encode("utf-8"))
            assert given - sum(alive.batches) <= 3 * (
                1000 + 160
            )  # no more than three batches are ahead of what was encoded
            yield document

    prepare_tokens({"x": ({"train": stream()}, 1.0)}, alive, tmp_path / "t", DataConfig(batch_bytes=1000))
    assert len(alive.batches) > 5
    assert max(alive.batches) <= 1000 + 160
    assert sum(alive.batches) == given


def test_documents_without_text_are_counted_and_left_out(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    documents = [Text(""), Text("abc"), Text(""), Text("d")]
    index = prepare_tokens(
        {"x": ({"train": documents}, 1.0)}, ByteTokenizer(), tmp_path / "t", DataConfig(batch_bytes=1)
    )
    assert index["splits"]["train"] == {"documents": 2, "tokens": 6, "bytes": 4}
    assert "documents without text, left out: 2." in capsys.readouterr().err


def test_an_interrupted_preparation_leaves_what_was_there(tmp_path: Path) -> None:
    def breaking() -> Iterator[Text]:
        yield from texts(20, 5)
        raise KeyboardInterrupt

    sources = {"x": ({"train": breaking()}, 1.0)}
    with pytest.raises(KeyboardInterrupt):
        prepare_tokens(sources, ByteTokenizer(), tmp_path / "t", DataConfig(10, 50))
    assert list(tmp_path.iterdir()) == []
    prepare_tokens({"x": ({"train": texts(20, 6)}, 1.0)}, ByteTokenizer(), tmp_path / "t")
    before = TokenFolder(tmp_path / "t").fingerprint
    with pytest.raises(KeyboardInterrupt):
        prepare_tokens({"x": ({"train": breaking()}, 1.0)}, ByteTokenizer(), tmp_path / "t", DataConfig(10, 50))
    assert [path.name for path in tmp_path.iterdir()] == ["t"]
    assert TokenFolder(tmp_path / "t").fingerprint == before


@pytest.mark.parametrize("name", ["a/b", "", "..", "a b", "a\0", "../x"])
def test_names_that_cannot_be_files_are_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(UserError, match="cannot name a source"):
        prepare_tokens({name: ({"train": texts(3, 1)}, 1.0)}, ByteTokenizer(), tmp_path / "t")
    assert list(tmp_path.iterdir()) == []


def test_other_bad_input(tmp_path: Path) -> None:
    good = {"train": texts(3, 1)}
    cases = [
        ({}, DataConfig(), "no sources"),
        ({"a": (good, 1.0), "A": (good, 1.0)}, DataConfig(), "same name"),
        ({"a": (good, 0.0)}, DataConfig(), "'a': its weight is 0.0"),
        ({"a": (good, -2.0)}, DataConfig(), "'a': its weight is -2.0"),
        (
            {"a": ({"held_out": texts(3, 1)}, 1.0)},
            DataConfig(),
            r"'a' has too little text \(training documents: 0\)",
        ),
        ({"a": ({"train": [Text("ok"), Text("\ud800")]}, 1.0)}, DataConfig(), "source 'a', document 2: not Unicode"),
        ({"a": (good, 1.0)}, DataConfig(shard_tokens=0), "shard_tokens is 0"),
        ({"a": (good, 1.0)}, DataConfig(batch_bytes=-1), "batch_bytes is -1"),
    ]
    for sources, config, why in cases:
        with pytest.raises(UserError, match=why):
            prepare_tokens(sources, ByteTokenizer(), tmp_path / "t", config)
        assert list(tmp_path.iterdir()) == []


def test_a_text_that_the_tokenizer_refuses_is_named(tmp_path: Path) -> None:
    tokenizer = word_tokenizer("word-v1", ["casa", "rei"])
    corpus = corpus_folder(tmp_path / "corpus", [Text("casa rei")] * 7 + [Text("rei"), Text("rei lua")], [Text("rei")])
    with pytest.raises(UserError, match=r"source 'contos', 8\.txt: the word 'lua' \(character 4, line 1\)") as caught:
        prepare_tokens({"contos": (corpus, 1.0)}, tokenizer, tmp_path / "t")
    assert "word-v2" in caught.value.hint
    with pytest.raises(UserError, match="source 'x', document 2: the word 'lua'"):
        prepare_tokens({"x": ({"train": [Text("rei casa"), Text("lua")]}, 1.0)}, tokenizer, tmp_path / "t")


def test_accented_names_are_names(tmp_path: Path) -> None:
    prepare_tokens({"jornal-de_São.Tomé": ({"train": texts(3, 1)}, 1.0)}, ByteTokenizer(), tmp_path / "t")
    assert TokenFolder(tmp_path / "t").sources[0].name == "jornal-de_São.Tomé"

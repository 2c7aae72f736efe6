import json
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from data_helpers import ByteTokenizer, Text, texts

from prosa.core.errors import UserError
from prosa.core.language import speaking
from prosa.data import shards
from prosa.data.index import token_dtype
from prosa.data.shards import TokenFolder, TokenStream
from prosa.data.writer import SplitWriter

Make = Callable[..., TokenFolder]


def flat(documents: list[Text], end: int | None = 256) -> list[int]:
    return [i for d in documents for i in [*d.text.encode("utf-8"), *([] if end is None else [end])]]


def test_ids_on_disk_are_the_documents_each_followed_by_end_of_text(make_folder: Make) -> None:
    train, held = texts(40, 1), texts(5, 2)
    folder = make_folder({"contos": (train, held, 2.0)})
    stream = folder.stream("train", "contos")
    expected = flat(train)
    assert len(stream) == len(expected)
    assert stream.tokens(0, len(stream)).tolist() == expected
    assert stream.tokens(0, 0).tolist() == stream.tokens(len(stream), len(stream)).tolist() == []
    # the files themselves, read by someone else
    files = sorted(folder.folder.glob("contos-train-*.bin"))
    assert [f.name for f in files] == [f"contos-train-{i:05d}.bin" for i in range(-(-len(expected) // 100))]
    assert np.concatenate([np.fromfile(f, "<u2") for f in files]).tolist() == expected
    assert all(f.stat().st_size == 200 for f in files[:-1])
    assert folder.stream("held_out", "contos").tokens(0, len(flat(held))).tolist() == flat(held)


def test_reads_across_shards(make_folder: Make) -> None:
    train = texts(30, 3)
    stream = make_folder({"a": (train, [], 1)}, shard_tokens=7).stream("train", "a")
    assert [len(part) for part in stream.parts[:-1]] == [7] * (len(stream) // 7 - (len(stream) % 7 == 0))
    expected = np.array(flat(train))
    for start in range(0, len(expected) - 40, 3):
        for length in (1, 6, 7, 8, 23):
            assert stream.tokens(start, start + length).tolist() == expected[start : start + length].tolist()
    assert stream.tokens(0, 5).dtype == np.int64
    for start, stop in ((-1, 3), (0, len(expected) + 1), (5, 4)):
        with pytest.raises(IndexError):
            stream.tokens(start, stop)


def test_streams_are_memory_mapped(make_folder: Make) -> None:
    stream = make_folder({"a": (texts(30, 3), [], 1)}).stream("train", "a")
    assert all(isinstance(part.base, np.memmap) for part in stream.parts)


def test_documents_come_back_with_their_bytes(make_folder: Make) -> None:
    first, second, held = texts(20, 4), texts(9, 5), texts(4, 6)
    folder = make_folder({"leis": (first, held, 1), "contos": (second, [], 1)})
    found = list(folder.documents("train"))
    assert [(bytes(ids.tolist()).decode("utf-8"), n) for ids, n in found] == [
        (d.text, len(d.text.encode("utf-8"))) for d in first + second
    ]
    assert len(list(folder.documents("train", "contos"))) == 9
    assert len(list(folder.documents("held_out"))) == 4
    assert list(folder.documents("held_out", "contos")) == []
    n_bytes = sum(len(d.text.encode("utf-8")) for d in first + second)
    assert folder.totals("train") == {"documents": 29, "tokens": n_bytes + 29, "bytes": n_bytes}
    stored = np.load(folder.folder / "leis-train.documents.npy")
    assert stored.dtype == np.int64
    assert stored[:, 0].tolist() == np.cumsum([len(d.text.encode("utf-8")) + 1 for d in first]).tolist()


def test_a_tokenizer_without_end_of_text(make_folder: Make) -> None:
    train = texts(12, 7)
    folder = make_folder({"a": (train, [], 1)}, ByteTokenizer(256, None))
    assert folder.end_of_text is None
    stream = folder.stream("train", "a")
    assert stream.tokens(0, len(stream)).tolist() == flat(train, None)
    assert [bytes(ids.tolist()).decode() for ids, _ in folder.documents("train")] == [d.text for d in train]
    assert stream.document_of(np.arange(len(stream))).tolist() == [
        n for n, d in enumerate(train) for _ in d.text.encode("utf-8")
    ]


@pytest.mark.parametrize(("vocab_size", "name", "width"), [(65_536, "uint16", 2), (65_537, "uint32", 4)])
def test_width_of_an_id(tmp_path: Path, vocab_size: int, name: str, width: int) -> None:
    assert token_dtype(vocab_size).name == name
    writer = SplitWriter(tmp_path, "a-train", vocab_size, 10)
    largest = vocab_size - 1
    writer.add(np.array([0, largest, 5], np.uint32), np.array([3]), [3])
    index = writer.finish()
    assert index.shards[0].bytes == 3 * width
    assert np.fromfile(tmp_path / "a-train-00000.bin", token_dtype(vocab_size)).tolist() == [0, largest, 5]
    with pytest.raises(ValueError, match="outside a vocabulary"):
        writer.add(np.array([vocab_size], np.uint32), np.array([1]), [1])
    with pytest.raises(ValueError, match="lengths"):
        writer.add(np.array([1, 2], np.uint32), np.array([1]), [1])


def test_index_says_what_there_is(make_folder: Make) -> None:
    folder = make_folder({"a": (texts(9, 1), texts(2, 2), 0.25)})
    index = json.loads((folder.folder / "index.json").read_text(encoding="utf-8"))
    assert (index["dtype"], index["vocab_size"], index["end_of_text"]) == ("uint16", 257, 256)
    assert index["tokenizer"] == {"kind": "bytes", "fingerprint": "f" * 64}
    assert index["sources"][0]["weight"] == 0.25
    assert index["splits"] == {"train": folder.totals("train"), "held_out": folder.totals("held_out")}
    assert (folder.folder / "COMPLETE").is_file()
    assert (folder.vocab_size, folder.tokenizer_fingerprint) == (257, "f" * 64)
    assert [(s.name, s.weight) for s in folder.sources] == [("a", 0.25)]


@pytest.mark.parametrize("name", ["a-train-00002.bin", "a-held_out-00000.bin", "a-train.documents.npy"])
def test_damaged_files_are_refused_by_name(make_folder: Make, name: str) -> None:
    path = make_folder({"a": (texts(30, 1), texts(3, 2), 1)}).folder / name
    whole = path.read_bytes()
    altered = bytearray(whole)
    altered[-1] ^= 1
    for content, why in ((whole[:-2], "bytes, not"), (bytes(altered), "altered"), (whole + b"\0\0", "bytes, not")):
        path.write_bytes(content)
        with pytest.raises(UserError, match=f"{re.escape(name)} .*{why}"):
            TokenFolder(path.parent)
    path.unlink()
    with pytest.raises(UserError, match=f"{re.escape(name)} is missing"):
        TokenFolder(path.parent)
    path.write_bytes(whole)
    TokenFolder(path.parent)


def test_big_folders_are_checked_in_full_only_when_asked(make_folder: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    path = make_folder({"a": (texts(30, 1), [], 1)}).folder / "a-train-00000.bin"
    content = bytearray(path.read_bytes())
    content[0] ^= 1
    path.write_bytes(bytes(content))
    monkeypatch.setattr(shards, "VERIFY_BELOW", 10)
    TokenFolder(path.parent)
    with pytest.raises(UserError, match="altered"):
        TokenFolder(path.parent, verify=True)
    path.write_bytes(bytes(content[:-2]))
    with pytest.raises(UserError, match="bytes, not"):
        TokenFolder(path.parent, verify=False)


def test_folders_that_are_none(make_folder: Make, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"no index\.json"):
        TokenFolder(tmp_path)
    folder = make_folder({"a": (texts(30, 1), [], 1)}).folder
    index = folder / "index.json"
    text = index.read_text(encoding="utf-8")
    index.write_text(text.replace('"weight": 1.0', '"weight": 2.0'), encoding="utf-8")
    with pytest.raises(UserError, match=r"index\.json was altered"):
        TokenFolder(folder)
    with speaking("pt-BR"), pytest.raises(UserError, match="a soma de verificação não confere"):
        TokenFolder(folder)
    for broken in (text.replace('"vocab_size"', '"size"'), text.replace("prosa-tokens", "x"), "[]"):
        index.write_text(broken, encoding="utf-8")
        with pytest.raises(UserError, match=r"index\.json is not"):
            TokenFolder(folder)
    index.write_text(text[:50], encoding="utf-8")
    with pytest.raises(UserError, match=r"cannot read .*index\.json.*line"):
        TokenFolder(folder)
    index.write_text(text, encoding="utf-8")
    (folder / "COMPLETE").unlink()
    with pytest.raises(UserError, match="COMPLETE"):
        TokenFolder(folder)


def test_a_manifest_that_is_none(make_folder: Make) -> None:
    folder = make_folder({"a": (texts(30, 1), [], 1)}).folder
    for broken in ("[]", "3", '{"files": []}', '{"files": {}}', '{"files": {"index.json": 1}}'):
        (folder / "manifest.json").write_text(broken, encoding="utf-8")
        with pytest.raises(UserError, match=r"manifest\.json is not the manifest"):
            TokenFolder(folder)
    index = json.loads((folder / "index.json").read_text(encoding="utf-8"))
    for key, value in (
        ("sources", 3),
        ("sources", [[]]),
        ("tokenizer", []),
        ("sources", [{"name": "a", "weight": []}]),
    ):
        (folder / "index.json").write_text(json.dumps({**index, key: value}), encoding="utf-8")
        with pytest.raises(UserError, match=r"index\.json is not"):
            TokenFolder(folder)


def test_unknown_names_suggest_the_nearest(make_folder: Make) -> None:
    folder = make_folder({"contos": (texts(3, 1), [], 1)})
    with pytest.raises(UserError, match="Did you mean 'contos'"):
        folder.stream("train", "conto")
    with pytest.raises(UserError, match="Did you mean 'held_out'"):
        folder.stream("heldout", "contos")


def test_streams_in_memory() -> None:
    stream = TokenStream.of_array(np.arange(10, dtype=np.uint8))
    assert stream.tokens(3, 6).tolist() == [3, 4, 5]
    with pytest.raises(ValueError, match="does not know"):
        stream.document_of([1])
    for bad in (np.zeros((2, 2), int), np.zeros(3)):
        with pytest.raises(ValueError, match="one dimension"):
            TokenStream.of_array(bad)

"""Labelled texts from tables and records, and their division."""

import gzip
import json
from collections import Counter
from pathlib import Path

import pytest

from prosa.core.errors import UserError
from prosa.corpus.problems import Problems
from prosa.data.labelled import Columns, Labelled, read_labelled, split


def read(path: Path, columns: Columns = Columns()) -> tuple[list[tuple[str, str]], Problems]:
    problems = Problems()
    return [(item.text, item.label) for item in read_labelled([path], problems, columns)], problems


def written(tmp_path: Path, name: str, content: str | bytes) -> Path:
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8"))
    return path


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.csv", 'text,label\n"Olá, ""você""",bom\n"duas\nlinhas",ruim\n'),
        ("a.csv", 'Rótulo;n;Texto\r\nbom;1,5;"Olá, ""você"""\r\nruim;2;"duas\nlinhas"\r\n'),
        ("a.csv", '\ufeffid,label,review\n1, bom ,"Olá, ""você"""\n\n2,ruim,"duas\nlinhas"'),
        ("a.jsonl", '{"text": "Olá, \\"você\\"", "label": "bom"}\n{"frase": "duas\\nlinhas", "classe": "ruim"}\n'),
        ("a.json", json.dumps([{"text": 'Olá, "você"', "label": "bom"}, {"text": "duas\nlinhas", "label": "ruim"}])),
        ("a.jsonl.gz", gzip.compress(b'{"text": "Ol\xc3\xa1, \\"voc\xc3\xaa\\"", "label": "bom"}\n'
                                     b'{"text": "duas\\nlinhas", "label": "ruim"}\n')),
    ],
    ids=["csv", "semicolons", "bom", "jsonl", "json", "gz"],
)  # fmt: skip
def test_every_form_gives_the_same(tmp_path, name, content) -> None:
    found, problems = read(written(tmp_path, name, content))
    assert found == [('Olá, "você"', "bom"), ("duas\nlinhas", "ruim")]
    assert problems.count == 0


def test_tsv_with_and_without_a_header(tmp_path) -> None:
    rows = 'ham\t"quoted ""whole"""\nham\tsays "hi" to\nspam\t"begins" here\nham\tx\n'
    expected = [('quoted "whole"', "ham"), ('says "hi" to', "ham"), ('"begins" here', "spam"), ("x", "ham")]
    assert read(written(tmp_path, "a.tsv", rows))[0] == expected
    assert read(written(tmp_path, "b.tsv", "label\tsms\n" + rows))[0] == expected
    turned = "".join("\t".join(reversed(line.split("\t"))) + "\n" for line in rows.splitlines())
    assert read(written(tmp_path, "c.tsv", turned))[0] == expected


def test_a_table_without_a_header_is_told_what_it_lacks(tmp_path) -> None:
    headless = written(tmp_path, "a.csv", "ham,Available only in bugis n great world\nspam,Win\n")
    with pytest.raises(UserError, match=r"the text\? There are: ham, Available only in bugis n grea…\.") as error:
        read(headless)
    assert "the first line of a table has the names" in str(error.value.hint)
    with pytest.raises(UserError, match=r"which column has the text\? There are: label, utterance"):
        read(written(tmp_path, "half.tsv", "label\tutterance\nham\tx\nspam\ty\nham\tz\n"))


def test_columns_are_named(tmp_path) -> None:
    path = written(tmp_path, "a.csv", "text,insult,racism\nsim,1.0,0.0\nnão,0.0,0.0\n")
    assert read(path, Columns(label="insult"))[0] == [("sim", "1.0"), ("não", "0.0")]
    assert read(path, Columns(text="racism", label="text"))[0] == [("0.0", "sim"), ("0.0", "não")]
    with pytest.raises(UserError, match=r"which column has the label\? There are: text, insult, racism") as error:
        read(path)
    assert "--columns.label" in str(error.value.hint)
    with pytest.raises(UserError, match="Did you mean 'insult'"):
        read(path, Columns(label="insults"))
    records = written(tmp_path, "b.jsonl", '{"a": "x", "b": true}\n{"a": "y", "b": 3}\n')
    assert read(records, Columns(text="a", label="b"))[0] == [("x", "True"), ("y", "3")]


def test_bad_rows_are_named_and_the_rest_is_read(tmp_path) -> None:
    path = written(
        tmp_path,
        "a.csv",
        'text,label\ngood,a\nshort\n ,b\nno label, \n"not" closed,a\ngood,b\ngood,c\ngood,d\ngood,e\n\u200b\ufeff,e\n',
    )
    found, problems = read(path)
    assert found == [("good", label) for label in "abcde"]
    assert sorted((int(p.source.rpartition(":")[2]), p.why) for p in problems.named) == [
        (3, "1 of 2 columns"),
        (4, "the text is empty"),
        (5, "the label is empty"),
        (6, "',' expected after '\"'"),
        (11, "the text is empty"),
    ]
    records = written(
        tmp_path, "b.jsonl", '{"text": "x"}\n{"text": 5, "label": "a"}\n' + 3 * '{"text":"x","label":0}\n'
    )
    found, problems = read(records)
    assert found == 3 * [("x", "0")]
    assert [p.why for p in problems.named] == [
        "no field for the label; there are: 'text'",
        "text: the content is not a text",
    ]


def test_a_quotation_that_never_ends_is_a_bad_row_not_the_rest_of_the_file_in_silence(tmp_path) -> None:
    path = written(tmp_path, "a.csv", 'text,label\none,a\ntwo,b\n"open,a\nlost,b\n')
    found, problems = read(path)
    assert found == [("one", "a"), ("two", "b")]
    assert problems.named[0].source.endswith("a.csv:4")


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.csv", "", "there is no row in"),
        ("a.csv", "text,label\n", "there is no row in"),
        ("a.tsv", "text\tlabel\n \ta\n", "bad records: 1 of 1"),
        ("a.jsonl", "", "there is no record in"),
        ("a.xlsx", "x", "format not read"),
    ],
)
def test_files_without_rows_are_refused(tmp_path, name, content, message) -> None:
    with pytest.raises(UserError, match=message):
        read(written(tmp_path, name, content))


def test_a_missing_file_is_named(tmp_path) -> None:
    for name in ("a.csv", "a.jsonl"):
        with pytest.raises(UserError, match=f"{name} is not a file"):
            read(tmp_path / name)


def test_texts_become_nfc_and_old_encodings_are_read(tmp_path) -> None:
    assert read(written(tmp_path, "a.csv", "text,label\ncafe\u0301,a\n"))[0] == [("caf\u00e9", "a")]
    assert read(written(tmp_path, "b.csv", "text,label\ncafé,não\n".encode("cp1252")))[0] == [("café", "não")]


def made(counts: dict[str, int]) -> list[Labelled]:
    return [Labelled(f"{label} {n}", label, f"a:{n}") for label, count in counts.items() for n in range(count)]


def test_the_division_keeps_the_shares_and_does_not_depend_on_the_order() -> None:
    items = made({"a": 1000, "b": 50, "c": 3, "d": 1})
    learnt, held_out = split(items, 0.2)
    assert Counter(item.label for item in held_out) == {"a": 200, "b": 10, "c": 1}
    assert sorted([*learnt, *held_out], key=items.index) == items
    backwards = split(items[::-1], 0.2)
    assert set(backwards[1]) == set(held_out)
    assert set(split([item for item in items if item.label != "b"], 0.2)[1]) == {i for i in held_out if i.label != "b"}
    assert split(items, 0.0) == (items, [])


def test_equal_texts_are_on_one_side() -> None:
    items = made({"a": 40, "b": 40})
    doubled = [*items, *(Labelled(f" {i.text.upper()}  ", i.label, i.source) for i in items)]
    learnt, held_out = split(doubled, 0.25)
    assert len(held_out) == 40
    assert not {i.text.strip().lower() for i in learnt} & {i.text.strip().lower() for i in held_out}
    claimed = [*items, *(Labelled(i.text, "c", i.source) for i in items[::2])]  # two labels for one text
    learnt, held_out = split(claimed, 0.3)
    assert not {i.text for i in learnt} & {i.text for i in held_out}
    assert {i.label for i in held_out} == {"a", "b", "c"}
    assert set(split(claimed[::-1], 0.3)[1]) == set(held_out)
    only_one = [Labelled("same", "a", str(n)) for n in range(9)]
    assert split(only_one, 0.5) == (only_one, [])

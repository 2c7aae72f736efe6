"""The forms of conversations, and what is refused, line by line."""

import gzip
import json
from pathlib import Path

import pytest

from prosa.core.errors import UserError
from prosa.corpus.problems import Problems
from prosa.data.conversations import read_conversations
from prosa.tokenizers.chat import Message, ToolCall

USER, ANSWER = {"role": "user", "content": "Oi?"}, {"role": "assistant", "content": "Olá."}
CALL = {"role": "assistant", "content": None, "tool_calls": [{"function": {"name": "f", "arguments": '{"x": 1}'}}]}
TOOL = {"role": "tool", "content": "2"}


def _write(path: Path, values: list) -> Path:
    path.write_text("".join(json.dumps(value) + "\n" for value in values), encoding="utf-8")
    return path


def _read(path: Path) -> list[tuple[Message, ...]]:
    return [found.messages for found in read_conversations([path], Problems())]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"messages": [USER, ANSWER]}, (Message("user", "Oi?"), Message("assistant", "Olá."))),
        (
            {"messages": [{"role": "system", "content": "S"}, USER, CALL, TOOL, ANSWER, USER]},
            (
                Message("system", "S"),
                Message("user", "Oi?"),
                Message("assistant", "", (ToolCall("f", {"x": 1}),)),
                Message("tool", "2"),
                Message("assistant", "Olá."),
                Message("user", "Oi?"),
            ),
        ),
        (
            {
                "messages": [
                    {"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]},
                    ANSWER,
                ]
            },
            (Message("user", "ab"), Message("assistant", "Olá.")),
        ),
        (
            {"instruction": "Traduza.", "input": "dog", "output": "cão"},
            (Message("user", "Traduza.\n\ndog"), Message("assistant", "cão")),
        ),
        (
            {"prompt": "Oi?", "completion": "Ola\u0301.", "system": "S"},
            (Message("system", "S"), Message("user", "Oi?"), Message("assistant", "Olá.")),
        ),
        ({"prompt": [USER], "completion": [ANSWER]}, (Message("user", "Oi?"), Message("assistant", "Olá."))),
        ({"question": "Oi?", "answer": "Olá."}, (Message("user", "Oi?"), Message("assistant", "Olá."))),
        (
            {"instruction": "E?", "input": "", "output": "c", "system": "S", "history": [["a", "b"]]},
            (
                Message("system", "S"),
                Message("user", "a"),
                Message("assistant", "b"),
                Message("user", "E?"),
                Message("assistant", "c"),
            ),
        ),
        (
            {
                "system": "S",
                "conversations": [
                    {"from": "human", "value": "q"},
                    {"from": "function_call", "value": '{"name": "f", "arguments": {"x": 1}}'},
                    {"from": "observation", "value": "2"},
                    {"from": "gpt", "value": "a"},
                ],
            },
            (
                Message("system", "S"),
                Message("user", "q"),
                Message("assistant", "", (ToolCall("f", {"x": 1}),)),
                Message("tool", "2"),
                Message("assistant", "a"),
            ),
        ),
        (
            {"messages": [{"role": "user", "content": "a\u0303"}, ANSWER]},
            (Message("user", "ã"), Message("assistant", "Olá.")),
        ),
    ],
)
def test_the_forms(tmp_path, value, expected) -> None:
    assert _read(_write(tmp_path / "a.jsonl", [value])) == [expected]


@pytest.mark.parametrize(
    ("value", "why"),
    [
        ({"text": "a"}, "neither 'messages', nor 'conversations', nor 'instruction' and 'output', nor 'prompt' and"),
        ({"text": "a"}, "nor 'question' and 'answer'; there are: 'text'"),
        ({"prompt": "a", "completion": 3}, "'completion': the content is not a text"),
        ({"prompt": "a", "completion": []}, "'completion' is not a list with turns"),
        ({"question": "a", "answer": " "}, "no assistant turn to learn from"),
        ([USER], "not a JSON object"),
        ({"messages": []}, "'messages' is not a list with turns"),
        (
            {"messages": [ANSWER, USER]},
            "roles out of order: turn 1 is 'assistant', but after the beginning comes user or system",
        ),
        ({"messages": [USER, USER]}, "turn 2 is 'user', but after user comes assistant"),
        (
            {"messages": [USER, {"role": "system", "content": "S"}]},
            "turn 2 is 'system', but after user comes assistant",
        ),
        ({"messages": [USER, ANSWER, TOOL]}, "turn 3 is 'tool', but after assistant comes user"),
        ({"messages": [USER, CALL, ANSWER]}, "turn 3 is 'assistant', but after assistant comes tool"),
        ({"messages": [USER]}, "no assistant turn to learn from"),
        ({"messages": [USER, {"role": "assistant", "content": " \n"}]}, "no assistant turn to learn from"),
        ({"messages": [USER, {"role": "bot", "content": "x"}]}, "turn 2: unknown role 'bot'"),
        ({"messages": [USER, {"role": "assistant"}]}, "turn 2: the content is not a text"),
        ({"messages": [USER, {"role": "assistant", "content": "\ud800"}]}, "turn 2: character 0 is a lone surrogate"),
        (
            {"messages": [USER, {**CALL, "tool_calls": [{"name": "f", "arguments": "{"}]}]},
            "arguments' that are a JSON object",
        ),
        (
            {"messages": [{**USER, "tool_calls": [{"name": "f", "arguments": {}}]}, ANSWER]},
            "only the assistant calls tools",
        ),
        ({"messages": [USER, {**ANSWER, "tool_calls": 5}]}, "'tool_calls' is not a list"),
        (
            {"messages": [USER, {"tool_calls": [{"name": "f", "arguments": "[" * 9999}], "role": "assistant"}]},
            "JSON object",
        ),
        (
            {"messages": [USER, {"tool_calls": [{"name": "f", "arguments": {"q": "\ud800"}}], **ANSWER}]},
            "lone surrogate",
        ),
        ({"messages": [{"role": "user", "content": [{"type": "text", "text": 5}]}, ANSWER]}, "content is not a text"),
        ({"instruction": "a", "output": "b", "history": True}, "'history' is not a list of pairs"),
        ({"conversations": [{"from": "alien", "value": "x"}]}, "'from' is 'alien'"),
        ({"instruction": "a", "output": 3}, "'output': the content is not a text"),
        ({"messages": [USER, ANSWER], "label": False}, "marked as a bad one"),
    ],
)
def test_a_bad_record_is_named_and_the_others_are_read(tmp_path, value, why) -> None:
    good = {"messages": [USER, ANSWER]}
    path, problems = _write(tmp_path / "a.jsonl", [good, value, good]), Problems()
    assert len(list(read_conversations([path], problems))) == 2
    (problem,) = problems.named
    assert problem.source == f"{path.as_posix()}:2"
    assert why in problem.why


def test_mostly_bad_files_stop_the_run(tmp_path) -> None:
    path = _write(tmp_path / "a.jsonl", [{"text": "a"}, {"text": "b"}, {"messages": [USER, ANSWER]}])
    with pytest.raises(UserError, match=r"bad records: 2 of 3. The first: .*a\.jsonl:1: neither"):
        list(read_conversations([path], Problems()))


@pytest.mark.parametrize("content", ["", "\n\n"])
def test_an_empty_file_is_an_error(tmp_path, content) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text(content)
    with pytest.raises(UserError, match=r"no record in .*a\.jsonl"):
        list(read_conversations([path], Problems()))


def test_other_files(tmp_path) -> None:
    good = {"messages": [USER, ANSWER]}
    expected = [(Message("user", "Oi?"), Message("assistant", "Olá."))] * 2
    zipped = tmp_path / "a.jsonl.gz"
    zipped.write_bytes(gzip.compress("\n".join([json.dumps(good)] * 2).encode()))
    listed = tmp_path / "a.json"
    listed.write_text(json.dumps([good] * 2))
    assert _read(zipped) == _read(listed) == expected
    pa = pytest.importorskip("pyarrow")
    import pyarrow.parquet as pq

    pq.write_table(pa.Table.from_pylist([good] * 2), tmp_path / "a.parquet")
    assert _read(tmp_path / "a.parquet") == expected
    with pytest.raises(UserError, match="is not a file"):
        _read(tmp_path / "none.jsonl")
    with pytest.raises(UserError, match="format not read"):
        _read(_write(tmp_path / "a.txt", [good]))
    with pytest.raises(UserError, match="not JSON"):
        _read(_write(tmp_path / "b.json", [good, good]))


def test_a_number_of_thousands_of_digits_is_one_bad_line(tmp_path) -> None:
    path = tmp_path / "A.JSONL"
    good = json.dumps({"messages": [USER, ANSWER]})
    path.write_text("\n".join([good, '{"x": ' + "1" * 5000 + "}", good]))
    problems = Problems()
    assert len(list(read_conversations([path], problems))) == 2
    assert problems.named[0].source.endswith(":2")


def test_nulls_of_a_parquet_row_are_not_given(tmp_path) -> None:
    pa = pytest.importorskip("pyarrow")
    import pyarrow.parquet as pq

    calls = [{"name": "f", "arguments": {"x": 1}}, {"name": "g", "arguments": {"y": "a"}}]
    talk = {"messages": [USER, {"role": "assistant", "content": "", "tool_calls": calls}, TOOL, TOOL, ANSWER]}
    pq.write_table(pa.Table.from_pylist([talk]), tmp_path / "a.parquet")
    ((_, called, *_),) = _read(tmp_path / "a.parquet")
    assert called.calls == (ToolCall("f", {"x": 1}), ToolCall("g", {"y": "a"}))

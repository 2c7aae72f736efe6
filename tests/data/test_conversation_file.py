"""A conversation in a file: what is saved is what is read back, and nothing else in the file changes."""

import json
from pathlib import Path

import pytest

from prosa.core.errors import UserError
from prosa.corpus.problems import Problems
from prosa.data.conversation_file import ConversationFile, as_record, last_conversation
from prosa.data.conversations import read_conversations
from prosa.tokenizers.chat import Message, ToolCall

TALK = (
    Message("system", "Sê breve.\n\ncalculator(expression)"),
    Message("user", 'Quanto é 3,5*2? "ção" <|end|>\u2028 fim'),
    Message(
        "assistant", "Vejamos.", (ToolCall("calculator", {"expression": "3,5*2"}), ToolCall("f", {"x": [1, None]}))
    ),
    Message("tool", "7"),
    Message("tool", ""),
    Message("assistant", "Dá 7."),
    Message("user", "linha 1\nlinha 2"),
    Message("assistant", ""),
)
OTHER = (Message("user", "a"), Message("assistant", "b"))


def lines(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8").split("\n")[:-1]


def conversations(path: Path) -> list[tuple[Message, ...]]:
    problems = Problems()
    found = [c.messages for c in read_conversations([path], problems)]
    assert not problems.count
    return found


def test_what_is_saved_is_read_back(tmp_path):
    path = tmp_path / "new" / "a.jsonl"
    ConversationFile(path).save(TALK)
    assert conversations(path) == [TALK]
    assert last_conversation(path).messages == TALK
    assert json.loads(lines(path)[0])["messages"][2]["tool_calls"][0] == {
        "type": "function",
        "function": {"name": "calculator", "arguments": '{"expression": "3,5*2"}'},
    }


def test_a_conversation_that_goes_on_stays_one_line_and_others_stay_as_they_are(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_bytes(b'not json\r\n\n{"messages": 3}')  # no line end
    file = ConversationFile(path)
    file.save(TALK[:6])
    file.save(TALK)
    assert path.read_bytes().startswith(b'not json\r\n\n{"messages": 3}\n{')
    assert len(lines(path)) == 4
    file.begin()
    file.save(OTHER)
    another = ConversationFile(path)  # another session, meanwhile
    another.save(OTHER)
    file.save(OTHER * 2)
    another.save(OTHER * 3)
    found = [len(json.loads(line)["messages"]) for line in lines(path)[3:]]
    assert (found[0], sorted(found[1:])) == (8, [4, 6])


def test_a_loaded_conversation_goes_on_in_its_own_line(tmp_path):
    path = tmp_path / "a.jsonl"
    for talk in (OTHER, TALK[:6]):
        ConversationFile(path).save(talk)
    path.write_bytes(path.read_bytes() + b"\n")
    file = ConversationFile(path)
    assert file.load().messages == TALK[:6]
    file.save(TALK)
    assert conversations(path) == [OTHER, TALK]


def test_what_a_model_wrote_and_no_encoding_has_is_replaced(tmp_path):
    path = tmp_path / "a.jsonl"
    call = ToolCall("f", {"x": "\ud800a"})
    ConversationFile(path).save([TALK[1], Message("assistant", "", (call,)), *TALK[3:4], *TALK[5:6]])
    (found,) = conversations(path)
    assert found[1].calls == (ToolCall("f", {"x": "\ufffda"}),)


@pytest.mark.parametrize("name", ["a.json", "a.jsonl.gz", "a.txt", "a"])
def test_other_formats_are_refused(tmp_path, name):
    with pytest.raises(UserError, match=r"not a \.jsonl file"):
        ConversationFile(tmp_path / name)


def test_what_cannot_be_written_is_told_and_touches_nothing(tmp_path):
    (tmp_path / "d.jsonl").mkdir()
    with pytest.raises(UserError, match="is a folder"):
        ConversationFile(tmp_path / "d.jsonl")
    file = ConversationFile(tmp_path / "a.jsonl")
    for messages in ((), TALK[:2]):
        with pytest.raises(UserError, match=r"not saved .*: no assistant turn"):
            file.save(messages)
    assert not file.path.exists()
    utf16 = "{}\n".encode("utf-16")
    file.path.write_bytes(utf16)
    with pytest.raises(UserError, match="is not UTF-8"):
        file.save(TALK)
    assert file.path.read_bytes() == utf16
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match=r"not saved in .*file/a\.jsonl") as error:
        ConversationFile(tmp_path / "file" / "a.jsonl").save(TALK)
    assert "--out" not in str(error.value)


def test_nothing_to_load_is_told(tmp_path):
    with pytest.raises(UserError, match="is not a file"):
        ConversationFile(tmp_path / "a.jsonl").load()
    (tmp_path / "a.jsonl").write_text('{"text": "a"}\n')
    with pytest.raises(UserError, match="neither 'messages'"):
        last_conversation(tmp_path / "a.jsonl")


def test_the_form_of_a_plain_conversation():
    turns = [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]
    assert as_record(OTHER) == {"messages": turns}

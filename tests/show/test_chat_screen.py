"""What a chat looks like: answers on stdout, the rest on stderr, and nothing that commands a terminal."""

import re

import pytest

from prosa.core.errors import UserError
from prosa.core.language import set_language
from prosa.generate.completion import Token
from prosa.show.chat import ChatScreen, speed
from prosa.tokenizers.chat import ChatEncoder, Message, ToolCall
from prosa.tokenizers.config import TokenizerConfig
from prosa.tokenizers.train import train

CALL_ID = 7
HOSTILE = "a\x1b[2J\x9b2Jb\rc\x07\x7f"
DRAWN = "a␛[2J\ufffd2Jb␍c␇␡"


@pytest.fixture(autouse=True)
def plain_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("FORCE_COLOR", "NO_COLOR", "TTY_COMPATIBLE", "COLORTERM"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")


def write(screen: ChatScreen, *texts: str) -> None:
    for text in texts:
        screen.token(Token(CALL_ID if text == "<|call|>" else 1, "" if text == "<|call|>" else text, 0.0))


def test_an_answer_is_its_text_and_a_line_end(capsys):
    screen = ChatScreen(CALL_ID)
    write(screen, "Olá", "", ", ", "você!")
    assert capsys.readouterr().out == "Olá, você!"
    screen.end()
    write(screen, "linha\n")
    screen.end()
    screen.end()
    assert capsys.readouterr() == ("\nlinha\n", "")


def test_calls_are_shown_as_people_write_them_with_their_results(capsys):
    screen = ChatScreen(CALL_ID)
    one, two = ToolCall("calculator", {"expression": "3,5*2"}), ToolCall("f", {"n": 1, "s": "a b", "l": [None, "ç"]})
    write(screen, "Vejamos", "<|call|>", '{"name": …', "<|call|>", "…")
    screen.turn(Message("assistant", "Vejamos", (one, two)))
    assert capsys.readouterr() == ("Vejamos\n", "  calculator(3,5*2) → ")
    screen.turn(Message("tool", "7"))
    screen.turn(Message("tool", "um\ndois"))
    assert capsys.readouterr().err == '7\n  f(n: 1, s: a b, l: [null, "ç"]) → um⏎dois\n'
    write(screen, "Dá 7.")
    screen.turn(Message("assistant", "Dá 7."))
    screen.end("note")
    assert capsys.readouterr() == ("Dá 7.\n", "[note]\n")


def test_calls_that_were_not_run_are_told(capsys):
    screen = ChatScreen(CALL_ID)
    calls = (ToolCall("f", {}), ToolCall("", {"text": "{nonsense"}))
    write(screen, "<|call|>", "f…")
    screen.turn(Message("assistant", "", calls))
    screen.end()
    assert capsys.readouterr() == ("", "  f() → not run\n  {nonsense → not run\n")
    write(screen, "<|call|>", "f…")  # Ctrl-C in the middle of it
    screen.end()
    write(screen, "ok")
    assert capsys.readouterr() == ("ok", "")


def test_nothing_commands_the_terminal(capsys):
    screen = ChatScreen(CALL_ID)
    write(screen, HOSTILE)
    screen.turn(Message("assistant", "", (ToolCall(HOSTILE, {"x": HOSTILE}), ToolCall("", {"text": HOSTILE}))))
    screen.turn(Message("tool", HOSTILE))
    screen.end(HOSTILE)
    screen.note(HOSTILE)
    screen.error(UserError(HOSTILE, HOSTILE))
    screen.lines([(HOSTILE, HOSTILE)])
    screen.text(HOSTILE)
    screen.conversation([Message("user", HOSTILE), Message("assistant", HOSTILE)])
    out, err = capsys.readouterr()
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f]", out + err)
    assert out.count(DRAWN) == 5
    assert err.count(DRAWN) == 9


def test_long_calls_and_results_are_cut(capsys):
    screen = ChatScreen(CALL_ID)
    screen.turn(Message("assistant", "", (ToolCall("f", {"x": "y" * 10**6}),)))
    screen.turn(Message("tool", "z" * 10**6))
    assert len(capsys.readouterr().err) < 500


def test_nothing_is_coloured_but_on_a_terminal(capsys, monkeypatch):
    for coloured in (False, True):
        if coloured:
            monkeypatch.setenv("FORCE_COLOR", "1")
        screen = ChatScreen(CALL_ID)
        write(screen, "texto")
        screen.end("nota")
        screen.error(UserError("mau"))
        out, err = capsys.readouterr()
        assert out == "texto\n"  # an answer never is
        assert err == ("\x1b[2m[nota]\x1b[0m\n\x1b[31merror: mau\x1b[0m\n" if coloured else "[nota]\nerror: mau\n")


TALK = [Message("system", "Oi"), Message("user", "a b"), Message("assistant", "ç\n"), Message("tool", "7")]


def test_ids_are_shown_as_the_model_reads_them(capsys, monkeypatch):
    tokenizer = train(["a b"], TokenizerConfig(vocab_size=263))
    encoder, special = ChatEncoder(tokenizer), tokenizer.special_tokens
    ids = encoder.encode(TALK).ids.tolist()
    ChatScreen(encoder.call_id).ids(ids, encoder)
    rows = capsys.readouterr().out.splitlines()
    assert rows[::2] == [
        "<|system|>[O][i]<|end|>",
        "<|user|>[a][·][b]<|end|>",
        r"<|assistant|>[\xc3][\xa7][⏎]<|end|>",
        "<|tool|>[7]<|end|>",
    ]
    assert " ".join(rows[1::2]).split() == [str(id) for id in ids]
    assert rows[1].split()[0] == str(special["<|system|>"])
    ChatScreen(encoder.call_id).ids([], encoder)
    assert capsys.readouterr().out == ""
    monkeypatch.setenv("FORCE_COLOR", "1")
    ChatScreen(encoder.call_id).ids(ids, encoder)
    first, _, second, *_ = capsys.readouterr().out.splitlines()
    styles = [re.findall(r"\x1b\[([1-9][\d;]*)m(\S)", line) for line in (first, second)]
    assert styles[0] == [("1;35", "<"), ("30;105", "O"), ("30;45", "i"), ("1;35", "<")]
    assert styles[1] == [("1;36", "<"), ("30;106", "a"), ("30;46", "·"), ("30;106", "b"), ("1;36", "<")]


def test_speed_in_both_languages():
    assert speed(1234, 2.0) == "1,234 tokens, 617 tokens/s"
    assert speed(3, 2.0) == "3 tokens, 1.5 tokens/s"
    assert speed(3, 0.0) == "3 tokens, – tokens/s"
    set_language("pt-BR")
    assert speed(1234, 20.0) == "1.234 tokens, 61,7 tokens/s"

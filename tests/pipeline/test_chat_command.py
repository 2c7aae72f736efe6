"""``prosa chat`` without a terminal: questions given at once, and the loop with lines that somebody might type."""

import io
import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from prosa.cli.main import main
from prosa.core.language import set_language
from prosa.corpus.problems import Problems
from prosa.data.conversations import read_conversations
from prosa.generate.sampling import Sampling
from prosa.generate.session import Session
from prosa.generate.tools import Toolbox, builtin_tools
from prosa.models.gpt import GPT, GPTConfig
from prosa.models.huggingface import save_model
from prosa.pipeline.chat import chat, tools_language
from prosa.pipeline.chat_loop import Chat, Typed, converse, read_typed
from prosa.pipeline.run import load
from prosa.show.chat import ChatScreen
from prosa.tokenizers.chat import ChatEncoder, ToolCall
from prosa.tokenizers.config import TokenizerConfig
from prosa.tokenizers.train import train
from scripted import GREETED, GREETING, SUM, SUMMED, ScriptedEngine

ENCODER = ChatEncoder(train(["a"], TokenizerConfig(vocab_size=263)))
CALL = '<|call|>{"name": "calculator", "arguments": {"expression": "3,5*2"}}'


@pytest.fixture(autouse=True)
def plain_terminal(monkeypatch):
    for name in ("FORCE_COLOR", "NO_COLOR", "TTY_COMPATIBLE", "COLORTERM"):
        monkeypatch.delenv(name, raising=False)


def talk(*typed: str | type[BaseException] | Callable[[], str], answers: tuple[str, ...] = (), **options) -> Chat:
    """A chat in which these lines are typed (or Ctrl-C, Ctrl-D), and the model gives these answers."""
    engine = ScriptedEngine(ENCODER, *answers, context=options.pop("context", 400))
    session = Session(engine, ENCODER, sampling=Sampling(), max_tokens=options.pop("max_tokens", 100), **options)
    here = Chat(session, ChatScreen(ENCODER.call_id), Path("runs/x/sft"))
    lines = iter([*typed, EOFError])

    def read(prompt: str) -> str:
        line = next(lines)
        if isinstance(line, str):
            return line
        if isinstance(line, type):
            raise line
        return line()

    converse(here, read)
    return here


def contents(here: Chat) -> list[str]:
    return [message.content for message in here.session.messages]


# ------------------------------------------------------------------ questions given at once


def test_answers_go_to_stdout_and_calls_to_stderr(chat_run, capsys):
    assert main(["chat", str(chat_run), "--prompt", SUM, GREETING, "--temperature", "0"]) == 0
    assert capsys.readouterr() == (f"{SUMMED}\n{GREETED}\n", "  calculator(3,5*2) → 7\n")


def test_json_is_the_conversation_that_sft_reads_back(chat_run, capsys, tmp_path):
    argv = ["chat", str(chat_run), "--prompt", GREETING, SUM, "--temperature", "0", "--json"]
    assert main(argv) == 0
    out, err = capsys.readouterr()
    assert err == ""
    found = json.loads(out)
    assert [answer["text"] for answer in found["answers"]] == [GREETED, SUMMED]
    assert {answer["ending"] for answer in found["answers"]} == {"stop"}
    (tmp_path / "a.jsonl").write_text(out)
    (read,) = read_conversations([tmp_path / "a.jsonl"], Problems())
    assert [m.role for m in read.messages] == ["system", "user", "assistant", "user", "assistant", "tool", "assistant"]
    assert read.messages[4].calls == (ToolCall("calculator", {"expression": "3,5*2"}),)
    (learnt, _) = list(read_conversations([chat_run / "talks.jsonl"], Problems()))[:2]
    assert read.messages == learnt.messages  # it says what it learnt


def test_a_question_from_standard_input(chat_run, capsys, monkeypatch):
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(GREETING.encode() + b"\n")))
    assert main(["chat", str(chat_run), "--prompt", "-", "--temperature", "0"]) == 0
    assert capsys.readouterr().out == f"{GREETED}\n"


def test_saving_and_loading_go_on_with_the_same_conversation(chat_run, tmp_path, capsys):
    file, both = tmp_path / "a.jsonl", chat(str(chat_run), prompt=(GREETING, SUM), temperature=0.0)
    chat(str(chat_run), prompt=(GREETING,), temperature=0.0, save=file)
    chat(str(chat_run), prompt=(SUM,), temperature=0.0, save=file, load=file)
    assert len(file.read_text().splitlines()) == 1
    (read,) = read_conversations([file], Problems())
    assert list(read.messages) == both.session.messages
    again = chat(str(chat_run), prompt=(GREETING,), temperature=0.0, load=file, system="Sê breve.")
    assert again.session.messages[0].content.startswith("Sê breve.\n\ncalculator(expression)")
    assert [m.content for m in again.session.messages[1:3]] == [GREETING, GREETED]


def test_the_model_reads_the_tools_only_once_after_loading(chat_run, tmp_path):
    file = tmp_path / "a.jsonl"
    first = chat(str(chat_run), prompt=(GREETING,), temperature=0.0, save=file).session
    loaded = chat(str(chat_run), prompt=(GREETING,), temperature=0.0, load=file).session
    assert loaded.messages[:3] == first.messages
    assert loaded.reads()[: len(first.reads())] == first.reads()


@pytest.mark.parametrize(
    ("argv", "told"),
    [
        (["--json"], "--json needs --prompt"),
        (["--prompt", " "], "--prompt has no text"),
        (["--prompt", "a", "--save", "x.txt"], "not a .jsonl file"),
        (["--prompt", "a", "--load", "none.jsonl"], "none.jsonl is not a file"),
        (["--prompt", "a", "--tools", "f.py", "--no-tools"], "contradict each other"),
        (["--prompt", "a", "--tools", "none.py"], "there is no file"),
        (["--prompt", "a", "--max-tokens", "0"], "--max-tokens is 0"),
        (["--prompt", "a", "--temperature", "-1", "--top-p", "3"], "temperature is -1.0.*top_p is 3.0"),
        (["--prompt", "a" * 300], "the message has 303 tokens, beside the system turn's .* is 128"),
        (["--prompt", "a", "--system", "a" * 300], "the system turn has .* tokens"),
    ],
)
def test_mistakes(chat_run, argv, told, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["chat", str(chat_run), *argv]) == 2
    assert re.search(told, capsys.readouterr().err)
    assert not list(tmp_path.iterdir())


def test_a_later_question_that_fails_does_not_lose_the_answers_before_it(chat_run, tmp_path, capsys):
    file = tmp_path / "a.jsonl"
    argv = ["chat", str(chat_run), "--prompt", GREETING, "a" * 300, "--temperature", "0", "--save", str(file)]
    assert main(argv) == 2
    assert capsys.readouterr().out == f"{GREETED}\n"
    (read,) = read_conversations([file], Problems())
    assert read.messages[-1].content == GREETED


def test_a_model_without_chat_tokens_is_refused_and_a_base_model_is_warned_of(tiny_run, tmp_path, capsys):
    plain = train(["a b c"], TokenizerConfig(vocab_size=300, special_tokens=("<|endoftext|>",)))
    save_model(GPT(GPTConfig(300, 32, 1, 2, 32)), tmp_path / "plain", tokenizer=plain)
    assert main(["chat", str(tmp_path / "plain"), "--prompt", "a"]) == 2
    error = capsys.readouterr().err
    assert "no chat template" in error
    assert "prosa generate" in error
    assert "prosa sft" in error
    assert main(["chat", str(tiny_run), "--prompt", "a", "--max-tokens", "3"]) == 0
    assert "is a base model, which has not learnt to answer: prosa sft" in capsys.readouterr().err


def test_tools_are_announced_where_the_model_learnt_to_call_some(chat_run, tmp_path, capsys):
    run = shutil.copytree(chat_run, tmp_path / "run")
    assert chat(str(run), prompt=("a",), max_tokens=1).session.toolbox is not None
    later = shutil.copytree(run / "sft", run / "rl")
    (later / "training.json").write_text("{}")
    assert chat(str(run), prompt=("a",), max_tokens=1).session.toolbox is not None
    figures = json.loads((run / "sft" / "training.json").read_text())
    assert figures["data"]["calls"] == 8
    figures["data"]["calls"] = 0
    (run / "sft" / "training.json").write_text(json.dumps(figures))
    for spec in (f"{run}:sft", f"{run}:rl"):
        assert chat(spec, prompt=("a",), max_tokens=1).session.toolbox is None
    assert chat(str(chat_run), prompt=("a",), max_tokens=1, no_tools=True).session.toolbox is None
    capsys.readouterr()
    (tmp_path / "f.py").write_text("def half(n: float) -> float:\n    return n / 2\n")
    toolbox = chat(str(run), prompt=("a",), max_tokens=1, tools=(tmp_path / "f.py",)).session.toolbox
    assert toolbox.announcement == "half(n)"
    assert "learnt from conversations that call no tools" in capsys.readouterr().err


def test_tools_speak_the_language_that_the_model_learnt_them_in(tmp_path):
    folder = tmp_path / "rl"
    assert tools_language(folder) == "en"  # that of the messages
    (tmp_path / "sft").mkdir()
    resolved = tmp_path / "sft" / "config.resolved.yaml"
    resolved.write_text("tasks: {tools: true, languages: [pt-BR, en]}", encoding="utf-8")
    assert tools_language(folder) == tools_language(tmp_path / "sft") == "pt-BR"
    resolved.write_text("tasks: {tools: false, languages: [pt-BR]}", encoding="utf-8")
    assert tools_language(folder) == "en"


def test_a_function_of_the_users_takes_the_place_of_ours(chat_run, tmp_path, capsys):
    (tmp_path / "f.py").write_text("def calculator(expression: str) -> int:\n    return len(expression)\n")
    argv = ["chat", str(chat_run), "--prompt", SUM, "--temperature", "0", "--tools", str(tmp_path / "f.py")]
    main(argv)
    assert "  calculator(3,5*2) → 5\n" in capsys.readouterr().err


def test_a_small_context_has_no_room_for_our_tools(tmp_path, capsys):
    torch.manual_seed(0)
    tokenizer = train(["a b c"], TokenizerConfig(vocab_size=300))
    save_model(GPT(GPTConfig(300, 64, 1, 2, 32)), tmp_path / "model", tokenizer=tokenizer)
    assert chat(str(tmp_path / "model"), prompt=("a",), max_tokens=1).session.toolbox is None
    assert "no room for the calculator" in capsys.readouterr().err


# ------------------------------------------------------------------ the loop


def test_questions_are_answered_until_the_input_ends(capsys):
    here = talk("Olá!", "", "  ", "//casa", "tudo\\", "bem?", '"""', "/um", "", 'dois"""', answers=("a", "b", "c", "d"))
    assert contents(here) == ["Olá!", "a", "/casa", "b", "tudo\nbem?", "c", "/um\n\ndois", "d"]
    out, err = capsys.readouterr()
    assert out == "a\nb\nc\nd\n"
    assert err.endswith("Goodbye.\n")


def test_a_new_line_in_both_forms():
    def typed(*lines: str) -> Typed | None:
        given = iter(lines)

        def read(prompt: str) -> str:
            line = next(given, None)
            if line is None:
                raise EOFError
            if line == "^C":
                raise KeyboardInterrupt
            return line

        return read_typed(read)

    assert typed("a") == Typed("a")
    assert typed("a\\", "b\\", "c") == Typed("a\nb\nc")
    assert typed("a\\") == Typed("a\\")  # the input ends
    assert typed('"""a"""') == Typed("a", block=True)
    assert typed('  """a', "", 'b""" ') == Typed("a\n\nb", block=True)
    assert typed('"""', "/a\\", '"""') == Typed("/a\\", block=True)
    assert typed('"""a', "b") == Typed("a\nb", block=True)
    assert typed("a\\", "^C") is typed('"""a', "^C") is None
    for end, line in ((EOFError, None), (KeyboardInterrupt, "^C")):
        with pytest.raises(end):
            typed(*([line] if line else []))


@pytest.mark.parametrize("lang", ["en", "pt-BR"])
def test_help_has_every_command_in_both_languages(lang, capsys):
    from prosa.pipeline.chat_commands import COMMANDS

    set_language(lang)
    talk("/help", "/ajuda", "/AJUDA")
    set_language(None)
    out, err = capsys.readouterr()
    assert not err.count("rro")
    for command in COMMANDS:
        first, second = command.names if lang == "en" else command.names[::-1]
        assert out.count(f"  /{first} ") == 3
        assert out.count(f"(/{second})") == (3 if first != second else 0)


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("/hlep", "unknown command: /hlep. Did you mean /help?"),
        ("/refaser", "Did you mean /refazer?"),
        ("/parametro", "Did you mean /parametros?"),
        ("/home/eu é uma pasta", "a message that begins with / is written with two: //"),
        ("/", "unknown command: /"),
        ("/undo all", "/undo takes nothing after it"),
        ("/undo", "there is no question yet"),
        ("/refazer", "there is no question yet"),
        ("/temperature hot", "'hot' is not a number"),
        ("/temperature -1", "temperature is -1.0, must be >= 0"),
        ("/settings maybe", "'maybe' is neither on nor off"),
        ("/save", "which file? /save FILE.jsonl"),
        ("/save a.jsonl", "not saved in a.jsonl: no assistant turn"),
        ("/save a.txt", "not a .jsonl file"),
        ("/load", "which file? /load FILE.jsonl"),
        ("/load none.jsonl", "none.jsonl is not a file"),
        ("/system " + "a" * 500, "the system turn has 502 tokens"),
        ("a" * 500, "the message has 503 tokens; the model's context is 400"),
        ("a\udcff", "lone surrogate"),
    ],
)
def test_a_mistake_is_told_and_the_chat_goes_on(line, told, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    here = talk(line, "Olá!", answers=("Oi!",))
    assert told in capsys.readouterr().err
    assert contents(here) == ["Olá!", "Oi!"]
    assert not list(tmp_path.iterdir())


def test_commands_on_the_conversation(capsys):
    here = talk("a", "b", "/desfazer", "c", "/refazer", "/sistema Sê breve.", "d", answers=("1", "2", "3", "4", "5"))
    assert contents(here) == ["Sê breve.", "a", "1", "c", "4", "d", "5"]
    assert "taken back: b" in capsys.readouterr().err
    here = talk("/system S", "a", "/system", "/limpar", "b", "/system -", "/system", "/quit", "x", answers=("1", "2"))
    assert contents(here) == ["b", "2"]
    err = capsys.readouterr().err
    assert err.count("\nS\n") == 2
    assert err.index("a new conversation") < err.index("the system turn says nothing") < err.index("Goodbye")


def test_settings(capsys):
    here = talk(
        "/temperatura 0,5", "/temperature", "a", "/settings on", "b", "/parâmetros não", "c", answers=tuple("123")
    )
    assert here.session.sampling.temperature == 0.5
    out, err = capsys.readouterr()
    assert err.count("temperature 0.5\n") == 2
    assert err.count(" tokens/s]") == 1
    rows = [line.split(maxsplit=1) for line in out.splitlines() if line.startswith("  ")]
    assert rows[:7] == [
        ["temperature", "0.5"],
        ["top_p", "1"],
        ["top_k", "0"],
        ["min_p", "0"],
        ["repetition_penalty", "1"],
        ["seed", "0"],
        ["max_tokens", "100"],
    ]


def test_views(capsys, chat_run):
    here = talk("/tools", "a", "/tokens", answers=("1",), toolbox=Toolbox(builtin_tools("pt")), system="S")
    out, err = capsys.readouterr()
    assert "  calculator(expression)" in out
    assert "Aritmética exata." in out
    assert "<|user|>[a]<|end|>" in out
    assert f"{len(here.session.reads())} tokens of the context's 400 (" in err
    talk("/tools")
    assert "none: --no-tools was given" in capsys.readouterr().err
    lines = iter(["/modelo"])
    chat(str(chat_run), read=lambda prompt: next(lines, None) or _end())
    out, err = capsys.readouterr()
    assert str(chat_run / "sft") in out
    parameters = sum(p.numel() for p in load(str(chat_run))[0].parameters())
    assert f"parameters   {parameters:,}\n" in out
    assert f"{parameters:,} parameters, context of 128 tokens. /help lists the commands" in err


def _end() -> str:
    raise EOFError


def test_saving_and_loading_in_the_chat(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    box = Toolbox(builtin_tools("pt"))
    here = talk(
        "Quanto é 3,5*2?", "/save a.jsonl", "b", "/clear", "c", "/save", answers=(CALL, "7", "2", "3"), toolbox=box
    )
    first, second = read_conversations([Path("a.jsonl")], Problems())
    assert [m.content for m in first.messages[1:]] == ["Quanto é 3,5*2?", "", "7", "7", "b", "2"]
    assert list(second.messages) == here.session.messages
    capsys.readouterr()
    here = talk("x", "/carregar a.jsonl", "d", "/salvar a.jsonl", "/load a.jsonl", "e", answers=("9", "4", "5"))
    found = [[m.content for m in c.messages] for c in read_conversations([Path("a.jsonl")], Problems())]
    assert len(found) == 3
    assert found[:2] == [[m.content for m in c.messages] for c in (first, second)]
    assert found[2] == ["c", "3", "d", "4", "e", "5"] == contents(here)
    out, err = capsys.readouterr()
    assert "loaded: a.jsonl:2\n› c\n" in err
    assert "\n3\n" in out
    unanswered = {
        "messages": [{"role": r, "content": c} for r, c in (("user", "a"), ("assistant", "b"), ("user", "c"))]
    }
    Path("b.jsonl").write_text(json.dumps(unanswered))
    assert contents(talk("/load b.jsonl")) == ["a", "b"]
    assert "its end is left out" in capsys.readouterr().err


def test_a_file_that_can_no_longer_be_written_loses_nothing(tmp_path, capsys):
    path = tmp_path / "d" / "a.jsonl"

    def replace_the_folder() -> str:
        shutil.rmtree(path.parent)
        path.parent.write_text("")
        return "b"

    def remove_what_is_there() -> str:
        path.parent.unlink()
        return "c"

    here = talk("a", f"/save {path}", replace_the_folder, remove_what_is_there, answers=("1", "2", "3"))
    assert "error: the conversation is not saved in" in capsys.readouterr().err
    assert contents(here) == ["a", "1", "b", "2", "c", "3"]
    (read_back,) = read_conversations([path], Problems())
    assert [m.content for m in read_back.messages] == contents(here)


def test_the_full_context_is_told_once(capsys):
    questions = [letter * 20 for letter in "abcdef"]
    here = talk(*questions, "/tokens", answers=("1",) * 6, context=64)
    err = capsys.readouterr().err
    assert err.count("no longer fits the context of 64 tokens") == 1
    assert "not read any more: " in err
    assert here.session.exchanges[-1].left_out > 2


def test_why_an_answer_ended_is_told(capsys):
    talk("a", "b", "c", "/temperature 0", "d", "/retry", answers=("abcdef", " ", CALL[:20], "1", "1"), max_tokens=6)
    err = capsys.readouterr().err
    assert err.count("[cut at --max-tokens 6]") == 2
    assert err.count("[no answer]") == 1
    assert err.count("[the same answer: the temperature is 0]") == 1
    talk("a" * 30, answers=("abcdef",), context=36)
    assert "[cut: the context of 36 tokens is full]" in capsys.readouterr().err


def test_ctrl_c_stops_an_answer_and_not_the_chat(capsys):
    here = talk("a", "b", "c", answers=("um<|stop|>dois", "<|stop|>", "três"))
    assert contents(here) == ["a", "um", "c", "três"]
    out, err = capsys.readouterr()
    assert out == "um\ntrês\n"
    assert "[stopped]\n" in err
    assert "[stopped before a word was written]\n" in err


def test_ctrl_c_at_the_prompt_ends_and_in_a_text_takes_it_back(capsys):
    here = talk("a\\", KeyboardInterrupt, '"""b', KeyboardInterrupt, "c", KeyboardInterrupt, "d", answers=("1",))
    assert contents(here) == ["c", "1"]


def test_what_nobody_foresaw_does_not_end_the_chat(capsys, monkeypatch):
    monkeypatch.setattr(ScriptedEngine, "stream", lambda *_, **__: 1 / 0)
    here = talk("a", "/temperature 0.3")
    assert here.session.sampling.temperature == 0.3
    assert "error: ZeroDivisionError: division by zero" in capsys.readouterr().err


def test_portuguese(capsys):
    set_language("pt-BR")
    talk("/ajda", "a", "/desfazer", "/parâmetros", answers=("abc",), max_tokens=2)
    set_language(None)
    out, err = capsys.readouterr()
    assert "erro: comando desconhecido: /ajda. Você quis dizer /ajuda?" in err
    assert "[cortada em --max-tokens 2]" in err
    assert "desfeita: a" in err
    assert err.endswith("Até logo.\n")
    assert "velocidade após cada resposta" in out

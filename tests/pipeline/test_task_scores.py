"""``prosa evaluate --tasks``: a model that knows a task by heart, and one that does not, asked the same."""

import json
import re
from pathlib import Path

import pytest

from prosa.cli.main import main
from prosa.core.errors import UserError
from prosa.evaluate.tasks.answerer import Answerer
from prosa.evaluate.tasks.registry import TASKS
from prosa.generate.engine import Engine
from prosa.generate.reply import announced, replies
from prosa.generate.sampling import Sampling
from prosa.generate.tools import Toolbox, builtin_tools
from prosa.models.gpt import GPT, GPTConfig
from prosa.models.huggingface import save_model
from prosa.pipeline.run import load
from prosa.pipeline.tasks import form_of, measure_tasks
from prosa.tokenizers.chat import ChatEncoder, Message
from prosa.tokenizers.config import TokenizerConfig
from prosa.tokenizers.train import train

PROBLEMS = list(TASKS["plurals"].problems("test", seed=0, n=16))


@pytest.fixture
def run(by_heart) -> Path:
    """A run whose base/ is random and whose rl/ knows the answers by heart."""
    return by_heart


def answerer(folder: Path, form: str) -> tuple[Answerer, Engine]:
    model, tokenizer, _ = load(str(folder))
    engine = Engine(model, tokenizer, device="cpu", precision="float32")
    return Answerer(engine, form), engine


def test_by_heart_is_all_right_and_random_is_all_wrong(run) -> None:
    tuned = measure_tasks(str(run / "rl"), tasks=("plurals",), problems=16, device="cpu")
    base = measure_tasks(str(run / "base"), tasks=("plurals",), problems=16, device="cpu")
    assert (tuned.form, tuned.scores[0].prompting, tuned.scores[0].right) == ("chat", "zero", 16)
    assert (base.form, base.scores[0].prompting, base.scores[0].right) == ("plain", "few", 0)
    asked = [[answer.problem for answer in found.scores[0].marked] for found in (tuned, base)]
    assert asked[0] == asked[1] == PROBLEMS


def test_ways_of_asking_are_compared_on_the_same_problems(run) -> None:
    found = measure_tasks(
        str(run / "rl"), tasks=("plurals",), problems=16, prompting=("zero", "cot", "zero", "expert"), device="cpu"
    )
    assert [score.prompting for score in found.scores] == ["zero", "cot", "expert"]
    plain = found.to_json()
    assert [(line["than"], line["prompting"]) for line in plain["differences"]] == [("zero", "cot"), ("zero", "expert")]
    for line, score in zip(plain["differences"], found.scores[1:], strict=True):
        assert line["difference"] == (score.right - 16) / 16
        assert line["verdict"] == "worse"


def test_a_form_is_known_by_where_the_model_comes_from(run, tmp_path) -> None:
    tokenizer = load(str(run / "rl"))[1]
    assert form_of(run / "base", tokenizer) == "plain"
    assert form_of(run / "rl", tokenizer) == "chat"
    (tmp_path / "mine").mkdir()
    assert form_of(tmp_path / "mine", tokenizer) == "plain"
    (tmp_path / "mine" / "config.resolved.yaml").write_text("model: {depth: 3}\n")
    assert form_of(tmp_path / "mine", tokenizer) == "plain"
    (tmp_path / "mine" / "config.resolved.yaml").write_text("model: runs/x/base\n")
    assert form_of(tmp_path / "mine", tokenizer) == "chat"
    bare = train(["a b"], TokenizerConfig(vocab_size=300, special_tokens=("<|endoftext|>",)))
    assert form_of(run / "rl", bare) == "plain"


def test_the_plain_form_is_lines_of_text_and_the_chat_form_the_template(run) -> None:
    turns = [Message("user", "Um?"), Message("assistant", "uns"), Message("user", "Mão?")]
    plain, engine = answerer(run / "base", "plain")
    (answer,) = plain.answer([turns], max_tokens=9)
    (made,) = engine.generate(["Um?\nuns\nMão?\n"], Sampling(temperature=0, stop=("\n",)), max_tokens=9)
    assert (answer.text, answer.cut) == (made.text, made.finish_reason == "length")
    assert "\n" not in answer.text
    assert plain.length(turns) == len(engine.tokenizer.encode("Um?\nuns\nMão?\n")) + 1
    chat, engine = answerer(run / "rl", "chat")
    encoder = ChatEncoder(engine.tokenizer)
    (reply,) = replies(engine, encoder, [turns], Sampling(temperature=0), max_tokens=9)
    assert chat.answer([turns], max_tokens=9)[0].text == reply.text
    assert chat.length(turns) == len(encoder.prompt(turns))


def test_samples_come_prompt_by_prompt_whatever_the_batches(run) -> None:
    chat, _ = answerer(run / "rl", "chat")
    turns = [[Message("user", problem.prompt)] for problem in PROBLEMS]
    drawn = Sampling(temperature=1.5, seed=3)
    many = chat.answer(turns, max_tokens=6, sampling=drawn, samples=5)
    assert len(many) == 80
    alone = chat.answer(turns[7:8], max_tokens=6, sampling=drawn, samples=5)
    assert many[35:40] == alone
    assert len({answer.text for answer in many[35:40]}) > 1


def test_the_command_tells_scores_in_both_languages(run, capsys) -> None:
    argv = ["evaluate", str(run / "rl"), "--tasks", "plurals", "--problems", "16"]
    assert main([*argv, "--json"]) == 0
    (row,) = json.loads(capsys.readouterr().out)["rows"]
    assert (row["score"], row["n"], row["prompting"], row["seed"]) == (1.0, 16, "zero", 0)
    assert row["interval"] == pytest.approx([0.8064, 1.0], abs=1e-4)
    assert main([*argv, "--examples", "--prompting", "zero", "cot"]) == 0
    out = capsys.readouterr().out
    assert "100.0%   80.6% – 100.0%   ████████████████████" in out
    assert "step by step − zero-shot" in out
    assert f"  ✓ {PROBLEMS[0].prompt} → {PROBLEMS[0].answer}" in out
    assert main([*argv, "--lang", "pt-BR"]) == 0
    assert re.search("100,0% +80,6% – 100,0%", capsys.readouterr().out)
    assert main([*argv, "--prompting", "few", "--lang", "pt-BR"]) == 0
    assert "quantos cabem no contexto" in capsys.readouterr().out


def test_an_own_file_is_asked(run, tmp_path, capsys) -> None:
    path = tmp_path / "meu.jsonl"
    rows = [{"prompt": p.prompt, "answer": p.answer if n % 2 else "errado"} for n, p in enumerate(PROBLEMS)]
    path.write_text("".join(json.dumps(row) + "\n" for row in [*rows, {"x": 1}]), encoding="utf-8")
    argv = ["evaluate", str(run / "rl"), "--problems-file", str(path), "--json"]
    assert main(argv) == 0
    said = capsys.readouterr()
    (row,) = json.loads(said.out)["rows"]
    assert (row["task"], row["right"], row["n"]) == ("meu.jsonl", 8, 16)
    assert f"left out: {path}:17: neither 'prompt' nor 'question'" in said.err
    assert main([*argv, "--tasks", "plurals", "--problems", "8"]) == 0
    assert [row["n"] for row in json.loads(capsys.readouterr().out)["rows"]] == [8, 8]


@pytest.mark.parametrize(
    ("more", "told"),
    [
        (["--tasks", "plural"], "unknown task: 'plural'. Did you mean 'plurals'"),
        (["--tasks", "plurals", "--problems", "0"], "at least 1"),
        (["--tasks", "plurals", "--text", "x.txt"], "--text and --tasks are measured apart"),
        (["--tasks", "plurals", "--tools"], "calls no tools"),
        (["--problems-file", "nowhere.jsonl"], "nowhere.jsonl is not a file"),
        (["--problems-file", "."], "is not a file"),
        (["--tasks", "plurals", "--max-tokens", "0"], "max_tokens"),
    ],
)
def test_mistakes_are_told(run, more, told, capsys) -> None:
    assert main(["evaluate", str(run / "base"), *more]) == 2
    assert told in capsys.readouterr().err


def test_a_model_without_chat_tokens_is_asked_plainly_or_not_at_all(tmp_path) -> None:
    tokenizer = train(["a b c"], TokenizerConfig(vocab_size=300, special_tokens=("<|endoftext|>",)))
    save_model(GPT(GPTConfig(300, 32, 1, 2, 32)), tmp_path, tokenizer=tokenizer)
    with pytest.raises(UserError, match="no chat template"):
        measure_tasks(str(tmp_path), tasks=("2D+",), problems=2, form="chat", device="cpu")
    assert measure_tasks(str(tmp_path), tasks=("2D+",), problems=2, device="cpu").form == "plain"


def test_tools_are_announced_in_chat_form(run) -> None:
    _, engine = answerer(run / "rl", "chat")
    toolbox = Toolbox(builtin_tools("pt"))
    with pytest.raises(UserError, match="calls no tools"):
        Answerer(engine, "plain", toolbox)
    turns = [Message("user", "Quanto é 2 + 2?")]
    with_tools, without = Answerer(engine, "chat", toolbox), Answerer(engine, "chat")
    encoder = ChatEncoder(engine.tokenizer)
    assert with_tools.length(turns) == len(encoder.prompt(announced(turns, toolbox))) > without.length(turns)
    found = measure_tasks(str(run / "rl"), tasks=("plurals",), problems=16, tools=True, device="cpu")
    assert found.scores[0].too_long == 16  # in this little context the tools leave no room

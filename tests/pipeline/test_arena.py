"""``prosa arena``: stages that know nothing, half and all of a task by heart, before each kind of judge."""

import json
import shutil
import socket
from pathlib import Path

import pytest
import torch

from chat_server import ChatServer, completion, parts
from prosa.align.reward import load_reward
from prosa.cli.main import main
from prosa.core.files import mark_complete
from prosa.evaluate.arena import server
from prosa.evaluate.tasks.registry import TASKS
from prosa.models.gpt import GPT, GPTConfig
from prosa.models.huggingface_scored import save_scored
from prosa.models.scored import ScoredGPT
from prosa.pipeline.gains import gains
from prosa.tokenizers.chat import ChatEncoder, Message
from prosa.tokenizers.load import load

SECRET = "sk-secret-456"
KNOWN = ("--tasks", "plurals", "--prompts", "16", "--device", "cpu")


@pytest.fixture(autouse=True)
def outside_world(monkeypatch):
    """No proxy, a key, and no waiting."""
    monkeypatch.setenv("no_proxy", "*")
    monkeypatch.setenv(server.KEY, SECRET)
    monkeypatch.setattr(server, "sleep", lambda seconds: None)


@pytest.fixture
def serve():
    servers = []

    def start(answer):
        servers.append(ChatServer(lambda body: answer(body) if body else (404, {}, b"")))
        return servers[-1]

    yield start
    for each in servers:
        each.close()


@pytest.fixture(scope="module")
def run(by_heart, tmp_path_factory) -> Path:
    """The stages, and a reward model that judges by chance but always alike."""
    run = shutil.copytree(by_heart, tmp_path_factory.mktemp("arena") / "mine")
    torch.manual_seed(1)
    made = ScoredGPT(GPT(GPTConfig(600, 48, 1, 2, 32)), ("reward",))
    torch.nn.init.normal_(made.score.weight)
    save_scored(made, run / "reward", tokenizer=load(run / "base"))
    mark_complete(run / "reward")
    return run


def arena(capsys, run, *argv, stages=("base", "sft", "rl")) -> dict:
    assert main(["arena", *(f"{run}:{stage}" for stage in stages), *map(str, argv), "--json"]) == 0
    return json.loads(capsys.readouterr().out.replace(f"{run}:", ""))


def pairs(found) -> dict:
    return {(rate["first"], rate["second"]): rate for rate in found["win_rates"]}


def questions(asked) -> int:
    return sum(path.endswith("/chat/completions") for path, _, _ in asked.requests)


def test_a_verifier_counts_who_is_right_alone(run, capsys) -> None:
    found = arena(capsys, run, *KNOWN)
    right = {
        model: {line["prompt_id"] for line in found["answers"] if line["replies"][model]["right"]}
        for model in ("base", "sft", "rl")
    }
    assert (len(right["base"]), len(right["rl"])) == (0, 16)
    assert 8 <= len(right["sft"]) <= 12
    rates = pairs(found)
    assert list(rates) == [("base", "sft"), ("base", "rl"), ("sft", "rl")]
    for (first, second), rate in rates.items():
        wins, losses = len(right[first] - right[second]), len(right[second] - right[first])
        assert (rate["wins"], rate["losses"], rate["ties"]) == (wins, losses, 16 - wins - losses)
        assert rate["rate"] == (wins + (16 - wins - losses) / 2) / 16
    assert pairs(found)["base", "rl"]["difference_interval"][1] < 0
    for ratings in (found["bradley_terry"], found["elo"]):
        assert [rating["model"] for rating in ratings] == ["rl", "sft", "base"]
    assert (found["judges"], found["prompts"], found["comparisons"], found["flip_rate"]) == (["verifier"], 16, 48, None)
    assert found["asked"] == {"plurals": 16}
    assert [model["form"] for model in found["models"]] == ["plain", "chat", "chat"]


def test_every_verdict_and_every_answer_is_in_the_result_and_in_its_file(run, capsys, tmp_path) -> None:
    path = tmp_path / "new" / "result.json"
    found = arena(capsys, run, *KNOWN, "--out", path)
    assert json.loads(path.read_text(encoding="utf-8").replace(f"{run}:", "")) == found
    replies = {line["prompt_id"]: line["replies"] for line in found["answers"]}
    assert len(found["verdicts"]) == 48
    for verdict in found["verdicts"]:
        first, second = (replies[verdict["prompt_id"]][verdict[side]]["right"] for side in ("first", "second"))
        assert verdict["winner"] == ("tie" if first == second else "first" if first else "second")
    known = {problem.prompt: problem.answer for problem in TASKS["plurals"].problems("test", seed=0, n=16)}
    assert {line["prompt"]: line["replies"]["rl"]["text"] for line in found["answers"]} == known
    assert arena(capsys, run, *KNOWN, "--out", path) == found  # its own result it may replace
    assert list(path.parent.iterdir()) == [path]


def test_the_order_of_the_models_turns_the_rates_and_leaves_the_ratings(run, capsys) -> None:
    one, other = (arena(capsys, run, *KNOWN, stages=stages) for stages in (("sft", "rl"), ("rl", "sft")))
    assert pairs(one)["sft", "rl"]["rate"] == 1 - pairs(other)["rl", "sft"]["rate"]
    assert pairs(one)["sft", "rl"]["interval"] == pytest.approx(
        [1 - end for end in pairs(other)["rl", "sft"]["interval"]][::-1]
    )
    assert one["bradley_terry"] == other["bradley_terry"]


def test_the_same_answers_as_in_gains(run, capsys) -> None:
    """All three stages are asked as ``prosa gains`` asks them, and the verifiers say the same."""
    asked = gains(run, tasks=("plurals", "2D+"), problems=16, device="cpu").to_json()
    found = arena(
        capsys, run, "--tasks", "plurals", "2D+", "--prompts", "32", "--device", "cpu", stages=("rl", "sft", "base")
    )
    of_gains = {(rate["first"], rate["second"]): rate for rate in asked["win_rates"]["verifier"]}
    for pair, rate in pairs(found).items():
        assert [rate[key] for key in ("wins", "ties", "losses")] == [
            of_gains[pair][key] for key in ("wins", "ties", "losses")
        ]
    assert found["asked"] == {"plurals": 16, "2D+": 16}


def own_prompts(path: Path) -> Path:
    lines = [
        {"prompt": "Diga oi."},
        {"prompt": "Quanto é 1+1?", "answer": 2},
        {"messages": [{"role": "system", "content": "Curto."}, {"role": "user", "content": "Oi?"}], "answer": "oi"},
        {"prompt": "Diga oi."},
        {"promp": "?"},
    ]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    return path


def test_prompts_of_ones_own(run, capsys, tmp_path) -> None:
    file = own_prompts(tmp_path / "own.jsonl")
    assert main(["arena", f"{run}:sft", f"{run}:rl", "--prompts-file", str(file), "--json"]) == 0
    out, err = capsys.readouterr()
    assert json.loads(out)["asked"] == {"own.jsonl": 2}
    assert "own.jsonl:5: neither 'prompt' nor 'messages'" in err
    assert "prompts that are there twice: 1" in err
    assert 'prompts without "answer", left out: 1' in err
    both = arena(capsys, run, "--prompts-file", file, *KNOWN)
    assert both["asked"] == {"own.jsonl": 2, "plurals": 14}
    few = arena(capsys, run, "--prompts-file", file, "--tasks", "plurals", "--prompts", "3")
    assert sorted(few["asked"].values()) == [1, 2]  # in turns


def longer_than(tokens: int, run: Path) -> str:
    encoder, text = ChatEncoder(load(run / "base")), "Diga"
    while len(encoder.prompt([Message("user", text)])) <= tokens:
        text += " sim"
    return text


def test_a_reward_model_judges_what_it_can_hold(run, capsys, tmp_path) -> None:
    file = own_prompts(tmp_path / "own.jsonl")
    with file.open("a") as lines:
        lines.write(json.dumps({"prompt": longer_than(48, run)}) + "\n")
    found = arena(capsys, run, "--prompts-file", file, *KNOWN, "--judge", "reward")
    assert found["judges"] == [str(run / "reward")]
    assert found["asked"] == {"own.jsonl": 4, "plurals": 12}
    assert found["prompts"] + found["unheld"] == 16
    assert found["unheld"] > 0
    model = load_reward(run / "reward", device="cpu")
    answers = {line["prompt_id"]: line for line in found["answers"]}
    system = [Message("system", "Curto.")]
    for verdict in found["verdicts"]:
        line = answers[verdict["prompt_id"]]
        turns = (
            [Message("user", line["prompt"])] if "[system]" not in line["prompt"] else [*system, Message("user", "Oi?")]
        )
        texts = [line["replies"][verdict[side]]["text"] for side in ("first", "second")]
        one, two = (model.score([[*turns, Message("assistant", text)]])[0] for text in texts)
        expected = "tie" if texts[0] == texts[1] else "first" if one > two else "second"
        assert verdict["winner"] == expected
    assert {line["prompt_id"].rpartition("/")[0] for line in found["verdicts"]} == {"plurals", "own.jsonl"}
    given = arena(capsys, run, *KNOWN, "--judge", "reward", "--reward", run / "reward", stages=("sft", "rl"))
    assert given["judges"] == [str(run / "reward")]


def longest(body):
    mark, _, a, b = parts(body)
    return f"Porque sim.\n{mark}: {'A' if len(a) > len(b) else 'B' if len(b) > len(a) else 'empate'}"


def outside(asked: ChatServer) -> tuple[str, ...]:
    return ("--judge", "outside", "--judge-url", asked.address, "--judge-model", "juiz")


def test_an_outside_judge_is_asked_in_both_orders(run, capsys, serve) -> None:
    asked = serve(longest)
    found = arena(capsys, run, *KNOWN, *outside(asked), stages=("sft", "rl"))
    texts = {line["prompt_id"]: [line["replies"][m]["text"] for m in ("sft", "rl")] for line in found["answers"]}
    for verdict in found["verdicts"]:
        sft, rl = map(len, texts[verdict["prompt_id"]])
        assert verdict["winner"] == ("tie" if sft == rl else "first" if sft > rl else "second")
    differ = sum(a != b for a, b in texts.values())
    assert (found["both_orders"], found["flips"], found["judges"]) == (differ, 0, ["juiz"])
    assert questions(asked) == 2 * differ
    assert main(["arena", f"{run}:sft", f"{run}:rl", *KNOWN, *outside(asked)]) == 0
    assert "replies are kept only with --out FILE" in capsys.readouterr().err
    assert "duas respostas" in asked.requests[-1][2]["messages"][0]["content"]
    assert asked.requests[-1][1]["Authorization"] == f"Bearer {SECRET}"


def test_a_judge_that_looks_at_the_place_is_found_out(run, capsys, serve) -> None:
    found = arena(capsys, run, *KNOWN, *outside(serve(lambda body: f"{parts(body)[0]}: A")), stages=("base", "rl"))
    assert (found["flip_rate"], pairs(found)["base", "rl"]["ties"]) == (1, 16)
    assert (
        main(["arena", f"{run}:base", f"{run}:rl", *KNOWN, *outside(serve(lambda body: f"{parts(body)[0]}: B"))]) == 0
    )
    assert (
        "The verdict changed with the order of the answers in 16 of 16 pairs (100.0%): ties." in capsys.readouterr().out
    )


def test_replies_that_are_no_verdict_are_counted_and_are_no_ties(run, capsys, serve) -> None:
    turn = iter(range(99))
    asked = serve(lambda body: "Não sei." if next(turn) % 8 == 0 else longest(body))
    found = arena(capsys, run, *KNOWN, *outside(asked), stages=("base", "rl"))
    assert (found["without_verdict"], found["unreadable"], found["comparisons"]) == (4, ["Não sei."] * 4, 12)
    assert pairs(found)["base", "rl"]["prompts"] == 12


def test_an_interrupted_comparison_goes_on_without_asking_again(run, capsys, serve, tmp_path, monkeypatch) -> None:
    asked, path = serve(longest), tmp_path / "a.json"
    whole = arena(capsys, run, *KNOWN, *outside(asked))
    wanted = questions(asked)
    send, left = server.Server.send, [7]

    def interrupted(self, body):
        left[0] -= 1
        if left[0] < 0:
            raise KeyboardInterrupt
        return send(self, body)

    monkeypatch.setattr(server.Server, "send", interrupted)
    argv = [
        "arena",
        *(f"{run}:{stage}" for stage in ("base", "sft", "rl")),
        *KNOWN,
        *outside(asked),
        "--out",
        str(path),
    ]
    assert main([*argv, "--lang", "pt-BR"]) == 130
    err = capsys.readouterr().err
    assert "Respostas do juiz guardadas em" in err
    assert "a.json.replies.jsonl: 7. O mesmo comando continua daí." in err
    assert not path.exists()
    monkeypatch.setattr(server.Server, "send", send)
    before = questions(asked)
    assert arena(capsys, run, *KNOWN, *outside(asked), "--out", path) == whole
    assert questions(asked) - before == wanted - 7
    assert arena(capsys, run, *KNOWN, *outside(asked), "--out", path) == whole
    assert questions(asked) - before == wanted - 7
    assert SECRET not in path.read_text() + (tmp_path / "a.json.replies.jsonl").read_text()


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (lambda body: (401, {}, {"error": {"message": f"bad key {SECRET}"}}), "refuses the key (HTTP 401)"),
        (lambda body: (404, {}, {"error": {"message": "no model juiz"}}), "answers HTTP 404: no model juiz"),
        (lambda body: (200, {}, b"<html>"), "does not answer in the form of chat completions: <html>"),
        (lambda body: (503, {}, b"busy"), "failed 5 times; the last time: HTTP 503: busy"),
        (lambda body: "I cannot choose.", "juiz gave no verdict on 10 of 10 pairs"),
        (lambda body: (200, {}, completion(None)), "juiz gave no verdict"),
    ],
)
def test_what_goes_wrong_with_an_outside_judge(run, capsys, serve, answer, told) -> None:
    assert main(["arena", f"{run}:base", f"{run}:rl", *KNOWN, *outside(serve(answer))]) == 2
    out, err = capsys.readouterr()
    assert told in err
    assert out == ""
    assert SECRET not in err


def test_no_server_is_told_before_anything_is_computed(run, capsys) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{free.getsockname()[1]}/v1"
    argv = ["--judge", "outside", "--judge-url", address, "--judge-model", "m"]
    assert main(["arena", f"{run}:base", f"{run}:rl", *argv]) == 2
    err = capsys.readouterr().err
    assert "cannot reach the judge" in err
    assert "answering" not in err


def test_the_tables_tell_it_in_both_languages(run, capsys) -> None:
    argv = ["arena", f"{run}:base", f"{run}:rl", *KNOWN, "--answers"]
    assert main(argv) == 0
    out = capsys.readouterr().out
    assert "Judged by verifier on 16 prompts" in out
    assert out.count("  ✓ ") == out.count("  ✗ ") == 10
    assert "no, worse" in out
    assert main([*argv, "--lang", "pt-BR"]) == 0
    out = capsys.readouterr().out
    assert "Julgado por verifier em 16 prompts" in out
    assert "não, pior" in out


def test_what_no_judge_saw_is_said(run, capsys, tmp_path) -> None:
    """A prompt beyond the context of 64, and answers that do not end."""
    file = tmp_path / "own.jsonl"
    file.write_text("".join(json.dumps({"prompt": p, "answer": "x"}) + "\n" for p in ("Diga oi.", "muito " * 60)))
    argv = ["arena", f"{run}:sft", f"{run}:rl", "--prompts-file", str(file), "--answers"]
    assert main(argv) == 0
    assert f"{run}:rl: 1 of 2 prompts are longer than its context: no answer." in capsys.readouterr().out
    file.write_text(json.dumps({"prompt": "muito " * 60, "answer": "x"}) + "\n")
    assert main(argv) == 2
    assert f"no prompt fits the context of {run}:sft, 64 tokens" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("argv", "told"),
    [
        ([], "at least two models, not 0"),
        (["RUN:rl"], "at least two models, not 1"),
        (["RUN:rl", "RUN"], "are the same model"),
        (["RUN:rl", "RUN/rl/"], "are the same model"),
        (["RUN:rl", "RUN:slf"], "unknown stage: 'slf'"),
        (["RUN:rl", "nowhere"], "nowhere is not a folder"),
        (["RUN:rl", "RUN:sft", "--judge", "outside"], "the outside judge is not named: --judge-url"),
        (["RUN:rl", "RUN:sft", "--judge", "outside", "--judge-url", "http://x/v1"], "not named: --judge-model"),
        (["RUN:rl", "RUN:sft", "--judge-url", "http://x/v1"], "--judge-url is for another judge than verifier"),
        (["RUN:rl", "RUN:sft", "--judge", "reward", "--judge-model", "m"], "--judge-model is for another judge"),
        (["RUN:rl", "RUN:sft", "--reward", "RUN/reward"], "--reward is for another judge than verifier"),
        (["RUN:rl", "RUN:sft", "--judge", "reward"], "no reward model beside the models"),
        (["RUN:rl", "RUN:sft", "--judge", "reward", "--reward", "RUN/base"], "base"),
        (["RUN:rl", "RUN:sft", *outside(type("", (), {"address": "localhost:1/v1"})())], "is no http or https address"),
        (["RUN:rl", "RUN:sft", "--tasks", "plural"], "Did you mean 'plurals'"),
        (["RUN:rl", "RUN:sft", "--prompts", "0"], "at least 1"),
        (["RUN:rl", "RUN:sft", "--prompts-file", "none.jsonl"], "none.jsonl is not a file"),
        (["RUN:rl", "RUN:sft", "--prompts-file", "OWN"], "the verifier knows no right answer: no line of"),
        (["RUN:rl", "RUN:sft", "--prompts-file", "OWN", "--out", "OWN"], "is there, and no result of an arena"),
        (["RUN:rl", "RUN:sft", "--out", "OWN/x/a.json"], "own.jsonl takes no files"),
        (["RUN:rl", "RUN:sft", "--out", "RUN"], "is there, and no result of an arena"),
    ],
)
def test_mistakes_are_told_before_anything_is_computed(by_heart, argv, told, capsys, tmp_path) -> None:
    own = tmp_path / "own.jsonl"
    own.write_text('{"prompt": "Diga oi."}\n')
    words = [word.replace("RUN", str(by_heart)).replace("OWN", str(own)) for word in argv]
    assert main(["arena", *words]) == 2
    error = capsys.readouterr().err
    assert told in error
    assert "answering" not in error
    assert own.read_text() == '{"prompt": "Diga oi."}\n'

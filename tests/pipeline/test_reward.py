"""``prosa reward``: a tiny model learns which answer is right, resumes exactly, and says what it left out."""

import json
import shutil
from pathlib import Path

import pytest
import torch

from prosa.align.reward import RewardConfig, load_reward
from prosa.cli.main import main
from prosa.core.errors import UserError
from prosa.core.language import set_language
from prosa.models.gpt import GPT, GPTConfig
from prosa.models.huggingface import save_model
from prosa.models.huggingface_scored import load_scored
from prosa.pipeline.reward import Rewarded, reward
from prosa.tokenizers.chat import Message
from prosa.tokenizers.config import TokenizerConfig
from prosa.tokenizers.train import train

WORDS = {"um": "one", "dois": "two", "três": "three", "quatro": "four", "cinco": "five", "seis": "six"}
QUICK = {"micro_batch": 8, "batch_size": 8, "precision": "float32", "workers": 1, "compile": False, "lr": 5e-3}


@pytest.fixture(scope="module")
def preferences(tmp_path_factory) -> Path:
    """The right word before another as a pair, and before all others, which tie, as a ranking."""
    path = tmp_path_factory.mktemp("preferences") / "preferences.jsonl"
    right = list(WORDS.values())
    lines: list[dict] = []
    for n, pt in enumerate(WORDS):
        a, *others = right[n:] + right[:n]
        lines += 3 * [{"prompt": pt, "chosen": a, "rejected": others[0]}, {"prompt": pt, "responses": [a, others]}]
    lines.insert(2, {"prompt": "um", "responses": ["one"]})
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def base(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("run")
    tokenizer = train([" ".join([*WORDS, *WORDS.values()])], TokenizerConfig(vocab_size=300))
    torch.manual_seed(0)
    save_model(GPT(GPTConfig(300, 32, 2, 2, 32)), folder / "model", tokenizer=tokenizer)
    return folder / "model"


@pytest.fixture(scope="module")
def learnt(base, preferences, tmp_path_factory) -> Rewarded:
    """A whole training without anything held out."""
    out = tmp_path_factory.mktemp("whole")
    return reward(str(base), data=(preferences,), out=out, reward=RewardConfig(steps=100, held_out=0.0, **QUICK))


def test_a_model_learns_which_answer_is_right(learnt, preferences) -> None:
    model = load_reward(learnt.folder)
    scores = {
        pt: model.score([(Message("user", pt), Message("assistant", en)) for en in WORDS.values()]) for pt in WORDS
    }
    assert {pt: list(WORDS.values())[row.index(max(row))] for pt, row in scores.items()} == WORDS
    assert learnt.figures["train"]["loss"] < 0.05
    assert learnt.figures["train"]["accuracy"] == 1.0
    assert learnt.figures["held_out"] is None
    data = learnt.figures["data"]
    assert (data["read"], data["bad"], data["rankings"], data["pairs"]) == (36, 1, 36, 18 + 18 * 5)
    assert data["problems"] == [f"{preferences.as_posix()}:3: fewer than two answers: nothing to compare"]
    assert {path.name for path in learnt.folder.iterdir()} >= {
        *("COMPLETE", "config.json", "config.resolved.yaml", "env.json", "metrics.jsonl", "model.safetensors"),
        *("tokenizer.json", "training.json"),
    }


def test_rewards_have_the_mean_zero_over_the_answers_of_training(learnt, preferences) -> None:
    model = load_reward(learnt.folder)
    talks = []
    for line in preferences.read_text(encoding="utf-8").splitlines():
        fields = json.loads(line)
        answers = [fields["chosen"], fields["rejected"]] if "chosen" in fields else fields["responses"]
        if len(answers) > 1:
            flat = [text for answer in answers for text in (answer if isinstance(answer, list) else [answer])]
            talks += [(Message("user", fields["prompt"]), Message("assistant", text)) for text in flat]
    scores = model.score(talks)
    assert len(talks) == 18 * 2 + 18 * 6
    assert sum(scores) / len(scores) == pytest.approx(0, abs=1e-5)
    assert learnt.figures["shift"] == pytest.approx(load_scored(learnt.folder).score.bias.item())
    assert abs(learnt.figures["shift"]) > 0.1


def test_a_killed_training_ends_with_the_same_bits(learnt, base, preferences, tmp_path) -> None:
    config = RewardConfig(steps=100, held_out=0.0, checkpoint_every=30, keep_checkpoints=9, **QUICK)
    reward(str(base), data=(preferences,), out=tmp_path, reward=config)
    for gone in ("COMPLETE", "model.safetensors", "training.json", "config.json"):
        (tmp_path / "reward" / gone).unlink()
    for step in (60, 90, 100):
        shutil.rmtree(tmp_path / "reward" / "checkpoints" / f"step_{step}")
    again = reward(str(base), data=(preferences,), out=tmp_path, reward=config, resume="must")
    for a, b in zip(load_scored(learnt.folder).parameters(), load_scored(again.folder).parameters(), strict=True):
        assert torch.equal(a, b)
    assert again.figures["train"]["loss"] == learnt.figures["train"]["loss"]
    same = reward(str(base), data=(preferences,), out=tmp_path, reward=config, resume="auto")
    assert same.figures == json.loads((tmp_path / "reward" / "training.json").read_text(encoding="utf-8"))
    with pytest.raises(UserError, match="complete, with other settings"):
        reward(str(base), data=(preferences,), out=tmp_path, reward=RewardConfig(lr=0.1), resume="auto")


def test_held_out_rankings_are_measured_and_the_table_is_shown(base, preferences, tmp_path, capsys) -> None:
    flags = [f"--reward.{name.replace('_', '-')}={value}" for name, value in QUICK.items() if name != "compile"]
    flags += ["--reward.steps=20", "--reward.held-out=0.4", "--reward.eval-every=10"]
    assert main(["reward", str(base), "--data", str(preferences), "--out", str(tmp_path / "en"), *flags]) == 0
    shown = capsys.readouterr().out
    plain = json.loads((tmp_path / "en" / "reward" / "training.json").read_text(encoding="utf-8"))
    found = plain["held_out"]
    assert found["rankings"] == plain["data"]["held_out"]
    assert found["rankings"] % 6 == 0
    assert plain["data"]["rankings"] + found["rankings"] == 36
    assert found["prompts"] == found["rankings"] // 6
    assert found["pairs"] == found["prompts"] * 18
    assert found["interval"][0] <= found["accuracy"] <= found["interval"][1]
    assert f"of {found['pairs']} held-out pairs are right (95% interval" in shown
    assert "the longer answer is better in" in shown
    lines = [json.loads(line) for line in (tmp_path / "en" / "reward" / "metrics.jsonl").read_text().splitlines()]
    curve = [line for line in lines if line["kind"] == "validation"]
    assert [line["step"] for line in curve] == [0, 10, 20]
    assert curve[0]["loss"] == pytest.approx(0.6931, abs=1e-4)
    assert curve[0]["rankings"] == found["rankings"]
    assert curve[-1]["loss"] == plain["validation"]["loss"]

    arguments = ["reward", str(base), "--data", str(preferences), "--out", str(tmp_path / "pt"), *flags]
    assert main([*arguments, "--lang", "pt-BR"]) == 0
    set_language(None)
    assert "pares reservados estão certos" in capsys.readouterr().out


def test_a_run_begins_with_its_fine_tuned_model(base, preferences, tmp_path) -> None:
    from prosa.pipeline.run import model_folder

    run = tmp_path / "run"
    for stage in ("base", "sft"):
        shutil.copytree(base, run / stage)
        (run / stage / "COMPLETE").touch()
    config = RewardConfig(steps=1, held_out=0.0, **QUICK)
    done = reward(str(run), data=(preferences,), reward=config)
    assert done.folder == run / "reward"
    assert f"model: {run / 'sft'}" in (run / "reward" / "config.resolved.yaml").read_text()
    assert model_folder(str(run)) == run / "sft"  # a reward model is no language model
    with pytest.raises(UserError, match="already exists"):
        reward(str(run), data=(preferences,), reward=config)
    again = reward(f"{run}:base", data=(preferences,), out=run, reward=config, force=True)
    assert f"model: {run / 'base'}" in (again.folder / "config.resolved.yaml").read_text()
    with pytest.raises(UserError, match="is a reward model or classifier, not a language model"):
        reward(str(run / "reward"), data=(preferences,), out=tmp_path / "other", reward=config)


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ([], "no record"),
        ([{"prompt": "um", "responses": ["one"]}], "fewer than two answers"),
        ([{"prompt": "um", "responses": [["one", "two"]]}], "all answers are tied"),
        ([{"prompt": "um", "chosen": "one", "rejected": "one"}], "the same answer is better and worse"),
        ([{"prompt": "um " * 40, "chosen": "one", "rejected": "two"}], "none of 1 rankings has two answers"),
        ([{"text": "um"}], "neither 'chosen' and 'rejected', nor 'responses'"),
    ],
)
def test_bad_data_is_refused_before_anything_is_written(base, tmp_path, lines, message) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    with pytest.raises(UserError, match=message):
        reward(str(base), data=(path,), out=tmp_path / "run", reward=RewardConfig(steps=2, held_out=0.0))
    assert not (tmp_path / "run").exists()


def test_a_tokenizer_without_chat_tokens_is_refused(preferences, tmp_path) -> None:
    plain = train(["a b c"], TokenizerConfig(vocab_size=300, special_tokens=("<|endoftext|>",)))
    save_model(GPT(GPTConfig(300, 32, 1, 2, 32)), tmp_path / "plain", tokenizer=plain)
    with pytest.raises(UserError, match="no chat template"):
        reward(str(tmp_path / "plain"), data=(preferences,), out=tmp_path)

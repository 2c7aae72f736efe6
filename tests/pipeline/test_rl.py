"""``prosa rl``: a tiny model learns what is rewarded, by either method, and resumes exactly."""

import json
import shutil
from pathlib import Path

import pytest
import torch

from prosa.align.prompts import read_prompts
from prosa.align.reward import RewardConfig, load_reward
from prosa.align.rl_config import GrpoConfig, RlConfig
from prosa.align.sft import SftConfig
from prosa.cli.main import main
from prosa.core.errors import UserError
from prosa.corpus.problems import Problems
from prosa.models.gpt import GPT, GPTConfig
from prosa.models.huggingface import load_model, save_model
from prosa.pipeline.reward import reward
from prosa.pipeline.rl import rl
from prosa.pipeline.sft import sft
from prosa.tokenizers.chat import Message
from prosa.tokenizers.config import TokenizerConfig
from prosa.tokenizers.train import train

WORDS = {"um": "one", "dois": "two", "três": "three", "quatro": "four", "cinco": "five", "seis": "six"}
QUICK = {"micro_batch": 8, "batch_size": 8, "precision": "float32", "workers": 1, "compile": False, "lr": 1e-2}
RL = {"replies": 48, "group": 8, "max_tokens": 6, "minibatch": 48, "epochs": 2, "lr": 1e-3, "workers": 1}


def lines(path: Path, values: list[dict]) -> Path:
    path.write_text("".join(json.dumps(value) + "\n" for value in values), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Path:
    """A model that answers a number with its word or with the next one, as often; and what each should be."""
    folder = tmp_path_factory.mktemp("rl")
    tokenizer = train([" ".join([*WORDS, *WORDS.values()])], TokenizerConfig(vocab_size=300))
    torch.manual_seed(0)
    save_model(GPT(GPTConfig(300, 32, 2, 2, 32)), folder / "base", tokenizer=tokenizer)
    right = list(WORDS.values())
    talks = [{"instruction": pt, "output": right[(n + k) % 6]} for n, pt in enumerate(WORDS) for k in (0, 1)]
    config = SftConfig(steps=150, held_out=0.0, **QUICK)
    sft(str(folder / "base"), data=(lines(folder / "talks.jsonl", talks),), out=folder, sft=config)
    lines(folder / "prompts.jsonl", [{"prompt": pt, "answer": en} for pt, en in WORDS.items()])
    return folder


def learn(run: Path, out: Path, method: str, steps: int, **more):
    more = {"rl": RlConfig(steps=steps, held_out=0.0, **RL), **more}
    return rl(str(run / "sft"), method=method, data=(run / "prompts.jsonl",), out=out, **more)


def rewards(folder: Path) -> list[float]:
    found = [json.loads(line) for line in (folder / "metrics.jsonl").read_text(encoding="utf-8").splitlines()]
    return [line["reward"] for line in found if line["kind"] == "train"]


@pytest.mark.parametrize("method", ["grpo", "ppo"])
def test_what_is_rewarded_is_learnt(run, tmp_path, method) -> None:
    made = learn(run, tmp_path, method, 60)
    earned = rewards(made.folder)
    assert sum(earned[:3]) / 3 < 0.65  # of two words one is right
    assert sum(earned[-5:]) / 5 > 0.95
    assert made.figures["reward"] == "verifier"
    line = made.figures["train"]
    assert {"kl", "entropy", "length", "finished", "clip_fraction", "generating", "loss", "grad_norm"} <= line.keys()
    assert ("kl_coefficient" in line, "zero_groups" in line) == (method == "ppo", method == "grpo")
    assert 0 < line["generating"] < 1
    if method == "ppo":  # far from its target of 0.1 nats a token, so the penalty was adapted from 0.05
        assert abs(line["kl_coefficient"] - 0.05) > 0.002
    assert (made.folder / "COMPLETE").is_file()
    load_model(made.folder)


@pytest.mark.parametrize("method", ["grpo", "ppo"])
def test_a_killed_run_ends_with_the_same_bits(run, tmp_path, method) -> None:
    whole = learn(run, tmp_path / "whole", method, 12)
    config = RlConfig(steps=12, held_out=0.0, checkpoint_every=4, keep_checkpoints=9, **RL)
    learn(run, tmp_path / "parts", method, 12, rl=config)
    folder = tmp_path / "parts" / "rl"
    for gone in ("COMPLETE", "model.safetensors", "training.json"):
        (folder / gone).unlink()
    for step in (8, 12):
        shutil.rmtree(folder / "checkpoints" / f"step_{step}")
    again = learn(run, tmp_path / "parts", method, 12, rl=config, resume="must")
    for a, b in zip(load_model(whole.folder).parameters(), load_model(again.folder).parameters(), strict=True):
        assert torch.equal(a, b)
    assert rewards(whole.folder) == rewards(again.folder)
    before, after = load_model(run / "sft"), load_model(again.folder)
    assert any(not torch.equal(a, b) for a, b in zip(before.parameters(), after.parameters(), strict=True))
    assert learn(run, tmp_path / "parts", method, 12, rl=config, resume="auto").figures == again.figures


def test_a_reward_model_of_the_run_is_used_beside_the_verifier(run, tmp_path, capsys) -> None:
    right = list(WORDS.values())
    prefer = [{"prompt": pt, "chosen": right[(n + 1) % 6], "rejected": right[n]} for n, pt in enumerate(WORDS)]
    config = RewardConfig(steps=40, held_out=0.0, **{**QUICK, "lr": 5e-3})
    judge = reward(str(run / "sft"), data=(lines(tmp_path / "prefer.jsonl", prefer),), out=tmp_path, reward=config)
    made = learn(
        run,
        tmp_path,
        "grpo",
        0,
        rl=RlConfig(steps=25, held_out=0.0, verifier_weight=0.0, **RL),
        grpo=GrpoConfig(kl=0.2),
    )
    assert made.figures["reward"] == "reward model + verifier"
    earned = rewards(made.folder)
    assert sum(earned[-5:]) / 5 > sum(earned[:5]) / 5 + 0.5
    shown = [json.loads(line) for line in (made.folder / "metrics.jsonl").read_text(encoding="utf-8").splitlines()]
    sample = next(line for line in reversed(shown) if line["kind"] == "sample" and line["text"] in right)
    talk = [Message("user", sample["prompt"]), Message("assistant", sample["text"])]
    assert load_reward(judge.folder).score([talk]) == pytest.approx([sample["reward"]], abs=1e-4)

    other = train([" ".join(WORDS) + " other"], TokenizerConfig(vocab_size=290))
    save_model(GPT(GPTConfig(290, 32, 1, 1, 16)), tmp_path / "other", tokenizer=other)
    with pytest.raises(UserError, match="tokenizer"):
        rl(str(tmp_path / "other"), data=(run / "prompts.jsonl",), reward=judge.folder, out=tmp_path / "x")
    assert not (tmp_path / "x" / "rl").exists()


def test_equal_rewards_change_nothing_and_it_is_said(run, tmp_path, capsys) -> None:
    never = lines(tmp_path / "never.jsonl", [{"prompt": pt, "answer": "zzz"} for pt in WORDS])
    config = RlConfig(steps=3, held_out=0.0, unfinished_cost=0.0, **RL)
    made = rl(str(run / "sft"), data=(never,), out=tmp_path, rl=config)
    assert made.figures["train"]["zero_groups"] == made.figures["train"]["groups"] == 6
    assert "nothing is learnt from them" in capsys.readouterr().err
    for a, b in zip(load_model(run / "sft").parameters(), load_model(made.folder).parameters(), strict=True):
        assert torch.equal(a, b)


def test_tools_in_replies(run, tmp_path) -> None:
    config = RlConfig(steps=2, held_out=0.0, max_unfinished=1.0, **RL)
    roomy = tmp_path / "roomy"
    tokenizer = train([" ".join([*WORDS, "calculator(expression) today() date days start end"])], TokenizerConfig())
    torch.manual_seed(0)
    save_model(GPT(GPTConfig(tokenizer.vocab_size, 128, 1, 1, 16)), roomy, tokenizer=tokenizer)
    made = rl(str(roomy), data=(run / "prompts.jsonl",), tools=True, out=tmp_path, rl=config)
    assert made.figures["steps"] == 2


def test_bad_wishes(run, tmp_path, capsys) -> None:
    prompts = (run / "prompts.jsonl",)
    with pytest.raises(UserError, match="there are no prompts"):
        rl(str(run / "sft"), out=tmp_path)
    with pytest.raises(UserError, match=r"unknown task: 'plural'"):
        rl(str(run / "sft"), tasks=("plural",), out=tmp_path)
    with pytest.raises(UserError, match=r"rl\.group is 1"):
        rl(str(run / "sft"), data=prompts, out=tmp_path, rl=RlConfig(group=1))
    without = lines(tmp_path / "without.jsonl", [{"prompt": "um"}])
    with pytest.raises(UserError, match="nothing tells what a reply is worth"):
        rl(str(run / "sft"), data=(without,), out=tmp_path, rl=RlConfig(held_out=0.0))
    plain = train(["um dois três"], TokenizerConfig(vocab_size=300, special_tokens=("<|endoftext|>",)))
    save_model(GPT(GPTConfig(300, 32, 1, 1, 16)), tmp_path / "plain", tokenizer=plain)
    with pytest.raises(UserError, match="no chat template"):
        rl(str(tmp_path / "plain"), data=prompts, out=tmp_path)
    assert main(["rl", str(run / "sft"), "--data", "nowhere.jsonl", "--out", str(tmp_path)]) == 2
    assert "nowhere.jsonl" in capsys.readouterr().err
    assert not (tmp_path / "rl").exists()


def test_a_run_goes_on_only_with_what_it_began_with(run, tmp_path) -> None:
    learn(run, tmp_path, "grpo", 4)
    for gone in ("COMPLETE", "model.safetensors", "training.json"):
        (tmp_path / "rl" / gone).unlink()
    shutil.rmtree(tmp_path / "rl" / "checkpoints" / "step_4")
    with pytest.raises(UserError, match="begun from method grpo"):
        learn(run, tmp_path, "ppo", 4, resume="must")
    changed = run / "prompts.jsonl"
    before = changed.read_text(encoding="utf-8")
    try:
        lines(changed, [{"prompt": "um", "answer": "one"}])
        with pytest.raises(UserError, match="the prompts changed"):
            learn(run, tmp_path, "grpo", 4, resume="must")
    finally:
        changed.write_text(before, encoding="utf-8")


def test_a_runaway_is_stopped_and_the_checkpoint_kept(run, tmp_path) -> None:
    with pytest.raises(UserError, match=r"the model runs away: its KL divergence"):
        learn(run, tmp_path, "grpo", 40, rl=RlConfig(steps=40, held_out=0.0, max_kl=0.05, **RL), grpo=GrpoConfig())
    assert list((tmp_path / "rl" / "checkpoints").iterdir())
    assert not (tmp_path / "rl" / "COMPLETE").exists()


def test_the_form_of_gsm8k_is_read(tmp_path) -> None:
    worked = "48 / 2 = <<48/2=24>>24 in May.\nIn all <<48+1200=1248>>1,248.\n#### 1,248"
    path = lines(tmp_path / "gsm8k.jsonl", [{"question": "How many?", "answer": worked}])
    (asked,) = read_prompts([path], Problems(), "pt-BR")
    assert asked.messages == (Message("user", "How many?"),)
    assert asked.check is not None
    assert [asked.check(text) for text in ("So 1,248.", "1248", "#### 1,248", "24", "1,25")] == [True] * 3 + [False] * 2

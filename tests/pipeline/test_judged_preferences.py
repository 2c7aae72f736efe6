"""Reward model and DPO on problems that the model answers and a checker judges: learnt from, and resumed exactly."""

import shutil
from pathlib import Path

import pytest
import torch

from prosa.align.dpo_config import DpoConfig
from prosa.align.judged import JudgedData
from prosa.align.reward import RewardConfig
from prosa.cli.main import main
from prosa.core.errors import UserError
from prosa.models.gpt import GPT, GPTConfig
from prosa.models.huggingface import load_model, save_model
from prosa.models.huggingface_scored import load_scored
from prosa.pipeline.dpo import dpo
from prosa.pipeline.reward import reward
from prosa.tokenizers.config import TokenizerConfig
from prosa.tokenizers.train import train

QUICK = {"micro_batch": 4, "batch_size": 4, "precision": "float32", "workers": 1, "compile": False, "steps": 8}
TASKS = JudgedData(("plurals",), problems=12, samples=2)


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("judged") / "model"
    tokenizer = train(["Qual é o plural de casas, mesas, livros?"], TokenizerConfig())
    torch.manual_seed(0)
    save_model(GPT(GPTConfig(tokenizer.vocab_size, 160, 1, 2, 16)), folder, tokenizer=tokenizer)
    return folder


@pytest.mark.parametrize("stage", ["reward", "dpo"])
def test_a_killed_training_on_judged_answers_ends_with_the_same_bits(model, tmp_path, stage, capsys) -> None:
    def trained(out: Path, **more):
        if stage == "reward":
            config = RewardConfig(checkpoint_every=4, keep_checkpoints=9, **QUICK)
            return reward(str(model), tasks=TASKS, out=out, reward=config, **more)
        return dpo(
            str(model), tasks=TASKS, out=out, dpo=DpoConfig(checkpoint_every=4, keep_checkpoints=9, **QUICK), **more
        )

    read = load_scored if stage == "reward" else load_model
    whole = trained(tmp_path / "whole")
    assert whole.figures["data"]["read"] == 12  # a model on random weights is wrong every time
    assert "12" in capsys.readouterr().err
    trained(tmp_path / "parts")
    folder = tmp_path / "parts" / stage
    for gone in ("COMPLETE", "model.safetensors", "training.json", "config.json"):
        (folder / gone).unlink()
    shutil.rmtree(folder / "checkpoints" / "step_8")
    again = trained(tmp_path / "parts", resume="must")
    pairs = zip(read(whole.folder).parameters(), read(again.folder).parameters(), strict=True)
    assert all(torch.equal(a, b) for a, b in pairs)


@pytest.mark.parametrize("stage", ["reward", "dpo"])
def test_nothing_to_learn_from(model, tmp_path, stage, capsys) -> None:
    assert main([stage, str(model), "--out", str(tmp_path)]) == 2
    assert "--tasks.names" in capsys.readouterr().err
    with pytest.raises(UserError, match="for testing only"):
        reward(str(model), tasks=JudgedData(("cloze",)), out=tmp_path)
    assert not (tmp_path / stage).exists()

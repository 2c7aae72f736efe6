"""A run whose stages know more and more answers by heart."""

import json
import shutil
from pathlib import Path

import pytest
import torch

from prosa.align.sft import SftConfig
from prosa.core.files import mark_complete
from prosa.evaluate.tasks.registry import TASKS
from prosa.models.gpt import GPT, GPTConfig
from prosa.models.huggingface import save_model
from prosa.pipeline.sft import sft
from prosa.tokenizers.config import TokenizerConfig
from prosa.tokenizers.train import train

QUICK = {"micro_batch": 8, "batch_size": 8, "precision": "float32", "workers": 1, "compile": False, "lr": 1e-2}


@pytest.fixture(scope="session")
def by_heart(tmp_path_factory) -> Path:
    """base/ on random weights; sft/ knows the first 8 of the 16 first test problems of plurals, rl/ all of them."""
    run = tmp_path_factory.mktemp("by_heart") / "run"
    problems = list(TASKS["plurals"].problems("test", seed=0, n=16))
    tokenizer = train([f"{p.prompt} {p.answer}" for p in problems], TokenizerConfig(vocab_size=600))
    torch.manual_seed(0)
    save_model(GPT(GPTConfig(600, 64, 2, 2, 32)), run / "base", tokenizer=tokenizer)
    mark_complete(run / "base")
    for name, start, known in (("sft", "base", problems[:8]), ("rl", "sft", problems)):
        talks = run / f"{name}.jsonl"
        lines = [{"instruction": p.prompt, "output": p.answer} for p in known for _ in range(4)]
        talks.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
        config = SftConfig(steps=120, held_out=0.0, **QUICK)
        made = sft(str(run / start), data=(talks,), out=run if name == "sft" else run / "made", sft=config)
        if name == "rl":
            shutil.move(made.folder, run / name)
    return run

"""Throwaway models and data that train in a second."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from prosa.data.batches import Batches
from prosa.models.gpt import GPT, GPTConfig
from prosa.train.config import TrainConfig
from prosa.train.loop import TrainResult, fit
from prosa.train.objectives import NextToken

VOCABULARY, CONTEXT, BATCH = 61, 16, 8
FINGERPRINT = "tokenizer=t;corpus=c;mixture=m"


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


def tiny(seed: int = 0, **options: Any) -> GPT:
    torch.manual_seed(seed)
    shape = {"vocab_size": VOCABULARY, "context": CONTEXT, "n_layer": 2, "n_head": 2, "d_model": 32, "d_ff": 48}
    return GPT(GPTConfig(**{**shape, **options}))


def tiny_batches(batch_size: int = BATCH, seed: int = 0) -> Batches:
    ids = np.random.default_rng(1).integers(0, VOCABULARY, 3000)
    ids[1::2] = (ids[::2] * 7 + 3) % VOCABULARY  # every second token follows from the one before: something to learn
    return Batches(ids, context=CONTEXT, batch_size=batch_size, seed=seed)


def settings(**changes: Any) -> TrainConfig:
    base = {
        "steps": 12,
        "batch_size": BATCH,
        "optimizer": "adamw",
        "lr": 3e-3,
        "embedding_lr": 0.0,
        "schedule": "cosine",
        "warmup": 0.05,
        "decay_fraction": 1.0,
        "min_lr": 0.1,
        "weight_decay": 0.1,
        "precision": "float32",
        "checkpoint_every": 4,
        "eval_every": 0,
        "loss_chunk": 50,
        "device": "cpu",
    }
    return TrainConfig(**{**base, **changes})


def train(folder: Path, config: TrainConfig | None = None, **options: Any) -> TrainResult:
    """``fit`` with everything tiny unless told otherwise."""
    config = config or settings()
    model = options.pop("model", None) or tiny(dropout=0.1)
    chosen: dict[str, Any] = {"resume": False, "data_fingerprint": FINGERPRINT, **options}
    objective = chosen.pop("objective", None) or NextToken(config.loss_chunk)
    batches = chosen.pop("batches", None) or tiny_batches(config.batch_size)
    return fit(model, objective, batches, config, folder, **chosen)


@pytest.fixture
def make() -> Callable[..., GPT]:
    return tiny


@pytest.fixture
def make_batches() -> Callable[..., Batches]:
    return tiny_batches


@pytest.fixture
def make_settings() -> Callable[..., TrainConfig]:
    return settings


@pytest.fixture
def run() -> Callable[..., TrainResult]:
    return train

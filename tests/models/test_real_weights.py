"""Real trained weights (karpathy/tinyllamas, llama2.c's raw format) tell the story that llama2.c's own test expects."""

import struct
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from prosa.models.gpt import GPT, GPTConfig
from prosa.models.huggingface import load_model, save_model
from prosa.nn.cache import KVCache

SAMPLES = Path(__file__).parent / "samples"
BEGIN = 1
STORY = (  # llama2.c, test_all.py: what it prints at temperature 0
    "Once upon a time, there was a little girl named Lily. She loved to play outside in the park. One day, she saw a "
    "big, red ball. She wanted to play with it, but it was too high.\nLily's mom said, \"Lily, let's go to the park.\" "
    "Lily was sad and didn't know what to do. She said, \"I want to play with your ball, but I can't find it.\"\nLily "
    "was sad and didn't know what to do. She said, \"I'm sorry, Lily. I didn't know what to do.\"\nLily didn't want to "
    "help her mom, so she"
)


def pieces() -> list[bytes]:
    """The vocabulary: a score, a length and the bytes of each token."""
    content, at, found = (SAMPLES / "tok512.bin").read_bytes(), 4, []
    while at < len(content):
        _, length = struct.unpack_from("<fi", content, at)
        found.append(content[at + 8 : at + 8 + length])
        at += 8 + length
    return found


def half_split(weight: Tensor, head_dim: int) -> Tensor:
    """Rows of a query or key projection from neighbouring pairs (2i, 2i + 1) to pairs (i, i + D/2)."""
    return weight.view(-1, head_dim // 2, 2, weight.shape[-1]).transpose(1, 2).reshape(weight.shape)


@pytest.fixture(scope="module")
def model() -> GPT:
    content = (SAMPLES / "stories260K.bin").read_bytes()
    d_model, d_ff, n_layer, n_head, n_kv_head, vocab_size, context = struct.unpack_from("<7i", content)
    config = GPTConfig(
        vocab_size, context, n_layer, n_head, d_model, n_kv_head, d_ff=d_ff, qk_norm=False, norm_eps=1e-5, tied=True
    )
    numbers, at = torch.from_numpy(np.frombuffer(content, dtype="<f4", offset=28).copy()), 0

    def take(*shape: int) -> Tensor:
        nonlocal at
        at += int(np.prod(shape))
        return numbers[at - int(np.prod(shape)) : at].view(shape)

    model = GPT(config)
    kv_width = n_kv_head * config.head_dim
    state = {"embedding.weight": take(vocab_size, d_model)}
    for name, shape in (
        ("attention_norm", (d_model,)),
        ("attention.q", (d_model, d_model)),
        ("attention.k", (kv_width, d_model)),
        ("attention.v", (kv_width, d_model)),
        ("attention.out", (d_model, d_model)),
        ("feedforward_norm", (d_model,)),
        ("feedforward.gate", (d_ff, d_model)),
        ("feedforward.down", (d_model, d_ff)),
        ("feedforward.up", (d_ff, d_model)),
    ):
        for layer, weight in enumerate(take(n_layer, *shape)):
            turned = name in ("attention.q", "attention.k")
            state[f"blocks.{layer}.{name}.weight"] = half_split(weight, config.head_dim) if turned else weight
    state["norm.weight"] = take(d_model)
    model.load_state_dict(state)
    return model.eval()


@torch.no_grad()
def tell(model: GPT, tokens: int) -> str:
    """Greedy, a token at a time through the cache."""
    c = model.config
    cache = KVCache(c.n_layer, 1, c.n_kv_head, c.context, c.head_dim)
    ids = [BEGIN]
    for _ in range(tokens):
        ids.append(int(model(torch.tensor([ids[-1:]]), cache=cache)[0, -1].argmax()))
    vocabulary = pieces()
    return b"".join(vocabulary[i] for i in ids[1:]).replace(b"<0x0A>", b"\n").decode().strip()


def test_the_story_is_the_published_one(model: GPT) -> None:
    assert (model.config.n_head, model.config.n_kv_head) == (8, 4)
    assert tell(model, 200) == STORY


def test_the_same_story_after_saving_and_loading(model: GPT, tmp_path: Path) -> None:
    save_model(model, tmp_path)
    assert tell(load_model(tmp_path), 60) == tell(model, 60)

"""Single tokens by the decoder equal the model's own forward, for every shape and layout, and are never stale."""

import pytest
import torch
from tiny_generation import random_model
from torch import nn

from prosa.generate import engine as engine_module
from prosa.generate import products
from prosa.generate.decoder import Decoder, can_decode
from prosa.generate.engine import Engine
from prosa.generate.sampling import Sampling
from prosa.nn.cache import KVCache
from prosa.train.config import TrainConfig
from prosa.train.optimizers import Optimizer

V = 50
SHAPES = {
    "classic": ("classic", {"tied": True}),
    "sinusoidal": ("classic", {"positions": "sinusoidal"}),
    "no positions": ("classic", {"positions": "none"}),
    "modern": ("modern", {"n_kv_head": 4, "tied": True}),
    "grouped": ("modern", {"n_kv_head": 2}),
    "one key-value head, wide": ("modern", {"n_kv_head": 1, "head_dim": 12}),
    "llama": ("modern", {"qk_norm": False, "rope_theta": 500.0}),
}


def shaped(name):
    shape, options = SHAPES[name]
    model = random_model(shape, V, **options)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "norm" in name or name.endswith("bias"):
                parameter.normal_(mean=1.0, std=0.3)
    return model


def read(model, cached, steps=4, lengths=(9, 2, 5)):
    """Logits (B, steps, V) of rows of these lengths, going on from a read prompt, and the cache."""
    c = model.config
    torch.manual_seed(5)
    prompt = torch.randint(0, V, (len(lengths), max(lengths)))
    cache = KVCache(c.n_layer, len(lengths), c.n_kv_head, 20, c.head_dim)
    model.hidden(prompt, cache=cache, positions_BT=torch.arange(max(lengths)).expand_as(prompt))
    found = []
    for step in range(steps):
        ids = torch.randint(0, V, (len(lengths),))
        found.append(cached(ids.tolist(), [n + step for n in lengths], cache))
    return torch.stack(found, dim=1), cache


@pytest.mark.parametrize("lengths", [(6,), (4, 4, 4), (9, 2, 5)], ids=["one", "level", "ragged"])
@pytest.mark.parametrize("shape", SHAPES)
@torch.no_grad()
def test_it_equals_the_model(shape, lengths):
    model = shaped(shape)
    assert can_decode(model, torch.float32)

    def by_model(ids, positions, cache):
        ids_B1, positions_B1 = torch.tensor(ids)[:, None], torch.tensor(positions)[:, None]
        return model(ids_B1, cache=cache, positions_BT=positions_B1)[:, 0]

    expected, their_cache = read(model, by_model, lengths=lengths)
    for rows in (1, 3):  # laid out for one row, and for several; both take any number
        found, cache = read(model, Decoder(model, torch.float32, rows), lengths=lengths)
        torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4 * expected.std().item())
        for mine, theirs in zip(cache.keys + cache.values, their_cache.keys + their_cache.values, strict=True):
            torch.testing.assert_close(mine, theirs, rtol=1e-4, atol=1e-4)
    low, _ = read(model, Decoder(model, torch.bfloat16, len(lengths)), lengths=lengths)
    assert (low - expected).std() < 0.05 * expected.std()
    assert (low - expected).std() > 1e-4 * expected.std()  # they are bfloat16 weights


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("size", [1, 7, 384, 769, 2000])
@pytest.mark.parametrize("vectors", [1, 5])
def test_products(size, vectors, dtype, monkeypatch):
    torch.manual_seed(0)
    weight, x = torch.randn(size, 24), torch.randn(vectors, 24)
    expected = x.to(dtype).double() @ weight.to(dtype).double().T
    close = {"rtol": 1e-5, "atol": 1e-5} if dtype == torch.float32 else {"rtol": 1e-2, "atol": 2e-2}

    def check(product):
        assert product(x).dtype == dtype
        torch.testing.assert_close(product(x).double(), expected, **close)

    before = weight.clone()
    kinds = [products.lay_out(weight, dtype, n) for n in (1, vectors)]
    for threads in (1, 3):
        monkeypatch.setattr(torch, "get_num_threads", lambda threads=threads: threads)
        kinds.append(products.Panels(weight, dtype))
    monkeypatch.setattr(torch.backends.mkldnn, "is_available", lambda: False)
    kinds.append(products.lay_out(weight, dtype, 2))
    weight.zero_()  # copies were made
    assert before.any()
    for product in kinds:
        check(product)


def test_what_it_does_not_know(tokenizer):
    model = random_model("modern", V)
    assert can_decode(model, torch.bfloat16)
    assert not can_decode(model, torch.float16)
    assert can_decode(model.bfloat16(), torch.bfloat16)
    assert not can_decode(model, torch.float32)  # the model itself would compute in bfloat16

    class Other(nn.Linear):
        pass

    odd = random_model("modern", tokenizer.vocab_size)
    expected = Engine(odd, tokenizer, device="cpu").generate([[1, 2]], Sampling(seed=1), max_tokens=40)
    odd.blocks[1].attention.out.__class__ = Other
    assert not can_decode(odd, torch.float32)
    found = Engine(odd, tokenizer, device="cpu").generate([[1, 2]], Sampling(seed=1), max_tokens=40)
    assert [t.id for t in found[0].tokens] == [t.id for t in expected[0].tokens]


def spy(monkeypatch):
    """How many rows each decoder was made for."""
    made = []

    class Spy(Decoder):
        def __init__(self, model, dtype, rows):
            made.append(rows)
            super().__init__(model, dtype, rows)

    monkeypatch.setattr(engine_module, "Decoder", Spy)
    return made


def test_it_is_prepared_where_that_pays_and_again_when_the_weights_change(tokenizer, monkeypatch):
    made = spy(monkeypatch)
    model = random_model("modern", tokenizer.vocab_size)
    engine = Engine(model, tokenizer, device="cpu")
    sampling = Sampling(seed=3)
    engine.generate([[1]], sampling, max_tokens=engine_module.WORTH_PREPARING - 1)
    assert made == []
    first = engine.generate([[1]], sampling, max_tokens=40)
    assert engine.generate([[1]], sampling, max_tokens=40) == first
    engine.generate([[1]], sampling, max_tokens=2)  # it is there, and used
    assert made == [1]
    engine.generate([[1], [2]], sampling, max_tokens=40)
    assert made == [1, 2]

    optimizer = torch.optim.AdamW(model.parameters(), lr=0.05)
    model.train()
    model(torch.tensor([[1, 2, 3]])).logsumexp(-1).sum().backward()
    optimizer.step()
    changed = engine.generate([[1]], sampling, max_tokens=40)
    assert made == [1, 2, 1]
    assert changed == Engine(model, tokenizer, device="cpu").generate([[1]], sampling, max_tokens=40)
    assert [t.id for t in changed[0].tokens] != [t.id for t in first[0].tokens]
    for parameter in model.parameters():  # another tensor in its place
        parameter.data = parameter.data * 0.5
    engine.generate([[1]], sampling, max_tokens=40)
    assert len(made) == 5


@pytest.mark.parametrize("overflow", ["stop", "slide"])
@pytest.mark.parametrize("sampling", [Sampling(temperature=0), Sampling(seed=3, repetition_penalty=1.2)])
def test_the_same_tokens_with_it_and_without(model, tokenizer, monkeypatch, overflow, sampling):
    made = spy(monkeypatch)
    engine = Engine(model, tokenizer, device="cpu")
    prompts = ["Era uma vez", "", "Não há ação sem coração, disse", "o"]

    def texts(**options):
        found = engine.generate(prompts, sampling, max_tokens=70, overflow=overflow, **options)
        return [([t.id for t in c.tokens], c.finish_reason) for c in found]

    found = texts()
    assert made == [4]
    assert found == texts(use_cache=False)
    monkeypatch.setattr(engine_module, "can_decode", lambda *_: False)
    assert found == texts()


@pytest.mark.parametrize("kind", ["adamw", "muon"])
def test_our_optimizers_tell_it_that_the_weights_have_changed(kind, tokenizer):
    """torch's fused AdamW does not tell autograd; what reinforcement learning generates must be the policy's own."""
    model = random_model("modern", tokenizer.vocab_size)
    engine = Engine(model, tokenizer, device="cpu")
    sampling = Sampling(seed=3)
    before = engine.generate([[1]], sampling, max_tokens=40)
    optimizer = Optimizer(model, TrainConfig(steps=1, optimizer=kind, lr=0.05, muon_lr=0.05, embedding_lr=0.0))
    model(torch.tensor([[1, 2, 3]])).logsumexp(-1).sum().backward()
    optimizer.step()
    after = engine.generate([[1]], sampling, max_tokens=40)
    assert after == Engine(model, tokenizer, device="cpu").generate([[1]], sampling, max_tokens=40)
    assert after != before

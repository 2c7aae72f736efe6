"""The decoder: initialisation, validation, and the laws that hold whatever the weights are."""

import dataclasses
import math

import pytest
import torch
from torch import Tensor

from prosa.core.errors import UserError
from prosa.core.language import set_language
from prosa.models.gpt import GPT, GPTConfig, fixed_positions
from prosa.nn.cache import KVCache

CLASSIC = GPTConfig(vocab_size=61, context=160, n_layer=2, n_head=4, d_model=32, shape="classic")
MODERN = GPTConfig(vocab_size=61, context=160, n_layer=2, n_head=4, n_kv_head=2, head_dim=6, d_model=32)
SHAPES = {
    "classic": CLASSIC,
    "sinusoidal": dataclasses.replace(CLASSIC, positions="sinusoidal"),
    "none": dataclasses.replace(CLASSIC, positions="none"),
    "modern": MODERN,
    "one kv head, untied": dataclasses.replace(MODERN, n_kv_head=1, tied=False),
    "llama": dataclasses.replace(MODERN, qk_norm=False, n_kv_head=4),
    "speedrun": dataclasses.replace(MODERN, shape="speedrun", tied=None, rope_theta=0.0),
}


@pytest.fixture(params=SHAPES.values(), ids=SHAPES.keys())
def model(request: pytest.FixtureRequest) -> GPT:
    """A random model with weights large enough for differences to show."""
    torch.manual_seed(1)
    model = GPT(request.param).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.2)
    return model


def random_ids(*shape: int, seed: int = 0) -> Tensor:
    return torch.randint(61, shape, generator=torch.Generator().manual_seed(seed))


def new_cache(model: GPT, batch: int, max_length: int = 160) -> KVCache:
    c = model.config
    return KVCache(c.n_layer, batch, c.n_kv_head, max_length, c.head_dim)


def close(a: Tensor, b: Tensor) -> None:
    torch.testing.assert_close(a, b, atol=2e-5, rtol=1e-5)


@torch.no_grad()
@pytest.mark.parametrize("length", [20, 150])  # both ways of attending
def test_a_later_token_does_not_change_earlier_logits(model: GPT, length: int) -> None:
    ids = random_ids(1, length)
    changed = ids.clone()
    changed[0, length // 2] = (changed[0, length // 2] + 1) % 61
    before, after = model(ids), model(changed)
    assert torch.equal(before[:, : length // 2], after[:, : length // 2])
    assert (before[:, length // 2 :] - after[:, length // 2 :]).abs().amax(-1).min() > 1e-4


@torch.no_grad()
@pytest.mark.parametrize("pieces", [[1] * 12, [5, 4, 3], [12], [130, 1, 9, 1]])
def test_cached_equals_uncached(model: GPT, pieces: list[int]) -> None:
    ids = random_ids(2, sum(pieces))
    cache = new_cache(model, 2)
    parts = [model(piece, cache=cache) for piece in ids.split(pieces, dim=1)]
    close(torch.cat(parts, dim=1), model(ids))
    assert cache.length == sum(pieces)


@torch.no_grad()
@pytest.mark.parametrize("lengths", [[3, 7, 5], [2, 140, 131]])
def test_rows_of_different_length_share_a_batch(model: GPT, lengths: list[int]) -> None:
    """Prefill with garbage after the shorter rows' ends, then grow each row: every row is as if it were alone."""
    rows = [random_ids(length + 4, seed=i) for i, length in enumerate(lengths)]
    garbage = random_ids(3, max(lengths), seed=9)
    for i, length in enumerate(lengths):
        garbage[i, :length] = rows[i][:length]
    cache = new_cache(model, 3)
    prefill = model(garbage, cache=cache, positions_BT=torch.arange(max(lengths)).expand(3, -1))
    alone = [model(row[None])[0] for row in rows]
    for i, length in enumerate(lengths):
        close(prefill[i, :length], alone[i][:length])
    for step in range(4):
        positions = torch.tensor([[length + step] for length in lengths])
        ids = torch.stack([row[length + step] for row, length in zip(rows, lengths, strict=True)])[:, None]
        logits = model(ids, cache=cache, positions_BT=positions)
        for i, length in enumerate(lengths):
            close(logits[i, 0], alone[i][length + step])


@torch.no_grad()
def test_cache_rows_can_be_selected_and_repeated(model: GPT) -> None:
    ids = random_ids(2, 9)
    cache = new_cache(model, 2)
    model(ids[:, :8], cache=cache)
    chosen = cache.select(torch.tensor([1, 1, 0]))
    logits = model(ids[[1, 1, 0], 8:], cache=chosen)
    close(logits, model(ids[[1, 1, 0]])[:, 8:])
    close(model(ids[:, 8:], cache=cache), model(ids)[:, 8:])  # the first cache was left alone


@torch.no_grad()
def test_a_cache_set_to_length_0_is_new(model: GPT) -> None:
    cache = new_cache(model, 1)
    model(random_ids(1, 20, seed=3), cache=cache)
    cache.length = 0
    ids = random_ids(1, 6)
    close(model(ids, cache=cache), model(ids))


@torch.no_grad()
@pytest.mark.parametrize("lengths", [[5, 1, 7], [100, 50]])
def test_masked_documents_are_as_if_alone(model: GPT, lengths: list[int]) -> None:
    documents = [random_ids(1, length, seed=i) for i, length in enumerate(lengths)]
    numbers = torch.cat([torch.full((1, length), 7 + i) for i, length in enumerate(lengths)], dim=1)
    packed = model(torch.cat(documents, dim=1), documents_BT=numbers)
    close(packed, torch.cat([model(d) for d in documents], dim=1))
    assert not torch.allclose(packed, model(torch.cat(documents, dim=1)), atol=1e-3)


@torch.no_grad()
@pytest.mark.parametrize("length", [11, 150])
def test_batched_equals_alone(model: GPT, length: int) -> None:
    ids = random_ids(4, length)
    close(model(ids), torch.cat([model(row[None]) for row in ids]))


@torch.no_grad()
@pytest.mark.parametrize("name", SHAPES)
def test_untrained_loss_is_near_ln_v(name: str) -> None:
    torch.manual_seed(0)
    config = dataclasses.replace(SHAPES[name], vocab_size=1000, d_model=64, n_head=4, head_dim=16, d_ff=256)
    model = GPT(config)
    ids = torch.randint(1000, (8, 129))
    loss = torch.nn.functional.cross_entropy(model(ids[:, :-1]).flatten(0, 1), ids[:, 1:].flatten())
    assert abs(float(loss) - math.log(1000)) < 0.1


def test_gpt2_initialisation() -> None:
    torch.manual_seed(0)
    config = GPTConfig(vocab_size=500, context=64, n_layer=8, n_head=4, d_model=128, shape="classic")
    deviations = {name: p.std().item() for name, p in GPT(config).named_parameters() if p.ndim == 2}
    residual = ("attention.out.weight", "feedforward.down.weight")
    assert sum(name.endswith(residual) for name in deviations) == 16
    for name, deviation in deviations.items():
        assert deviation == pytest.approx(0.02 / 4 if name.endswith(residual) else 0.02, rel=0.03)
    for name, parameter in GPT(config).named_parameters():
        if parameter.ndim == 1:
            assert parameter.eq(1.0 if "norm" in name and name.endswith("weight") else 0.0).all()


@torch.no_grad()
def test_sinusoidal_positions_neither_drown_the_tokens_nor_drown_in_them() -> None:
    """The paper's proportion at the start: embeddings of deviation 1 to sines of amplitude 1."""
    model = GPT(dataclasses.replace(SHAPES["sinusoidal"], vocab_size=2000))
    positions = fixed_positions(torch.arange(160)[None], 32)
    ratio = positions.square().mean().sqrt() / model.embedding.weight.std()
    assert ratio.item() == pytest.approx(1 / math.sqrt(2), rel=0.02)


def test_dropout_acts_in_training_only() -> None:
    torch.manual_seed(0)
    model = GPT(dataclasses.replace(CLASSIC, dropout=0.5))
    ids = random_ids(1, 10)
    assert not torch.equal(model(ids), model(ids))
    model.eval()
    assert torch.equal(model(ids), model(ids))


def test_blocks_can_be_checkpointed_from_outside(model: GPT) -> None:
    """Recomputing each block in the backward pass gives the same gradients."""
    from functools import partial

    from torch.utils.checkpoint import checkpoint

    ids = random_ids(2, 12)
    model(ids).logsumexp(-1).sum().backward()
    expected = [p.grad.clone() for p in model.parameters() if p.grad is not None]
    model.zero_grad()
    for block in model.blocks:
        block.forward = partial(checkpoint, block.forward, use_reentrant=False)  # type: ignore[method-assign]
    model(ids).logsumexp(-1).sum().backward()
    for parameter, gradient in zip(model.parameters(), expected, strict=True):
        assert parameter.grad is not None
        close(parameter.grad, gradient)


def test_a_text_longer_than_the_context_is_refused_with_both_numbers() -> None:
    model = GPT(CLASSIC)
    set_language("en")
    with pytest.raises(UserError, match=r"161 tokens.* 160 tokens"):
        model(random_ids(1, 161))
    cache = new_cache(model, 1, max_length=200)
    model(random_ids(1, 150), cache=cache)
    with pytest.raises(UserError, match=r"162 tokens.* 160 tokens"):
        model(random_ids(1, 12), cache=cache)
    with pytest.raises(UserError, match=r"171 tokens.* 160 tokens"):
        model(random_ids(1, 1), positions_BT=torch.tensor([[170]]))
    set_language("pt-BR")
    with pytest.raises(UserError, match="não cabe no contexto do modelo, de 160 tokens"):
        model(random_ids(1, 161))
    set_language(None)


@pytest.mark.parametrize("length", [40, 150])
def test_autocast_and_bfloat16_stay_near_float32(model: GPT, length: int) -> None:
    """What train/ and generate/ do from outside: autocast with a backward pass, and weights cast whole."""
    ids = random_ids(2, length)
    logits = model(ids)
    spread = logits.std().item()
    with torch.autocast("cpu", torch.bfloat16):
        mixed = model(ids)
    assert (mixed - logits).std().item() < 0.05 * spread
    mixed.float().logsumexp(-1).sum().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in model.parameters())
    with torch.no_grad():
        half = model.to(torch.bfloat16)(ids)
        assert half.dtype == torch.bfloat16
        assert (half - logits).std().item() < 0.05 * spread


def test_programming_mistakes_are_value_errors() -> None:
    model = GPT(MODERN)
    with pytest.raises(ValueError, match="documents_BT"):
        model(random_ids(1, 4), cache=new_cache(model, 1), documents_BT=torch.zeros(1, 4))
    with pytest.raises(ValueError, match="the cache has 8 slots, position 8 does not fit"):
        model(random_ids(1, 9), cache=new_cache(model, 1, max_length=8))


def test_all_problems_are_told_at_once_each_with_an_offer() -> None:
    set_language("en")
    with pytest.raises(UserError) as error:
        GPT(dataclasses.replace(CLASSIC, n_head=5, n_kv_head=5, head_dim=0, positions="rotary", dropout=1.5))
    assert "5 heads do not divide d_model 32: use n_head 4, or d_model 35" in str(error.value)
    assert "no rotary positions: use learned, sinusoidal, none" in str(error.value)
    assert "dropout is 1.5" in str(error.value)
    for changes, offer in (
        ({"n_kv_head": 3}, "use n_kv_head 2"),
        ({"head_dim": 7}, "use head_dim 8"),
        ({"n_head": 5, "n_kv_head": 5, "head_dim": 0}, "use n_head 4, or d_model 35"),
        ({"n_head": 5, "n_kv_head": 5, "qk_norm": False}, "use n_head 4, or d_model 35"),
        ({"positions": "learned"}, "use rotary"),
    ):
        with pytest.raises(UserError, match=offer):
            dataclasses.replace(MODERN, **changes).check()
    for changes, offer in (
        ({"n_kv_head": 2}, "use n_kv_head 4 or shape modern"),
        ({"qk_norm": True}, "use qk_norm false"),
        ({"head_dim": 16}, "4 heads of 16 are 64 wide, not d_model 32: use n_head 2, or d_model 64"),
        ({"n_layer": 0, "vocab_size": -1}, "vocab_size is -1.*n_layer is 0"),
    ):
        with pytest.raises(UserError, match=offer):
            dataclasses.replace(CLASSIC, **changes).check()
    set_language(None)


def test_what_is_left_out_is_worked_out() -> None:
    assert (CLASSIC.n_kv_head, CLASSIC.head_dim, CLASSIC.d_ff, CLASSIC.positions) == (4, 8, 128, "learned")
    assert (CLASSIC.qk_norm, CLASSIC.norm_eps) == (False, 1e-5)
    modern = GPTConfig(vocab_size=61, context=16, n_layer=2, n_head=4, d_model=64)
    assert (modern.n_kv_head, modern.head_dim, modern.d_ff, modern.positions) == (4, 16, 192, "rotary")
    assert (modern.qk_norm, modern.norm_eps) == (True, 1e-6)

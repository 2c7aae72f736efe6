"""The counted memory of a step against the same step on real tensors, and its laws."""

import dataclasses
import weakref
from itertools import pairwise

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

import prosa.train.footprint as module
from prosa.core.errors import UserError
from prosa.data.batches import Batch
from prosa.models.gpt import GPT, GPTConfig
from prosa.models.sizes import by_name, count_parameters
from prosa.train.config import TrainConfig
from prosa.train.footprint import footprint
from prosa.train.heap import Heap
from prosa.train.objectives import NextToken
from prosa.train.optimizers import Optimizer
from prosa.train.step import accumulate, normalise

SHAPE = GPTConfig(300, 32, 3, 4, 64)
CONFIG = TrainConfig(batch_size=8, loss_chunk=64)


class _Real(TorchDispatchMode):
    """Bytes of real storages alive, counted on its own."""

    def __init__(self) -> None:
        super().__init__()
        self.alive, self.peak, self.seen = 0, 0, set()

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        out = func(*args, **(kwargs or {}))
        for tensor in tree_leaves(out):
            if isinstance(tensor, torch.Tensor) and tensor.untyped_storage()._cdata not in self.seen:
                storage = tensor.untyped_storage()
                self.seen.add(storage._cdata)
                self.alive += storage.nbytes()
                self.peak = max(self.peak, self.alive)
                weakref.finalize(storage, self.gone, storage._cdata, storage.nbytes())
        return out

    def gone(self, key: int, size: int) -> None:
        self.seen.discard(key)
        self.alive -= size


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
@pytest.mark.parametrize(
    ("shape", "changes", "micro_batch"),
    [
        (SHAPE, {}, 8),
        (SHAPE, {}, 2),
        (SHAPE, {"optimizer": "adamw"}, 4),
        (SHAPE, {"activation_checkpointing": True}, 8),
        (GPTConfig(300, 160, 2, 4, 64, n_kv_head=2, tied=False), {"batch_size": 2}, 2),
        (GPTConfig(300, 32, 2, 4, 64, shape="classic", dropout=0.1), {}, 4),
    ],
)
def test_it_is_what_real_tensors_take(shape: GPTConfig, changes: dict, micro_batch: int, precision) -> None:
    from prosa.train.wrapping import recomputing

    config = dataclasses.replace(CONFIG, **changes)
    counted = footprint(shape, config, micro_batch=micro_batch, precision=precision)
    with _Real() as real:
        model = GPT(shape).train()
        optimizer = Optimizer(model, config)
        ids = torch.zeros(min(config.batch_size, 2 * micro_batch), shape.context, dtype=torch.int64)
        batch = Batch(ids, ids.clone())
        with recomputing(model, config.activation_checkpointing):
            for step in range(2):
                real.peak = real.alive
                losses = accumulate(
                    model,
                    NextToken(config.loss_chunk),
                    batch,
                    micro_batch=micro_batch,
                    precision=precision,
                    seed=0,
                    step=step,
                )
                normalise(model, losses.targets, config.clip)
                optimizer.step()
                model.zero_grad(set_to_none=True)
    assert counted.peak == pytest.approx(real.peak, rel=0.005)
    assert counted.weights == counted.gradients == 4 * count_parameters(shape).total
    scalars = 8 * len(list(model.parameters()))  # AdamW's step counters
    assert 0 <= counted.optimizer - optimizer.state_bytes() <= scalars


def test_a_sequence_more_costs_the_same_each_time() -> None:
    def kept(n: int) -> int:
        return footprint(SHAPE, CONFIG, micro_batch=n, precision="float32").activations

    one, two, four, eight = (kept(n) for n in (1, 2, 4, 8))
    assert (four - two, eight - four) == (2 * (two - one), 4 * (two - one))
    assert 0.95 < (two - one) / one <= 1


def test_longer_texts_checkpointing_and_precision() -> None:
    def of(context: int = 32, precision="float32", **changes) -> module.Footprint:
        config = dataclasses.replace(CONFIG, **changes)
        return footprint(dataclasses.replace(SHAPE, context=context), config, micro_batch=8, precision=precision)

    assert of(64).activations > 2 * of(32).activations  # attention weights grow with the square
    assert of(activation_checkpointing=True).activations < of().activations / 3
    assert of(activation_checkpointing=True).peak < of().peak
    assert of(loss_chunk=256).logits == 4 * of(loss_chunk=64).logits == 256 * 300 * 4
    matrices, qk_norms = count_parameters(SHAPE).attention + count_parameters(SHAPE).feed_forward, 3 * 2 * 16
    assert of(precision="bfloat16").copies == 2 * (matrices + qk_norms)
    assert of().copies == 0


def test_deep_models_are_counted_by_nine_layers(monkeypatch: pytest.MonkeyPatch) -> None:
    deep = dataclasses.replace(SHAPE, n_layer=18)
    short = footprint(deep, CONFIG, micro_batch=4, precision="bfloat16", gpu=True)
    monkeypatch.setattr(module, "COUNTED_LAYERS", 18)
    assert footprint(deep, CONFIG, micro_batch=4, precision="bfloat16", gpu=True) == short


def test_it_leaves_everything_as_it_was_and_allocates_nothing() -> None:
    threads, state = torch.get_num_threads(), torch.get_rng_state()
    chosen = module.attention._plain_is_faster
    big = footprint(by_name("gpt3-6.7b"), CONFIG, micro_batch=1, precision="bfloat16", gpu=True)
    assert big.peak > 100e9
    assert torch.get_num_threads() == threads
    assert torch.equal(torch.get_rng_state(), state)
    assert module.attention._plain_is_faster is chosen
    with pytest.raises(UserError, match="n_head 16"):
        footprint(by_name("gpt3-1.3b"), CONFIG, micro_batch=1, precision="float32")


def test_devices_share_what_is_fixed() -> None:
    made = module.Footprint(
        weights=40,
        gradients=40,
        optimizer=80,
        activations=10,
        copies=4,
        logits=2,
        peak=170,
        resident=170,
        micro_batch=1,
    )
    assert made.a_device(1) == 170
    assert made.a_device(4) == (160 + 4) // 4 + 8
    assert made.devices(170) == 1
    assert made.devices(50) == 4
    assert made.a_device(4) <= 50 < made.a_device(3)
    assert made.devices(8) is None


def test_a_hole_is_too_small_for_its_own_size() -> None:
    heap, mega = Heap(), 2**20
    for key in range(1, 5):
        heap.allocate(key, mega)
    four = heap.taken
    assert 4 * mega <= four < 4.01 * mega
    heap.release(2)
    heap.allocate(5, mega)
    assert heap.taken >= four + mega  # the hole that 2 left has no room for 96 bytes more
    heap.allocate(6, mega - 4096)
    assert heap.taken < four + 1.01 * mega  # for a smaller one it does
    heap.release(6)
    heap.release(3)
    heap.allocate(7, 2 * mega - 4096)  # holes side by side are one
    assert heap.taken < four + 1.01 * mega
    used = [(start, start + size) for start, size in heap._blocks.values() if start is not None]
    holes = [(start, start + size) for start, size in heap._holes.items()]
    edges = sorted([(0, 0), *used, *holes, (heap._top, heap._top)])
    assert all(left[1] == right[0] for left, right in pairwise(edges))
    heap.allocate(8, 100 * mega)
    assert heap.taken > four + 100 * mega
    heap.release(8)
    assert heap.taken < four + 1.01 * mega  # a mapping goes back
    assert heap.peak > four + 100 * mega

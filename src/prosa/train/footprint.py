"""What a training step will need of memory, counted without allocating any of it.

The step itself runs (model, loss, backward pass, optimizer: the code that trains) on tensors that have a shape but no
data, torch's ``FakeTensorMode``. Every storage that is made is entered in a ledger until it is freed; the ledger's
highest sum is the peak. So the count follows the code, whatever it keeps and for however long, and works for a model of
any size. What libraries use inside a single operation is not seen (a few MB).

On a CPU the process takes more from the system than its tensors: ``heap.py``.
"""

import dataclasses
import weakref
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from prosa.data.batches import Batch
from prosa.models.gpt import GPT, GPTConfig
from prosa.nn import attention
from prosa.train.config import TrainConfig
from prosa.train.heap import Heap, leaves_holes
from prosa.train.loss import chunk_tokens
from prosa.train.objectives import NextToken
from prosa.train.optimizers import Optimizer
from prosa.train.step import Precision, accumulate, normalise
from prosa.train.wrapping import recomputing

COUNTED_LAYERS = 8


@dataclass(frozen=True)
class Footprint:
    """Bytes of a training step. The parts do not all exist at the same time: ``peak`` is less than their sum."""

    weights: int
    gradients: int
    optimizer: int
    activations: int
    """What the backward pass needs of a micro-batch, when the forward pass has reached the output layer."""
    copies: int
    """Of these, the copies of weights in the precision of the products."""
    logits: int
    """Of a chunk of tokens, in float32."""
    peak: int
    """The most that is alive at the same time."""
    resident: int
    """What the process takes from the system for that: on a CPU, holes between tensors included."""
    micro_batch: int

    @property
    def fixed(self) -> int:
        """What is there however small the micro-batch."""
        return self.weights + self.gradients + self.optimizer

    def a_device(self, devices: int) -> int:
        """Bytes on each of ``devices`` that share weights, gradients and state evenly (ZeRO-3, arXiv 1910.02054).

        What is not shared: activations, and all else that is alive at the peak.
        """
        if devices == 1:
            return self.resident
        return -(-(self.fixed + self.copies) // devices) + self._own

    @property
    def _own(self) -> int:
        return max(self.activations + self.logits, self.peak - self.fixed) - self.copies

    def devices(self, memory: int) -> int | None:
        """How many devices of ``memory`` bytes it takes; None: no number is enough."""
        if self.a_device(1) <= memory:
            return 1
        left = memory - self._own
        return max(2, -(-(self.fixed + self.copies) // left)) if left > 0 else None


def footprint(
    shape: GPTConfig, config: TrainConfig, *, micro_batch: int, precision: Precision, gpu: bool = False
) -> Footprint:
    """Count a step of pretraining in micro-batches of ``micro_batch`` sequences of ``shape.context`` tokens.

    Args:
        gpu: count as for a GPU: attention is always the fused one, and there are no holes between tensors. (Counted
            with the CPU's operations, whose autocast differs in small things.)

    Of a deep model 8 and 9 layers are counted, and the ninth as often as there are more.

    Raises:
        UserError: the shape cannot be built.
    """
    shape.check()
    if shape.n_layer <= 2 * COUNTED_LAYERS:
        return _count(shape, config, micro_batch, precision, gpu)
    low, high = (
        dataclasses.asdict(_count(dataclasses.replace(shape, n_layer=n), config, micro_batch, precision, gpu))
        for n in (COUNTED_LAYERS, COUNTED_LAYERS + 1)
    )
    more = shape.n_layer - COUNTED_LAYERS
    made = {name: low[name] + more * (high[name] - low[name]) for name in low}
    made["resident"] = made["peak"] * high["resident"] // high["peak"]  # holes follow no line
    return Footprint(**made)


def _count(shape: GPTConfig, config: TrainConfig, micro_batch: int, precision: Precision, gpu: bool) -> Footprint:
    tokens = micro_batch * shape.context
    chunk = chunk_tokens(config.loss_chunk, shape.vocab_size, torch.device("cuda" if gpu else "cpu"))
    ledger = _Ledger(tokens, None if gpu or not leaves_holes() else Heap())
    with _one_thread(), FakeTensorMode(), ledger, _fused_attention(gpu), ExitStack() as stack:
        model = GPT(shape).train()
        stack.enter_context(recomputing(model, config.activation_checkpointing))
        weights = ledger.alive
        optimizer = Optimizer(model, config)
        for parameter in model.parameters():
            parameter.grad = torch.empty_like(parameter)
        gradients = ledger.alive - weights
        optimizer.step()  # makes the state
        model.zero_grad(set_to_none=True)
        state = ledger.alive - weights
        ids = torch.zeros(min(config.batch_size, 2 * micro_batch), shape.context, dtype=torch.int64)
        batch = Batch(ids, ids.clone())
        ledger.watch(model)
        before = ledger.alive
        kept = ledger.at_calls(model, "head")
        ledger.begin()
        losses = accumulate(
            model, NextToken(chunk), batch, micro_batch=micro_batch, precision=precision, seed=0, step=0
        )
        normalise(model, losses.targets, config.clip)
        optimizer.step()
        return Footprint(
            weights=weights,
            gradients=gradients,
            optimizer=state,
            activations=kept[0][0] - before,
            copies=kept[0][1],
            logits=min(chunk, tokens) * shape.vocab_size * 4,
            peak=ledger.peak,
            resident=ledger.resident,
            micro_batch=micro_batch,
        )


class _Ledger(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Bytes of all storages alive. A number read from a tensor without data is ``targets``, or 1.0 of a real one."""

    def __init__(self, targets: int, heap: Heap | None) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.alive = self.peak = 0
        self.targets, self.heap = targets, heap
        self.copies = 0
        self._known: dict[int, int] = {}
        self._weights: set[int] = set()
        self._number = 0

    @property
    def resident(self) -> int:
        """The peak as the system sees it."""
        return self.heap.peak if self.heap else self.peak

    def begin(self) -> None:
        """Forget the peak so far."""
        self.peak = self.alive
        if self.heap:
            self.heap.peak = self.heap.taken

    def watch(self, model: torch.nn.Module) -> None:
        """Count ``copies`` of this model's weights in another dtype, alive or not."""
        self._weights = {p.untyped_storage()._cdata for p in model.parameters()}

    def at_calls(self, owner: Any, name: str) -> list[tuple[int, int]]:
        """A list that will hold, for every call of a method, what was alive then and the copies made until then."""
        seen: list[tuple[int, int]] = []
        method: Callable[..., Any] = getattr(owner, name)

        def noting(*args: Any) -> Any:
            seen.append((self.alive, self.copies))
            return method(*args)

        setattr(owner, name, noting)
        return seen

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func is torch.ops.aten._local_scalar_dense.default:
            return 1.0 if args[0].is_floating_point() else self.targets
        out = func(*args, **(kwargs or {}))
        for tensor in tree_leaves(out):
            if isinstance(tensor, Tensor):
                self._enter(tensor.untyped_storage())
        if func is torch.ops.aten._to_copy.default and args[0].untyped_storage()._cdata in self._weights:
            self.copies += out.untyped_storage().nbytes()
        return out

    def _enter(self, storage: torch.UntypedStorage) -> None:
        key = storage._cdata
        if key in self._known:
            return
        size = storage.nbytes()
        self._number += 1
        self._known[key] = self._number
        self.alive += size
        self.peak = max(self.peak, self.alive)
        if self.heap:
            self.heap.allocate(self._number, size)
        weakref.finalize(storage, self._leave, key, size)

    def _leave(self, key: int, size: int) -> None:
        self.alive -= size
        number = self._known.pop(key)
        if self.heap:
            self.heap.release(number)


@contextmanager
def _one_thread() -> Iterator[None]:
    """What would be shared among threads is done here, in the ledger's sight; torch's generator stays as it was."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with torch.random.fork_rng(devices=[]):
            yield
    finally:
        torch.set_num_threads(threads)


@contextmanager
def _fused_attention(on: bool) -> Iterator[None]:
    """Attention as it is computed on a GPU, also here."""
    chosen = attention._plain_is_faster
    if on:
        attention._plain_is_faster = lambda *_: False
    try:
        yield
    finally:
        attention._plain_is_faster = chosen

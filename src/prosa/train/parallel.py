"""Training in several processes (``torchrun``): each has the whole model and a part of every batch (data parallelism).

The gradient of a step is the sum over all ranks, over the targets of all ranks (Li et al. 2020, arXiv 2006.15704, but
for the mean): so the result is that of one process, but for the order of float32 sums. What holds:

    data      rank r of W has the r-th part of the rows that one process would have, at every step
    dropout   seeded by a micro-batch's number among all those of the step: the same masks at any number of ranks as
              long as the micro-batch stays the same (train.micro_batch <= batch_size / W), else others of the same law
    weights   alike on all ranks, bit for bit; rank 0 alone validates, samples and writes, all read
    ends      all stop at the same step; an error is told by the first rank that meets it

The model knows nothing of this; ``Ranks.wrap`` is where another way (FSDP2) would be put around it.
"""

import json
import signal
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Protocol, TypeVar

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.distributed.rendezvous import rendezvous
from torch.nn.parallel import DistributedDataParallel

from prosa.core import processes
from prosa.core.device import DeviceName, choose_device
from prosa.core.errors import UserError
from prosa.core.language import tr
from prosa.data.batches import Batch
from prosa.train.objectives import Objective

LONGEST_WAIT = timedelta(minutes=30)  # for rank 0 to validate, sample and save; a rank that dies is noticed at once

T = TypeVar("T")


class StepBatches(Protocol):
    """Batches as a function of the step, from 0 (``data.batches.Batches``)."""

    @property
    def steps_per_epoch(self) -> int:
        """Steps that read the text once; asked for only where ``TrainConfig.steps`` is 0."""
        ...

    def at(self, step: int, rank: int = 0, world: int = 1) -> Batch:
        """The batch of a step; of several ranks, the part of one. Called with the step alone where there is one."""
        ...


@dataclass(frozen=True)
class Ranks:
    """This process among those of the training; as it stands, the only one."""

    rank: int = 0
    world: int = 1

    @property
    def is_main(self) -> bool:
        """Whether this is the one that looks, writes and speaks."""
        return self.rank == 0

    def batch(self, batches: StepBatches, step: int) -> Batch:
        """This rank's rows of a step."""
        return batches.at(step) if self.world == 1 else batches.at(step, self.rank, self.world)

    def sum(self, *values: float) -> list[float]:
        """The sum over all ranks of each value, in float64, on every rank: all come here before any goes on."""
        if self.world == 1:
            return list(values)
        total = torch.tensor(values, dtype=torch.float64)
        dist.all_reduce(total)
        found: list[float] = total.tolist()
        return found

    def any(self, flag: bool) -> bool:
        """Whether it is so on any rank."""
        return self.sum(flag)[0] > 0

    def wait(self) -> None:
        """Go on when all have come here."""
        self.sum(0.0)

    def of_main(self, value: T) -> T:
        """What rank 0 gives (something that JSON has), on every rank."""
        if self.world == 1:
            return value
        content = torch.frombuffer(bytearray(json.dumps(value), "utf-8"), dtype=torch.uint8)
        length = torch.tensor(len(content))
        dist.broadcast(length, 0)
        if not self.is_main:
            content = torch.empty(int(length), dtype=torch.uint8)
        dist.broadcast(content, 0)
        found: T = json.loads(bytes(content.tolist()))
        return found

    def wrap(self, model: nn.Module, objective: Objective) -> Objective:
        """``objective``, whose backward pass leaves in ``model`` the sum of all ranks' gradients.

        The weights are made those of rank 0.
        """
        return objective if self.world == 1 else _Parallel(model, objective)


def ranks() -> Ranks:
    """This process, inside ``together`` among the others."""
    return Ranks(dist.get_rank(), dist.get_world_size()) if dist.is_initialized() else Ranks()


def apart(objective: Objective, on: bool) -> AbstractContextManager[None]:
    """Where ``on``, a forward pass inside keeps its gradients to this rank: they add up until one outside sums all."""
    if on and isinstance(objective, _Parallel):
        context: AbstractContextManager[None] = objective.replica.no_sync()
        return context
    return nullcontext()


class _Parallel:
    """An objective inside ``DistributedDataParallel``, which sums gradients while others are still computed."""

    def __init__(self, model: nn.Module, objective: Objective) -> None:
        self.replica = DistributedDataParallel(_Forward(model, objective), gradient_as_bucket_view=True)
        self.replica.register_comm_hook(None, _sum)

    def __call__(self, model: Any, batch: Batch) -> tuple[Tensor, int, dict[str, float]]:
        """See ``Objective``; ``model`` is the one given, compiled or not."""
        found: tuple[Tensor, int, dict[str, float]] = self.replica(model, batch)
        return found


class _Forward(nn.Module):
    """An objective as a module that owns the parameters: what ``DistributedDataParallel`` takes."""

    def __init__(self, model: nn.Module, objective: Objective) -> None:
        super().__init__()
        self.model, self.objective = model, objective

    def forward(self, runner: Any, batch: Batch) -> tuple[Tensor, int, dict[str, float]]:
        """``runner`` computes with the parameters of ``model``: it is the model, or the model compiled."""
        return self.objective(runner, batch)


def _sum(_: object, bucket: dist.GradBucket) -> torch.futures.Future[Tensor]:  # type: ignore[name-defined]
    """Sum a bucket over the ranks (DDP's own way is the mean, wrong where ranks have unequal numbers of targets)."""
    work = dist.all_reduce(bucket.buffer(), async_op=True)
    assert work is not None
    summed: torch.futures.Future[Tensor] = work.get_future().then(lambda done: done.value()[0])
    return summed


@contextmanager
def together(name: DeviceName) -> Iterator[None]:
    """While inside, the processes that torchrun started work together; for one process this does nothing.

    All come in and go out together, but for an error, which is told by the first that meets it: it says so in the
    store that all share, and the others, who see no more than lost connections, end in silence.

    Raises:
        UserError: a device that several processes cannot share, or one of them is gone.
    """
    if processes.world() == 1:
        yield
        return
    device = _own_device(choose_device(name))
    if processes.rank():
        processes.hush()
    store: Any = None
    try:
        store, rank, world = next(rendezvous("env://", timeout=LONGEST_WAIT))
        backend, own = ("gloo", None) if device.type == "cpu" else ("cpu:gloo,cuda:nccl", device)
        dist.init_process_group(backend, store=store, rank=rank, world_size=world, timeout=LONGEST_WAIT, device_id=own)
        yield
        ranks().wait()
    except Exception as error:
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, signal.SIG_IGN)  # torchrun's, for the others' end: this one ends anyway
        if _first_to_tell(store):
            processes.speak()
        else:
            processes.hush()
        if _is_lost_connection(error):
            raise UserError(
                tr(
                    "another process of this training ended (killed, short of memory, or its machine is gone).",
                    "outro processo deste treino terminou (foi morto, faltou memória ou sua máquina caiu).",
                ),
                tr(
                    "Go on from the newest checkpoint: the same command with --resume auto.",
                    "Continue do checkpoint mais novo: o mesmo comando com --resume auto.",
                ),
            ) from error
        raise
    dist.destroy_process_group()


def _own_device(device: torch.device) -> torch.device:
    """The device of this process alone, made the current one where it is a GPU."""
    if device.type == "cpu":
        return device
    if device.type != "cuda":
        raise UserError(
            tr(
                f"several processes cannot train on the device {device.type}.",
                f"vários processos não podem treinar no dispositivo {device.type}.",
            ),
            tr("Use --train.device cpu, or one process.", "Use --train.device cpu, ou um só processo."),
        )
    here, there = torch.cuda.device_count(), processes.local_world()
    if there > here:
        raise UserError(
            tr(
                f"{there} processes need a GPU each, and this machine has {here}.",
                f"{there} processos precisam de uma GPU cada, e esta máquina tem {here}.",
            ),
            tr(f"Use --nproc-per-node {here}.", f"Use --nproc-per-node {here}."),
        )
    own = torch.device("cuda", processes.local_rank())
    torch.cuda.set_device(own)
    return own


def _first_to_tell(store: Any) -> bool:
    """Whether no other process has told of an error; also where that cannot be known."""
    try:
        return store is None or store.add("told", 1) == 1
    except RuntimeError:
        return True


def _is_lost_connection(error: Exception) -> bool:
    """Whether a collective failed for want of a peer; gloo has no class of its own for it."""
    return isinstance(error, dist.DistError) or (isinstance(error, RuntimeError) and "gloo" in str(error).lower())

"""Rollouts: a model's own replies to the prompts of an iteration, and the tensors that are learnt from.

Replies are drawn from the model's own distribution (temperature 1, nothing cut off), with a seed that is a function of
(seed, iteration): they depend on nothing but the weights. What tools gave and the program wrote is read but is no
target.

Replies to the same prompt stand in one row after it, as branches of one stem that do not see each other, so that the
prompt is read once for all of them; several rows where one would be too long.

    row         prompt  reply 1  reply 2  …      written token j of a reply comes after ``places[j]``, token j - 1 of it
    branches    0 0 0   1 1 1    2 2             or the prompt's last
    positions   0 1 2   3 4 5    3 4

Shapes: N replies, R rows of T tokens and K replies (N = R K), L tokens of a reply.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from prosa.align.prompts import Asked
from prosa.data.batches import IGNORE, Batch
from prosa.data.permutation import derive_seed
from prosa.generate.engine import Engine
from prosa.generate.reply import Reply, replies
from prosa.generate.sampling import Sampling
from prosa.generate.tools.toolbox import Toolbox
from prosa.tokenizers.chat import ChatEncoder

LONGEST_ROW = 160
"""Tokens of a row with several replies: attention's cost grows with the square, on what is masked too."""
PADDING = -1


@dataclass(frozen=True, kw_only=True)
class RolloutBatch(Batch):
    """Replies as tensors.

    Attributes:
        inputs: (R, T) ids.
        targets: (R, K, L) ids that the model wrote, IGNORE where the program did or nothing is.
        branches: (R, T) 0 for the prompt, k for the k-th reply, PADDING.
        positions: (R, T).
        places: (R, K, L) where in the row the token stands that the target comes after.
    """

    branches: Tensor
    positions: Tensor
    places: Tensor

    @property
    def there(self) -> Tensor:
        """(R, K, L) bool: what the model wrote."""
        return self.targets != IGNORE

    @property
    def lengths(self) -> Tensor:
        """(R,) tokens of each row."""
        return (self.branches != PADDING).sum(1)


@dataclass(frozen=True)
class Rollouts:
    """Replies, what each answers, and both as tensors."""

    asked: list[Asked]
    replies: list[Reply]
    batch: RolloutBatch

    @property
    def written(self) -> int:
        """Tokens that the model wrote."""
        return sum(sum(reply.written) for reply in self.replies)

    @property
    def finished(self) -> float:
        """The share of the replies that ended by themselves."""
        return sum(reply.finish_reason == "stop" for reply in self.replies) / len(self.replies)


def roll_out(
    engine: Engine,
    encoder: ChatEncoder,
    prompts: Sequence[Asked],
    *,
    samples: int,
    max_tokens: int,
    seed: int,
    step: int,
    toolbox: Toolbox | None = None,
) -> Rollouts:
    """``samples`` replies to each prompt, side by side."""
    made = replies(
        engine,
        encoder,
        [prompt.messages for prompt in prompts],
        Sampling(seed=derive_seed(seed, "replies", step)),
        max_tokens=max_tokens,
        samples=samples,
        toolbox=toolbox,
    )
    asked = [prompt for prompt in prompts for _ in range(samples)]
    return Rollouts(asked, made, as_batch(made, samples))


def as_batch(made: Sequence[Reply], samples: int) -> RolloutBatch:
    """Replies, ``samples`` to each prompt and side by side, as tensors with what they reply to.

    A reply is read up to the last token that the model wrote: what tools said after it taught nothing, and may not fit
    the context. That token itself is a target only.
    """
    prompts = [made[first].prompt for first in range(0, len(made), samples)]
    ends = [max(place for place, written in enumerate(reply.written, 1) if written) for reply in made]
    together = _together(prompts, ends, samples)
    table = [
        _row(prompts[first // samples], made[first : first + together], ends[first : first + together])
        for first in range(0, len(made), together)
    ]
    longest, widest = max(len(row.ids) for row in table), max(ends)

    def padded(values: list[int], size: int, by: int) -> list[int]:
        return values + [by] * (size - len(values))

    return RolloutBatch(
        inputs=torch.tensor([padded(row.ids, longest, 0) for row in table]),
        targets=torch.tensor([[padded(reply, widest, IGNORE) for reply in row.targets] for row in table]),
        branches=torch.tensor([padded(row.branches, longest, PADDING) for row in table]),
        positions=torch.tensor([padded(row.positions, longest, 0) for row in table]),
        places=torch.tensor([[padded(reply, widest, 0) for reply in row.places] for row in table]),
    )


def _together(prompts: Sequence[Sequence[int]], ends: Sequence[int], samples: int) -> int:
    """How many replies share a row: the most for which no row is longer than LONGEST_ROW; a divisor of ``samples``."""
    for number in range(samples, 1, -1):
        if samples % number == 0 and all(
            len(prompts[first // samples]) + sum(ends[first : first + number]) - number <= LONGEST_ROW
            for first in range(0, len(ends), number)
        ):
            return number
    return 1


@dataclass(frozen=True, slots=True)
class _Row:
    ids: list[int]
    branches: list[int]
    positions: list[int]
    targets: list[list[int]]
    places: list[list[int]]


def _row(prompt: Sequence[int], made: Sequence[Reply], ends: Sequence[int]) -> _Row:
    stem = len(prompt)
    row = _Row(list(prompt), [0] * stem, list(range(stem)), [], [])
    for branch, (reply, end) in enumerate(zip(made, ends, strict=True), 1):
        start = len(row.ids)
        ids, written = reply.ids[:end], reply.written[:end]
        row.targets.append([id if own else IGNORE for id, own in zip(ids, written, strict=True)])
        row.places.append([stem - 1, *range(start, start + end - 1)])
        row.ids.extend(ids[:-1])
        row.branches.extend([branch] * (end - 1))
        row.positions.extend(range(stem, stem + end - 1))
    return row

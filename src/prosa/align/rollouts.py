"""Rollouts: a model's own replies to the prompts of an iteration, and the tensors that are learnt from.

Replies are drawn from the model's own distribution (temperature 1, nothing cut off), with a seed that is a function of
(seed, iteration): they depend on nothing but the weights. What tools gave and the program wrote is read but is no
target. Shapes: N replies, T tokens.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from prosa.align.prompts import Asked
from prosa.data.batches import IGNORE, Batch
from prosa.data.permutation import derive_seed
from prosa.generate.engine import Engine
from prosa.generate.reply import Reply, replies
from prosa.generate.sampling import Sampling
from prosa.generate.tools.toolbox import Toolbox
from prosa.tokenizers.chat import ChatEncoder


@dataclass(frozen=True)
class Rollouts:
    """Replies, what they answer, and both as a batch.

    Attributes:
        batch: inputs and targets (N, T); a target is a token that the model wrote.
    """

    asked: list[Asked]
    replies: list[Reply]
    batch: Batch

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
    return Rollouts(asked, made, as_batch([encoder.prompt(prompt.messages) for prompt in asked], made))


def as_batch(prompts: Sequence[Sequence[int]], made: Sequence[Reply]) -> Batch:
    """Prompts and the replies to them as inputs and targets (N, T), padded on the right.

    A row ends with the last token that the model wrote: what tools said after it taught nothing, and may be longer
    than the context.
    """
    inputs, targets = [], []
    for prompt, reply in zip(prompts, made, strict=True):
        end = max(place for place, written in enumerate(reply.written, 1) if written)
        ids = [*prompt, *reply.ids[:end]]
        learnt = [IGNORE] * (len(prompt) - 1) + [
            id if written else IGNORE for id, written in zip(reply.ids[:end], reply.written, strict=False)
        ]
        inputs.append(torch.tensor(ids[:-1]))
        targets.append(torch.tensor(learnt))
    pad = torch.nn.utils.rnn.pad_sequence
    return Batch(pad(inputs, batch_first=True), pad(targets, batch_first=True, padding_value=IGNORE))

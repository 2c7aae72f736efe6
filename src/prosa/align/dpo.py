"""Direct preference optimization: better answers become likelier than worse ones, beside what a reference model thinks
of them (Rafailov et al. 2023, arXiv 2305.18290).

    h = (log p(better) - log ref(better)) - (log p(worse) - log ref(worse))       log-probabilities of whole answers
    sigmoid:  -(1 - s) log sigma(beta h) - s log sigma(-beta h)
        equation 7; with s = label_smoothing above 0 the conservative form (Mitchell 2023), for labels wrong that often
    ipo:      (h - 1 / (2 beta))^2
        equation 17 of Azar et al. 2023 (arXiv 2310.12036), log-probabilities a token: h stops growing where beta says

The reference is the model as it was before training, so h = 0 at first and the loss is ln 2, or 1 / (4 beta^2). beta
times log p - log ref of an answer is the reward that the model stands for. All pairs of a ranking are learnt from.

Shapes: B rankings, K answers of one, S = sequences that are there, T tokens.
"""

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid

from prosa.align.dpo_config import DpoConfig
from prosa.data.batches import IGNORE, Batch
from prosa.data.preference_batches import PreferenceBatch, PreferenceBatches
from prosa.train.loss import chunk_tokens, chunked_log_probs
from prosa.train.step import rows

REFERENCE_ROWS = 16  # rankings that the reference reads at once: without gradients they take little memory


class PreferenceLoss:
    """The objective: a batch of rankings -> the sum of its pairs' losses.

    Args:
        reference_NK: ``log_probs`` of each ranking before training, by its number.
    """

    def __init__(self, reference_NK: Tensor, config: DpoConfig) -> None:
        self.reference_NK, self.config = reference_NK, config

    def __call__(self, model: Any, batch: Batch) -> tuple[Tensor, int, dict[str, float]]:
        """See ``train.objectives.Objective``; the batch is a ``PreferenceBatch``, and what is counted are pairs."""
        assert isinstance(batch, PreferenceBatch)
        config, reference_NK = self.config, self.reference_NK.to(batch.numbers.device)
        log_probs_BK = log_probs(model, batch, config.loss_chunk)
        change_BK = log_probs_BK - reference_NK[batch.numbers]
        if config.loss == "ipo":
            change_BK = change_BK / (batch.targets != IGNORE).sum(-1).clamp(min=1)
        change_n, (better, worse) = change_BK.flatten(), batch.better_and_worse
        h = change_n[better] - change_n[worse]
        if config.loss == "ipo":
            losses = (h - 1 / (2 * config.beta)).square()
        else:
            s = config.label_smoothing
            losses = -(1 - s) * logsigmoid(config.beta * h) - s * logsigmoid(-config.beta * h)
        with torch.no_grad():
            reward_n = config.beta * change_n
            sums = {
                "accuracy": (h > 0).sum() + 0.5 * (h == 0).sum(),
                "margin": config.beta * h.sum(),
                "chosen_reward": reward_n[better].sum(),
                "rejected_reward": reward_n[worse].sum(),
                "chosen_log_prob": log_probs_BK.flatten()[better].sum(),
            }
            extra = dict(zip(sums, torch.stack(list(sums.values())).tolist(), strict=True))
        return losses.sum(), len(h), extra


def log_probs(model: Any, batch: PreferenceBatch, loss_chunk: int = 0) -> Tensor:
    """The log-probability of each answer and its end, given the prompt: (B, K) float32, 0 where there is none.

    Args:
        model: has ``hidden`` and ``head`` as ``models.gpt.GPT``.
        loss_chunk: as ``TrainConfig.loss_chunk``.
    """
    there_BK = batch.ends >= 0
    hidden_STC, targets_ST = model.hidden(batch.inputs[there_BK]), batch.targets[there_BK]
    written_ST = targets_ST != IGNORE
    chunk = chunk_tokens(loss_chunk, model.config.vocab_size, hidden_STC.device)
    found_N = chunked_log_probs(model.head, hidden_STC[written_ST], targets_ST[written_ST], chunk)
    sums_S = found_N.new_zeros(targets_ST.shape).masked_scatter(written_ST, found_N).sum(-1)
    return sums_S.new_zeros(there_BK.shape).masked_scatter(there_BK, sums_S)


@torch.no_grad()
def reference_log_probs(model: Any, batches: PreferenceBatches, loss_chunk: int = 0) -> Iterator[Tensor]:
    """``log_probs`` of every ranking in order, some (b, K) at a time, by the model as it is."""
    device = next(model.parameters()).device
    for batch in batches.once(REFERENCE_ROWS):
        yield log_probs(model, rows(batch, 0, len(batch.inputs), device), loss_chunk).cpu()

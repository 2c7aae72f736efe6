"""How well a masked language model knows a text: what it says of masked tokens, and the pseudo-likelihood.

    accuracy   share of the tokens chosen as in training (data/masking.py) that the model holds the likeliest
    PLL(text) = Σ_t log p(x_t | all others)        (Salazar et al. 2020, arXiv 1910.14659)

each token masked alone. PLL is no log-likelihood: its factors are not those of the chain rule, every token is told from
both sides, so that bits per byte from it are lower than a left-to-right model's can be and must not be compared with
them.

Shapes: R rows, T tokens, C channels, V vocabulary.
"""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import ArrayLike, NDArray

from prosa.core.errors import UserError
from prosa.core.interval import bootstrap_ratio, wilson
from prosa.core.language import tr
from prosa.core.progress import progress
from prosa.data.batches import IGNORE, Batch
from prosa.tokenizers.frame import MASK, Frame, bert_frame, control_ids
from prosa.tokenizers.protocol import Tokenizer


@dataclass(frozen=True)
class MaskedScore:
    """What was said of masked tokens."""

    nats: float  # sum of -ln p
    right: int
    tokens: int

    def to_json(self) -> dict[str, Any]:
        """Loss (nats a token), accuracy with its 95 % interval, tokens."""
        return {
            "loss": self.nats / self.tokens,
            "accuracy": self.right / self.tokens,
            "interval": list(wilson(self.right, self.tokens)),
            "tokens": self.tokens,
        }


@torch.no_grad()
def masked_score(model: Any, batches: Iterable[Batch]) -> MaskedScore:
    """Loss and accuracy over the targets of batches of masked rows.

    Args:
        model: ``models.bert.MaskedLM``, in evaluation mode.
    """
    device = next(model.parameters()).device
    nats, right, tokens = 0.0, 0, 0
    for batch in batches:
        there_BT = batch.targets != IGNORE
        documents_BT = None if batch.documents is None else batch.documents.to(device)
        hidden_BTC = model.hidden(batch.inputs.to(device), documents_BT=documents_BT)
        logits_NV = model.head(hidden_BTC[there_BT.to(device)]).float()
        targets_N = batch.targets[there_BT].to(device)
        nats += float(F.cross_entropy(logits_NV, targets_N, reduction="sum"))
        right += int((logits_NV.argmax(-1) == targets_N).sum())
        tokens += len(targets_N)
    return MaskedScore(nats, right, tokens)


@torch.no_grad()
def pseudo_losses(
    model: Any,
    documents: Iterable[ArrayLike],
    *,
    mask: int,
    frame: Frame = Frame(),
    batch: int = 64,
) -> Iterator[NDArray[np.float64]]:
    """-ln p of each token of each document, each masked alone, (n,) float64, document by document.

    A document longer than the context is cut into windows that do not overlap, each in its frame. A window of T tokens
    takes T passes.

    Args:
        model: has ``hidden``, ``head`` and ``config.context`` as ``models.bert.MaskedLM``; put in evaluation mode.
        documents: the ids of each, (n,), without frame.
        mask: the id of the mask.
        frame: what stands around a window.
        batch: passes at once.
    """
    device, room = next(model.parameters()).device, model.config.context - frame.size
    before = len(frame.before)
    model.eval()
    for document in documents:
        ids = np.asarray(document, dtype=np.int64)
        found: list[NDArray[np.float64]] = []
        for start in range(0, len(ids), room):
            window = ids[start : start + room]
            row_T = torch.tensor([*frame.before, *window.tolist(), *frame.after], device=device)
            for first in range(0, len(window), batch):
                places_R = torch.arange(first, min(first + batch, len(window)), device=device) + before
                rows_RT = row_T.repeat(len(places_R), 1)
                number_R = torch.arange(len(places_R), device=device)
                rows_RT[number_R, places_R] = mask
                logits_RV = model.head(model.hidden(rows_RT)[number_R, places_R]).float()
                losses_R = F.cross_entropy(logits_RV, row_T[places_R], reduction="none")
                found.append(losses_R.double().cpu().numpy())
        yield np.concatenate(found) if found else np.zeros(0)


@dataclass(frozen=True)
class PseudoLikelihood:
    """Of some texts; the interval is over texts."""

    nats: float
    tokens: int
    bytes: int
    interval: tuple[float, float] | None  # 95 %, of bits per byte

    @property
    def bits_per_byte(self) -> float:
        """-PLL in bits, over UTF-8 bytes."""
        return self.nats / math.log(2) / self.bytes

    @property
    def perplexity(self) -> float:
        """exp(-PLL per token), the pseudo-perplexity."""
        return math.exp(self.nats / self.tokens)

    def to_json(self) -> dict[str, Any]:
        """All figures."""
        return {
            "pseudo_bits_per_byte": self.bits_per_byte,
            "interval": None if self.interval is None else list(self.interval),
            "pseudo_perplexity": self.perplexity,
            "tokens": self.tokens,
            "bytes": self.bytes,
        }


def pseudo_likelihood(model: Any, tokenizer: Tokenizer, texts: Sequence[str], *, batch: int = 64) -> PseudoLikelihood:
    """The pseudo-likelihood of texts under a masked model, per byte; those without tokens are left out.

    Raises:
        UserError: there is no text, or the tokenizer has no [CLS], [SEP] and [MASK].
    """
    (mask,) = control_ids(tokenizer, MASK)
    encoded = [(np.array(tokenizer.encode(text), np.int64), len(text.encode("utf-8"))) for text in texts]
    ids, sizes = [one for one, _ in encoded if len(one)], [size for one, size in encoded if len(one)]
    if not ids:
        raise UserError(tr("there is no text to evaluate on.", "não há texto para avaliar."))
    sums: list[float] = []
    with progress(tr("pseudo-likelihood", "pseudo-verossimilhança"), sum(map(len, ids)), "tokens") as bar:
        for nats in pseudo_losses(model, ids, mask=mask, frame=bert_frame(tokenizer), batch=batch):
            sums.append(float(nats.sum()))
            bar.advance(len(nats))
    return PseudoLikelihood(
        sum(sums), sum(map(len, ids)), sum(sizes), bootstrap_ratio(np.array(sums) / math.log(2), sizes)
    )

"""What the loop minimises: a batch in, the sum of its losses out.

Pretraining is ``NextToken``, also that of BERT, whose targets are where tokens are masked; of ELMo ``BothDirections``;
translation is ``Translation``.
"""

from typing import TYPE_CHECKING, Any, Protocol, cast

import torch
from torch import Tensor

from prosa.core.errors import UserError
from prosa.core.language import tr
from prosa.data.batches import IGNORE, Batch
from prosa.train.loss import chunk_tokens, chunked_cross_entropy

if TYPE_CHECKING:
    from prosa.data.pair_batches import PairBatch
    from prosa.data.word_batches import WordBatch


class Objective(Protocol):
    """A training task. Sums, not means, so that micro-batches with unequal masks add up to the whole batch."""

    def __call__(self, model: Any, batch: Batch) -> tuple[Tensor, int, dict[str, float]]:
        """The sum of the losses (a scalar with a gradient), over how many targets, and other sums over targets."""
        ...


class NextToken:
    """Cross-entropy of every next token, in nats (Shannon 1948; Bengio et al. 2003).

    Args:
        loss_chunk: tokens whose logits exist at the same time (``TrainConfig.loss_chunk``); 0: what suits the device.
        label_smoothing: the share of each target that is spread over all words (``loss.py``). What is then trained,
            and told as the loss, is more than the cross-entropy: measure with an objective that has none.
    """

    def __init__(self, loss_chunk: int = 0, *, label_smoothing: float = 0.0) -> None:
        if not 0 <= label_smoothing < 1:
            raise UserError(
                tr(
                    f"label_smoothing is {label_smoothing}: it must be from 0 to below 1.",
                    f"label_smoothing é {label_smoothing}: precisa ser de 0 a menos de 1.",
                )
            )
        self.loss_chunk, self.label_smoothing = loss_chunk, label_smoothing

    def __call__(self, model: Any, batch: Batch) -> tuple[Tensor, int, dict[str, float]]:
        """See ``Objective``; ``model`` has ``hidden`` and ``head`` as ``models.gpt.GPT``.

        Raises:
            UserError: no position of the batch has a target, so that there is nothing to learn from.
        """
        targets_N = batch.targets.reshape(-1)
        there_N = targets_N != IGNORE
        count = int(there_N.sum())
        if count == 0:
            raise UserError(
                tr("a batch has no targets: every position is masked.", "um lote não tem alvos: tudo está mascarado."),
                tr(
                    "Check the data: a step needs at least one token to predict.",
                    "Confira os dados: é preciso ao menos um token a prever.",
                ),
            )
        hidden_NC = model.hidden(batch.inputs, documents_BT=batch.documents).flatten(0, 1)
        if count < len(targets_N):
            hidden_NC, targets_N = hidden_NC[there_N], targets_N[there_N]
        chunk = chunk_tokens(self.loss_chunk, model.config.vocab_size, hidden_NC.device)
        parameters = list(model.parameters())
        total = chunked_cross_entropy(model.head, parameters, hidden_NC, targets_N, chunk, self.label_smoothing)
        return total, count, {}


class Translation:
    """Cross-entropy of every next target token given the source, in nats (Sutskever et al. 2014; Vaswani et al. 2017).

    Args:
        label_smoothing: share of each target spread evenly over the vocabulary.
        loss_chunk: as ``NextToken``'s.
    """

    def __init__(self, label_smoothing: float = 0.0, loss_chunk: int = 0) -> None:
        self.label_smoothing, self.loss_chunk = label_smoothing, loss_chunk

    def __call__(self, model: Any, batch: Batch) -> tuple[Tensor, int, dict[str, float]]:
        """See ``Objective``; the batch is a ``PairBatch``, ``model`` a ``models.encoder_decoder.EncoderDecoder``."""
        batch = cast("PairBatch", batch)
        there_BT = batch.targets != IGNORE
        hidden_NC = model.hidden(batch.inputs, batch.source, batch.lengths)[there_BT]
        chunk = chunk_tokens(self.loss_chunk, model.config.vocab_size, hidden_NC.device)
        targets_N, parameters = batch.targets[there_BT], list(model.parameters())
        total = chunked_cross_entropy(model.head, parameters, hidden_NC, targets_N, chunk, self.label_smoothing)
        return total, len(targets_N), {}


class BothDirections:
    """Cross-entropy, in nats, of each word foreseen from those before it and again from those after it (ELMo)."""

    def __call__(self, model: Any, batch: Batch) -> tuple[Tensor, int, dict[str, float]]:
        """See ``Objective``; ``model`` as ``models.elmo.Elmo``; the batch is a ``WordBatch`` of two words or more."""
        batch = cast("WordBatch", batch)
        left_BTC, right_BTC = model.directions(batch.letters)
        hidden_NC = torch.cat((left_BTC[:, :-1], right_BTC[:, 1:])).flatten(0, 1)
        targets_N = torch.cat((batch.targets[:, 1:], batch.targets[:, :-1])).flatten()
        chunk = chunk_tokens(0, model.config.vocab_size, hidden_NC.device)
        total = chunked_cross_entropy(model.head, list(model.parameters()), hidden_NC, targets_N, chunk)
        return total, len(targets_N), {}

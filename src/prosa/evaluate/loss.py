"""Cross-entropy of documents under a language model: every token is predicted exactly once.

A document d_1 … d_n is read as ``<eot> d_1 … d_n``, so that its first token is predicted too, from the mark that begins
documents. Without an ``end_of_text`` nothing can come before d_1; it is then charged ln V nats, what a uniform guess
costs, so that bits per byte still pays for every byte. The mark itself is never a target: it is no part of the text.

Long documents are cut into windows of the model's context T. By default they do not overlap and the first tokens of a
window see little; with ``stride`` S < T each later window predicts only its last S tokens, and sees at least T - S
tokens before each (Press et al. 2021, section 2, "sliding window"): lower, slower, T / S times the work.

Shapes: B windows, T tokens, C channels, V vocabulary.
"""

import math
from collections.abc import Iterable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from itertools import islice
from typing import Any, Literal

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from prosa.core.errors import UserError
from prosa.core.language import tr
from prosa.data.batches import IGNORE
from prosa.models.ngram import as_ids

SORTED_BATCHES = 16  # windows of this many batches are sorted by length, so that little of a batch is padding
LOGITS_AT_ONCE = 2048  # tokens whose (V,) logits exist at the same time


@dataclass(frozen=True)
class DocumentLosses:
    """Sums of -ln p over each document, in nats, shape (D,) float64, and how many tokens they are of, (D,) int64."""

    nats: NDArray[np.float64]
    tokens: NDArray[np.int64]


@dataclass(frozen=True)
class _Window:
    document: int
    inputs: NDArray[np.int64]  # (t,)
    targets: NDArray[np.int64]  # (t,), IGNORE where another window predicts the token


def document_losses(
    model: Any,
    documents: Iterable[ArrayLike],
    *,
    end_of_text: int | None,
    context: int | None = None,
    stride: int | None = None,
    batch: int = 16,
    precision: Literal["float32", "bfloat16"] = "float32",
) -> DocumentLosses:
    """Loss of each document, summed over its tokens; the arguments are those of ``token_losses``."""
    found = [
        (nats.sum(), len(nats))
        for nats in token_losses(
            model, documents, end_of_text=end_of_text, context=context, stride=stride, batch=batch, precision=precision
        )
    ]
    return DocumentLosses(
        np.array([nats for nats, _ in found], dtype=np.float64), np.array([n for _, n in found], dtype=np.int64)
    )


def token_losses(
    model: Any,
    documents: Iterable[ArrayLike],
    *,
    end_of_text: int | None,
    context: int | None = None,
    stride: int | None = None,
    batch: int = 16,
    precision: Literal["float32", "bfloat16"] = "float32",
) -> Iterator[NDArray[np.float64]]:
    """Nats of each token of each document, (n,) float64, document by document, in their order.

    Args:
        model: as ``models.gpt.GPT``: ``hidden``, ``head``, ``config.context``, ``config.vocab_size``; put in evaluation
            mode meanwhile.
        documents: the ids of each, (n,), without marks; an empty one gives no losses.
        end_of_text: the id that stands before documents, or None (the module's docstring says what happens then).
        context: tokens a window; None: the model's.
        stride: how far apart windows begin; None: ``context``, no overlap.
        batch: windows computed at once.
        precision: of the products; log-softmax and sums are in float32 and float64.

    Raises:
        UserError: context, stride or batch out of range, an id that is not in the model's vocabulary, or a loss that is
            not a number.
    """
    context = model.config.context if context is None else context
    stride = context if stride is None else stride
    _check(model, context, stride, batch)
    V = model.config.vocab_size
    first = [math.log(V)] if end_of_text is None else []
    lengths: list[int] = []  # of the documents read so far: the windows are made ahead of the losses

    def windows() -> Iterator[_Window]:
        for number, document in enumerate(documents):
            ids = as_ids(document, V)
            lengths.append(len(ids))
            text = ids if end_of_text is None else np.concatenate(([end_of_text], ids))
            yield from _cut(number, text, context, stride)

    training = model.training
    model.eval()
    try:
        done, parts = 0, list[NDArray[np.float64]]()
        source = windows()
        while group := list(islice(source, SORTED_BATCHES * batch)):
            for window, nats in zip(group, _losses(model, group, batch, precision), strict=True):
                while done < window.document:  # the one before is complete, and so are those without a window
                    yield _joined(first, parts, lengths[done])
                    done, parts = done + 1, []
                parts.append(nats)
        while done < len(lengths):
            yield _joined(first, parts, lengths[done])
            done, parts = done + 1, []
    finally:
        model.train(training)


def _joined(first: list[float], parts: list[NDArray[np.float64]], length: int) -> NDArray[np.float64]:
    return np.concatenate([np.array(first if length else []), *parts])


def _cut(number: int, text: NDArray[np.int64], context: int, stride: int) -> Iterator[_Window]:
    """Windows that predict ``text[1:]``, each of its tokens in one of them."""
    predicted, start = 0, 0
    while predicted < len(text) - 1:
        end = min(start + context, len(text) - 1)
        targets = text[start + 1 : end + 1].copy()
        targets[: predicted - start] = IGNORE
        yield _Window(number, text[start:end], targets)
        predicted, start = end, start + stride


@torch.no_grad()
def _losses(
    model: Any, windows: list[_Window], batch: int, precision: Literal["float32", "bfloat16"]
) -> list[NDArray[np.float64]]:
    """Nats of every window's own targets, in the order of ``windows``."""
    device = next(model.parameters()).device
    results: list[NDArray[np.float64]] = [np.empty(0)] * len(windows)
    order = sorted(range(len(windows)), key=lambda i: -len(windows[i].inputs))
    for begin in range(0, len(order), batch):
        picked = [windows[i] for i in order[begin : begin + batch]]
        longest = len(picked[0].inputs)
        inputs = np.zeros((len(picked), longest), dtype=np.int64)  # padding comes after all that is predicted
        targets = np.full((len(picked), longest), IGNORE, dtype=np.int64)
        for row, window in enumerate(picked):
            inputs[row, : len(window.inputs)] = window.inputs
            targets[row, : len(window.targets)] = window.targets
        there = targets != IGNORE
        with torch.autocast(device.type, torch.bfloat16) if precision == "bfloat16" else nullcontext():
            hidden_BTC: Tensor = model.hidden(torch.from_numpy(inputs).to(device))
            hidden_NC = hidden_BTC[torch.from_numpy(there).to(device)]
            targets_N = torch.from_numpy(targets[there]).to(device)
            nats = torch.cat(
                [
                    F.cross_entropy(model.head(h).float(), t, reduction="none")
                    for h, t in zip(_pieces(hidden_NC), _pieces(targets_N), strict=True)
                ]
            )
        flat = nats.double().cpu().numpy()
        if not np.isfinite(flat).all():
            raise UserError(
                tr(
                    "the model's loss is not a number: its weights are damaged or its training diverged.",
                    "a perda do modelo não é um número: os pesos estão danificados ou o treino divergiu.",
                ),
                tr("Use an earlier checkpoint.", "Use um checkpoint anterior."),
            )
        for i, part in zip(order[begin : begin + batch], np.split(flat, there.sum(1).cumsum()[:-1]), strict=True):
            results[i] = part
    return results


def _pieces(rows: Tensor) -> tuple[Tensor, ...]:
    return torch.split(rows, LOGITS_AT_ONCE)


def _check(model: Any, context: int, stride: int, batch: int) -> None:
    longest = model.config.context
    if not 1 <= context <= longest:
        raise UserError(
            tr(
                f"a context of {context} tokens: this model reads from 1 to {longest}.",
                f"um contexto de {context} tokens: este modelo lê de 1 a {longest}.",
            )
        )
    if not 1 <= stride <= context:
        raise UserError(
            tr(
                f"a stride of {stride}: it must be from 1 to the context ({context}).",
                f"um passo de {stride}: precisa ser de 1 ao contexto ({context}).",
            )
        )
    if batch < 1:
        raise UserError(tr(f"a batch of {batch}: at least 1.", f"um lote de {batch}: no mínimo 1."))

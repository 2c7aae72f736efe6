"""Cross-entropy over a large vocabulary without ever holding the logits of all tokens.

With N tokens and V words, logits and their gradient take 2 N V numbers: at V = 32,000 more than all the rest of a small
model. Here a chunk of tokens goes through the head, gives its loss **and at once its gradients**, and is forgotten:
    d loss / d logits = softmax(logits) - onehot(target)
so the backward pass has only to scale what is there (the idea of Liger Kernel's fused linear cross-entropy,
arXiv 2410.10989). The softmax is in float32 whatever the head computes in.

With label smoothing ε (Szegedy et al. 2016, section 7) a share ε of the target is spread evenly over all words, so that
no probability is driven towards 1:
    loss = (1 - ε) (-log p[target]) + ε / V · Σ_v -log p[v];   d loss / d logits = p - (1 - ε) onehot(target) - ε / V

That needs the loss to be the sum. Where it is another function of the tokens' log-probabilities (preferences, rewards),
a chunk's logits are computed again in the backward pass.

Shapes: N tokens, C channels, V vocabulary.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F
from torch.utils.checkpoint import checkpoint

CHUNK = {"cpu": 2**23, "cuda": 2**26}
"""Logits at a time, unless told: what did best for 32,768 words on a CPU (a third faster than 2**25); on a GPU a guess,
not measured."""


def chunk_tokens(asked: int, vocabulary: int, device: torch.device) -> int:
    """Tokens whose logits exist at the same time: ``asked``, or, when that is 0, what suits the device."""
    return asked or max(1, CHUNK.get(device.type, 2**23) // vocabulary)


def chunked_cross_entropy(
    head: Callable[[Tensor], Tensor],
    parameters: list[torch.nn.Parameter],
    hidden_NC: Tensor,
    targets_N: Tensor,
    chunk: int,
    smoothing: float = 0.0,
) -> Tensor:
    """The sum over tokens of -log softmax(head(hidden))[target], in nats, float32; no second derivative.

    Args:
        head: ``(n, C)`` -> ``(n, V)`` logits, a token at a time (no row sees another).
        parameters: all that ``head`` may use and that needs a gradient; those it does not use get none.
        targets_N: int64; every value is a word, 0 to V - 1 (the caller leaves out IGNORE).
        chunk: tokens whose logits exist at the same time.
        smoothing: ε, 0 to below 1; 0 is plain cross-entropy.
    """
    if torch.is_grad_enabled():
        total: Tensor = _ChunkedCrossEntropy.apply(head, chunk, smoothing, targets_N, hidden_NC, *parameters)  # type: ignore[no-untyped-call]
        return total
    total = hidden_NC.new_zeros((), dtype=torch.float32)
    for h, t in zip(torch.split(hidden_NC, chunk), torch.split(targets_N, chunk), strict=True):
        total += F.cross_entropy(head(h).float(), t, reduction="sum", label_smoothing=smoothing)
    return total


def chunked_log_probs(head: Callable[[Tensor], Tensor], hidden_NC: Tensor, targets_N: Tensor, chunk: int) -> Tensor:
    """Of each token log softmax(head(hidden))[target], (N,) float32. Arguments are ``chunked_cross_entropy``'s."""

    def log_probs(h_nC: Tensor, targets_n: Tensor) -> Tensor:
        return -F.cross_entropy(head(h_nC).float(), targets_n, reduction="none")

    pieces = list(zip(torch.split(hidden_NC, chunk), torch.split(targets_N, chunk), strict=True))
    if len(pieces) == 1 or not torch.is_grad_enabled():
        return torch.cat([log_probs(h, t) for h, t in pieces])
    return torch.cat([checkpoint(log_probs, h, t, use_reentrant=False, preserve_rng_state=False) for h, t in pieces])


class _ChunkedCrossEntropy(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        head: Callable[[Tensor], Tensor],
        chunk: int,
        smoothing: float,
        targets_N: Tensor,
        *inputs: Tensor,
    ) -> Tensor:
        hidden_NC, parameters = inputs[0], [p for p in inputs[1:] if p.requires_grad]
        total = hidden_NC.new_zeros((), dtype=torch.float32)
        hidden_gradients: list[Tensor] = []
        gradients: list[Tensor | None] = [None] * len(parameters)
        for piece_nC, targets_n in zip(torch.split(hidden_NC, chunk), torch.split(targets_N, chunk), strict=True):
            with torch.enable_grad():
                h_nC = piece_nC.detach().requires_grad_()
                logits_nV = head(h_nC)
            p_nV = torch.log_softmax(logits_nV.detach().float(), dim=-1)
            index_n1 = targets_n.unsqueeze(1)
            total -= (1 - smoothing) * p_nV.gather(1, index_n1).sum()
            if smoothing:
                total -= smoothing * p_nV.mean(1).sum()
            p_nV.exp_().scatter_add_(1, index_n1, p_nV.new_full((len(targets_n), 1), smoothing - 1.0))
            if smoothing:
                p_nV -= smoothing / p_nV.shape[1]
            found = torch.autograd.grad(logits_nV, [h_nC, *parameters], p_nV.to(logits_nV.dtype), allow_unused=True)
            hidden_gradients.append(found[0])
            for i, gradient in enumerate(found[1:]):
                if gradient is not None:
                    so_far = gradients[i]
                    gradients[i] = gradient if so_far is None else so_far.add_(gradient)
        used = iter(gradients)
        by_input = (next(used) if p.requires_grad else None for p in inputs[1:])
        ctx.save_for_backward(torch.cat(hidden_gradients), *by_input)
        return total

    @staticmethod
    def backward(ctx: Any, scale: Tensor) -> tuple[Tensor | None, ...]:
        return None, None, None, None, *(None if g is None else g * scale.to(g.dtype) for g in ctx.saved_tensors)

"""Attention with relative positions (Transformer-XL: Dai et al. 2019, arXiv 1901.02860, 3.3).

    score(i, j) = ((q_i + u) k_j + (q_i + v) r_{i-j}) / sqrt(D)        r_d = W_r PE(d)

q and k are made of content alone; what a query makes of a distance d = i - j is learnt through r, of the sinusoidal
vector of d, and two learned vectors a head: u, how much content matters wherever it stands, and v, how much a distance
matters whatever stands there. So nothing depends on where a text begins.

Shapes as in ``attention.py``. The products with all distances are (B, H, T, N), N = S + T - 1 distances from the
farthest before to the farthest after; a shift puts them in the places of the keys.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from prosa.nn.attention import Attention, attention_weights, causal_mask
from prosa.nn.positions import sinusoidal


class RelativeAttention(Attention):
    """``Attention`` whose scores know the distance of query and key; the queries are the last T of the S keys.

    Args:
        d_model, n_head: the width is cut into equal heads; ``d_model`` is even.
    """

    def __init__(self, d_model: int, n_head: int, *, bias: bool, dropout: float) -> None:
        width = d_model // n_head
        super().__init__(d_model, n_head, n_head, width, bias=bias, qk_norm=False, norm_eps=0.0, dropout=dropout)
        self.distance = nn.Linear(d_model, n_head * width, bias=False)
        self.content_bias, self.distance_bias = (nn.Parameter(torch.zeros(n_head, width)) for _ in range(2))

    def look(self, q_BHTD: Tensor, k_BKSD: Tensor, v_BKSD: Tensor, mask: Tensor | None) -> Tensor:
        """What the queries get, (B, H, T, D)."""
        queries, keys = q_BHTD.shape[2], k_BKSD.shape[2]
        if mask is None and queries > 1:
            mask = causal_mask(queries, keys, q_BHTD.device)
        weights = self.shares(q_BHTD, k_BKSD, mask).to(v_BKSD.dtype)
        if self.training and self.dropout > 0:
            weights = F.dropout(weights, self.dropout)
        return weights @ v_BKSD

    def shares(self, q_BHTD: Tensor, k_BKSD: Tensor, mask: Tensor | None) -> Tensor:
        """See ``Attention.shares``."""
        queries, keys = q_BHTD.shape[2], k_BKSD.shape[2]
        distances_N = torch.arange(keys - 1, -queries, -1, device=q_BHTD.device)
        r_ND = self.distance(sinusoidal(distances_N, self.distance.in_features).to(q_BHTD.dtype))
        r_HND = r_ND.unflatten(-1, (-1, self.head_dim)).transpose(0, 1)
        by_distance_BHTN = (q_BHTD + self.distance_bias[:, None]) @ r_HND.transpose(-2, -1)
        bias_BHTS = shifted(by_distance_BHTN, keys)
        return attention_weights(q_BHTD + self.content_bias[:, None], k_BKSD, mask, scale=self.scale, bias=bias_BHTS)


def shifted(by_distance: Tensor, keys: int) -> Tensor:
    """From a column a distance to a column a key: (..., T, S + T - 1) -> (..., T, S).

    Columns are the distances S - 1, S - 2, …, 1 - T. Query t stands at S - T + t: key j is at distance S - T + t - j,
    column T - 1 - t + j. Each row is that of the one before moved by one to the right: one more column, and reading the
    numbers in rows one longer, does it without an index (the paper's appendix B).
    """
    *front, queries, columns = by_distance.shape
    padded = F.pad(by_distance, (0, 1)).flatten(-2)  # (..., T * (N + 1))
    rows = padded[..., queries - 1 : queries - 1 + queries * columns].view(*front, queries, columns)
    return rows[..., :keys]

"""Additive attention (Bahdanau, Cho & Bengio 2014, arXiv 1409.0473, A.1.2): a small network says how well they fit.

    e(s, h_j) = v · tanh(W s + U h_j)        weights = softmax(e) over the places j        output = Σ_j weights_j h_j

U h_j is the same for every query, and made once (``keys``). Shapes: B rows, S places, Q width of a query, H of a place.
"""

import torch
from torch import Tensor, nn


class AdditiveAttention(nn.Module):
    """One query a row looks at the row's places.

    Args:
        d_query: Q.
        d_place: H.
        d_model: width of the small network.
    """

    def __init__(self, d_query: int, d_place: int, d_model: int) -> None:
        super().__init__()
        self.query = nn.Linear(d_query, d_model, bias=False)
        self.place = nn.Linear(d_place, d_model)
        self.score = nn.Linear(d_model, 1, bias=False)

    def keys(self, places_BSH: Tensor) -> Tensor:
        """What ``forward`` needs of the places, (B, S, A)."""
        keys_BSA: Tensor = self.place(places_BSH)
        return keys_BSA

    def forward(
        self, query_BQ: Tensor, places_BSH: Tensor, keys_BSA: Tensor, there_BS: Tensor
    ) -> tuple[Tensor, Tensor]:
        """What the query gets, (B, H), and its weights, (B, S).

        Args:
            there_BS: bool, the places that may be looked at, at least one a row.
        """
        scores_BS = self.score(torch.tanh(keys_BSA + self.query(query_BQ)[:, None])).squeeze(-1)
        weights_BS = scores_BS.masked_fill(~there_BS, -torch.inf).softmax(dim=-1)
        return torch.bmm(weights_BS[:, None].to(places_BSH.dtype), places_BSH)[:, 0], weights_BS

"""A recurrent language model: each token changes a state of fixed size, from which the next is predicted.

Mikolov et al. 2010 (RNN), Sundermeyer et al. 2012 (LSTM), Cho et al. 2014 (GRU); the cells are those of
``nn/recurrent.py``, one above the other:

    x = embedding[ids];  x, state[l] = read(cell[l], x, state[l]) for every layer l;  logits = head(x)

The head is the embedding itself when ``tied`` (Press & Wolf 2017), with a bias. A decoder looks back at every token of
its window; this one has nothing but the state, and for that reads texts of any length at the same cost a token:
``context`` is only how far back the gradient goes in training.

Shapes: B rows, T tokens, C = d_model, V = vocab_size.
"""

from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from prosa.models.shape import refuse, too_small
from prosa.nn.recurrent import CELLS, LSTMCell, State, document_starts, read

Kind = Literal["rnn", "lstm", "gru"]


@dataclass(frozen=True)
class RecurrentConfig:
    """A recurrent model's shape."""

    vocab_size: int
    context: int  # tokens of a window in training
    kind: Kind
    n_layer: int
    d_model: int  # width of embeddings and states
    tied: bool = True  # the head is the embedding

    def check(self) -> None:
        """Refuse a shape that cannot be built.

        Raises:
            UserError: every size below 1.
        """
        refuse(too_small(self, vocab_size=1, context=1, n_layer=1, d_model=1))


class RecurrentLM(nn.Module):
    """A stack of cells with a head; an untrained one's loss is near ln(vocab_size).

    Raises:
        UserError: the configuration does not fit together (``RecurrentConfig.check``).
    """

    def __init__(self, config: RecurrentConfig) -> None:
        super().__init__()
        config.check()
        self.config = config
        self.embedding = nn.Embedding(config.vocab_size, config.d_model)
        self.layers = nn.ModuleList(CELLS[config.kind](config.d_model, config.d_model) for _ in range(config.n_layer))
        self.head_bias = nn.Parameter(torch.empty(config.vocab_size))
        if not config.tied:
            self.unembedding = nn.Linear(config.d_model, config.vocab_size, bias=False)
        self._initialise()

    @torch.no_grad()
    def _initialise(self) -> None:
        """The first weights, from torch's generator.

        The cells' are their own, but for an LSTM's forget gates, which begin open (bias 1; Jozefowicz et al. 2015); the
        embeddings' have deviation 1 / sqrt(C), so that a state of entries below 1 gives small logits.
        """
        nn.init.normal_(self.embedding.weight, std=self.config.d_model**-0.5)
        nn.init.zeros_(self.head_bias)
        for cell in self.layers:
            if isinstance(cell, LSTMCell):
                nn.init.ones_(cell.input.bias[cell.d_model : 2 * cell.d_model])
        if not self.config.tied:
            nn.init.normal_(self.unembedding.weight, std=self.config.d_model**-0.5)

    def forward(self, ids_BT: Tensor, *, documents_BT: Tensor | None = None) -> Tensor:
        """Logits of each next token, (B, T, V)."""
        return self.head(self.hidden(ids_BT, documents_BT=documents_BT))

    def head(self, hidden: Tensor) -> Tensor:
        """Logits from hidden states: (..., C) -> (..., V)."""
        matrix = self.embedding.weight if self.config.tied else self.unembedding.weight
        return F.linear(hidden, matrix, self.head_bias)

    def hidden(self, ids_BT: Tensor, *, documents_BT: Tensor | None = None) -> Tensor:
        """The highest cell's state after each token: (B, T, C).

        Args:
            documents_BT: document numbers, (B, T); where one begins the states are zero.
        """
        return self.read(ids_BT, documents_BT=documents_BT)[0]

    def read(
        self, ids_BT: Tensor, states: list[State] | None = None, *, documents_BT: Tensor | None = None
    ) -> tuple[Tensor, list[State]]:
        """``hidden``, going on from the states of what was read before, and the states after it, one a layer."""
        starts_BT = None if documents_BT is None else document_starts(documents_BT)
        x_BTC = self.embedding(ids_BT)
        after = []
        for layer, cell in enumerate(self.layers):
            x_BTC, state = read(cell, x_BTC, states[layer] if states else None, starts_BT=starts_BT)
            after.append(state)
        return x_BTC, after

    def zeros(self, rows: int) -> list[State]:
        """The states before anything was read, one a layer."""
        zeros_BC = self.embedding.weight.new_zeros(rows, self.config.d_model)
        return [(zeros_BC,) * CELLS[self.config.kind].parts] * self.config.n_layer

"""Recurrent cells: a state that is carried from token to token (Elman 1990), and with gates that say what it keeps.

With x the token's vector, h the state before it, σ the logistic function and ⊙ the product entry by entry:

    RNN   h' = tanh(W x + b + U h + b')

    LSTM  i, f, g, o = W x + b + U h + b'                  (Hochreiter & Schmidhuber 1997; Gers et al. 2000)
          c' = σ(f) ⊙ c + σ(i) ⊙ tanh(g)                   what is kept of the cell, what is written into it
          h' = σ(o) ⊙ tanh(c')

    GRU   r, z, n = W x + b        r', z', n' = U h + b'   (Cho et al. 2014, the reset after the product)
          n  = tanh(n + σ(r + r') ⊙ n')
          h' = (1 - σ(z + z')) ⊙ n + σ(z + z') ⊙ h

Order of gates, and the two biases, are those of ``torch.nn``, whose weights these take as they are.

W x does not wait for the state, so ``read`` makes it for all T tokens in one product; only U h is made token by token.

Shapes: B rows, T tokens, I width of x, C width of the state, G = gates * C.
"""

from typing import ClassVar

import torch
from torch import Tensor, nn

State = tuple[Tensor, ...]
"""(h,), or of an LSTM (h, c), each (B, C). The first is what the cell gives to the outside."""


class Cell(nn.Module):
    """What the three have in common: the products with x and with h, in one matrix each.

    All first weights are uniform in ± 1 / sqrt(C), as in ``torch.nn``.

    Args:
        d_in: I.
        d_model: C.
    """

    gates: ClassVar[int]
    parts: ClassVar[int] = 1  # tensors of the state

    def __init__(self, d_in: int, d_model: int) -> None:
        super().__init__()
        self.input = nn.Linear(d_in, self.gates * d_model)
        self.recurrent = nn.Linear(d_model, self.gates * d_model)
        for parameter in self.parameters():
            nn.init.uniform_(parameter, -(self.d_model**-0.5), self.d_model**-0.5)

    @property
    def d_model(self) -> int:
        """C."""
        return self.recurrent.in_features

    def zeros(self, x: Tensor) -> State:
        """The state before a text, for the rows of ``x`` (B, ...)."""
        return tuple(x.new_zeros(len(x), self.d_model) for _ in range(self.parts))

    def forward(self, x_BI: Tensor, state: State) -> State:
        """The state after one more token."""
        return self.step(self.input(x_BI), state)

    def step(self, from_x_BG: Tensor, state: State) -> State:
        """``forward``, of what ``input`` made of x."""
        raise NotImplementedError


class RNNCell(Cell):
    """The plain one."""

    gates = 1

    def step(self, from_x_BG: Tensor, state: State) -> State:
        """See ``Cell.step``."""
        return (torch.tanh(from_x_BG + self.recurrent(state[0])),)


class LSTMCell(Cell):
    """Long short-term memory: the cell c is changed by adding to it, so that a gradient can pass it unharmed."""

    gates, parts = 4, 2

    def step(self, from_x_BG: Tensor, state: State) -> State:
        """See ``Cell.step``."""
        h_BC, c_BC = state
        i, f, g, o = (from_x_BG + self.recurrent(h_BC)).chunk(4, dim=-1)
        c_BC = f.sigmoid() * c_BC + i.sigmoid() * g.tanh()
        return o.sigmoid() * c_BC.tanh(), c_BC


class GRUCell(Cell):
    """Gated recurrent unit: one state, one gate for keeping and writing."""

    gates = 3

    def step(self, from_x_BG: Tensor, state: State) -> State:
        """See ``Cell.step``."""
        (h_BC,) = state
        r, z, n = from_x_BG.chunk(3, dim=-1)
        r_h, z_h, n_h = self.recurrent(h_BC).chunk(3, dim=-1)
        n = torch.tanh(n + (r + r_h).sigmoid() * n_h)
        return (n + (z + z_h).sigmoid() * (h_BC - n),)


CELLS: dict[str, type[Cell]] = {"rnn": RNNCell, "lstm": LSTMCell, "gru": GRUCell}


@torch.compiler.disable  # type: ignore[untyped-decorator]  # it would unroll the loop
def read(
    cell: Cell,
    x_BTI: Tensor,
    state: State | None = None,
    *,
    starts_BT: Tensor | None = None,
    there_BT: Tensor | None = None,
) -> tuple[Tensor, State]:
    """Read rows of tokens from left to right.

    For the other direction give all of it flipped (``.flip(1)``), and flip what comes back.

    Args:
        state: what was read before; None: nothing.
        starts_BT: bool; before these tokens the state is zero: documents begin there.
        there_BT: bool; the other tokens are padding, which leaves the state as it was (and repeats its output).

    Returns:
        The output after each token, (B, T, C), and the state after the last.
    """
    state = cell.zeros(x_BTI) if state is None else state
    from_x_TBG = cell.input(x_BTI).transpose(0, 1).unbind()
    keep_TB1 = None if starts_BT is None else (~starts_BT).to(x_BTI.dtype).t()[..., None].unbind()
    there_TB1 = None if there_BT is None else there_BT.t()[..., None].unbind()
    outputs = []
    for t, from_x_BG in enumerate(from_x_TBG):
        before = state if keep_TB1 is None else tuple(part * keep_TB1[t] for part in state)
        state = cell.step(from_x_BG, before)
        if there_TB1 is not None:
            state = tuple(torch.where(there_TB1[t], new, old) for new, old in zip(state, before, strict=True))
        outputs.append(state[0])
    return torch.stack(outputs, dim=1), state


def document_starts(documents_BT: Tensor) -> Tensor:
    """Where the document number differs from the one before it, (B, T) bool; not at a row's first token."""
    starts_BT = torch.zeros_like(documents_BT, dtype=torch.bool)
    starts_BT[:, 1:] = documents_BT[:, 1:] != documents_BT[:, :-1]
    return starts_BT

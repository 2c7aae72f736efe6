"""Recurrent cells: equal to torch.nn's with equal weights, forward and backward; documents, padding, carried state."""

import pytest
import torch
from torch import Tensor, nn

from prosa.nn.recurrent import CELLS, Cell, document_starts, read

TORCH_CELLS = {"rnn": nn.RNNCell, "lstm": nn.LSTMCell, "gru": nn.GRUCell}
TORCH_LAYERS = {"rnn": nn.RNN, "lstm": nn.LSTM, "gru": nn.GRU}
I, C, B, T = 5, 7, 3, 11  # noqa: E741


@pytest.fixture(params=CELLS)
def kind(request: pytest.FixtureRequest) -> str:
    torch.manual_seed(3)
    return str(request.param)


def new(kind: str) -> Cell:
    return CELLS[kind](I, C).double()


def random(*shape: int) -> Tensor:
    return torch.randn(*shape, dtype=torch.float64).requires_grad_()


def take(theirs: nn.Module, cell: Cell, layer: str) -> nn.Module:
    """The weights of ``cell`` in a module of torch's."""
    ours = cell.state_dict()
    names = {"weight_ih": "input.weight", "weight_hh": "recurrent.weight", "bias_ih": "input.bias"}
    names["bias_hh"] = "recurrent.bias"
    theirs.double().load_state_dict({name + layer: ours[our] for name, our in names.items()})
    return theirs


def gradients(output: Tensor, module: nn.Module, *inputs: Tensor) -> list[Tensor]:
    weights = torch.randn(output.shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    order = {"weight_ih": 0, "input.weight": 0, "weight_hh": 1, "recurrent.weight": 1, "bias_ih": 2, "input.bias": 2}
    named = sorted(module.named_parameters(), key=lambda item: order.get(item[0].removesuffix("_l0"), 3))
    return list(torch.autograd.grad((output * weights).sum(), [*inputs, *(p for _, p in named)]))


def test_a_cell_is_torchs(kind: str) -> None:
    cell, x = new(kind), random(B, I)
    state = tuple(random(B, C) for _ in range(cell.parts))
    theirs = take(TORCH_CELLS[kind](I, C), cell, "")
    expected = theirs(x, state if cell.parts > 1 else state[0])
    expected = expected if cell.parts > 1 else (expected,)
    found = cell(x, state)
    assert len(found) == len(expected)
    for ours, their in zip(found, expected, strict=True):
        torch.testing.assert_close(ours, their, rtol=1e-12, atol=1e-12)
    ours_all = gradients(torch.cat(found, -1), cell, x, *state)
    for a, b in zip(ours_all, gradients(torch.cat(expected, -1), theirs, x, *state), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize("given", [False, True], ids=["from zero", "from a state"])
def test_a_read_layer_is_torchs(kind: str, given: bool) -> None:
    cell, x = new(kind), random(B, T, I)
    theirs = take(TORCH_LAYERS[kind](I, C, batch_first=True), cell, "_l0")
    state = tuple(random(B, C) for _ in range(cell.parts)) if given else None
    theirs_state = None
    if state is not None:
        theirs_state = tuple(part[None] for part in state) if cell.parts > 1 else state[0][None]
    expected, last = theirs(x, theirs_state)
    found, after = read(cell, x, state)
    torch.testing.assert_close(found, expected, rtol=1e-11, atol=1e-12)
    for ours, their in zip(after, last if cell.parts > 1 else (last,), strict=True):
        torch.testing.assert_close(ours, their[0], rtol=1e-11, atol=1e-12)
    inputs = (x, *(state or ()))
    ours_all = gradients(torch.cat((found, after[-1][:, None]), 1), cell, *inputs)
    last_part = last[1] if cell.parts > 1 else last
    theirs_all = gradients(torch.cat((expected, last_part.transpose(0, 1)), 1), theirs, *inputs)
    for a, b in zip(ours_all, theirs_all, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-10, atol=1e-12)


def test_carried_state_goes_on_where_it_stopped(kind: str) -> None:
    cell, x = new(kind), random(B, T, I)
    whole, last = read(cell, x)
    first, state = read(cell, x[:, :4])
    second, after = read(cell, x[:, 4:], state)
    torch.testing.assert_close(torch.cat((first, second), 1), whole, rtol=0, atol=1e-14)
    for a, b in zip(after, last, strict=True):
        torch.testing.assert_close(a, b, rtol=0, atol=1e-14)


def test_documents_in_a_row_are_read_as_if_alone(kind: str) -> None:
    cell, x = new(kind), random(2, T, I)
    documents = torch.tensor([[4] * 3 + [5] * 6 + [4] * 2, [1] * 11])
    found, _ = read(cell, x, starts_BT=document_starts(documents))
    alone = [read(cell, part)[0] for part in (x[:1, :3], x[:1, 3:9], x[:1, 9:])]
    torch.testing.assert_close(found[:1], torch.cat(alone, 1), rtol=0, atol=1e-14)
    torch.testing.assert_close(found[1:], read(cell, x[1:])[0], rtol=0, atol=1e-14)
    (gradient,) = torch.autograd.grad(found[0, 5].sum(), x)
    assert (gradient[0, 3:6].abs().amax(-1) > 0).all()
    assert gradient[0, :3].abs().max() == 0  # nothing of the document before


def test_padding_leaves_the_state_alone(kind: str) -> None:
    cell, x = new(kind), random(B, T, I)
    lengths = [T, 4, 1]
    there = torch.arange(T) < torch.tensor(lengths)[:, None]
    forward, after = read(cell, x, there_BT=there)
    backward = read(cell, x.flip(1), there_BT=there.flip(1))[0].flip(1)
    for row, n in enumerate(lengths):
        alone, last = read(cell, x[row : row + 1, :n])
        torch.testing.assert_close(forward[row : row + 1, :n], alone, rtol=0, atol=1e-14)
        for a, b in zip(after, last, strict=True):
            torch.testing.assert_close(a[row : row + 1], b, rtol=0, atol=1e-14)
        turned = read(cell, x[row : row + 1, :n].flip(1))[0].flip(1)
        torch.testing.assert_close(backward[row : row + 1, :n], turned, rtol=0, atol=1e-14)


def test_the_first_weights_are_uniform_and_repeatable(kind: str) -> None:
    torch.manual_seed(5)
    one = CELLS[kind](64, 64)
    torch.manual_seed(5)
    two = CELLS[kind](64, 64)
    for p, q in zip(one.parameters(), two.parameters(), strict=True):
        assert torch.equal(p, q)
        assert p.abs().max() <= 1 / 8
        assert p.detach().std() == pytest.approx(1 / 8 / 3**0.5, rel=0.15)

"""Recurrent language models against torch.nn's layers, and the laws of a language model."""

import dataclasses
import math

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from prosa.core.errors import UserError
from prosa.models.recurrent import RecurrentConfig, RecurrentLM
from prosa.nn.recurrent import CELLS

CONFIG = RecurrentConfig(vocab_size=61, context=32, kind="lstm", n_layer=2, d_model=12)
LAYERS = {"rnn": nn.RNN, "lstm": nn.LSTM, "gru": nn.GRU}
IDS = torch.randint(61, (3, 20), generator=torch.Generator().manual_seed(0))


@pytest.fixture(params=CELLS)
def model(request: pytest.FixtureRequest) -> RecurrentLM:
    """Two layers, in float64, with weights large enough for differences to show."""
    torch.manual_seed(1)
    model = RecurrentLM(dataclasses.replace(CONFIG, kind=request.param)).double()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.3)
    return model


def close(a: Tensor, b: Tensor) -> None:
    torch.testing.assert_close(a, b, rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize("tied", [True, False])
def test_equals_torchs_layers_with_a_head(model: RecurrentLM, tied: bool) -> None:
    if not tied:
        model = RecurrentLM(dataclasses.replace(model.config, tied=False)).double()
    theirs = LAYERS[model.config.kind](12, 12, num_layers=2, batch_first=True).double()
    ours = model.state_dict()
    for layer in range(2):
        for their, our in (("weight_ih", "input.weight"), ("weight_hh", "recurrent.weight")):
            getattr(theirs, f"{their}_l{layer}").data.copy_(ours[f"layers.{layer}.{our}"])
        for their, our in (("bias_ih", "input.bias"), ("bias_hh", "recurrent.bias")):
            getattr(theirs, f"{their}_l{layer}").data.copy_(ours[f"layers.{layer}.{our}"])
    table = ours["embedding.weight"]
    expected = theirs(table[IDS])[0] @ (table if tied else ours["unembedding.weight"]).T + ours["head_bias"]
    close(model(IDS), expected)


@torch.no_grad()
def test_a_later_token_changes_no_earlier_logits(model: RecurrentLM) -> None:
    changed = IDS.clone()
    changed[:, 9] = (changed[:, 9] + 1) % 61
    before, after = model(IDS), model(changed)
    assert torch.equal(before[:, :9], after[:, :9])
    assert (before[:, 9:13] - after[:, 9:13]).abs().amax(-1).min() > 1e-6


@torch.no_grad()
def test_states_go_on_where_they_stopped(model: RecurrentLM) -> None:
    whole = model.hidden(IDS)
    states, parts = None, []
    for piece in IDS.split([1, 7, 12], dim=1):
        part, states = model.read(piece, states)
        parts.append(part)
    close(torch.cat(parts, 1), whole)


@torch.no_grad()
def test_a_document_begins_with_zero_states_in_every_layer(model: RecurrentLM) -> None:
    documents = torch.tensor([[0] * 6 + [1] * 14, [0] * 20, [7] * 19 + [8]])
    found = model.hidden(IDS, documents_BT=documents)
    close(found[:1], torch.cat((model.hidden(IDS[:1, :6]), model.hidden(IDS[:1, 6:])), 1))
    close(found[1:2], model.hidden(IDS[1:2]))
    close(found[2:, 19:], model.hidden(IDS[2:, 19:]))


@pytest.mark.parametrize("kind", CELLS)
@pytest.mark.parametrize("tied", [True, False])
def test_an_untrained_loss_is_near_uniform(kind: str, tied: bool) -> None:
    torch.manual_seed(2)
    model = RecurrentLM(RecurrentConfig(256, 64, kind, 2, 64, tied))  # type: ignore[arg-type]
    ids = torch.randint(256, (4, 64))
    assert F.cross_entropy(model(ids).flatten(0, 1), ids.roll(-1, 1).flatten()).item() == pytest.approx(
        math.log(256), abs=0.05
    )


def test_forget_gates_begin_open_and_parameters_are_counted() -> None:
    model = RecurrentLM(CONFIG)
    for cell in model.layers:
        assert torch.equal(cell.input.bias[12:24], torch.ones(12))
        assert cell.input.bias[24:].abs().max() < 12**-0.5
    a_cell = 4 * (12 * 12 + 12 * 12 + 12 + 12)
    assert sum(p.numel() for p in model.parameters()) == 61 * 12 + 61 + 2 * a_cell
    untied = RecurrentLM(dataclasses.replace(CONFIG, tied=False))
    assert sum(p.numel() for p in untied.parameters()) == 2 * 61 * 12 + 61 + 2 * a_cell


def test_it_computes_in_bfloat16(model: RecurrentLM) -> None:
    """By autocast, and as a model of bfloat16 weights: both ways of training."""
    model = model.float()
    exact = model(IDS)
    with torch.autocast("cpu", torch.bfloat16):
        torch.testing.assert_close(model(IDS).float(), exact, atol=0.15, rtol=0.1)
    half = RecurrentLM(model.config).bfloat16()
    half.load_state_dict(model.state_dict())
    torch.testing.assert_close(half(IDS).float(), exact, atol=0.15, rtol=0.1)


def test_bad_shapes_are_refused_with_all_that_is_wrong() -> None:
    with pytest.raises(UserError, match="n_layer is 0, must be at least 1; d_model is -1"):
        RecurrentLM(dataclasses.replace(CONFIG, n_layer=0, d_model=-1))

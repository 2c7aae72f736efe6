"""The encoder-decoder with Bahdanau's attention: written out with torch's GRUs, padding, step by step."""

import pytest
import torch
from torch import nn

from prosa.core.errors import UserError
from prosa.models.seq2seq import Seq2Seq, Seq2SeqConfig

TINY = Seq2SeqConfig(vocab_size=19, context=16, end=0, d_embedding=6, d_model=10)


@pytest.fixture
def model() -> Seq2Seq:
    torch.manual_seed(0)
    return Seq2Seq(TINY).eval()


def batch() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    draws = torch.Generator().manual_seed(1)
    inputs = torch.randint(0, 19, (3, 5), generator=draws)
    return inputs, torch.randint(0, 19, (3, 8), generator=draws), torch.tensor([8, 3, 1])


@torch.no_grad()
def test_the_formulas_written_out_with_torchs_grus(model) -> None:
    """A sentence at a time, a token at a time, by torch.nn.GRU and GRUCell on equal weights."""
    encoder = nn.GRU(6, 10, bidirectional=True, batch_first=True)
    for suffix, cell in (("", model.forwards), ("_reverse", model.backwards)):
        for name, linear in (("ih", cell.input), ("hh", cell.recurrent)):
            getattr(encoder, f"weight_{name}_l0{suffix}").copy_(linear.weight)
            getattr(encoder, f"bias_{name}_l0{suffix}").copy_(linear.bias)
    decoder = nn.GRUCell(26, 10)
    for name, linear in (("ih", model.decoder.input), ("hh", model.decoder.recurrent)):
        getattr(decoder, f"weight_{name}").copy_(linear.weight)
        getattr(decoder, f"bias_{name}").copy_(linear.bias)
    inputs, source, lengths = batch()
    logits, looks = model(inputs, source, lengths), model.alignments(inputs, source, lengths)
    table = model.embedding.weight
    for b, length in enumerate(lengths.tolist()):
        h, _ = encoder(6**0.5 * table[source[b : b + 1, :length]])
        s = torch.tanh(model.start(h[:, 0, 10:]))
        for t in range(5):
            y = 6**0.5 * table[inputs[b : b + 1, t]]
            part = model.attention
            e = [part.score(torch.tanh(part.query(s) + part.place(h[:, j]))).item() for j in range(length)]
            weights = torch.tensor(e).softmax(0)
            c = (weights[:, None] * h[0]).sum(0, keepdim=True)
            s = decoder(torch.cat([y, c], 1), s)
            pairs = model.output(torch.cat([s, y, c], 1))[0]
            maxed = torch.tensor([max(pairs[2 * k], pairs[2 * k + 1]) for k in range(6)])
            torch.testing.assert_close(logits[b, t], table @ maxed, rtol=1e-4, atol=1e-5)
            torch.testing.assert_close(looks[b, 0, 0, t, :length], weights, rtol=1e-4, atol=1e-5)
    assert looks.shape == (3, 1, 1, 5, 8)
    assert looks[1, ..., 3:].max() == 0


@torch.no_grad()
def test_step_by_step_gives_the_same_logits(model) -> None:
    inputs, source, lengths = batch()
    whole = model(inputs, source, lengths)
    state = model.begin(source, lengths, copies=2)
    for t in range(5):
        twice = inputs[:, t].repeat_interleave(2)
        twice[1::2] = (twice[1::2] + 5) % 19
        logits = model.step(state, twice)
        torch.testing.assert_close(logits[::2], whole[:, t], rtol=1e-4, atol=1e-5)
        assert not torch.allclose(logits[1::2], whole[:, t], atol=1e-3)
        state.reorder(torch.tensor([0, 0, 2, 2, 4, 4]))


@torch.no_grad()
def test_what_stands_after_a_source_is_not_seen(model) -> None:
    inputs, source, lengths = batch()
    whole = model(inputs, source, lengths)
    other = torch.where(torch.arange(8) >= lengths[:, None], (source + 1) % 19, source)
    assert torch.equal(model(inputs, other, lengths), whole)
    torch.testing.assert_close(model(inputs[1:2], source[1:2, :3], lengths[1:2]), whole[1:2])


def test_the_papers_size() -> None:
    """RNNsearch as published, but for the shared table: every matrix of the paper's A.2 is there."""
    with torch.device("meta"):
        model = Seq2Seq(Seq2SeqConfig(vocab_size=30_000, context=50, end=0))
    n, m, table = 1000, 620, 30_000 * 620
    encoder = 2 * 3 * (m * n + n * n + 2 * n)
    decoder = 3 * ((m + 2 * n) * n + n * n + 2 * n)
    attention = n * n + 2 * n * n + n + n
    output = (n + m + 2 * n) * 2 * m + 2 * m
    assert sum(p.numel() for p in model.parameters()) == table + encoder + decoder + attention + output + n * n + n


def test_a_shape_that_cannot_be_is_refused() -> None:
    with pytest.raises(UserError, match=r"d_model is 0, must be at least 1; dropout is 1.5, must be in \[0, 1\)"):
        Seq2Seq(Seq2SeqConfig(vocab_size=9, context=4, end=0, d_model=0, dropout=1.5))

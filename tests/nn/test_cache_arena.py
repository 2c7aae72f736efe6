"""Rows of an arena give what a cache of their own would, whatever else is in it, and by every way of reading."""

import pytest
import torch

from prosa.generate.decoder import Decoder
from prosa.models.gpt import GPT, GPTConfig
from prosa.nn.arena import Arena

V = 40
SHAPES = {
    "classic": ("classic", {}),
    "modern": ("modern", {"n_kv_head": 2}),
    "speedrun": ("speedrun", {}),
}


def make(shape):
    torch.manual_seed(1)
    kind, options = SHAPES[shape]
    sizes = {"n_layer": 2, "n_head": 4, "n_kv_head": 4, "d_model": 32, "tied": False}
    model = GPT(GPTConfig(V, 48, shape=kind, **{**sizes, **options}))
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "norm" not in name:
                parameter.normal_(std=0.3)
    return model.eval()


def arena_of(model, size=200):
    """Full of nans: nobody may look at a place that is not the row's."""
    c = model.config
    arena = Arena(c.n_layer, c.n_kv_head, size, c.head_dim)
    for tensor in arena.keys + arena.values:
        tensor.fill_(torch.nan)
    return arena


def read(model, arena, starts, texts, at):
    """Texts of equal length, read from position ``at`` on."""
    positions = torch.arange(at, at + len(texts[0])).expand(len(texts), -1)
    return model(torch.tensor(texts), cache=arena.rows(starts), positions_BT=positions)


@pytest.mark.parametrize("shape", SHAPES)
@torch.no_grad()
def test_in_chunks_and_beside_others(shape):
    model, texts = make(shape), torch.randint(0, V, (3, 40)).tolist()
    expected = model(torch.tensor(texts))
    arena = arena_of(model)
    starts = [150, 3, 60]
    for row in range(3):  # each alone, in chunks of its own
        parts = [read(model, arena, [starts[row]], [texts[row][i : i + 7 + row]], i) for i in range(0, 21, 7 + row)]
        found = torch.cat(parts, dim=1)
        torch.testing.assert_close(found[0], expected[row, : found.shape[1]], rtol=1e-4, atol=1e-4)
    more = read(model, arena, starts, [text[21:30] for text in texts], 21)  # then all together
    torch.testing.assert_close(more, expected[:, 21:30], rtol=1e-4, atol=1e-4)


@torch.no_grad()
def test_rows_of_different_length_together():
    model, texts = make("modern"), torch.randint(0, V, (2, 40)).tolist()
    arena = arena_of(model)
    read(model, arena, [0], [texts[0][:30]], 0)
    read(model, arena, [100], [texts[1][:4]], 0)
    ids, positions = torch.tensor([[texts[0][30]], [texts[1][4]]]), torch.tensor([[30], [4]])
    found = model(ids, cache=arena.rows([0, 100]), positions_BT=positions)
    for row, n in ((0, 31), (1, 5)):
        expected = model(torch.tensor([texts[row][:n]]))[0, -1]
        torch.testing.assert_close(found[row, 0], expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("shape", ["classic", "modern"])
@torch.no_grad()
def test_the_decoder_reads_ranges(shape):
    """Parts of any length beside each other, from the beginning and further on, asked for an answer or not."""
    model, texts = make(shape), torch.randint(0, V, (4, 40)).tolist()
    starts = [90, 0, 45, 150]
    for rows in (1, 3):
        arena, lengths = arena_of(model), [0, 0, 0, 0]
        decoder = Decoder(model, torch.float32, rows)
        for counts in [(20, 1, 7, 0), (1, 1, 1, 9), (13, 1, 2, 1), (1, 0, 1, 25), (5, 7, 0, 1)]:
            asked = [row for row in range(4) if counts[row]]
            parts = [texts[row][lengths[row] : lengths[row] + counts[row]] for row in asked]
            answers = [n for n, row in enumerate(asked) if row != 2]
            found = decoder.read(
                parts, [lengths[row] for row in asked], arena.rows([starts[row] for row in asked]), answers
            )
            assert len(found) == len(answers)
            lengths = [n + more for n, more in zip(lengths, counts, strict=True)]
            for logits, n in zip(found, answers, strict=True):
                expected = model(torch.tensor([texts[asked[n]][: lengths[asked[n]]]]))[0, -1]
                torch.testing.assert_close(logits, expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(("source", "to"), [(0, 20), (20, 0), (10, 13), (13, 10), (5, 5)])
def test_copies_may_overlap(source, to):
    arena = Arena(2, 3, 30, 4)
    for tensor in arena.keys + arena.values:
        tensor.normal_()
    before = [tensor.clone() for tensor in arena.keys + arena.values]
    arena.copy(source, to, 9)
    for was, now in zip(before, arena.keys + arena.values, strict=True):
        expected = was.clone()
        expected[:, to : to + 9] = was[:, source : source + 9]
        assert torch.equal(now, expected)

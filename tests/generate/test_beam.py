"""Beam search against a greedy loop and against trying every text there is."""

import itertools

import pytest
import torch

from prosa.generate.beam import beam_search, length_penalty
from prosa.models.encoder_decoder import EncoderDecoder
from prosa.models.seq2seq import Seq2Seq, Seq2SeqConfig
from prosa.models.transformer import Transformer, TransformerConfig

V = 5
SOURCES = [[1, 3, 2], [4], [2, 2, 1, 3, 4, 1]]


def transformer(vocab_size: int = V, seed: int = 0) -> EncoderDecoder:
    torch.manual_seed(seed)
    shape = TransformerConfig(vocab_size, 12, 0, n_encoder=1, n_decoder=1, n_head=2, d_model=8, d_ff=16, dropout=0.0)
    made = Transformer(shape).eval()
    with torch.no_grad():
        made.embedding.weight.mul_(1.5)  # surer of itself
    return made


def recurrent(vocab_size: int = V, seed: int = 0) -> EncoderDecoder:
    torch.manual_seed(seed)
    made = Seq2Seq(Seq2SeqConfig(vocab_size, 12, 0, d_embedding=8, d_model=8)).eval()
    with torch.no_grad():
        made.embedding.weight.mul_(3)
    return made


BOTH = pytest.mark.parametrize("make", [transformer, recurrent])


@torch.no_grad()
def log_prob(model: EncoderDecoder, source: list[int], text: tuple[int, ...]) -> float:
    """Of the ids of a text (with its end, if it has one), read at once."""
    inputs = torch.tensor([[0, *text[:-1]]])
    hidden = model.hidden(inputs, torch.tensor([[*source, 0]]), torch.tensor([len(source) + 1]))
    table = model.head(hidden)[0].log_softmax(-1)
    return float(table[torch.arange(len(text)), torch.tensor(text)].sum())


@BOTH
@torch.no_grad()
def test_a_beam_of_one_is_greedy(make) -> None:
    for seed in range(4):
        model = make(seed=seed)
        found = beam_search(model, SOURCES, beam=1, max_tokens=8)
        for source, (best,) in zip(SOURCES, found, strict=True):
            text: list[int] = []
            while len(text) < 8 and (not text or text[-1] != 0):
                inputs = torch.tensor([[0, *text]])
                logits = model.head(model.hidden(inputs, torch.tensor([[*source, 0]]), torch.tensor([len(source) + 1])))
                text.append(int(logits[0, -1].argmax()))
            assert best.ids == tuple(i for i in text if i != 0)
            assert best.ended == (text[-1] == 0)
            assert best.log_prob == pytest.approx(log_prob(model, source, tuple(text)), abs=1e-4)


@BOTH
@pytest.mark.parametrize("alpha", [0.0, 0.6, 2.0])
def test_a_beam_as_large_as_all_texts_finds_the_best_of_all(make, alpha) -> None:
    model, longest = make(vocab_size=4), 3
    words = range(1, 4)
    texts = [(*t, 0) for n in range(longest) for t in itertools.product(words, repeat=n)]
    texts += list(itertools.product(words, repeat=longest))  # cut
    sources = [[1, 3, 2], [3]]
    found = beam_search(model, sources, beam=4**longest, alpha=alpha, max_tokens=longest)
    for source, hypotheses in zip(sources, found, strict=True):
        scores = {t: log_prob(model, source, t) / length_penalty(len(t), alpha) for t in texts}
        best = max(scores, key=scores.__getitem__)
        assert hypotheses[0].ids == tuple(i for i in best if i)
        assert hypotheses[0].score == pytest.approx(scores[best], abs=1e-4)


@BOTH
def test_sentences_together_are_as_alone(make) -> None:
    model = make()
    together = beam_search(model, SOURCES, beam=3, max_tokens=[7, 3, 5])
    for source, limit, found in zip(SOURCES, [7, 3, 5], together, strict=True):
        (alone,) = beam_search(model, [source], beam=3, max_tokens=limit)
        assert [h.ids for h in found] == [h.ids for h in alone]
        assert [h.score for h in found] == pytest.approx([h.score for h in alone], abs=1e-4)
        assert all(len(h.ids) + h.ended <= limit for h in found)


@BOTH
def test_more_beams_find_nothing_worse_here(make) -> None:
    """Not a law of beam search (a wider one may lose the best beginning), but with all texts in reach it is."""
    model = make(vocab_size=4)
    scores = [beam_search(model, [[1, 2]], beam=b, alpha=0.0, max_tokens=3)[0][0].score for b in (1, 64)]
    assert scores[1] >= scores[0] - 1e-5


def test_the_length_penalty_of_gnmt() -> None:
    assert length_penalty(1, 0.6) == 1.0
    assert length_penalty(7, 0.6) == pytest.approx(2**0.6)
    assert length_penalty(25, 1.0) == pytest.approx(5.0)
    assert length_penalty(25, 0.0) == 1.0


def test_a_penalty_makes_texts_longer() -> None:
    lengths = []
    for alpha in (0.0, 3.0):
        found = [beam_search(transformer(seed=s), SOURCES, beam=8, alpha=alpha, max_tokens=10) for s in range(6)]
        lengths.append(sum(len(f[0].ids) for batch in found for f in batch))
    assert lengths[1] > lengths[0]


def test_nothing_to_translate() -> None:
    assert beam_search(transformer(), [], max_tokens=4) == []

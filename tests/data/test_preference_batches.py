"""Rows of rankings: nothing lost, nothing cut, pairs where they belong."""

import numpy as np
import pytest
import torch

from prosa.core.errors import UserError
from prosa.data.batches import IGNORE
from prosa.data.preference_batches import EncodedRanking, PreferenceBatches, encode_rankings
from prosa.data.preferences import Ranking
from prosa.tokenizers.chat import ChatEncoder, Message
from prosa.tokenizers.config import TokenizerConfig
from prosa.tokenizers.train import train
from prosa.train.step import rows


def _ranking(first: int, given: int, lengths: list[int], pairs: tuple) -> EncodedRanking:
    """Answers of ``lengths`` ids after ``given`` ones: first, first + 1, …; the answers' from first + 50."""
    prompt = np.arange(first, first + given, dtype=np.uint32)
    answers = [
        np.concatenate([prompt, np.arange(first + 50 + 10 * k, first + 50 + 10 * k + n, dtype=np.uint32)])
        for k, n in enumerate(lengths)
    ]
    return EncodedRanking(tuple(answers), given, pairs)


PAIR, THREE, TIE = ((0, 1),), ((0, 1), (0, 2), (1, 2)), ((0, 1), (0, 2))
RANKINGS = [
    _ranking(100, 3, [2, 4], PAIR),
    _ranking(200, 2, [3, 3, 5], THREE),
    _ranking(300, 4, [1, 2, 3], TIE),
    _ranking(400, 1, [6, 1], PAIR),
]


def _batches(context: int = 9, size: int = 2) -> PreferenceBatches:
    return PreferenceBatches(RANKINGS, context=context, batch_size=size, seed=3)


def test_an_epoch_has_every_answer_whole_and_every_pair_once() -> None:
    batches = _batches()
    found = []
    for step in range(batches.steps_per_epoch):
        batch = batches.at(step)
        assert batch.inputs.shape == batch.targets.shape == (2, 3, 7)  # T is the longest, not the context
        for row, n in enumerate(batch.numbers.tolist()):
            ranking = RANKINGS[n]
            for k, ids in enumerate(ranking.answers):
                end = int(batch.ends[row, k])
                assert batch.inputs[row, k, : end + 1].tolist() == ids.tolist()
                there = batch.targets[row, k] != IGNORE
                assert batch.targets[row, k][there].tolist() == ids[ranking.given :].tolist()
                assert torch.equal(batch.targets[row, k][there], batch.inputs[row, k, 1:][there[:-1]])
            assert (batch.ends[row, len(ranking.answers) :] == -1).all()
            assert (batch.targets[row, len(ranking.answers) :] == IGNORE).all()
        better, worse = batch.better_and_worse
        firsts = batch.inputs.flatten(0, 1).gather(1, batch.ends.flatten().clamp(min=0)[:, None])[:, 0]
        found += zip(firsts[better].tolist(), firsts[worse].tolist(), strict=True)
    expected = [(int(r.answers[i][-1]), int(r.answers[j][-1])) for r in RANKINGS for i, j in r.pairs]
    assert sorted(found) == sorted(expected)
    fit = batches.fit
    assert (fit.rankings, fit.pairs, fit.cut, fit.dropped) == (4, 7, 0, 0)


def test_the_counts_of_what_fits() -> None:
    fit = _batches().fit
    lengths = [len(ids) for r in RANKINGS for ids in r.answers]
    assert (fit.tokens, fit.targets) == (sum(lengths), 2 + 4 + 3 + 3 + 5 + 1 + 2 + 3 + 6 + 1)
    assert fit.padding == pytest.approx(1 - sum(lengths) / (10 * 7))


def test_an_answer_that_is_too_long_is_left_out_and_never_cut() -> None:
    # 5 and 7 ids; 5, 5 and 7; 5, 6 and 7; 7 and 2
    batches = _batches(context=6)
    fit = batches.fit
    assert (fit.rankings, fit.pairs, fit.cut, fit.dropped) == (2, 2, 2, 2)
    batch = next(batches.once())
    assert batch.ends.tolist() == [[4, 4], [4, 5]]
    with pytest.raises(UserError, match=r"none of 4 rankings has two answers .* the context of 4 with their prompt"):
        _batches(context=4)


def test_ranks_and_slices_share_rows_and_epochs_differ_in_order() -> None:
    whole = _batches(size=4)
    for name in ("inputs", "targets", "ends", "pairs", "numbers"):
        parts = [getattr(whole.at(1, rank, 2), name) for rank in range(2)]
        assert torch.equal(torch.cat(parts), getattr(whole.at(1), name))
        halves = [getattr(rows(whole.at(1), i, i + 2, torch.device("cpu")), name) for i in (0, 2)]
        assert torch.equal(torch.cat(halves), getattr(whole.at(1), name))
    orders = [whole.at(step).numbers.tolist() for step in range(6)]
    assert all(sorted(order) == [0, 1, 2, 3] for order in orders)
    assert len({tuple(order) for order in orders}) > 1
    assert [batch.numbers.tolist() for batch in whole.once(3)] == [[0, 1, 2], [3]]
    with pytest.raises(ValueError, match="rank = 2"):
        whole.at(0, 2, 2)


def test_the_fingerprint_is_of_ids_and_pairs() -> None:
    one = _batches().fingerprint
    assert one == _batches(size=4).fingerprint
    others = [
        [*RANKINGS[:3], _ranking(400, 1, [6, 1], ((1, 0),))],
        [*RANKINGS[:3], _ranking(401, 1, [6, 1], PAIR)],
        RANKINGS[::-1],
    ]
    for other in others:
        assert PreferenceBatches(other, context=9, batch_size=2, seed=3).fingerprint != one


def test_rankings_are_encoded_as_conversations_and_only_the_answer_is_a_target() -> None:
    encoder = ChatEncoder(train(["one two three"], TokenizerConfig(vocab_size=300)))
    prompt = (Message("user", "a"), Message("assistant", "b"), Message("user", "c"))
    (encoded,) = encode_rankings(encoder, [Ranking(prompt, (("one",), ("two", "three")), "")])
    assert encoded.pairs == ((0, 1), (0, 2))
    for ids, answer in zip(encoded.answers, ("one", "two", "three"), strict=True):
        assert ids.tolist() == encoder.encode([*prompt, Message("assistant", answer)]).ids.tolist()
        assert ids[: encoded.given].tolist() == encoder.prompt(prompt)
        assert ids[encoded.given :].tolist() == [*encoder.tokenizer.encode(answer), encoder.end_id]

"""Packed conversations: nothing lost, nothing seen across, losses on what the assistant wrote."""

import numpy as np
import pytest
import torch

from prosa.core.errors import UserError
from prosa.data.batches import IGNORE
from prosa.data.conversation_batches import ConversationBatches
from prosa.tokenizers.chat import ChatIds


def _talk(length: int, given: int, first: int) -> ChatIds:
    """Ids first, first + 1, …, of which all but the ``given`` first are written."""
    ids = np.arange(first, first + length, dtype=np.uint32)
    return ChatIds(ids, np.arange(length) >= given, np.array([length]))


TALKS = [
    _talk(length, given, 100 * n) for n, (length, given) in enumerate([(5, 2), (9, 8), (4, 1), (3, 2), (12, 3)], 1)
]


def _pairs(batch) -> list[tuple[int, int]]:
    there = batch.targets != IGNORE
    return sorted(zip(batch.inputs[there].tolist(), batch.targets[there].tolist(), strict=True))


@pytest.mark.parametrize("pack", [True, False])
def test_an_epoch_has_every_written_token_once(pack) -> None:
    batches = ConversationBatches(TALKS, context=11, batch_size=1, seed=3, pack=pack)
    found = [pair for step in range(batches.steps_per_epoch) for pair in _pairs(batches.at(step))]
    expected = [(int(t.ids[i]), int(t.ids[i + 1])) for t in TALKS for i in range(len(t.ids) - 1) if t.written[i + 1]]
    assert sorted(found) == sorted(expected)
    assert batches.fit.targets == len(expected)
    assert batches.fit.tokens == sum(len(t.ids) - 1 for t in TALKS)
    assert (batches.fit.cut, batches.fit.dropped) == (0, 0)
    assert batches.fit.rows == (3 if pack else 5)  # 4 + 8 + 3 + 2 + 11 = 28 of 33 inputs
    assert batches.fit.padding == pytest.approx(1 - 28 / (33 if pack else 55))


def test_documents_number_the_conversations_of_a_row_and_padding_is_apart() -> None:
    batch = ConversationBatches(TALKS, context=11, batch_size=3, seed=0).at(0)
    for ids, documents, targets in zip(batch.inputs, batch.documents, batch.targets, strict=True):
        for number in documents.unique():
            own = ids[documents == number]
            assert len((own // 100).unique()) == 1
            assert bool((targets[documents == number] == IGNORE).all()) == bool((own == 0).all())


def test_packed_conversations_have_the_losses_of_each_alone() -> None:
    from prosa.models.gpt import GPT, GPTConfig
    from prosa.train.objectives import NextToken

    torch.manual_seed(0)
    model = GPT(GPTConfig(700, 11, 2, 2, 16)).eval()
    with torch.no_grad():
        packed, n, _ = NextToken()(model, ConversationBatches(TALKS, context=11, batch_size=3, seed=0).at(0))
        alone, m, _ = NextToken()(model, ConversationBatches(TALKS, context=11, batch_size=5, seed=0, pack=False).at(0))
    assert n == m
    torch.testing.assert_close(packed, alone)


def test_long_ones_are_cut_and_counted_and_those_without_an_answer_dropped() -> None:
    batches = ConversationBatches(TALKS, context=6, batch_size=1, seed=0)
    fit = batches.fit  # the second is written from its ninth id on; the fifth keeps 7 of 12
    assert (fit.conversations, fit.cut, fit.dropped) == (4, 1, 1)
    assert fit.targets == 3 + 3 + 1 + 4
    with pytest.raises(UserError, match="none of 1 conversations has a token of the assistant within the context of 6"):
        ConversationBatches([TALKS[1]], context=6, batch_size=1, seed=0)


def test_ranks_share_the_rows_of_a_step_and_epochs_differ_in_order() -> None:
    whole = ConversationBatches(TALKS, context=11, batch_size=4, seed=0)
    halves = [whole.at(1, rank, 2) for rank in range(2)]
    assert torch.equal(torch.cat([half.inputs for half in halves]), whole.at(1).inputs)
    one = ConversationBatches(TALKS, context=11, batch_size=5, seed=0, pack=False)
    assert not torch.equal(one.at(0).inputs, one.at(1).inputs)
    assert _pairs(one.at(0)) == _pairs(one.at(1))
    assert (
        one.fingerprint
        == whole.fingerprint
        != ConversationBatches(TALKS[1:], context=11, batch_size=5, seed=0).fingerprint
    )
    with pytest.raises(ValueError, match="rank = 2"):
        whole.at(0, 2, 2)


def test_packing_fills_rows(monkeypatch) -> None:
    draw = np.random.default_rng(0)
    talks = [_talk(int(n), 1, 0) for n in draw.integers(5, 200, 500)]
    fit = ConversationBatches(talks, context=256, batch_size=1, seed=0).fit
    assert fit.padding < 0.03

"""Batches of labelled texts: padded at the end, cut at the context, a function of seed and step."""

import numpy as np
import pytest
import torch

from prosa.core.errors import UserError
from prosa.data.labelled_batches import LabelledBatches, encode_texts
from prosa.tokenizers.config import TokenizerConfig
from prosa.tokenizers.train import train

TEXTS = [np.arange(1, n + 1, dtype=np.uint32) for n in (3, 9, 1, 5, 7)]
LABELS = [0, 1, 1, 2, 0]


def test_every_text_is_whole_or_cut_at_the_context() -> None:
    batches = LabelledBatches(TEXTS, LABELS, context=6, batch_size=2, seed=0)
    whole = list(batches.once())
    assert [batch.inputs.shape for batch in whole] == [(2, 1, 6), (2, 1, 6), (1, 1, 6)]
    ids, ends, targets = (torch.cat([getattr(b, name) for b in whole]) for name in ("inputs", "ends", "targets"))
    assert ends.flatten().tolist() == [2, 5, 0, 4, 5]
    assert targets.tolist() == LABELS
    for row, text, end in zip(ids[:, 0], TEXTS, ends.flatten(), strict=True):
        assert row[: end + 1].tolist() == text[:6].tolist()
        assert not row[end + 1 :].any()
    fit = batches.fit
    assert (fit.texts, fit.cut, fit.tokens, fit.padding) == (5, 2, 21, pytest.approx(1 - 21 / 30))


def test_an_epoch_has_every_text_once_and_a_batch_depends_on_seed_and_step_alone() -> None:
    batches = LabelledBatches(TEXTS, LABELS, context=16, batch_size=5, seed=3)
    assert batches.steps_per_epoch == 1
    for step in (0, 1, 7):
        assert sorted(batches.at(step).ends.flatten().tolist()) == [0, 2, 4, 6, 8]
    assert not torch.equal(batches.at(0).ends, batches.at(1).ends)
    again = LabelledBatches(TEXTS, LABELS, context=16, batch_size=5, seed=3)
    assert torch.equal(again.at(7).inputs, batches.at(7).inputs)
    halves = [LabelledBatches(TEXTS[:4], LABELS[:4], context=16, batch_size=4, seed=3).at(2, r, 2) for r in (0, 1)]
    whole = LabelledBatches(TEXTS[:4], LABELS[:4], context=16, batch_size=4, seed=3).at(2)
    assert torch.equal(torch.cat([half.targets for half in halves]), whole.targets)


def test_the_fingerprint_is_of_ids_labels_and_order() -> None:
    def fingerprint(texts=TEXTS, labels=LABELS, context=16) -> str:
        return LabelledBatches(texts, labels, context=context, batch_size=2, seed=0).fingerprint

    others = [fingerprint(labels=[1, 1, 1, 2, 0]), fingerprint(TEXTS[::-1]), fingerprint(context=6)]
    assert len({fingerprint(), *others}) == 4
    assert fingerprint() == fingerprint()


def test_each_text_has_its_own_ids_and_one_that_the_tokenizer_does_not_see_is_refused() -> None:
    texts = ["olá mundo", "a casa é azul", "a"]
    tokenizer = train(texts * 20, TokenizerConfig(kind="wordpiece", vocab_size=300))
    assert [ids.tolist() for ids in encode_texts(tokenizer, texts)] == [tokenizer.encode(text) for text in texts]
    assert encode_texts(tokenizer, []) == []
    with pytest.raises(UserError, match="the text '\ufffd' is empty"):
        encode_texts(tokenizer, ["a", "\ufffd"])

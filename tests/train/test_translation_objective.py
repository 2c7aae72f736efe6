"""The translation objective is torch's cross-entropy of the targets there are, smoothed or not."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from prosa.data.batches import IGNORE
from prosa.data.pair_batches import PairBatches
from prosa.models.transformer import Transformer, TransformerConfig
from prosa.train.objectives import Translation


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("chunk", [0, 3])
def test_equals_torchs(smoothing, chunk) -> None:
    torch.manual_seed(0)
    shape = TransformerConfig(13, 10, 0, n_encoder=1, n_decoder=1, n_head=2, d_model=8, d_ff=16, dropout=0.0)
    model, draws = Transformer(shape), np.random.default_rng(0)
    pairs = [(draws.integers(1, 13, a), draws.integers(1, 13, b)) for a, b in ((3, 5), (6, 2), (1, 1))]
    batch = next(PairBatches(pairs, context=10, end=0, batch_size=3, seed=0).once())
    total, count, _ = Translation(smoothing, chunk)(model, batch)
    total.backward()
    ours = {name: p.grad.clone() for name, p in model.named_parameters()}
    model.zero_grad()
    logits = model(batch.inputs, batch.source, batch.lengths).flatten(0, 1)
    targets = batch.targets.flatten()
    expected = F.cross_entropy(logits, targets, ignore_index=IGNORE, reduction="sum", label_smoothing=smoothing)
    expected.backward()
    assert count == 11
    torch.testing.assert_close(total, expected)
    for name, p in model.named_parameters():
        torch.testing.assert_close(ours[name], p.grad, rtol=1e-4, atol=1e-6)

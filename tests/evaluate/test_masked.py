"""Masked accuracy and pseudo-likelihood against their definitions, with ``transformers`` where it has the model."""

import math
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
import transformers

from prosa.core.errors import UserError
from prosa.data.batches import IGNORE
from prosa.data.mask_config import MaskConfig
from prosa.data.masking import Maskable, masked_held_out
from prosa.evaluate.masked import masked_score, pseudo_likelihood, pseudo_losses
from prosa.generate.fill import fill
from prosa.models.bert import Bert, BertConfig, MaskedLM
from prosa.models.huggingface_bert import save_bert
from prosa.tokenizers.config import TokenizerConfig
from prosa.tokenizers.frame import bert_frame
from prosa.tokenizers.protocol import Tokenizer
from prosa.tokenizers.train import train

TEXTS = ["O rato roeu a roupa do rei de Roma", "a rainha, com raiva, resolveu remendar", "", "rato"]


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    return train(TEXTS * 5, TokenizerConfig(kind="wordpiece", vocab_size=256, min_frequency=1000, special_tokens=()))


@pytest.fixture(scope="module")
def model(tokenizer: Tokenizer) -> MaskedLM:
    torch.manual_seed(0)
    made = MaskedLM(Bert(BertConfig(tokenizer.vocab_size, 16, 2, 2, 16)))
    for parameter in made.parameters():
        torch.nn.init.normal_(parameter, 1.0 if parameter.ndim == 1 else 0.0, 0.4)
    return made.eval()


def test_pseudo_likelihood_is_that_of_transformers(model: MaskedLM, tokenizer: Tokenizer, tmp_path: Path) -> None:
    save_bert(model, tmp_path, tokenizer=tokenizer)
    theirs = transformers.BertForMaskedLM.from_pretrained(tmp_path).eval()
    cls, sep, mask = (tokenizer.special_tokens[name] for name in ("[CLS]", "[SEP]", "[MASK]"))
    room = 14
    expected = []
    for text in TEXTS:
        ids = tokenizer.encode(text)
        nats = []
        for start in range(0, len(ids), room):
            row = [cls, *ids[start : start + room], sep]
            for place in range(1, len(row) - 1):
                now = torch.tensor([[*row[:place], mask, *row[place + 1 :]]])
                with torch.no_grad():
                    nats.append(-theirs(now).logits[0, place].log_softmax(-1)[row[place]].item())
        expected.append(nats)
    assert len(expected[0]) > room  # cut into windows
    ids = [np.array(tokenizer.encode(text), np.int64) for text in TEXTS]
    found = list(pseudo_losses(model, ids, mask=mask, frame=bert_frame(tokenizer), batch=5))
    for ours, nats in zip(found, expected, strict=True):
        np.testing.assert_allclose(ours, nats, rtol=1e-4, atol=1e-5)
    whole = pseudo_likelihood(model, tokenizer, TEXTS)
    total, n_bytes = sum(map(sum, expected)), sum(len(text.encode()) for text in TEXTS)
    assert whole.bits_per_byte == pytest.approx(total / math.log(2) / n_bytes, rel=1e-5)
    assert whole.tokens == sum(map(len, expected))
    assert whole.interval is not None
    assert whole.interval[0] < whole.bits_per_byte < whole.interval[1]
    assert whole.perplexity == pytest.approx(math.exp(total / whole.tokens), rel=1e-5)


def test_masked_score(model: MaskedLM, tokenizer: Tokenizer) -> None:
    maskable = Maskable.of(tokenizer)
    ids = np.array(tokenizer.encode(" ".join(TEXTS * 4)))
    batches = list(masked_held_out(ids, maskable, MaskConfig(), context=16, batch_size=3))
    score = masked_score(model, batches)
    nats, right, n = 0.0, 0, 0
    for batch in batches:
        for row in range(len(batch.inputs)):
            there = slice(None) if batch.documents is None else batch.documents[row] >= 0
            with torch.no_grad():
                logits = model(batch.inputs[row][there][None])[0]
            targets = batch.targets[row][there]
            nats += F.cross_entropy(logits, targets, ignore_index=IGNORE, reduction="sum").item()
            right += (logits.argmax(-1) == targets).sum().item()
            n += (targets != IGNORE).sum().item()
    assert score.nats == pytest.approx(nats, rel=1e-5)
    assert (score.right, score.tokens) == (right, n)
    low, high = score.to_json()["interval"]
    assert low <= right / n <= high


def test_fill(model: MaskedLM, tokenizer: Tokenizer) -> None:
    text = "O [MASK] roeu a [MASK]."
    found = fill(model, tokenizer, text, top=3)
    assert [len(blank) for blank in found.blanks] == [3, 3]
    ids = tokenizer.encode(text, allow_special=True)
    row = torch.tensor([[*bert_frame(tokenizer).before, *ids, *bert_frame(tokenizer).after]])
    places = [i for i, id in enumerate(row[0].tolist()) if id == tokenizer.special_tokens["[MASK]"]]
    with torch.no_grad():
        expected = model(row)[0, places].softmax(-1)
    expected[:, list(tokenizer.special_tokens.values())] = 0  # control tokens fill nothing
    for blank, probabilities in zip(found.blanks, expected, strict=True):
        top = probabilities.topk(3)
        assert [c.id for c in blank] == top.indices.tolist()
        assert [c.probability for c in blank] == pytest.approx(top.values.tolist(), rel=1e-5)
        assert all(c.text == tokenizer.token_text(c.id) for c in blank)
    first, second = (blank[0].text for blank in found.blanks)
    joined = f"O{first[2:]}" if first.startswith("##") else f"O {first}"
    assert found.best == joined + (f" roeu a{second[2:]}." if second.startswith("##") else f" roeu a {second}.")
    with pytest.raises(UserError, match=r"there is no \[MASK\] in 'O rato'"):
        fill(model, tokenizer, "O rato")
    with pytest.raises(UserError, match="does not fit the model's context of 16"):
        fill(model, tokenizer, "rato " * 30 + "[MASK]")

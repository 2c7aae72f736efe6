"""Masking: the rates, whole words, statelessness, the frame and padding."""

import numpy as np
import pytest
import torch

from prosa.core.errors import UserError
from prosa.data.batches import IGNORE, Batch
from prosa.data.mask_config import MaskConfig
from prosa.data.masking import Maskable, MaskedBatches, mask_row, masked, masked_held_out
from prosa.tokenizers.bert import SPECIAL
from prosa.tokenizers.config import TokenizerConfig
from prosa.tokenizers.protocol import Tokenizer
from prosa.tokenizers.train import train

TEXTS = ["O rato roeu a roupa do rei de Roma; a rainha, com raiva, resolveu remendar.", "coração, ações e pães"] * 20


@pytest.fixture(scope="module")
def wordpiece() -> Tokenizer:
    return train(TEXTS, TokenizerConfig(kind="wordpiece", vocab_size=256, min_frequency=1000, special_tokens=()))


def ids_of(maskable: Maskable, n: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).choice(np.flatnonzero(maskable.ordinary), n)


@pytest.mark.parametrize("whole_words", [False, True])
def test_rates(wordpiece: Tokenizer, whole_words: bool) -> None:
    """15 % chosen; of these 80 % masked, 10 % replaced, 10 % kept: within 4 standard deviations (words: of words)."""
    maskable, config = Maskable.of(wordpiece), MaskConfig(whole_words=whole_words)
    chosen = masks = same = total = units = 0
    for row in range(300):
        ids = ids_of(maskable, 126, row)
        inputs, targets = mask_row(ids, row, maskable, config)
        there = targets != IGNORE
        assert (inputs[~there] == ids[~there]).all()
        assert (targets[there] == ids[there]).all()
        chosen += there.sum()
        masks += (inputs[there] == maskable.mask).sum()
        same += (inputs[there] == ids[there]).sum()
        total, units = total + 126, units + maskable.words(ids).max() + 1
    ordinary = maskable.ordinary.sum()

    def close(found: float, share: float, n: float, spread: float = 1.0) -> bool:
        return bool(abs(found / n - share) < 4 * spread * (share * (1 - share) / n) ** 0.5)

    length = total / units if whole_words else 1.0  # a word's pieces are drawn together: a wider spread
    assert close(chosen, 0.15, total, (2 * length) ** 0.5 if whole_words else 1.0)
    assert close(masks, 0.8, chosen)
    assert close(same, 0.1 + 0.1 / ordinary, chosen)  # one replacement in V is the token itself


def test_whole_words_are_chosen_together(wordpiece: Tokenizer) -> None:
    maskable = Maskable.of(wordpiece)
    ids = np.array(wordpiece.encode(" ".join(TEXTS[:6])))
    pieces = [wordpiece.token_text(i) for i in ids]
    words = maskable.words(ids)
    assert words.tolist() == (np.cumsum([not piece.startswith("##") for piece in pieces]) - 1).tolist()
    assert any(piece.startswith("##") for piece in pieces)
    apart = 0
    for seed in range(50):
        for whole_words in (True, False):
            _, targets = mask_row(ids, seed, maskable, MaskConfig(whole_words=whole_words))
            there = targets != IGNORE
            split = [len({*there[words == word].tolist()}) > 1 for word in range(words.max() + 1)]
            assert not (whole_words and any(split))
            apart += any(split)
    assert apart  # without the option words are torn apart


def test_words_of_byte_level_tokens() -> None:
    tokenizer = train(TEXTS, TokenizerConfig(kind="bpe", vocab_size=300, special_tokens=SPECIAL))
    maskable = Maskable.of(tokenizer)
    text = "A rainha, com coração 12\nrei"
    ids = np.array(tokenizer.encode(text))
    found: dict[int, bytes] = {}
    for word, id in zip(maskable.words(ids), ids, strict=True):
        found[word] = found.get(word, b"") + tokenizer.token_bytes(int(id))
    assert [word.decode().strip() for word in found.values() if word.strip()] == [
        "A", "rainha", ",", "com", "coração", "1", "2", "rei",
    ]  # fmt: skip
    assert not maskable.ordinary[[tokenizer.special_tokens[name] for name in SPECIAL]].any()


def test_batches_are_a_function_of_seed_and_step(wordpiece: Tokenizer) -> None:
    maskable = Maskable.of(wordpiece)
    ids = ids_of(maskable, 2000)

    def batches(seed: int = 3, **more: object) -> MaskedBatches:
        return MaskedBatches(ids, maskable, MaskConfig(**more), context=32, batch_size=4, seed=seed)  # type: ignore[arg-type]

    one, other = batches(), batches()
    whole = one.at(7)
    assert whole.inputs.shape == (4, 32)
    assert whole.documents is None
    assert (whole.inputs[:, 0] == wordpiece.special_tokens["[CLS]"]).all()
    assert (whole.inputs[:, -1] == wordpiece.special_tokens["[SEP]"]).all()
    assert (whole.targets[:, [0, -1]] == IGNORE).all()
    assert torch.equal(other.at(7).inputs, whole.inputs)
    halves = [other.at(7, rank, 2) for rank in (0, 1)]
    assert torch.equal(torch.cat([half.inputs for half in halves]), whole.inputs)
    assert torch.equal(torch.cat([half.targets for half in halves]), whole.targets)
    assert not torch.equal(batches(seed=4).at(7).inputs, whole.inputs)
    assert (whole.targets != IGNORE).any(1).all()
    epoch = one.steps_per_epoch
    plain = torch.cat([one.plain.at(s).inputs.flatten() for s in range(epoch)])
    again = torch.cat([one.plain.at(epoch + s).inputs.flatten() for s in range(epoch)])
    assert abs(len(np.intersect1d(plain, again)) - len(plain.unique())) < 5  # the same text, masked anew


def test_every_row_has_something_to_foresee(wordpiece: Tokenizer) -> None:
    maskable = Maskable.of(wordpiece)
    rare = MaskConfig(share=1e-6)
    for seed in range(20):
        _, targets = mask_row(ids_of(maskable, 9, seed), seed, maskable, rare)
        assert (targets != IGNORE).sum() == 1
    control = np.array([maskable.mask, maskable.frame.before[0]])
    inputs, targets = mask_row(control, 0, maskable, MaskConfig(share=0.9))
    assert (targets == IGNORE).all()
    assert inputs.tolist() == control.tolist()


def test_held_out_rows_are_masked_alike_each_time_and_padding_is_set_apart(wordpiece: Tokenizer) -> None:
    maskable = Maskable.of(wordpiece)
    ids = ids_of(maskable, 100)
    first, second = (list(masked_held_out(ids, maskable, MaskConfig(), context=32, batch_size=2)) for _ in range(2))
    assert [len(batch.inputs) for batch in first] == [2, 2]
    assert all(torch.equal(a.inputs, b.inputs) for a, b in zip(first, second, strict=True))
    assert first[0].documents is None
    last = first[1]
    assert last.documents is not None
    assert last.documents[1].tolist() == [0] * 11 + [-1] * 21  # [CLS], 9 of the 10 ids that are left, [SEP]
    assert last.inputs[1, 10] == maskable.frame.after[0]
    assert (last.targets[1, 10:] == IGNORE).all()
    sizes = {batch_size: torch.cat([batch.targets for batch in masked_held_out(
        ids, maskable, MaskConfig(), context=32, batch_size=batch_size
    )]) for batch_size in (1, 3)}  # fmt: skip
    assert torch.equal(sizes[1], sizes[3])


def test_documents_are_kept(wordpiece: Tokenizer) -> None:
    maskable = Maskable.of(wordpiece)
    ids = torch.from_numpy(ids_of(maskable, 6))[None]
    batch = masked(Batch(ids, ids, torch.tensor([[0, 0, 0, 1, 1, 1]])), [0], maskable, MaskConfig())
    assert batch.documents is not None
    assert batch.documents.tolist() == [[0, 0, 0, 0, 1, 1, 1, 1]]


def test_bad_input() -> None:
    with pytest.raises(UserError, match=r"share is 1.5 but must be above 0 and below 1"):
        MaskConfig(share=1.5)
    with pytest.raises(UserError, match=r"at most 1 together"):
        MaskConfig(masked=0.8, replaced=0.3)
    plain = train(TEXTS, TokenizerConfig(vocab_size=300))
    with pytest.raises(UserError, match=r"the tokenizer has no \[CLS\], \[SEP\]"):
        Maskable.of(plain)

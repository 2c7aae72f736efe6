"""ELMo: its parts against ``torch.nn``, no direction sees what it foresees, letters, the loop, folders."""

import math
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from prosa.core.errors import UserError
from prosa.data.word_batches import RARE, WordBatches, WordText
from prosa.models.elmo import BEGIN, END, PADDING, Elmo, ElmoConfig, Highway, LayerMix, load_elmo, save_elmo, spell
from prosa.train.config import TrainConfig
from prosa.train.loop import fit
from prosa.train.objectives import BothDirections

SHAPE = ElmoConfig(vocab_size=7, context=6, d_model=8, d_char=4, filters=((1, 3), (3, 5)), longest=9)
TEXT = ["O rato roeu a roupa do rei de Roma.", "O rei de Roma, o rato!"]


def model(shape: ElmoConfig = SHAPE) -> Elmo:
    torch.manual_seed(0)
    return Elmo(shape).double().eval()


def letters(*words: str) -> torch.Tensor:
    return torch.from_numpy(spell(words, SHAPE.longest))[None]


def test_words_are_bytes_between_marks() -> None:
    assert spell(["pé"], 6).tolist() == [[BEGIN, ord("p"), 0xC3, 0xA9, END, PADDING]]
    assert spell(["palavra"], 5).tolist() == [[BEGIN, *b"pal", END]]
    assert spell([], 5).shape == (0, 5)


@torch.no_grad()
def test_the_word_encoder_by_its_formula() -> None:
    words = model().words
    row = letters("rei")[0].long()
    x = words.letters(row)[0]  # (L, D)
    found = []
    for convolve, (width, number) in zip(words.filters, SHAPE.filters, strict=True):
        for f in range(number):
            at = [
                max(0.0, float((convolve.weight[f].T * x[p : p + width]).sum() + convolve.bias[f]))
                for p in range(SHAPE.longest - width + 1)
            ]
            found.append(max(at))
    h = torch.tensor(found, dtype=torch.float64)
    (highway,) = words.highways
    assert isinstance(highway, Highway)
    g = torch.sigmoid(highway.gate(h))
    h = g * torch.relu(highway.change(h)) + (1 - g) * h
    torch.testing.assert_close(words(row)[0], words.project(h))
    assert float(torch.sigmoid(highway.gate.bias).mean()) == pytest.approx(1 / (1 + math.e))  # it carries at first


@torch.no_grad()
def test_the_layers_are_torchs_lstm_with_what_goes_around_it() -> None:
    elmo = model()
    rows = torch.cat([letters("O", "rato", "roeu", "a", "rato"), letters("a", "a", "O", "rei", "x")])
    x = elmo.words(rows.flatten(0, 1).long()).view(2, 5, 8)
    left = right = x
    expected = [torch.cat((x, x), -1)]
    for layer in range(2):
        lstm = torch.nn.LSTM(8, 8, batch_first=True, bidirectional=True).double()
        for suffix, cell in (("", elmo.forwards[layer]), ("_reverse", elmo.backwards[layer])):
            for theirs, ours in (("ih", cell.input), ("hh", cell.recurrent)):
                getattr(lstm, f"weight_{theirs}_l0{suffix}").copy_(ours.weight)
                getattr(lstm, f"bias_{theirs}_l0{suffix}").copy_(ours.bias)
        new_left, new_right = lstm(left)[0][..., :8], lstm(right)[0][..., 8:]
        left, right = (new_left, new_right) if layer == 0 else (left + new_left, right + new_right)
        expected.append(torch.cat((left, right), -1))
    for ours, theirs in zip(elmo(rows), expected, strict=True):
        torch.testing.assert_close(ours, theirs)
    top_left, top_right = elmo.directions(rows)
    torch.testing.assert_close(torch.cat((top_left, top_right), -1), expected[-1])
    there = torch.tensor([[True] * 5, [True] * 3 + [False] * 2])
    padded = elmo(rows, there)
    for ours, alone in zip(padded, elmo(rows[1:, :3]), strict=True):
        torch.testing.assert_close(ours[1, :3], alone[0])


def test_no_direction_sees_what_it_foresees() -> None:
    elmo = model()
    rows = letters("O", "rato", "roeu", "a", "roupa")
    base_left, base_right = elmo.directions(rows)
    for place in range(5):
        changed = rows.clone()
        changed[0, place] = letters("xyz")[0, 0]
        left, right = elmo.directions(changed)
        assert torch.equal(left[0, :place], base_left[0, :place])
        assert torch.equal(right[0, place + 1 :], base_right[0, place + 1 :])
        assert not torch.allclose(left[0, place:], base_left[0, place:])
        assert not torch.allclose(right[0, : place + 1], base_right[0, : place + 1])
    layers = elmo(rows)
    other = elmo(letters("a", "rato", "roupa"))
    torch.testing.assert_close(layers[0][0, 1], other[0][0, 1])  # the word alone: the same anywhere
    assert not torch.allclose(layers[1][0, 1], other[1][0, 1])


def test_the_objective_by_its_definition() -> None:
    elmo = model()
    text = WordText(TEXT, 7)
    batches = WordBatches(text, spell(text.words, 9), context=6, batch_size=2, seed=0)
    batch = batches.at(0)
    total, count, _ = BothDirections()(elmo, batch)
    left, right = elmo.directions(batch.letters)
    nats = 0.0
    for row in range(2):
        for t in range(5):
            nats += F.cross_entropy(elmo.head(left[row, t]), batch.targets[row, t + 1]).item()
            nats += F.cross_entropy(elmo.head(right[row, t + 1]), batch.targets[row, t]).item()
    assert count == 20
    assert float(total.detach()) == pytest.approx(nats, rel=1e-6)


def test_words_are_numbered_by_frequency_and_rare_ones_are_one() -> None:
    text = WordText(TEXT, 4)
    assert text.words[:6] == [RARE, "O", "rato", "rei", "de", "Roma"]  # those of two, as they come
    batch = WordBatches(text, spell(text.words, 9), context=4, batch_size=3, seed=1).at(2)
    assert batch.inputs.max() < 4
    assert (batch.inputs == 0).any()
    for row in range(3):
        for t in range(4):
            word = bytes(b for b in batch.letters[row, t].tolist() if b < 256).decode()
            number = text.words.index(word)
            assert batch.inputs[row, t] == (number if number < 4 else 0)
    with pytest.raises(UserError, match="no words in the text"):
        WordText(["  "], 10)


@torch.no_grad()
def test_the_mix_of_layers() -> None:
    mix, layers = LayerMix(3), [torch.randn(2, 4) for _ in range(3)]
    torch.testing.assert_close(mix(layers), sum(layers) / 3)  # type: ignore[arg-type]
    mix.scores.copy_(torch.tensor([0.0, 1.0, -2.0]))
    mix.scale.fill_(2.5)
    w = np.exp([0.0, 1.0, -2.0])
    w = 2.5 * w / w.sum()
    torch.testing.assert_close(mix(layers), sum(float(a) * h for a, h in zip(w, layers, strict=True)))  # type: ignore[arg-type]


def trained(folder: Path, steps: int, *, resume: bool = False) -> tuple[Elmo, list[str]]:
    text = WordText([" ".join(TEXT * 30)], 12)
    torch.manual_seed(0)
    elmo = Elmo(ElmoConfig(len(text.words[: text.foreseen]), 8, 16, 1, 4, ((1, 4), (2, 8)), longest=9))
    batches = WordBatches(text, spell(text.words, 9), context=8, batch_size=8, seed=0)
    config = TrainConfig(
        steps=steps, batch_size=8, micro_batch=8, lr=2e-2, optimizer="adamw", schedule="constant", warmup=0.0,
        checkpoint_every=20, precision="float32", workers=1, compile=False,
    )  # fmt: skip
    fit(elmo, BothDirections(), batches, config, folder, resume=resume, data_fingerprint=batches.fingerprint)
    return elmo, text.words[: text.foreseen]


def test_it_learns_resumes_and_is_saved(tmp_path: Path) -> None:
    whole, words = trained(tmp_path / "whole", 40)
    batch = WordBatches(WordText([" ".join(TEXT * 30)], 12), spell(WordText([" ".join(TEXT * 30)], 12).words, 9),
                        context=8, batch_size=8, seed=9).at(0)  # fmt: skip
    total, count, _ = BothDirections()(whole, batch)
    assert float(total.detach()) / count < 0.5 * math.log(12)
    half = tmp_path / "half"
    trained(half, 40)
    shutil.rmtree(half / "checkpoints" / "step_40")
    again, _ = trained(half, 40, resume=True)
    assert all(torch.equal(a, b) for a, b in zip(whole.parameters(), again.parameters(), strict=True))
    save_elmo(whole, tmp_path / "saved", words)
    loaded, foreseen = load_elmo(tmp_path / "saved")
    assert foreseen == words
    assert loaded.config == whole.config
    for a, b in zip(loaded(batch.letters), whole(batch.letters), strict=True):
        assert torch.equal(a, b)


def test_bad_folders_and_shapes(tmp_path: Path) -> None:
    elmo = model().float()
    save_elmo(elmo, tmp_path, ["a"])
    config = (tmp_path / "config.json").read_text()
    (tmp_path / "config.json").write_text(config.replace('"d_model": 8', '"d_model": 9'))
    with pytest.raises(UserError, match="size mismatch"):
        load_elmo(tmp_path)
    (tmp_path / "config.json").write_text(config.replace("prosa-elmo", "gpt2"))
    with pytest.raises(UserError, match="is no ELMo model"):
        load_elmo(tmp_path)
    with pytest.raises(UserError, match="filters of width 12 on words of 9 bytes"):
        Elmo(ElmoConfig(5, filters=((12, 3),), longest=9))
    with pytest.raises(UserError, match="d_model is 0, must be at least 1"):
        Elmo(ElmoConfig(5, d_model=0))

"""Decoders with a head of a few outputs: padding is not seen, and ``transformers`` opens them with equal logits."""

import dataclasses
import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from prosa.core.errors import UserError
from prosa.models.gpt import GPT, GPTConfig
from prosa.models.huggingface import load_model, save_model, saved_tokenizer_fingerprint
from prosa.models.huggingface_scored import load_scored, save_scored
from prosa.models.scored import ScoredConfig, ScoredGPT
from prosa.tokenizers.config import TokenizerConfig
from prosa.tokenizers.load import load as load_tokenizer
from prosa.tokenizers.train import train

LABELS = ("ham", "spam", "não sei")
SHAPES = {
    "classic": GPTConfig(300, 160, 2, 4, 32, shape="classic"),
    "sinusoidal": GPTConfig(300, 160, 2, 4, 32, shape="classic", positions="sinusoidal"),
    "modern": GPTConfig(300, 160, 2, 4, 32, n_kv_head=2, head_dim=10),
    "modern untied": GPTConfig(300, 160, 2, 4, 32, tied=False),
    "llama": GPTConfig(300, 160, 2, 4, 32, n_kv_head=2, qk_norm=False),
    "speedrun": GPTConfig(300, 160, 2, 4, 32, shape="speedrun"),
}
LENGTHS = [1, 7, 30, 31, 126, 160]


def make(shape: str, labels: tuple[str, ...] = LABELS, *, bias: bool = False) -> ScoredGPT:
    torch.manual_seed(3)
    model = ScoredGPT(GPT(SHAPES[shape]), labels, bias=bias).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.1)
    return model


def ragged() -> tuple[list[Tensor], Tensor, Tensor]:
    """Texts, and the same as a padded batch (the padding is any ids at all) and where they end."""
    draws = torch.Generator().manual_seed(1)
    texts = [torch.randint(299, (n,), generator=draws) for n in LENGTHS]
    batch = torch.randint(300, (len(texts), max(LENGTHS)), generator=draws)
    for row, text in zip(batch, texts, strict=True):
        row[: len(text)] = text
    return texts, batch, torch.tensor(LENGTHS) - 1


@torch.no_grad()
@pytest.mark.parametrize("shape", SHAPES)
def test_padding_changes_no_output(shape: str) -> None:
    model = make(shape, bias=True)
    texts, batch, ends = ragged()
    together = model(batch, ends)
    assert together.shape == (len(LENGTHS), len(LABELS))
    assert float(together.std(0).min()) > 0.05
    for row, text in zip(together, texts, strict=True):
        torch.testing.assert_close(model(text[None], torch.tensor([len(text) - 1]))[0], row, rtol=0, atol=1e-6)
    whole = model.backbone.hidden(texts[3][None])[0, -1]  # the definition
    torch.testing.assert_close(model.score.weight @ whole + model.score.bias, together[3], rtol=0, atol=1e-6)


def test_a_new_head_gives_zero_and_takes_the_place_of_the_language_head() -> None:
    backbone = GPT(SHAPES["modern untied"])
    before = {name: p.clone() for name, p in backbone.named_parameters() if not name.startswith("unembedding")}
    model = ScoredGPT(backbone, ("reward",), bias=True)
    assert model(torch.tensor([[1, 2, 3]]), torch.tensor([2])).tolist() == [[0.0]]
    after = {name.removeprefix("backbone."): p for name, p in model.named_parameters() if "score" not in name}
    assert after.keys() == before.keys()
    assert all(torch.equal(after[name], p) for name, p in before.items())
    assert model.config == ScoredConfig(
        dataclasses.replace(SHAPES["modern"], n_kv_head=4, head_dim=8), ("reward",), True
    )


@torch.no_grad()
@pytest.mark.parametrize("shape", ["classic", "sinusoidal", "modern", "modern untied", "llama"])
def test_transformers_opens_the_folder_with_the_same_logits(shape: str, tmp_path: Path) -> None:
    transformers = pytest.importorskip("transformers")
    tokenizer = train(["um dois três"], TokenizerConfig(vocab_size=300))
    model = make(shape)
    save_scored(model, tmp_path, tokenizer=tokenizer)
    theirs, info = transformers.AutoModelForSequenceClassification.from_pretrained(tmp_path, output_loading_info=True)
    assert not any(info[k] for k in ("missing_keys", "unexpected_keys", "mismatched_keys"))
    assert theirs.config.id2label == dict(enumerate(LABELS))
    assert theirs.config.pad_token_id == tokenizer.end_of_text
    texts, batch, ends = ragged()
    there = torch.arange(batch.shape[1]) <= ends[:, None]
    padded = torch.where(there, batch, theirs.config.pad_token_id)
    assert all(text[-1] != tokenizer.end_of_text for text in texts)
    expected = model(batch, ends)
    torch.testing.assert_close(theirs(padded, attention_mask=there.long()).logits, expected, rtol=0, atol=1e-5)
    torch.testing.assert_close(theirs(padded).logits, expected, rtol=0, atol=1e-5)

    opened = transformers.AutoTokenizer.from_pretrained(tmp_path)
    words = ["um", "dois três dois três um um"]
    given = opened(words, padding=True, return_tensors="pt")
    ids = [tokenizer.encode(text) for text in words]
    alone = [model(torch.tensor([row]), torch.tensor([len(row) - 1]))[0] for row in ids]
    given.pop("token_type_ids", None)
    torch.testing.assert_close(theirs(**given).logits, torch.stack(alone), rtol=0, atol=1e-5)


@torch.no_grad()
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("bias", [False, True])
def test_a_round_trip_changes_nothing(shape: str, bias: bool, tmp_path: Path) -> None:
    tokenizer = train(["um dois três"], TokenizerConfig(vocab_size=300))
    model = make(shape, ("reward",), bias=bias)
    save_scored(model, tmp_path, tokenizer=tokenizer)
    again = load_scored(tmp_path)
    assert again.config == model.config
    assert not again.training
    assert again.state_dict().keys() == model.state_dict().keys()
    for name, tensor in model.state_dict().items():
        assert torch.equal(again.state_dict()[name], tensor)
    assert saved_tokenizer_fingerprint(tmp_path) == tokenizer.fingerprint == load_tokenizer(tmp_path).fingerprint


def test_we_open_what_transformers_saves(tmp_path: Path) -> None:
    transformers = pytest.importorskip("transformers")
    settings = transformers.GPT2Config(vocab_size=67, n_positions=24, n_embd=64, n_layer=2, n_head=4, pad_token_id=66)
    theirs = transformers.GPT2ForSequenceClassification(settings).eval()
    nn.init.normal_(theirs.score.weight)
    theirs.save_pretrained(tmp_path)
    ours = load_scored(tmp_path)
    assert ours.config.labels == ("LABEL_0", "LABEL_1")
    ids = torch.tensor([[1, 5, 9], [4, 2, 66]])
    torch.testing.assert_close(ours(ids, torch.tensor([2, 1])), theirs(ids).logits, rtol=0, atol=1e-5)


def test_the_two_kinds_of_folder_are_told_apart_and_a_bad_head_is_named(tmp_path: Path) -> None:
    save_model(GPT(SHAPES["modern"]), tmp_path / "language")
    for shape in ("modern", "speedrun"):
        save_scored(make(shape), tmp_path / shape)
        with pytest.raises(UserError, match="is a reward model or classifier, not a language model"):
            load_model(tmp_path / shape)
    with pytest.raises(UserError, match="neither a reward model nor a classifier"):
        load_scored(tmp_path / "language")
    config = json.loads((tmp_path / "modern" / "config.json").read_text(encoding="utf-8"))
    (tmp_path / "modern" / "config.json").write_text(json.dumps({**config, "id2label": {"0": "a"}}), encoding="utf-8")
    with pytest.raises(UserError, match=r"score\.weight is \(3, 32\), not \(1, 32\)"):
        load_scored(tmp_path / "modern")
    weights = load_file(tmp_path / "speedrun" / "model.safetensors")
    del weights["score.weight"]
    save_file(weights, tmp_path / "speedrun" / "model.safetensors")
    (tmp_path / "speedrun" / "checksums.json").unlink()
    with pytest.raises(UserError, match=r"score\.weight is missing, not \(3, 32\)"):
        load_scored(tmp_path / "speedrun")


def test_a_text_longer_than_the_context_is_refused() -> None:
    with pytest.raises(UserError, match="does not fit the model's context of 160"):
        make("modern")(torch.zeros(1, 161, dtype=torch.int64), torch.tensor([160]))

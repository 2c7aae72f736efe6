"""Folders of language models: what is written is what is read; what is damaged is named; all train in the one loop."""

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from prosa.core.errors import UserError
from prosa.data.batches import Batches
from prosa.models.feedforward_lm import FeedForwardConfig, FeedForwardLM
from prosa.models.gpt import GPT, GPTConfig
from prosa.models.huggingface import load_model, saved_tokenizer_fingerprint
from prosa.models.language_model import LanguageModel, load_language_model, save_language_model
from prosa.models.recurrent import RecurrentConfig, RecurrentLM
from prosa.tokenizers.char import char_tokenizer
from prosa.train.config import TrainConfig
from prosa.train.loop import fit
from prosa.train.objectives import NextToken

V, CONTEXT = 30, 16
MODELS = {
    "gpt": lambda: GPT(GPTConfig(V, CONTEXT, 1, 2, 8)),
    "rnn": lambda: RecurrentLM(RecurrentConfig(V, CONTEXT, "rnn", 1, 8)),
    "lstm": lambda: RecurrentLM(RecurrentConfig(V, CONTEXT, "lstm", 2, 8, tied=False)),
    "gru": lambda: RecurrentLM(RecurrentConfig(V, CONTEXT, "gru", 1, 8)),
    "feed-forward": lambda: FeedForwardLM(FeedForwardConfig(V, CONTEXT, 3, 8, 8, direct=True)),
}


@pytest.fixture(params=MODELS.values(), ids=MODELS.keys())
def model(request: pytest.FixtureRequest) -> LanguageModel:
    torch.manual_seed(1)
    made: LanguageModel = request.param()
    with torch.no_grad():
        for parameter in made.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.2)
    return made


@torch.no_grad()
def test_a_folder_gives_the_model_back(model: LanguageModel, tmp_path: Path) -> None:
    tokenizer = char_tokenizer("abcdefghijklm", ["<|endoftext|>"])
    save_language_model(model, tmp_path, tokenizer=tokenizer)
    before = torch.get_rng_state()
    back = load_language_model(tmp_path)
    assert torch.equal(torch.get_rng_state(), before)
    assert type(back) is type(model)
    assert back.config == model.config
    assert not back.training
    ids = torch.arange(CONTEXT)[None]
    assert torch.equal(back(ids), model.eval()(ids))
    assert saved_tokenizer_fingerprint(tmp_path) == tokenizer.fingerprint
    assert not list(tmp_path.glob("*.p*k*"))


def test_other_dtypes_are_kept(tmp_path: Path) -> None:
    save_language_model(MODELS["lstm"]().bfloat16(), tmp_path)
    assert {p.dtype for p in load_language_model(tmp_path).parameters()} == {torch.bfloat16}


@pytest.mark.parametrize("damage", ["missing", "extra", "shape", "altered", "kind", "field", "size"])
def test_damage_is_named(tmp_path: Path, damage: str) -> None:
    save_language_model(MODELS["gru"](), tmp_path)
    weights, config = load_file(tmp_path / "model.safetensors"), json.loads((tmp_path / "config.json").read_text())
    if damage == "missing":
        del weights["head_bias"]
        message = "tensor head_bias is missing"
    elif damage == "extra":
        weights["more"] = torch.zeros(1)
        message = "tensor more is not part"
    elif damage == "shape":
        weights["embedding.weight"] = torch.zeros(V, 9)
        message = r"tensor embedding.weight is \(30, 9\), not \(30, 8\)"
    elif damage == "altered":
        weights["head_bias"] = weights["head_bias"] + 1
        message = "tensor head_bias was altered"
    elif damage == "kind":
        config["kind"] = "lsmt"
        message = "Did you mean 'lstm'"
    elif damage == "field":
        del config["d_model"]
        message = "missing keys: d_model"
    else:
        config["n_layer"] = 0
        message = "n_layer is 0"
    save_file(weights, tmp_path / "model.safetensors")
    if damage != "altered":
        (tmp_path / "checksums.json").unlink()
    (tmp_path / "config.json").write_text(json.dumps(config))
    with pytest.raises(UserError, match=message):
        load_language_model(tmp_path)


@pytest.mark.parametrize("name", ["rnn", "feed-forward"])
def test_what_needs_a_decoder_says_so(tmp_path: Path, name: str) -> None:
    save_language_model(MODELS[name](), tmp_path)
    with pytest.raises(UserError, match="and this needs a decoder"):
        load_model(tmp_path)


@pytest.mark.parametrize(
    ("name", "optimizer"), [("rnn", "adamw"), ("lstm", "muon"), ("gru", "adamw"), ("feed-forward", "muon")]
)
def test_the_one_loop_trains_it_and_resumes_to_the_same_bits(tmp_path: Path, name: str, optimizer: str) -> None:
    ids = torch.arange(400) % 7
    batches = Batches(ids, context=CONTEXT, batch_size=4, seed=0)

    def train(folder: Path, steps: int) -> tuple[float, LanguageModel]:
        torch.manual_seed(0)
        model = MODELS[name]()
        config = TrainConfig(
            steps=steps, batch_size=4, optimizer=optimizer, lr=0.03, schedule="constant", warmup=0.0,  # type: ignore[arg-type]
            embedding_lr=0.0, precision="float32", compile=False, workers=1, device="cpu",
        )  # fmt: skip
        result = fit(model, NextToken(), batches, config, folder, resume=True, data_fingerprint="x")
        return result.train["loss"], model

    loss, whole = train(tmp_path / "whole", 30)
    assert loss < 1.9  # more than the frequencies of the seven ids, ln 7 = 1.946
    train(tmp_path / "two", 9)
    again, resumed = train(tmp_path / "two", 30)
    assert again == loss
    for p, q in zip(whole.parameters(), resumed.parameters(), strict=True):
        assert torch.equal(p, q)

"""Model folders: parity with ``transformers`` in both directions, exact round trips, and damaged files."""

import dataclasses
import json
import math
import os
import struct
from pathlib import Path
from typing import Any, ClassVar

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

os.environ["HF_HUB_OFFLINE"] = "1"

from prosa.core.errors import UserError
from prosa.core.language import set_language
from prosa.models.gpt import GPT, GPTConfig
from prosa.models.huggingface import load_model, save_model, saved_tokenizer_fingerprint
from prosa.models.huggingface_weights import from_gpt2_state_dict

transformers = pytest.importorskip("transformers")
transformers.logging.set_verbosity_error()
transformers.logging.disable_progress_bar()

CLASSIC = GPTConfig(
    vocab_size=67, context=24, n_layer=2, n_head=4, d_model=32, d_ff=72, shape="classic", norm_eps=1e-3, dropout=0.1
)
MODERN = GPTConfig(
    vocab_size=67,
    context=24,
    n_layer=2,
    n_head=4,
    n_kv_head=2,
    head_dim=10,
    d_model=32,
    d_ff=56,
    norm_eps=1e-3,
    rope_theta=500.0,
)
LLAMA = dataclasses.replace(MODERN, qk_norm=False, head_dim=8)
SHAPES = {
    "classic": (CLASSIC, "GPT2LMHeadModel"),
    "classic untied": (dataclasses.replace(CLASSIC, tied=False), "GPT2LMHeadModel"),
    "sinusoidal": (dataclasses.replace(CLASSIC, positions="sinusoidal"), "GPT2LMHeadModel"),
    "none": (dataclasses.replace(CLASSIC, positions="none", dropout=0.0), "GPT2LMHeadModel"),
    "modern": (MODERN, "Qwen3ForCausalLM"),
    "modern untied": (dataclasses.replace(MODERN, tied=False, n_kv_head=1), "Qwen3ForCausalLM"),
    "modern ungrouped": (dataclasses.replace(MODERN, n_kv_head=4, dropout=0.2), "Qwen3ForCausalLM"),
    "llama": (LLAMA, "LlamaForCausalLM"),
    "llama untied": (dataclasses.replace(LLAMA, tied=False, n_kv_head=4), "LlamaForCausalLM"),
}
IDS = torch.randint(67, (3, 24), generator=torch.Generator().manual_seed(0))


def shake(model: nn.Module) -> None:
    """Weights, norms and biases all different from what they start as."""
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.1)


@pytest.fixture(params=SHAPES.values(), ids=SHAPES.keys())
def case(request: pytest.FixtureRequest) -> tuple[GPT, str]:
    torch.manual_seed(4)
    config, architecture = request.param
    model = GPT(config).eval()
    shake(model)
    return model, architecture


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A saved classic model."""
    torch.manual_seed(4)
    save_model(GPT(CLASSIC), tmp_path)
    return tmp_path


def change_config(folder: Path, **fields: Any) -> None:
    path = folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text(encoding="utf-8")) | fields), encoding="utf-8")


def refusal(folder: Path) -> str:
    set_language("en")
    with pytest.raises(UserError) as error:
        load_model(folder)
    set_language(None)
    return str(error.value)


@torch.no_grad()
def test_transformers_opens_our_folder_with_the_same_logits(case: tuple[GPT, str], tmp_path: Path) -> None:
    model, architecture = case
    save_model(model, tmp_path)
    theirs, info = transformers.AutoModelForCausalLM.from_pretrained(tmp_path, output_loading_info=True)
    assert type(theirs).__name__ == architecture
    assert not any(info[k] for k in ("missing_keys", "unexpected_keys", "mismatched_keys"))
    assert theirs.dtype == torch.float32
    assert sum(p.numel() for p in theirs.parameters()) - sum(p.numel() for p in model.parameters()) == (
        24 * 32 if model.config.positions in ("sinusoidal", "none") else 0
    )
    torch.testing.assert_close(theirs(IDS).logits, model(IDS), atol=1e-5, rtol=1e-5)
    assert model(IDS).std() > 0.5  # the logits are far from constant


@torch.no_grad()
def test_we_open_what_transformers_saves(case: tuple[GPT, str], tmp_path: Path) -> None:
    """Their random model, from their configuration class, through ``save_pretrained``."""
    model, architecture = case
    save_model(model, tmp_path / "ours")
    settings = transformers.AutoConfig.from_pretrained(tmp_path / "ours")
    theirs = getattr(transformers, architecture)(settings).eval()
    shake(theirs)
    if model.config.positions in ("sinusoidal", "none"):
        theirs.transformer.wpe.weight.copy_(load_file(tmp_path / "ours/model.safetensors")["transformer.wpe.weight"])
    theirs.save_pretrained(tmp_path / "theirs")
    ours = load_model(tmp_path / "theirs")
    assert ours.config == model.config
    assert not ours.training
    torch.testing.assert_close(ours(IDS), theirs(IDS).logits, atol=1e-5, rtol=1e-5)


def test_a_round_trip_changes_nothing(case: tuple[GPT, str], tmp_path: Path) -> None:
    model, _ = case
    save_model(model, tmp_path)
    again = load_model(tmp_path)
    assert again.config == model.config
    assert again.state_dict().keys() == model.state_dict().keys()
    for name, tensor in model.state_dict().items():
        assert torch.equal(again.state_dict()[name], tensor)
    assert all(p.requires_grad for p in again.parameters())
    assert not list(tmp_path.glob("*.tmp"))


@torch.no_grad()
def test_the_speedrun_shape_goes_and_comes_back_and_only_here(tmp_path: Path) -> None:
    model = GPT(dataclasses.replace(MODERN, shape="speedrun", tied=None))
    shake(model)
    save_model(model, tmp_path)
    again = load_model(tmp_path)
    assert again.config == model.config
    assert torch.equal(again(IDS), model(IDS))
    assert float(model(IDS).abs().max()) < 15  # capped
    with pytest.raises(ValueError, match="prosa-speedrun"):
        transformers.AutoConfig.from_pretrained(tmp_path)


def test_bfloat16_weights_stay_bfloat16(tmp_path: Path) -> None:
    model = GPT(MODERN).to(torch.bfloat16)
    save_model(model, tmp_path)
    assert json.loads((tmp_path / "config.json").read_text())["dtype"] == "bfloat16"
    again = load_model(tmp_path)
    assert {p.dtype for p in again.parameters()} == {torch.bfloat16}
    assert torch.equal(again.embedding.weight, model.embedding.weight)
    assert transformers.AutoModelForCausalLM.from_pretrained(tmp_path, dtype="auto").dtype == torch.bfloat16


def test_a_fixed_position_table_is_exported_exactly(tmp_path: Path) -> None:
    save_model(GPT(SHAPES["sinusoidal"][0]), tmp_path / "sinusoidal")
    table = load_file(tmp_path / "sinusoidal/model.safetensors")["transformer.wpe.weight"]
    assert table.shape == (24, 32)
    angle = 7 / 10000 ** (4 / 32)
    assert table[7, 4:6].tolist() == pytest.approx([0.02 * math.sin(angle), 0.02 * math.cos(angle)], rel=1e-5)
    save_model(GPT(SHAPES["none"][0]), tmp_path / "none")
    assert load_file(tmp_path / "none/model.safetensors")["transformer.wpe.weight"].eq(0).all()


class _EndOfText:
    """As much of a tokenizer as a model folder asks of it."""

    end_of_text = 66
    fingerprint = "5e" * 32
    special_tokens: ClassVar = {"<|endoftext|>": 66}

    def save(self, folder: Path) -> None:
        (folder / "tokenizer.json").write_text("{}", encoding="utf-8")


def test_the_tokenizer_goes_along(tmp_path: Path) -> None:
    save_model(GPT(MODERN), tmp_path, tokenizer=_EndOfText())  # type: ignore[arg-type]
    for name in ("config.json", "generation_config.json"):
        fields = json.loads((tmp_path / name).read_text(encoding="utf-8"))
        assert (fields["bos_token_id"], fields["eos_token_id"]) == (66, 66)
    assert (tmp_path / "tokenizer.json").is_file()
    theirs = transformers.AutoModelForCausalLM.from_pretrained(tmp_path)
    assert theirs.generation_config.eos_token_id == 66


@pytest.mark.parametrize("config", [CLASSIC, MODERN, LLAMA], ids=["classic", "modern", "llama"])
def test_the_folder_names_its_tokenizer(tmp_path: Path, config: GPTConfig) -> None:
    model = GPT(config).eval()
    save_model(model, tmp_path)
    assert saved_tokenizer_fingerprint(tmp_path) is None
    save_model(model, tmp_path, tokenizer=_EndOfText())  # type: ignore[arg-type]
    assert saved_tokenizer_fingerprint(tmp_path) == "5e" * 32
    assert load_model(tmp_path).config == config
    theirs = transformers.AutoModelForCausalLM.from_pretrained(tmp_path)
    torch.testing.assert_close(theirs(IDS).logits, model(IDS), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("ours", [None, 5, [], {}, {"tokenizer": None}, {"tokenizer": ["a"]}])
def test_a_folder_that_does_not_tell_its_tokenizer(folder: Path, ours: Any) -> None:
    change_config(folder, prosa=ours)
    assert saved_tokenizer_fingerprint(folder) is None


@torch.no_grad()
@pytest.mark.parametrize("prefix", [True, False])
@pytest.mark.parametrize("tied", [True, False])
def test_a_gpt2_state_dict_loads(prefix: bool, tied: bool) -> None:
    torch.manual_seed(0)
    settings = transformers.GPT2Config(
        vocab_size=67, n_positions=24, n_embd=128, n_layer=2, n_head=2, tie_word_embeddings=tied
    )
    theirs = transformers.GPT2LMHeadModel(settings).eval()
    shake(theirs)
    state: dict[str, Tensor] = theirs.state_dict()
    # the oldest published files also hold each block's causal mask, as a buffer
    state |= {
        "transformer.h.0.attn.bias": torch.ones(1, 1, 24, 24),
        "transformer.h.0.attn.masked_bias": torch.tensor(-1e4),
    }
    if not prefix:
        state = {name.removeprefix("transformer."): tensor for name, tensor in state.items()}
    ours = from_gpt2_state_dict(state).eval()
    assert ours.config == GPTConfig(67, 24, 2, 2, 128, shape="classic", tied=tied)
    torch.testing.assert_close(ours(IDS), theirs(IDS).logits, atol=1e-5, rtol=1e-5)


def test_an_incomplete_gpt2_state_dict_names_the_tensor() -> None:
    state = transformers.GPT2LMHeadModel(
        transformers.GPT2Config(vocab_size=67, n_embd=64, n_layer=2, n_head=1)
    ).state_dict()
    del state["transformer.h.1.attn.c_attn.bias"]
    with pytest.raises(UserError, match=r"transformer\.h\.1\.attn\.c_attn\.bias"):
        from_gpt2_state_dict(state)
    with pytest.raises(UserError, match=r"wte\.weight"):
        from_gpt2_state_dict({})


@torch.no_grad()
def test_shards_and_names_without_prefix_load(tmp_path: Path) -> None:
    """A folder as large models have it (two files and an index), of a bare ``GPT2Model`` (no prefix, no head)."""
    torch.manual_seed(0)
    settings = transformers.GPT2Config(vocab_size=67, n_positions=24, n_embd=64, n_layer=2, n_head=4)
    theirs = transformers.GPT2LMHeadModel(settings).eval()
    theirs.transformer.save_pretrained(tmp_path, max_shard_size="100KB")
    assert len(list(tmp_path.glob("*.safetensors"))) > 1
    torch.testing.assert_close(load_model(tmp_path)(IDS), theirs(IDS).logits, atol=1e-5, rtol=1e-5)
    next(iter(sorted(tmp_path.glob("*.safetensors")))).unlink()
    assert "model-00001-of" in refusal(tmp_path)


def test_an_old_configuration_with_few_fields_loads(tmp_path: Path) -> None:
    """What is left out means what it means to ``transformers``."""
    save_model(GPT(dataclasses.replace(MODERN, rope_theta=77.0)), tmp_path)
    path = tmp_path / "config.json"
    fields = json.loads(path.read_text(encoding="utf-8"))
    for name in ("prosa", "rope_parameters", "architectures", "hidden_act", "rms_norm_eps"):
        del fields[name]
    path.write_text(json.dumps(fields | {"rope_scaling": None}), encoding="utf-8")
    theirs = transformers.AutoConfig.from_pretrained(tmp_path)
    assert load_model(tmp_path).config.rope_theta == theirs.rope_parameters["rope_theta"] == 77.0
    assert load_model(tmp_path).config.norm_eps == theirs.rms_norm_eps == 1e-6


@pytest.mark.parametrize("keep", [0, 4, 100, 0.5, -1])
def test_truncated_weights_are_refused(folder: Path, keep: float) -> None:
    path = folder / "model.safetensors"
    content = path.read_bytes()
    path.write_bytes(content[: int(keep * len(content)) if isinstance(keep, float) else keep])
    assert f"{path} is truncated or damaged" in refusal(folder)


def test_equal_models_are_equal_files(tmp_path: Path) -> None:
    model = GPT(GPTConfig(vocab_size=40, context=8, n_layer=2, n_head=2, d_model=8))
    for i in range(8):
        save_model(model, tmp_path / str(i))
    for name in ("model.safetensors", "config.json", "checksums.json"):
        assert len({(tmp_path / str(i) / name).read_bytes() for i in range(8)}) == 1


def test_an_altered_tensor_is_refused_by_name(folder: Path) -> None:
    path = folder / "model.safetensors"
    content = bytearray(path.read_bytes())
    (header_size,) = struct.unpack("<Q", content[:8])
    header = json.loads(content[8 : 8 + header_size])
    name = "transformer.h.1.mlp.c_fc.weight"
    content[8 + header_size + header[name]["data_offsets"][0] + 5] ^= 1
    path.write_bytes(content)
    message = refusal(folder)
    assert str(path) in message
    assert f"tensor {name} was altered" in message


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"n_embd": 36}, ["model.safetensors", "transformer.wte.weight is (67, 32), not (67, 36)"]),
        ({"n_layer": 3}, ["model.safetensors", "transformer.h.2.ln_1.weight is missing"]),
        ({"n_layer": 1}, ["model.safetensors", "transformer.h.1.attn.c_attn.bias is not part of this model"]),
        ({"tie_word_embeddings": False}, ["model.safetensors", "lm_head.weight is missing"]),
        ({"n_head": 5}, ["config.json", "5 heads do not divide d_model 32: use n_head 4"]),
        ({"n_layer": "many"}, ["config.json", "n_layer is 'many', expected a whole number"]),
        ({"layer_norm_epsilon": None, "resid_pdrop": "x"}, ["config.json", "expected a number"]),
        ({"activation_function": "relu"}, ["config.json", "activation_function 'relu' is not supported"]),
        ({"model_type": "gpt-2"}, ["config.json", "Did you mean 'gpt2'"]),
        ({"model_type": None}, ["config.json", "gpt2, llama, prosa-speedrun, qwen3"]),
        ({"model_type": ["gpt2"]}, ["config.json", "gpt2, llama, prosa-speedrun, qwen3"]),
        ({"prosa": {"positions": ["learned"]}}, ["config.json", "positions"]),
        ({"prosa": ["learned"], "tie_word_embeddings": [1], "n_head": [4]}, ["n_head is [4], expected a whole"]),
        ({"prosa": {"positions": "sinusoidal"}}, ["model.safetensors", "does not hold sinusoidal positions"]),
        ({"prosa": {"positions": "circular"}}, ["config.json", "no circular positions: use learned"]),
    ],
)
def test_weights_that_do_not_fit_the_configuration_are_refused(folder: Path, fields: Any, told: list[str]) -> None:
    change_config(folder, **fields)
    message = refusal(folder)
    for part in told:
        assert part in message


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"rope_parameters": {"rope_type": "llama3", "rope_theta": 1e4}}, "type 'llama3' are not supported"),
        (
            {"rope_scaling": {"type": "linear", "factor": 2.0}, "rope_parameters": None},
            "type 'linear' are not supported",
        ),
        ({"attention_bias": True}, "attention_bias True is not supported"),
        ({"use_sliding_window": True}, "use_sliding_window True is not supported"),
        ({"hidden_act": "gelu"}, "hidden_act 'gelu' is not supported"),
        ({"hidden_size": None}, "hidden_size is None, expected a whole number"),
    ],
)
def test_what_our_decoder_lacks_is_refused(tmp_path: Path, fields: Any, told: str) -> None:
    save_model(GPT(MODERN), tmp_path)
    change_config(tmp_path, **fields)
    assert told in refusal(tmp_path)


def test_a_tied_head_that_differs_is_refused(folder: Path) -> None:
    weights = load_file(folder / "model.safetensors")
    save_file(weights | {"lm_head.weight": weights["transformer.wte.weight"].clone()}, folder / "model.safetensors")
    load_model(folder)
    save_file(weights | {"lm_head.weight": weights["transformer.wte.weight"] + 1}, folder / "model.safetensors")
    assert "tensor lm_head.weight differs" in refusal(folder)


def test_missing_files_are_named(folder: Path) -> None:
    (folder / "model.safetensors").unlink()
    assert f"{folder / 'model.safetensors'} is missing" in refusal(folder)
    (folder / "config.json").write_text("{", encoding="utf-8")
    assert "config.json" in refusal(folder)
    (folder / "config.json").write_text("[]", encoding="utf-8")
    assert "config.json: expected a JSON object" in refusal(folder)
    (folder / "config.json").unlink()
    assert "config.json" in refusal(folder)


@pytest.mark.parametrize("content", [[], ["a"], {"model.safetensors": ["a"]}, {"model.safetensors": {"a": ["b"]}}, 5])
def test_strange_checksums_are_named(folder: Path, content: Any) -> None:
    (folder / "checksums.json").write_text(json.dumps(content), encoding="utf-8")
    assert f"{folder / 'checksums.json'}: " in refusal(folder)


@pytest.mark.parametrize("content", [{"weight_map": ["a"]}, {"weight_map": {"a": 5}}, {"weight_map": "x"}, []])
def test_a_strange_index_of_shards_is_named(folder: Path, content: Any) -> None:
    (folder / "model.safetensors").unlink()
    (folder / "model.safetensors.index.json").write_text(json.dumps(content), encoding="utf-8")
    assert f"{folder / 'model.safetensors.index.json'}: " in refusal(folder)


def test_a_full_disk_leaves_the_old_model(folder: Path) -> None:
    resource = pytest.importorskip("resource")
    before = (folder / "model.safetensors").read_bytes()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, hard))  # no file may grow past this: the write fails midway
    try:
        with pytest.raises(UserError, match=r"model\.safetensors"):
            save_model(GPT(CLASSIC), folder)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert (folder / "model.safetensors").read_bytes() == before
    assert not list(folder.glob(".*.tmp"))
    load_model(folder)

"""Adapters: counts as published, merged equals unmerged, and PEFT opens them."""

import dataclasses
import json

import pytest
import torch
from torch import nn

from prosa.align.adapter import load_adapter, save_adapter
from prosa.align.lora import LoraConfig, adapters, add_adapters, merge, remove
from prosa.core.errors import UserError
from prosa.models.gpt import GPT, GPTConfig
from prosa.models.huggingface import save_model
from prosa.models.scored import ScoredGPT
from prosa.models.sizes import by_name

IDS = torch.tensor([[1, 5, 9, 30, 2, 7]])


def _model(shape: str, seed: int = 0, **options) -> GPT:
    torch.manual_seed(seed)
    sizes = {"n_kv_head": 2 if shape == "modern" else 4}
    return GPT(GPTConfig(50, 16, 2, 4, 32, shape=shape, **{**sizes, **options})).eval()


def _adapted(model: GPT, **options) -> GPT:
    add_adapters(model, LoraConfig(**{"rank": 3, "alpha": 5.0, **options}))
    torch.manual_seed(7)
    for layer in adapters(model).values():
        nn.init.normal_(layer.b, std=0.3)
    return model


def test_the_published_count_of_parameters() -> None:
    """GPT-2 124M with a two-class head that has a bias, rank 16, all linear layers."""
    with torch.device("meta"):
        model = ScoredGPT(GPT(by_name("gpt2-124m")), ("ham", "spam"), bias=True)
        assert sum(p.numel() for p in model.parameters()) == 124_441_346
        assert add_adapters(model, LoraConfig(rank=16)) == 2_666_528
    assert sum(p.numel() for p in model.parameters()) == 124_441_346 + 2_666_528
    assert set(adapters(model)) >= {"score", "backbone.blocks.0.attention.q", "backbone.blocks.11.feedforward.down"}
    with torch.device("meta"):  # without the head
        assert add_adapters(GPT(by_name("gpt2-124m")), LoraConfig(rank=16)) == 2_666_528 - 16 * (768 + 2)


@pytest.mark.parametrize("shape", ["classic", "modern", "speedrun"])
def test_a_new_adapter_changes_nothing_and_a_merged_one_is_the_same_model(shape) -> None:
    model = _model(shape)
    if shape == "speedrun":  # its outputs are zero at first
        for p in model.parameters():
            nn.init.normal_(p, std=0.2)
    before = model(IDS)
    weights = {name: p.clone() for name, p in model.state_dict().items()}
    add_adapters(model, LoraConfig(rank=3))
    torch.testing.assert_close(model(IDS), before)
    torch.manual_seed(7)
    for layer in adapters(model).values():
        nn.init.normal_(layer.b, std=0.3)
    changed = model(IDS)
    assert (changed - before).abs().max() > 0.1
    merge(model)
    torch.testing.assert_close(model(IDS), changed, rtol=0, atol=1e-5)
    assert model.state_dict().keys() == weights.keys()
    assert all(p.requires_grad for p in model.parameters())
    again = _adapted(_model(shape))
    remove(again)
    torch.testing.assert_close(again(IDS), _model(shape)(IDS))


def test_only_adapters_get_gradients() -> None:
    model = _adapted(_model("modern"), targets=("q", "down"), dropout=0.5).train()
    model(IDS).sum().backward()
    trained = {name for name, p in model.named_parameters() if p.grad is not None}
    assert trained == {
        f"blocks.{n}.{layer}.{m}" for n in (0, 1) for layer in ("attention.q", "feedforward.down") for m in "ab"
    }


@pytest.mark.parametrize("shape", ["classic", "modern"])
@pytest.mark.parametrize("targets", [("q", "v", "down"), ("q", "k", "v", "out", "gate", "up", "down")])
def test_peft_opens_an_adapter_with_the_same_logits(tmp_path, shape, targets) -> None:
    peft = pytest.importorskip("peft")
    from transformers import AutoModelForCausalLM

    model = _model(shape)
    save_model(model, tmp_path / "base")
    _adapted(model, targets=targets)
    save_adapter(model, tmp_path / "adapter", base=str(tmp_path / "base"))
    theirs = AutoModelForCausalLM.from_pretrained(tmp_path / "base", dtype=torch.float32)
    theirs = peft.PeftModel.from_pretrained(theirs, tmp_path / "adapter").eval()
    torch.testing.assert_close(theirs(IDS).logits, model(IDS), rtol=0, atol=1e-5)
    torch.testing.assert_close(theirs.merge_and_unload()(IDS).logits, model(IDS), rtol=0, atol=1e-5)

    again = _model(shape)
    load_adapter(again, tmp_path / "adapter")
    torch.testing.assert_close(again(IDS), model(IDS), rtol=0, atol=1e-6)


def test_an_adapter_that_peft_made_is_read(tmp_path) -> None:
    peft = pytest.importorskip("peft")
    from transformers import AutoModelForCausalLM

    save_model(_model("classic"), tmp_path / "base")
    theirs = AutoModelForCausalLM.from_pretrained(tmp_path / "base", dtype=torch.float32)
    config = peft.LoraConfig(r=4, lora_alpha=6, target_modules=["c_attn"], fan_in_fan_out=True, init_lora_weights=False)
    theirs = peft.get_peft_model(theirs, config).eval()
    theirs.save_pretrained(tmp_path / "adapter")
    ours = _model("classic")
    load_adapter(ours, tmp_path / "adapter")
    torch.testing.assert_close(ours(IDS), theirs(IDS).logits, rtol=0, atol=1e-5)


def test_several_adapters_on_one_base(tmp_path) -> None:
    base = _model("modern")
    for seed in (1, 2):
        adapted = _adapted(_model("modern"))
        torch.manual_seed(seed)
        for layer in adapters(adapted).values():
            nn.init.normal_(layer.b, std=0.3)
        save_adapter(adapted, tmp_path / str(seed), base="base")
        load_adapter(base, tmp_path / str(seed))
        torch.testing.assert_close(base(IDS), adapted(IDS))
        remove(base)
    torch.testing.assert_close(base(IDS), _model("modern")(IDS))


def test_bad_adapters_are_refused_and_the_model_stays(tmp_path) -> None:
    save_adapter(_adapted(_model("modern")), tmp_path / "good", base="base")
    with pytest.raises(UserError, match=r"the adapter .*good cannot be used: this model has no layer model\.layers"):
        load_adapter(_model("classic"), tmp_path / "good")
    wide = GPT(dataclasses.replace(_model("modern").config, d_model=64, head_dim=16))
    with pytest.raises(UserError, match=r"down_proj is \(32, 96\), not \(64, 96\)"):
        load_adapter(wide, tmp_path / "good")
    assert not adapters(wide)
    assert all(p.requires_grad for p in wide.parameters())
    config = json.loads((tmp_path / "good" / "adapter_config.json").read_text())
    (tmp_path / "good" / "adapter_config.json").write_text(json.dumps({**config, "peft_type": "IA3"}))
    with pytest.raises(UserError, match="no LoRA"):
        load_adapter(_model("modern"), tmp_path / "good")
    save_adapter(_adapted(_model("modern")), tmp_path / "cut", base="base")
    data = (tmp_path / "cut" / "adapter_model.safetensors").read_bytes()
    (tmp_path / "cut" / "adapter_model.safetensors").write_bytes(data[:-100])
    with pytest.raises(UserError, match="cannot be used"):
        load_adapter(_model("modern"), tmp_path / "cut")


@pytest.mark.parametrize("wrong", [{"rank": -1}, {"alpha": 0.0}, {"dropout": 1.0}, {"targets": ()}])
def test_bad_configuration(wrong) -> None:
    with pytest.raises(UserError, match="rank must be 0 or more"):
        LoraConfig(**wrong)
    with pytest.raises(UserError, match="Did you mean 'gate'"):
        LoraConfig(targets=("gates",))

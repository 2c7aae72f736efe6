from pathlib import Path

import pytest
import torch
from torch import Tensor

from prosa.core.errors import UserError
from prosa.models.gpt import GPT, GPTConfig
from prosa.models.huggingface import save_model
from prosa.models.inside import attention_maps, logit_lens, residual_stream
from prosa.nn.attention import Attention

SHAPES = {
    "classic": {"shape": "classic"},
    "sinusoidal": {"shape": "classic", "positions": "sinusoidal"},
    "modern": {"shape": "modern", "n_kv_head": 2},
    "llama": {"shape": "modern", "qk_norm": False},
    "speedrun": {"shape": "speedrun"},
}
IDS = [3, 1, 4, 1, 5, 9, 2, 6, 5]


def make(name: str, spread: float = 0.4) -> GPT:
    torch.manual_seed(1)
    model = GPT(GPTConfig(50, 16, 3, 4, 32, **SHAPES[name])).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter) * spread)  # far from uniform weights, and norms from 1
    return model


@pytest.mark.parametrize("name", ["classic", "modern", "llama"])
def test_attention_is_that_of_transformers_on_the_same_folder(name: str, tmp_path: Path) -> None:
    from transformers import AutoModelForCausalLM

    model = make(name)
    save_model(model, tmp_path)
    theirs = AutoModelForCausalLM.from_pretrained(tmp_path, attn_implementation="eager").eval()
    with torch.no_grad():
        out = theirs(torch.tensor([IDS]), output_attentions=True, output_hidden_states=True)
    ours = attention_maps(model, IDS)
    assert ours.shape == (3, 4, 9, 9)
    torch.testing.assert_close(ours, torch.cat(out.attentions), rtol=1e-4, atol=1e-5)
    assert ours.max(-1).values[:, :, 4:].mean() > 0.4  # nothing near uniform, where any way would agree
    stream = residual_stream(model, IDS)  # theirs has the final norm in the last
    torch.testing.assert_close(stream[:-1], torch.cat(out.hidden_states[:-1]), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("name", SHAPES)
def test_weights_sum_to_one_and_nothing_looks_ahead(name: str) -> None:
    maps = attention_maps(make(name), IDS)
    torch.testing.assert_close(maps.sum(-1), torch.ones(3, 4, 9))
    assert torch.equal(maps, maps.tril())
    assert (maps[:, :, 0, 0] == 1).all()


@pytest.mark.parametrize("name", SHAPES)
def test_what_the_weights_weigh_is_what_the_layer_gives(name: str) -> None:
    model = make(name)
    attention = model.blocks[1].attention
    seen: list[tuple[Tensor, ...]] = []
    hook = attention.register_forward_hook(lambda _, args, out: seen.append((*args[:2], out)))
    maps = attention_maps(model, IDS)
    hook.remove()
    x, _, out = seen[0]
    values = attention.v(x).unflatten(-1, (-1, 8)).transpose(1, 2)
    values = values.repeat_interleave(4 // values.shape[1], dim=1)
    mixed = attention.out((maps[1][None] @ values).transpose(1, 2).flatten(2))
    torch.testing.assert_close(mixed, out)


def test_an_encoder_looks_ahead_and_padding_is_not_seen() -> None:
    torch.manual_seed(0)
    attention = Attention(16, 4, 4, 4, bias=True, qk_norm=False, norm_eps=1e-5, dropout=0.0, causal=False)
    x = torch.randn(2, 5, 16)
    seen = torch.tensor([[True] * 5, [True, True, True, False, False]])[:, None, None]
    for mask in (None, seen):
        weights = attention.weights(x, None, mask)
        values = attention.v(x).unflatten(-1, (4, 4)).transpose(1, 2)
        torch.testing.assert_close(
            attention.out((weights @ values).transpose(1, 2).flatten(2)), attention(x, None, mask)
        )
        assert weights[0, :, 0, 4].min() > 0
    assert weights[1, :, :, 3:].max() == 0


@pytest.mark.parametrize("name", SHAPES)
def test_the_last_layer_of_the_lens_is_the_model_exactly(name: str) -> None:
    model = make(name)
    lens = logit_lens(model, IDS)
    assert lens.shape == (4, 9, 50)
    with torch.no_grad():
        assert torch.equal(lens[-1], model(torch.tensor([IDS]))[0])
        if name != "speedrun":
            start = model.embedding(torch.tensor(IDS))
            if name == "classic":
                start = start + model.position_embedding.weight[:9]
            if name != "sinusoidal":
                torch.testing.assert_close(lens[0], model.head(model.norm(start)))
    assert not torch.allclose(lens[0], lens[-1])


def test_the_model_is_left_as_it_was() -> None:
    model = make("modern")
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    attention_maps(model, IDS)
    logit_lens(model, IDS)
    assert all(not module._forward_hooks and not module._forward_pre_hooks for module in model.modules())
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())


def test_a_text_too_long_is_refused_and_leaves_no_hook() -> None:
    model = make("classic")
    for look in (attention_maps, residual_stream):
        with pytest.raises(UserError, match="17 tokens does not fit the model's context of 16"):
            look(model, list(range(17)))
    assert all(not module._forward_hooks and not module._forward_pre_hooks for module in model.modules())

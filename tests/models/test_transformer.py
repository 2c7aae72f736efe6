"""The original Transformer: its parameter counts, torch.nn.Transformer's numbers, and decoding with a cache."""

import pytest
import torch
from torch import Tensor, nn

from prosa.core.errors import UserError
from prosa.models.transformer import Transformer, TransformerConfig
from prosa.nn.attention import Attention
from prosa.nn.positions import sinusoidal

TINY = TransformerConfig(vocab_size=23, context=16, end=0, n_encoder=2, n_decoder=3, n_head=4, d_model=16, d_ff=40)


def counted(config: TransformerConfig) -> int:
    with torch.device("meta"):
        return sum(p.numel() for p in Transformer(config).parameters())


def test_published_parameter_counts() -> None:
    base = TransformerConfig(vocab_size=37_000, context=256, end=0)
    assert counted(base) == 63_082_496
    assert counted(base) - 37_000 * 512 == 44_138_496
    big = TransformerConfig(vocab_size=37_000, context=256, end=0, n_head=16, d_model=1024, d_ff=4096)
    assert counted(big) == 214_245_376


@pytest.fixture
def model() -> Transformer:
    torch.manual_seed(0)
    made = Transformer(TINY).eval()
    with torch.no_grad():
        for name, p in made.named_parameters():
            if p.ndim == 1 or "bias" in name:  # so that a bias forgotten shows
                p += 0.3 * torch.randn_like(p)
    return made


def batch() -> tuple[Tensor, Tensor, Tensor]:
    draws = torch.Generator().manual_seed(1)
    inputs = torch.randint(0, 23, (3, 7), generator=draws)
    return inputs, torch.randint(0, 23, (3, 9), generator=draws), torch.tensor([9, 4, 1])


def _copy_attention(ours: Attention, theirs: nn.MultiheadAttention) -> None:
    theirs.in_proj_weight.copy_(torch.cat([ours.q.weight, ours.k.weight, ours.v.weight]))
    theirs.in_proj_bias.copy_(torch.cat([ours.q.bias, ours.k.bias, ours.v.bias]))
    theirs.out_proj.load_state_dict(ours.out.state_dict())


@torch.no_grad()
def test_torch_transformer_agrees_on_equal_weights(model) -> None:
    """Padding, causality and all: every number of the decoder's output."""
    theirs = nn.Transformer(16, 4, 2, 3, 40, dropout=0.0, activation="relu", batch_first=True).eval()
    theirs.encoder.norm = theirs.decoder.norm = None
    for ours, layer in [*zip(model.encoder, theirs.encoder.layers, strict=True)] + [
        *zip(model.decoder, theirs.decoder.layers, strict=True)
    ]:
        _copy_attention(ours.attention, layer.self_attn)
        layer.linear1.load_state_dict(ours.feedforward.up.state_dict())
        layer.linear2.load_state_dict(ours.feedforward.down.state_dict())
        norms = [ours.attention_norm, ours.feedforward_norm]
        if ours.cross is not None:
            _copy_attention(ours.cross, layer.multihead_attn)
            norms.insert(1, ours.cross_norm)
        for n, norm in enumerate(norms, start=1):
            getattr(layer, f"norm{n}").load_state_dict(norm.state_dict())
    inputs, source, lengths = batch()
    table = model.embedding.weight * 16**0.5
    x = table[source] + sinusoidal(torch.arange(9), 16)
    y = table[inputs] + sinusoidal(torch.arange(7), 16)
    padding = torch.arange(9) >= lengths[:, None]
    expected = theirs(
        x,
        y,
        tgt_mask=nn.Transformer.generate_square_subsequent_mask(7),
        src_key_padding_mask=padding,
        memory_key_padding_mask=padding,
    )
    hidden = model.hidden(inputs, source, lengths)
    torch.testing.assert_close(hidden, expected, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(model(inputs, source, lengths), expected @ model.embedding.weight.T)


@torch.no_grad()
@pytest.mark.parametrize("positions", ["sinusoidal", "relative"])
def test_decoding_with_a_cache_gives_the_same_logits(positions) -> None:
    torch.manual_seed(3)
    model = Transformer(TransformerConfig(**{**vars(TINY), "positions": positions})).eval()
    inputs, source, lengths = batch()
    whole = model(inputs, source, lengths)
    state = model.begin(source, lengths)
    steps = torch.stack([model.step(state, inputs[:, t]) for t in range(7)], dim=1)
    torch.testing.assert_close(steps, whole, rtol=1e-4, atol=1e-5)
    state = model.begin(source, lengths, copies=2)  # the second copy of each goes another way, and is then gone back on
    for t in range(7):
        twice = inputs[:, t].repeat_interleave(2)
        twice[1::2] = (twice[1::2] + 5) % 23
        logits = model.step(state, twice)
        torch.testing.assert_close(logits[::2], whole[:, t], rtol=1e-4, atol=1e-5)
        assert not torch.allclose(logits[1::2], whole[:, t], atol=1e-2)
        state.reorder(torch.tensor([0, 0, 2, 2, 4, 4]))


@torch.no_grad()
def test_what_stands_after_a_source_and_after_a_target_is_not_seen(model) -> None:
    inputs, source, lengths = batch()
    whole = model(inputs, source, lengths)
    other = torch.where(torch.arange(9) >= lengths[:, None], (source + 1) % 23, source)
    assert torch.equal(model(inputs, other, lengths), whole)
    torch.testing.assert_close(model(inputs[1:2], source[1:2, :4], lengths[1:2]), whole[1:2])
    later = inputs.clone()
    later[:, 4:] = (later[:, 4:] + 3) % 23
    torch.testing.assert_close(model(later, source, lengths)[:, :4], whole[:, :4])
    assert not torch.allclose(model(later, source, lengths)[:, 4:], whole[:, 4:], atol=1e-2)


def test_alignments_are_weights_over_the_source(model) -> None:
    inputs, source, lengths = batch()
    found = model.alignments(inputs, source, lengths)
    assert found.shape == (3, 3, 4, 7, 9)
    torch.testing.assert_close(found.sum(-1), torch.ones(3, 3, 4, 7))
    assert found[1, ..., 4:].max() == 0
    assert not found.requires_grad
    assert not any(block.cross._forward_pre_hooks for block in model.decoder)


def test_a_shape_that_does_not_fit_is_refused_with_an_offer() -> None:
    with pytest.raises(UserError, match=r"d_model 100 is odd or not a multiple of 8 heads: use d_model 96"):
        Transformer(TransformerConfig(vocab_size=9, context=4, end=0, d_model=100))
    with pytest.raises(UserError, match="n_encoder is 0, must be at least 1"):
        Transformer(TransformerConfig(vocab_size=9, context=4, end=0, n_encoder=0))

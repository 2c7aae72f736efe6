"""Parameter counts against the published numbers and against built models."""

import dataclasses

import pytest
import torch

from prosa.core.errors import UserError
from prosa.core.language import set_language
from prosa.models.gpt import GPT, GPTConfig
from prosa.models.sizes import SIZES, by_name, count_parameters, dial

PUBLISHED = {
    "gpt2-124m": 124_439_808,
    "gpt2-355m": 354_823_168,
    "gpt2-774m": 774_030_080,
    "gpt2-1558m": 1_557_611_200,
    "gpt3-125m": 125_226_240,
    "gpt3-350m": 355_871_744,
    "gpt3-760m": 760_300_032,
    "gpt3-1.3b": 1_315_723_264,
    "gpt3-2.7b": 2_651_553_280,
    "gpt3-6.7b": 6_658_404_352,
    "gpt3-13b": 12_952_938_780,
    "gpt3-175b": 174_604_259_328,
    "llama-7b": 6_738_415_616,
    "llama-13b": 13_015_864_320,
    "llama-33b": 32_528_943_616,
    "llama-65b": 65_285_660_672,
}
UNBUILDABLE = {
    "gpt3-1.3b": "use n_head 16, or d_model 3072",
    "gpt3-13b": "use d_model 5120",
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_counts_are_the_published_ones(name: str) -> None:
    assert count_parameters(by_name(name)).total == PUBLISHED[name]


@pytest.mark.parametrize("name", sorted(set(SIZES) - set(UNBUILDABLE)))
def test_counts_are_those_of_the_built_model_part_by_part(name: str) -> None:
    with torch.device("meta"):
        model = GPT(by_name(name))
    parts = {"embedding": 0, "attention": 0, "feedforward": 0, "norm": 0, "unembedding": 0}
    for parameter_name, parameter in model.named_parameters():
        segments = parameter_name.split(".")
        kind = (
            "norm"
            if any("norm" in s for s in segments)
            else next(s for s in segments if s in (*parts, "position_embedding"))
        )
        parts["embedding" if kind == "position_embedding" else kind] += parameter.numel()
    assert list(count_parameters(model.config).parts()) == list(parts.values())


@pytest.mark.parametrize(("name", "offer"), UNBUILDABLE.items())
def test_rows_that_do_not_fit_their_heads_are_refused_with_an_offer(name: str, offer: str) -> None:
    set_language("en")
    with pytest.raises(UserError, match=offer):
        GPT(by_name(name))
    set_language(None)


def test_the_offered_row_4_can_be_built_and_counts_the_same() -> None:
    offered = dataclasses.replace(by_name("gpt3-1.3b"), n_head=16, n_kv_head=16)
    with torch.device("meta"):
        assert sum(p.numel() for p in GPT(offered).parameters()) == PUBLISHED["gpt3-1.3b"]


@pytest.mark.parametrize(
    "config",
    [
        GPTConfig(100, 32, 3, 2, 12, shape="classic", positions="sinusoidal"),
        GPTConfig(100, 32, 3, 2, 12, shape="classic", positions="none", tied=False, d_ff=17),
        GPTConfig(100, 32, 3, 6, 12, n_kv_head=2, head_dim=10, tied=False),
        GPTConfig(100, 32, 1, 4, 16, n_kv_head=1, qk_norm=False, d_ff=40),
    ],
)
def test_other_options_count_as_built(config: GPTConfig) -> None:
    assert count_parameters(config).total == sum(p.numel() for p in GPT(config).parameters())


def test_the_dial() -> None:
    for depth in (1, 4, 12):
        config = dial(depth, vocab_size=1000, context=64)
        assert (config.n_layer, config.d_model, config.n_head, config.head_dim) == (depth, 64 * depth, depth, 64)
        assert (config.vocab_size, config.context, config.shape) == (1000, 64, "modern")
        config.check()
    assert by_name("xlarge", vocab_size=1000, context=64) == dial(12, 1000, 64)


def test_small_sizes_grow() -> None:
    totals = [
        count_parameters(by_name(n, vocab_size=256)).total for n in ("tiny", "small", "medium", "large", "xlarge")
    ]
    assert totals == sorted(totals)
    assert 0.8e6 < totals[0] < 1e6
    assert 85e6 < totals[-1] < 90e6


def test_vocabulary_and_context_can_be_changed() -> None:
    config = by_name("gpt2-124m", vocab_size=1000, context=256)
    assert count_parameters(config).total == 124_439_808 - (50257 - 1000 + 1024 - 256) * 768


def test_an_unknown_size_suggests_the_nearest() -> None:
    set_language("en")
    with pytest.raises(UserError, match="Did you mean 'gpt2-124m'"):
        by_name("gpt2-124")
    set_language(None)

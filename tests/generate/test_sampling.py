"""The sampler against FACTS 3, the papers' definitions and transformers' logits processors."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers.generation import logits_process as reference

from prosa.core.errors import UserError
from prosa.core.language import set_language
from prosa.generate.draws import stream_key, uniform
from prosa.generate.logits import (
    apply_temperature,
    cumulative_walk,
    keep_min_p,
    keep_top_k,
    keep_top_p,
    next_probabilities,
    penalize_repetition,
    softmax,
)
from prosa.generate.sampling import Sampling

NINE = torch.tensor([4.51, 0.89, -1.90, 6.75, 1.63, -1.62, -1.89, 6.28, 1.79])
MARKET = torch.tensor([0.4, 0.3, 0.2, 0.1])  # caixa, banco, supermercado, restaurante


def rounded(values: torch.Tensor, digits: int) -> list[float]:
    return [round(v, digits) for v in values.tolist()]


def kept(logits: torch.Tensor) -> list[int]:
    return logits.isfinite().nonzero().flatten().tolist()


def test_softmax_of_the_scaled_scores():
    scores = torch.tensor([112.0, 96.0, 24.0]) / math.sqrt(64)
    assert scores.tolist() == [14, 12, 3]
    assert rounded(softmax(scores)[:2], 5) == [0.88078, 0.11920]
    assert softmax(scores)[2].item() == pytest.approx(0.0000147, abs=5e-8)


@pytest.mark.parametrize(
    ("temperature", "expected"),
    [(0.5, [0.98201, 0.01799]), (2, [0.72888, 0.26814, 0.00298]), (5, [0.56144, 0.37635, 0.06221])],
)
def test_temperature_divides_the_logits(temperature, expected):
    found = softmax(apply_temperature(torch.tensor([14.0, 12.0, 3.0]), temperature))
    assert rounded(found[: len(expected)], 5) == expected


@pytest.mark.parametrize(
    ("temperature", "expected"),
    [
        (0.7, [0.4603, 0.3052, 0.1710, 0.0635]),
        (0.9, [0.4160, 0.3022, 0.1926, 0.0892]),
        (2, [0.3254, 0.2818, 0.2301, 0.1627]),
    ],
)
def test_temperature_on_probabilities(temperature, expected):
    assert rounded(softmax(apply_temperature(MARKET.log(), temperature)), 4) == expected
    assert rounded(next_probabilities(MARKET.log(), Sampling(temperature=temperature)), 4) == expected


def test_cumulative_walk():
    r = torch.tensor([0.39, 0.65, 0.88, 0.95, 0.0, 1 - 2**-53], dtype=torch.float64)
    assert cumulative_walk(MARKET, r).tolist() == [0, 1, 2, 3, 0, 3]


def test_cumulative_walk_a_row_each_and_never_at_probability_zero():
    rows = torch.stack([MARKET, MARKET.flip(0), torch.tensor([0.0, 0.5, 0.5, 0.0])])
    r = torch.tensor([[0.39, 0.95], [0.05, 0.35], [0.0, 1.0]], dtype=torch.float64)
    assert cumulative_walk(rows, r).tolist() == [[0, 3], [0, 2], [1, 2]]


def test_nine_logits_a_thousand_draws():
    """The two draws are of index 4 (logit 1.63, 3.4 expected); FACTS says 5 (logit -1.62, 0.1 expected)."""
    torch.manual_seed(123)
    probabilities = next_probabilities(NINE, Sampling())
    draws = [torch.multinomial(probabilities, num_samples=1).item() for _ in range(1000)]
    assert torch.bincount(torch.tensor(draws), minlength=9).tolist() == [73, 0, 0, 582, 2, 0, 0, 343, 0]


def test_nine_logits_top_three():
    found = next_probabilities(NINE, Sampling(top_k=3))
    assert found.nonzero().flatten().tolist() == [0, 3, 7]
    assert rounded(found[[0, 3, 7]], 4) == [0.0615, 0.5775, 0.3610]


def test_our_draws_follow_the_distribution():
    probabilities = next_probabilities(NINE, Sampling())
    key = stream_key(123, [1, 2], 0)
    r = torch.tensor([uniform(key, i) for i in range(20_000)], dtype=torch.float64)
    counts = torch.bincount(cumulative_walk(probabilities, r), minlength=9)
    expected = probabilities.double() * 20_000
    chi_squared = ((counts - expected) ** 2 / expected).sum().item()
    assert chi_squared < 26.1  # 99.9 % of chi-squared with 8 degrees of freedom


def test_sum_of_logs_survives_where_the_product_does_not():
    assert math.prod([0.1] * 400) == 0
    assert sum([math.log(0.1)] * 400) == pytest.approx(400 * math.log(0.1))


def test_top_k_keeps_equals_of_the_last():
    assert kept(keep_top_k(torch.tensor([1.0, 3.0, 2.0, 2.0, 0.0]), 2)) == [1, 2, 3]
    assert torch.equal(keep_top_k(NINE, 0), NINE)
    assert torch.equal(keep_top_k(NINE, 99), NINE)


@pytest.mark.parametrize(
    ("p", "indices"),
    [
        (0.01, [0]),
        (0.4, [0]),
        (0.41, [0, 1]),
        (0.7, [0, 1]),
        (0.9, [0, 1, 2]),
        (0.91, [0, 1, 2, 3]),
        (1.0, [0, 1, 2, 3]),
    ],
)
def test_top_p_is_the_smallest_set_that_reaches_p(p, indices):
    assert kept(keep_top_p(MARKET.log(), p)) == indices


def test_min_p_is_relative_to_the_most_probable():
    assert kept(keep_min_p(MARKET.log(), 0.49)) == [0, 1, 2]
    assert kept(keep_min_p(MARKET.log(), 0.51)) == [0, 1]
    assert kept(keep_min_p(MARKET.log(), 1.0)) == [0]


def test_repetition_penalty_by_hand():
    seen = torch.tensor([True, True, False])
    assert penalize_repetition(torch.tensor([2.0, -2.0, 2.0]), seen, 2.0).tolist() == [1.0, -4.0, 2.0]


@settings(max_examples=60, deadline=None)
@given(
    st.integers(0, 2**31),
    st.floats(0.2, 3),
    st.integers(1, 60),
    st.floats(0.05, 0.99),
    st.floats(0.01, 0.9),
    st.floats(0.5, 2),
)
def test_parity_with_transformers(seed, temperature, top_k, top_p, min_p, penalty):
    generator = torch.Generator().manual_seed(seed)
    logits = torch.randn(3, 50, generator=generator, dtype=torch.float64) * 4
    context = torch.randint(0, 50, (3, 20), generator=generator)
    expected = logits
    for processor in (
        reference.RepetitionPenaltyLogitsProcessor(penalty),
        reference.TemperatureLogitsWarper(temperature),
        reference.TopKLogitsWarper(top_k),
        reference.TopPLogitsWarper(top_p),
        reference.MinPLogitsWarper(min_p),
    ):
        expected = processor(context, expected)
    seen = torch.zeros(3, 50, dtype=torch.bool).scatter(1, context, True)
    found = next_probabilities(
        penalize_repetition(logits, seen, penalty),
        Sampling(temperature=temperature, top_k=top_k, top_p=top_p, min_p=min_p),
    )
    torch.testing.assert_close(found, expected.softmax(-1), atol=1e-12, rtol=0)


def test_draws_depend_on_seed_prompt_sample_and_position_only():
    draw = uniform(stream_key(7, [1, 2, 3], 0), 5)
    assert draw == uniform(stream_key(7, (1, 2, 3), 0), 5)
    others = [
        uniform(stream_key(8, [1, 2, 3], 0), 5),
        uniform(stream_key(7, [1, 2], 0), 5),
        uniform(stream_key(7, [1, 2, 3], 1), 5),
        uniform(stream_key(7, [1, 2, 3], 0), 6),
    ]
    assert len({draw, *others}) == 5
    assert all(0 <= r < 1 for r in others)


def test_all_wrong_settings_are_named_at_once():
    with pytest.raises(UserError) as error:
        Sampling(temperature=-1, top_k=-2, top_p=0, min_p=2, repetition_penalty=0, stop=("",), top_logprobs=-1)
    for name in ("temperature", "top_k", "top_p", "min_p", "repetition_penalty", "stop", "top_logprobs"):
        assert name in str(error.value)
    assert "seed" not in str(error.value)


@pytest.mark.parametrize(
    "wrong",
    [
        {"temperature": math.nan},
        {"temperature": math.inf},
        {"temperature": True},
        {"top_p": 1.01},
        {"top_k": 1.5},
        {"stop": "abc"},
        {"seed": 1.0},
    ],
)
def test_one_wrong_setting(wrong):
    with pytest.raises(UserError, match=next(iter(wrong))):
        Sampling(**wrong)


def test_the_message_in_portuguese():
    set_language("pt-BR")
    try:
        with pytest.raises(UserError, match="deve ser"):
            Sampling(top_p=3)
    finally:
        set_language(None)


@pytest.mark.parametrize("temperature", [5e-324, 1e-300, 1e-45, 1e-38, 1e-31])
def test_the_coldest_temperatures_take_the_best(temperature):
    """Of 1e-300 float32 makes 0, and 100 / 1e-38 it does not hold."""
    for logits in (NINE, NINE * 1e4, -100 * NINE, torch.tensor([0.0, -torch.inf, -1.0])):
        best = logits == logits.max()
        assert (
            next_probabilities(logits, Sampling(temperature=temperature, top_p=0.9)).tolist() == best.float().tolist()
        )

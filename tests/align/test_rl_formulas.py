"""The formulas of PPO and GRPO against loops and exact values, and the guards."""

import math

import pytest
import torch

from prosa.align.grpo import all_equal, group_advantages
from prosa.align.guards import RanAway, check_runaway
from prosa.align.policy import clipped, k1, k3
from prosa.align.ppo import adapted, gae, token_rewards, value_losses, whitened
from prosa.align.rl_config import GrpoConfig, PpoConfig, RlConfig
from prosa.core.errors import UserError

THERE = torch.tensor([[True, True, True, False], [True, False, False, True], [False, True, False, False]])


def drawn(seed: int) -> torch.Tensor:
    return torch.randn(THERE.shape, generator=torch.Generator().manual_seed(seed)) * THERE


@pytest.mark.parametrize(("gamma", "lam"), [(1.0, 0.95), (0.9, 0.5), (1.0, 1.0), (0.7, 0.0)])
def test_gae_is_the_sum_of_discounted_errors_over_what_was_written(gamma, lam):
    rewards, values = drawn(0), drawn(1)
    advantages, returns = gae(rewards, values, THERE, gamma, lam)
    for n in range(len(THERE)):
        at = THERE[n].nonzero().flatten().tolist()
        r, v = rewards[n, at].tolist(), [*values[n, at].tolist(), 0.0]
        errors = [r[i] + gamma * v[i + 1] - v[i] for i in range(len(at))]
        wanted = [sum((gamma * lam) ** (j - i) * errors[j] for j in range(i, len(at))) for i in range(len(at))]
        assert advantages[n, at].tolist() == pytest.approx(wanted, abs=1e-6)
        assert returns[n, at].tolist() == pytest.approx([a + b for a, b in zip(wanted, v, strict=False)], abs=1e-6)
    assert not advantages[~THERE].any()
    assert not returns[~THERE].any()


def test_the_reward_comes_with_the_last_written_token_and_each_costs_its_divergence():
    kl = torch.full(THERE.shape, 0.5)
    found = token_rewards(torch.tensor([1.0, 2.0, 3.0]), kl, THERE, 0.1)
    wanted = [[-0.05, -0.05, 0.95, 0], [-0.05, 0, 0, 1.95], [0, 2.95, 0, 0]]
    assert torch.allclose(found, torch.tensor(wanted))


def test_whitening_is_over_the_written_tokens_alone():
    white = whitened(drawn(2) + 5.0, THERE)
    assert white[THERE].mean().item() == pytest.approx(0, abs=1e-6)
    assert white[THERE].std(correction=0).item() == pytest.approx(1, abs=1e-5)
    assert not white[~THERE].any()
    values = drawn(2) + 5.0
    kept = whitened(values, THERE, keep_mean=True)
    assert kept[THERE].mean().item() == pytest.approx(values[THERE].mean().item(), abs=1e-5)


@pytest.mark.parametrize(
    ("ratio", "advantage", "loss", "held"),
    [
        (1.0, 2.0, -2.0, False),
        (1.1, 2.0, -2.2, False),
        (1.5, 2.0, -2.4, True),  # already likelier by more than the clip allows
        (0.5, 2.0, -1.0, False),  # a good token that became less likely: back at full strength
        (0.5, -2.0, 1.6, True),
        (1.5, -2.0, 3.0, False),
    ],
)
def test_the_clipped_loss_and_where_its_gradient_is_gone(ratio, advantage, loss, held):
    log_p = torch.tensor([math.log(ratio)], requires_grad=True)
    losses, taken = clipped(log_p, torch.zeros(1), torch.tensor([advantage]), 0.2)
    assert losses.item() == pytest.approx(loss)
    assert taken.item() is held
    losses.sum().backward()
    assert log_p.grad is not None
    assert log_p.grad.item() == pytest.approx(0 if held else -ratio * advantage)


def test_the_value_loss_is_the_larger_of_two():
    old, returns = torch.zeros(3), torch.tensor([1.0, 1.0, -1.0])
    found = value_losses(torch.tensor([0.1, 0.9, 0.9]), old, returns, 0.2)
    assert found.tolist() == pytest.approx([0.5 * 0.9**2, 0.5 * 0.8**2, 0.5 * 1.9**2])


def test_the_estimates_of_the_divergence_have_it_as_their_mean():
    p, q = (torch.randn(7, generator=torch.Generator().manual_seed(s)).log_softmax(0) for s in (0, 1))
    exact = (p.exp() * (p - q)).sum().item()
    assert (p.exp() * k1(p, q)).sum().item() == pytest.approx(exact, abs=1e-6)
    assert (p.exp() * k3(p, q)).sum().item() == pytest.approx(exact, abs=1e-6)
    assert bool((k3(p, q) >= 0).all())
    assert k3(p, p).abs().max().item() == 0


def test_the_penalty_follows_the_divergence_within_bounds():
    assert adapted(0.2, 0.1, 0.1) == pytest.approx(0.2)
    assert adapted(0.2, 0.11, 0.1) == pytest.approx(0.2 * 1.01)
    assert adapted(0.2, 9.0, 0.1) == pytest.approx(0.2 * 1.02)
    assert adapted(0.2, 0.0, 0.1) == pytest.approx(0.2 * 0.98)


def test_advantages_of_groups():
    rewards = torch.tensor([1.2, -0.5, 0.2, 1.0, 1.0, 1.0])
    mean, deviation = 0.3, math.sqrt((0.9**2 + 0.8**2 + 0.1**2) / 2)
    wanted = [x / (deviation + 1e-4) for x in (0.9, -0.8, -0.1)]
    assert group_advantages(rewards, 3).tolist() == pytest.approx([*wanted, 0, 0, 0], abs=1e-6)
    plain = [1.2 - mean, -0.5 - mean, 0.2 - mean, 0, 0, 0]
    assert group_advantages(rewards, 3, unbiased=True).tolist() == pytest.approx(plain, abs=1e-6)
    assert all_equal(rewards, 3).tolist() == [False, True]
    # FACTS 5: 1.0, -1.2, .2 push up, down, slightly up
    up, down, slightly = group_advantages(torch.tensor([1.0, -1.2, 0.2]), 3, unbiased=True).tolist()
    assert up > slightly > 0 > down


FIGURES = {"kl": 0.1, "entropy": 1.0, "reward": 0.5, "finished": 0.9}


@pytest.mark.parametrize(
    ("changed", "sign"),
    [
        ({"kl": 5.1}, r"KL divergence from the first model is 5\.10 nats a token \(rl\.max_kl is 5\.00\)"),
        ({"finished": 0.1}, r"90% of its replies do not end, 10% at first"),
        ({"entropy": 0.01}, r"its entropy fell to 0\.0100 nats a token from 1\.0000"),
    ],
)
def test_a_model_that_runs_away_is_stopped(changed, sign):
    check_runaway(3, FIGURES, FIGURES, RlConfig(), None)
    with pytest.raises(RanAway, match=sign) as error:
        check_runaway(3, {**FIGURES, **changed}, FIGURES, RlConfig(), None)
    assert "lower rl.lr" in error.value.hint


def test_what_is_no_sign():
    check_runaway(3, {**FIGURES, "entropy": 0.01, "reward": 0.9}, FIGURES, RlConfig(), None)
    check_runaway(3, {**FIGURES, "finished": 0.03}, {**FIGURES, "finished": 0.05}, RlConfig(), None)
    with pytest.raises(RanAway, match="98% of its replies do not end, 95% at first"):
        check_runaway(3, {**FIGURES, "finished": 0.02}, {**FIGURES, "finished": 0.05}, RlConfig(), None)


def test_settings_out_of_range_are_all_named():
    with pytest.raises(UserError, match=r"rl: replies is 0 .*lr is 0 .*betas is"):
        RlConfig(replies=0, lr=0, betas=(1.0, 0.9))
    with pytest.raises(UserError, match=r"group is 7 but must be a divisor of replies \(256\)"):
        RlConfig(group=7)
    with pytest.raises(UserError, match="grpo: clip_ratio is -1"):
        GrpoConfig(clip_ratio=-1)
    with pytest.raises(UserError, match=r"ppo: .*gamma is 2"):
        PpoConfig(gamma=2)

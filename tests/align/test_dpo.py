"""The losses of preferences against the papers' formulas, written out here for one answer after another."""

import math
from itertools import pairwise

import numpy as np
import pytest
import torch

from prosa.align.dpo import PreferenceLoss, log_probs, reference_log_probs
from prosa.align.dpo_config import DpoConfig
from prosa.align.validation import means
from prosa.core.errors import UserError
from prosa.data.preference_batches import EncodedRanking, PreferenceBatches
from prosa.models.gpt import GPT, GPTConfig
from prosa.train.step import accumulate, rows
from prosa.train.workers import Workers

VOCABULARY, CONTEXT = 50, 24
PAIR, THREE, TIE = ((0, 1),), ((0, 1), (0, 2), (1, 2)), ((0, 1), (0, 2))


def _ranking(draw: np.random.Generator, lengths: list[int], pairs: tuple) -> EncodedRanking:
    prompt = draw.integers(0, VOCABULARY, draw.integers(1, 9))
    answers = [np.concatenate([prompt, draw.integers(0, VOCABULARY, n)]).astype(np.uint32) for n in lengths]
    return EncodedRanking(tuple(answers), len(prompt), pairs)


DRAW = np.random.default_rng(0)
PAIRS = [_ranking(DRAW, DRAW.integers(1, 15, 2).tolist(), PAIR) for _ in range(8)]
MIXED = [*PAIRS[:5], _ranking(DRAW, [3, 9, 1], THREE), _ranking(DRAW, [2, 2, 7], TIE), PAIRS[5]]


def _model(seed: int, shape: str = "modern") -> GPT:
    torch.manual_seed(seed)
    model = GPT(GPTConfig(VOCABULARY, CONTEXT, 2, 2, 16, shape=shape)).eval()
    with torch.no_grad():
        for parameter in model.parameters():  # far from uniform, so that answers differ
            parameter.add_(0.15 * torch.randn_like(parameter))
    return model


def _batches(rankings: list[EncodedRanking], size: int | None = None) -> PreferenceBatches:
    return PreferenceBatches(rankings, context=CONTEXT, batch_size=size or len(rankings), seed=0)


def _reference(model: GPT, batches: PreferenceBatches) -> torch.Tensor:
    return torch.cat(list(reference_log_probs(model, batches)))


def _token_log_probs(model: GPT, ids: np.ndarray, given: int) -> list[float]:
    """log p of each of the answer's tokens, the sequence read alone, in float64."""
    with torch.no_grad():
        probabilities = model.double()(torch.from_numpy(ids.astype(np.int64))[None])[0].softmax(-1)
    model.float()
    return [math.log(probabilities[at, ids[at + 1]]) for at in range(given - 1, len(ids) - 1)]


def _written_out(rankings: list[EncodedRanking], model: GPT, reference: GPT, config: DpoConfig) -> dict[str, float]:
    """The mean loss of all pairs, and the means of the rewards."""
    losses, margins, chosen, right = [], [], [], []
    for ranking in rankings:
        policy, ref = ([_token_log_probs(m, ids, ranking.given) for ids in ranking.answers] for m in (model, reference))
        for w, l in ranking.pairs:  # noqa: E741, as in the papers
            if config.loss == "ipo":
                pi_w, pi_l, ref_w, ref_l = (sum(x) / len(x) for x in (policy[w], policy[l], ref[w], ref[l]))
                losses.append((pi_w - ref_w - (pi_l - ref_l) - 1 / (2 * config.beta)) ** 2)
            else:
                pi_w, pi_l, ref_w, ref_l = (sum(x) for x in (policy[w], policy[l], ref[w], ref[l]))
                z = config.beta * ((pi_w - pi_l) - (ref_w - ref_l))
                right_way, wrong_way = 1 / (1 + math.exp(-z)), 1 / (1 + math.exp(z))
                s = config.label_smoothing
                losses.append(-(1 - s) * math.log(right_way) - s * math.log(wrong_way))
            margins.append(config.beta * (pi_w - ref_w - (pi_l - ref_l)))
            chosen.append(config.beta * (pi_w - ref_w))
            right.append(margins[-1] > 0)
    mean = {"loss": losses, "margin": margins, "chosen_reward": chosen, "accuracy": right}
    return {name: sum(values) / len(values) for name, values in mean.items()}


@pytest.mark.parametrize("rankings", [PAIRS, MIXED])
@pytest.mark.parametrize(
    "settings",
    [{}, {"beta": 0.5}, {"label_smoothing": 0.2}, {"loss": "ipo"}, {"loss": "ipo", "beta": 0.7}],
)
def test_loss_and_rewards_are_the_papers(rankings, settings) -> None:
    model, before, config = _model(0), _model(1), DpoConfig(**settings)
    batches = _batches(rankings)
    objective = PreferenceLoss(_reference(before, batches), config)
    found = means(objective, _batches(rankings, 3), "pairs")(model, 0)
    assert found["pairs"] == sum(len(ranking.pairs) for ranking in rankings)
    for name, value in _written_out(rankings, model, before, config).items():
        assert found[name] == pytest.approx(value, rel=1e-4, abs=1e-5), name
    assert found["margin"] == pytest.approx(found["chosen_reward"] - found["rejected_reward"], abs=1e-5)


@pytest.mark.parametrize("shape", ["classic", "modern", "speedrun"])
def test_log_probs_are_those_of_each_answer_alone_whatever_the_padding(shape) -> None:
    model, batches = _model(2, shape), _batches(MIXED)
    with torch.no_grad():
        found = log_probs(model, next(batches.once()))
        longer = log_probs(model, next(_batches([*MIXED, _ranking(DRAW, [1, 15, 1, 2], PAIR)]).once()))
    torch.testing.assert_close(found, longer[:-1, :3], rtol=0, atol=2e-5)
    for row, ranking in zip(found, MIXED, strict=True):
        for value, ids in zip(row, ranking.answers, strict=False):
            assert float(value) == pytest.approx(sum(_token_log_probs(model, ids, ranking.given)), abs=5e-5)
        assert (row[len(ranking.answers) :] == 0).all()


def test_training_begins_at_ln_2_or_at_a_quarter_of_one_over_beta_squared() -> None:
    model, batches = _model(3), _batches(MIXED)
    reference = _reference(model, batches)
    for size in (2, 8):
        start = means(PreferenceLoss(reference, DpoConfig()), _batches(MIXED, size), "pairs")(model, 0)
        assert abs(start["loss"] - math.log(2)) < 1e-6
        assert start["margin"] == pytest.approx(0, abs=1e-5)
        ipo = PreferenceLoss(reference, DpoConfig(loss="ipo", beta=0.2))
        start = means(ipo, _batches(MIXED, size), "pairs")(model, 0)
        assert start["loss"] == pytest.approx(1 / (4 * 0.2**2), rel=1e-5)


@pytest.mark.parametrize("settings", [{}, {"loss": "ipo"}, {"label_smoothing": 0.1}])
def test_a_step_down_makes_better_answers_likelier_and_worse_ones_less_likely(settings) -> None:
    model, batches = _model(4), _batches(PAIRS[:1])
    objective = PreferenceLoss(_reference(model, batches), DpoConfig(**settings))
    batch = next(batches.once())
    before = log_probs(model, batch)[0]
    loss, _, _ = objective(model, batch)
    loss.backward()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter -= 1e-3 * parameter.grad / parameter.grad.norm().clamp(min=1e-9)
        after = log_probs(model, batch)[0]
    assert after[0] > before[0]
    assert after[1] < before[1]
    assert objective(model, batch)[0].detach() < loss.detach()


def test_one_row_at_a_time_adds_up_to_all_at_once_and_threads_share_them() -> None:
    model, batches = _model(5), _batches(MIXED)
    objective = PreferenceLoss(_reference(_model(6), batches), DpoConfig(beta=0.3))
    batch, found = next(batches.once()), []
    how = {"precision": "float32", "seed": 0, "step": 1}
    for micro in (1, 2, 8):
        model.zero_grad()
        losses = accumulate(model, objective, batch, micro_batch=micro, **how)
        found.append((losses, [p.grad.clone() for p in model.parameters()]))
    model.zero_grad()
    losses = Workers(model, 3, "float32").accumulate(objective, batch, micro_batch=8)
    found.append((losses, [p.grad.clone() for p in model.parameters()]))
    for losses, gradients in found[1:]:
        assert losses.targets == found[0][0].targets == 6 + 3 + 2
        assert losses.total == pytest.approx(found[0][0].total, rel=1e-5)
        assert losses.extra == pytest.approx(found[0][0].extra, rel=1e-4, abs=1e-4)
        for a, b in zip(gradients, found[0][1], strict=True):
            torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-6)


def test_logits_in_chunks_give_the_same_gradients() -> None:
    model, batches = _model(7), _batches(PAIRS)
    reference, batch, found = _reference(_model(8), batches), next(batches.once()), []
    for chunk in (0, 5):
        model.zero_grad()
        PreferenceLoss(reference, DpoConfig(loss_chunk=chunk))(model, batch)[0].backward()
        found.append([p.grad.clone() for p in model.parameters()])
    for a, b in zip(*found, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-6)


def test_the_reference_belongs_to_a_ranking_wherever_it_comes_in_a_batch() -> None:
    model, batches = _model(9), _batches(PAIRS, 4)
    objective = PreferenceLoss(_reference(model, batches), DpoConfig())
    for step in range(3):
        batch = batches.at(step)
        for part in [batch, *(rows(batch, i, j, torch.device("cpu")) for i, j in pairwise((0, 1, 3, 4)))]:
            loss, count, _ = objective(model, part)
            assert float(loss) / count == pytest.approx(math.log(2), abs=1e-5)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"beta": 0.0}, "beta is 0.0 but must be a number above 0"),
        ({"beta": math.inf}, "beta is inf"),
        ({"label_smoothing": 0.5}, "label_smoothing is 0.5 but must be from 0 to below 0.5"),
        ({"held_out": 1.0, "beta": -1.0}, "held_out is 1.0 .*; beta is -1.0"),
        ({"document_mask": True}, "document_mask is True but must be false"),
        ({"loss": "ipo", "label_smoothing": 0.1}, "label_smoothing is for sigmoid, not ipo"),
        ({"batch_size": 0}, "batch_size is 0"),
    ],
)
def test_settings_that_make_no_sense(settings, message) -> None:
    with pytest.raises(UserError, match=message):
        DpoConfig(**settings)

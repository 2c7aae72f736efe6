"""The reward model's loss as published, and what is measured of it."""

import math
from itertools import combinations
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn

from prosa.align.reward import PairwiseLoss, RewardConfig, RewardModel, load_reward, rewards_of
from prosa.align.reward_quality import Scored, quality, score_batches
from prosa.core.errors import UserError
from prosa.data.preference_batches import EncodedRanking, PreferenceBatch, PreferenceBatches, encode_rankings
from prosa.data.preferences import Ranking
from prosa.models.gpt import GPT, GPTConfig
from prosa.models.huggingface import save_model
from prosa.models.huggingface_scored import save_scored
from prosa.models.scored import ScoredGPT
from prosa.tokenizers.chat import ChatEncoder, Message
from prosa.tokenizers.config import TokenizerConfig
from prosa.tokenizers.train import train


class Table(nn.Module):
    """A model whose reward of a sequence is a table's entry for its last id."""

    reads_first = False

    def __init__(self, rewards: list[float]) -> None:
        super().__init__()
        self.rewards = nn.Parameter(torch.tensor(rewards))

    def hidden(self, ids: torch.Tensor, documents_BT: torch.Tensor | None = None) -> torch.Tensor:
        return self.rewards[ids][..., None]

    def head(self, hidden: torch.Tensor) -> torch.Tensor:
        return hidden


def batch_of(*rankings: tuple[list[int], list[tuple[int, int]]]) -> PreferenceBatch:
    """Rankings as (last id of each answer, pairs of a better and a worse one)."""
    encoded = [
        EncodedRanking(tuple(np.array([7, 7, last], np.uint32) for last in ids), 2, tuple(pairs))
        for ids, pairs in rankings
    ]
    return next(PreferenceBatches(encoded, context=8, batch_size=len(encoded), seed=0).once())


def test_the_published_losses_of_three_answers() -> None:
    rewards = [1.2, -0.5, 0.2]
    losses = {(i, j): -math.log(1 / (1 + math.exp(rewards[j] - rewards[i]))) for i, j in ((0, 2), (0, 1), (2, 1))}
    assert [round(losses[pair], 4) for pair in ((0, 2), (0, 1), (2, 1))] == [0.3133, 0.1678, 0.4032]
    model = Table([*rewards, *[0.0] * 5])
    for pair, expected in losses.items():
        loss, n, _ = PairwiseLoss()(model, batch_of((list(pair), [(0, 1)])))
        assert (loss.item(), n) == (pytest.approx(expected, abs=1e-6), 1)
    loss, n, sums = PairwiseLoss()(model, batch_of(([0, 2, 1], [(0, 1), (0, 2), (1, 2)])))
    assert (round(loss.item(), 4), n) == (0.2947, 1)
    assert sums == {"accuracy": pytest.approx(1.0), "margin": pytest.approx((1.0 + 1.7 + 0.7) / 3)}
    assert round(1 / (1 + math.exp(rewards[1] - rewards[0])), 4) == 0.8455  # P(1 > 2)

    again = Table([1.0, -1.2, 0.2, *[0.0] * 5])
    batch = batch_of(([0, 2, 1], [(0, 1), (0, 2), (1, 2)]))
    assert round(PairwiseLoss()(again, batch)[0].item(), 4) == 0.2322
    found = rewards_of(again, batch).squeeze(0)[[0, 2, 1]].detach()
    assert torch.sign(found - found.mean()).tolist() == [1, -1, 1]
    assert (found - found.mean()).tolist() == pytest.approx([1.0, -1.2, 0.2])


def test_every_ranking_weighs_the_same_and_ties_are_no_pairs() -> None:
    """By hand: the mean over pairs of answers in different groups, then the sum over rankings; also the gradient."""
    rewards = [0.3, -0.8, 1.1, 0.05, -0.4, 0.9, 2.0, -1.0]
    groups = [[[0], [1, 2], [3]], [[5], [4]], [[6, 7], [1]]]
    rankings = []
    for ranking in groups:
        flat = [id for group in ranking for id in group]
        rank = [r for r, group in enumerate(ranking) for _ in group]
        rankings.append((flat, [(i, j) for i, j in combinations(range(len(flat)), 2) if rank[i] < rank[j]]))
    model = Table(rewards)
    loss, n, _ = PairwiseLoss()(model, batch_of(*rankings))
    loss.backward()
    twin = torch.tensor(rewards, requires_grad=True)
    expected = sum(
        torch.stack([torch.log1p(torch.exp(twin[flat[j]] - twin[flat[i]])) for i, j in pairs]).mean()
        for flat, pairs in rankings
    )
    expected.backward()
    assert n == 3
    torch.testing.assert_close(loss, expected)
    torch.testing.assert_close(model.rewards.grad, twin.grad)
    shifted = Table([r + 5 for r in rewards])  # only differences count
    torch.testing.assert_close(PairwiseLoss()(shifted, batch_of(*rankings))[0], loss)
    parts = sum(PairwiseLoss()(model, batch_of(ranking))[0] for ranking in rankings)
    torch.testing.assert_close(parts, loss)


@pytest.fixture(scope="module")
def tokenizer():
    return train(["um dois três quatro cinco"], TokenizerConfig(vocab_size=300))


@pytest.fixture
def network() -> ScoredGPT:
    torch.manual_seed(0)
    model = ScoredGPT(GPT(GPTConfig(300, 96, 2, 2, 32)), ("reward",), bias=True).eval()
    for p in model.parameters():
        nn.init.normal_(p, std=0.2)
    return model


def talk(question: str, answer: str) -> list[Message]:
    return [Message("user", question), Message("assistant", answer)]


def test_a_conversation_alone_and_among_others_has_one_reward(network, tokenizer, tmp_path, monkeypatch) -> None:
    talks = [talk("um", " dois" * n) for n in (3, 1, 12, 5, 1, 8)]
    save_scored(network, tmp_path, tokenizer=tokenizer)
    model = load_reward(tmp_path, device="cpu")
    together = model.score(talks)
    ids = [ChatEncoder(tokenizer).encode(t).ids.tolist() for t in talks]
    with torch.no_grad():
        alone = [network.score(network.backbone.hidden(torch.tensor([row]))[0, -1]).item() for row in ids]
    assert together == pytest.approx(alone, abs=1e-6)
    assert np.std(together) > 0.01
    monkeypatch.setattr("prosa.align.scoring.TOKENS_AT_ONCE", 30)
    assert model.score_ids(ids) == pytest.approx(alone, abs=1e-6)
    assert model.score([]) == []
    with pytest.raises(UserError, match="does not fit the model's context of 96"):
        model.score([talk("um", " dois" * 90)])
    with pytest.raises(ValueError, match="empty"):
        model.score_ids([[1], []])


def test_the_batches_of_training_give_the_same_rewards(network, tokenizer) -> None:
    rankings = [
        Ranking((Message("user", "um"),), ((" dois três", " dois"), (" cinco" * 9,)), "a:1"),
        Ranking((Message("user", "quatro um"),), ((" um",), (" dois",)), "a:2"),
        Ranking((Message("user", "três"),), ((" um dois",), (" dois",), (" quatro",)), "a:3"),
    ]
    encoded = encode_rankings(ChatEncoder(tokenizer), rankings)
    batches = PreferenceBatches(encoded, context=96, batch_size=3, seed=0)
    expected = [RewardModel(network, tokenizer, device="cpu").score_ids(r.answers) for r in encoded]
    with torch.no_grad():
        found = rewards_of(network, next(batches.once()))  # packed
        apart = torch.cat([rewards_of(network, batch) for batch in batches.once(1)])
    torch.testing.assert_close(found, apart, rtol=0, atol=1e-6)
    assert found[0].tolist() == pytest.approx(expected[0], abs=1e-6)
    assert found[1].tolist() == pytest.approx([*expected[1], 0.0], abs=1e-6)
    assert found[2].tolist() == pytest.approx(expected[2], abs=1e-6)
    first, second, _ = score_batches(network, batches.once())
    assert first.rewards == pytest.approx(expected[0], abs=1e-6)
    assert first.lengths == tuple(len(ids) - encoded[0].given for ids in encoded[0].answers)
    assert (first.pairs, second.pairs) == (((0, 2), (1, 2)), ((0, 1),))
    assert first.prompt != second.prompt
    assert first.prompt == encoded[0].answers[0][: encoded[0].given].astype(np.int64).tobytes()


def test_another_tokenizer_a_classifier_and_a_language_model_are_refused(network, tokenizer, tmp_path) -> None:
    model = RewardModel(network, tokenizer, device="cpu")
    model.check_tokenizer(SimpleNamespace(fingerprint=tokenizer.fingerprint))
    other = train(["um texto bem diferente"], TokenizerConfig(vocab_size=290))
    with pytest.raises(UserError, match="a reward model of another tokenizer"):
        model.check_tokenizer(other)
    save_scored(ScoredGPT(GPT(network.backbone.config), ("ham", "spam")), tmp_path / "classes", tokenizer=tokenizer)
    with pytest.raises(UserError, match=r"is a classifier \(ham, spam\), not a reward model"):
        load_reward(tmp_path / "classes")
    save_model(GPT(network.backbone.config), tmp_path / "language", tokenizer=tokenizer)
    with pytest.raises(UserError, match="neither a reward model nor a classifier"):
        load_reward(tmp_path / "language")
    save_scored(network, tmp_path / "swapped", tokenizer=tokenizer)
    other.save(tmp_path / "swapped")
    with pytest.raises(UserError, match="the tokenizer is not the one"):
        load_reward(tmp_path / "swapped")


def test_quality_by_hand() -> None:
    """Six pairs of four prompts; figures worked out here."""
    scored = [
        Scored(b"a", (2.0, 0.0), (9, 4), ((0, 1),)),
        Scored(b"a", (0.0, 1.0), (4, 9), ((0, 1),)),
        Scored(b"b", (0.1, 0.0, -3.0), (5, 5, 1), ((0, 1), (0, 2), (1, 2))),
        Scored(b"c", (0.0, 0.0), (2, 8), ((0, 1),)),
    ]
    found = quality(scored)
    assert (found.rankings, found.prompts, found.pairs, found.right) == (4, 3, 6, 4)
    assert found.accuracy == pytest.approx(4 / 6)
    assert found.interval == pytest.approx((0.2999, 0.9032), abs=1e-4)
    low, high = found.interval_over_prompts
    assert 0 <= low < 4 / 6 < high <= 1
    sigma = [1 / (1 + math.exp(-d)) for d in (2.0, 1.0, 0.1, 3.1, 3.0, 0.0)]
    assert sum(b.n for b in found.calibration) == 6
    assert [(b.n, b.right) for b in found.calibration] == [(2, 1), (1, 0), (1, 1), (2, 2)]
    assert found.calibration[0].predicted == pytest.approx((sigma[2] + 0.5) / 2)
    expected = abs(1 / 2 - (sigma[2] + 0.5) / 2) * 2 + sigma[1] + (1 - sigma[0]) + 2 - sigma[3] - sigma[4]
    assert found.calibration_error == pytest.approx(expected / 6)
    assert found.longer_is_better == pytest.approx((1 + 0 + 0.5 + 1 + 1 + 0) / 6)
    assert found.longer_is_preferred == pytest.approx((1 + 1 + 0.5 + 1 + 1 + 0.5) / 6)
    centred = [(1.0, -1.0, -0.5, 0.5), (2.5, -2.5, -2.5, 2.5)]
    rewards = [*centred[0], 0.1 + 2.9 / 3, 2.9 / 3, -3 + 2.9 / 3, 0, 0]
    lengths = [*centred[1], 4 / 3, 4 / 3, -8 / 3, -3, 3]
    assert found.length_correlation == pytest.approx(float(np.corrcoef(rewards, lengths)[0, 1]))
    assert found.to_json()["calibration"][0]["n"] == 2


def test_a_calibrated_model_has_no_calibration_error_and_an_overconfident_one_has() -> None:
    draws = np.random.default_rng(0)
    difference = draws.uniform(0, 4, 20_000)
    wins = draws.random(20_000) < 1 / (1 + np.exp(-difference))
    pairs = [
        Scored(str(n).encode(), (d, 0.0), (1, 1), ((0, 1) if won else (1, 0),))
        for n, (d, won) in enumerate(zip(difference, wins, strict=True))
    ]
    good = quality(pairs)
    assert good.calibration_error < 0.01
    assert good.interval_over_prompts is None
    assert good.length_correlation is None
    assert all(b.interval[0] - 0.01 <= b.predicted <= b.interval[1] + 0.01 for b in good.calibration)
    doubled = [Scored(s.prompt, (2 * s.rewards[0], 0.0), s.lengths, s.pairs) for s in pairs]
    assert quality(doubled).calibration_error > 0.05


@pytest.mark.parametrize("share", [-0.1, 1.0, math.nan])
def test_bad_configuration(share) -> None:
    with pytest.raises(UserError, match="held_out"):
        RewardConfig(held_out=share)

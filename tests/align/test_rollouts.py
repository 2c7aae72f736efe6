"""Replies as tensors: rows that branch say of every token what it says read alone, and what tools gave is no target."""

from dataclasses import replace

import pytest
import torch

from prosa.align import rollouts
from prosa.align.grpo import Grpo
from prosa.align.policy import Writer, measure
from prosa.align.ppo import ActorCritic, Ppo
from prosa.align.prompts import Asked
from prosa.align.rl_config import GrpoConfig, PpoConfig
from prosa.align.rollouts import as_batch, roll_out
from prosa.data.batches import IGNORE
from prosa.generate.engine import Engine
from prosa.generate.reply import Reply, announced
from prosa.generate.sampling import Sampling
from prosa.generate.tools import Toolbox, builtin_tools
from prosa.models.gpt import GPT, GPTConfig
from prosa.tokenizers.chat import ChatEncoder, Message
from prosa.tokenizers.config import TokenizerConfig
from prosa.tokenizers.train import train
from prosa.train.config import TrainConfig
from prosa.train.optimizers import Optimizer
from prosa.train.step import rows

TOKENIZER = train(["um dois três quatro cinco seis one two three four five six"], TokenizerConfig(vocab_size=300))
ENCODER = ChatEncoder(TOKENIZER)
ASKED = [Asked((Message("user", text),), "test") for text in ("um", "dois três", "seis")]


def model(shape: str = "modern") -> GPT:
    torch.manual_seed(1)
    made = GPT(GPTConfig(304, 96, 2, 2, 32, shape=shape))
    with torch.no_grad():
        for parameter in made.parameters():
            if parameter.ndim > 1:
                parameter.normal_(std=0.2)
    return made.eval()


def reply(prompt: list[int], ids: list[int], written: list[bool]) -> Reply:
    return Reply(tuple(prompt), (Message("assistant", ""),), tuple(ids), tuple(written), "stop")


MADE = [
    reply([5, 6, 7], [10, 11, 12], [True] * 3),
    reply([5, 6, 7], [13], [True]),
    reply([8, 9], [20, 21, 22, 23, 24, 25], [True, True, False, False, True, True]),  # 22, 23: of a tool
    reply([8, 9], [26, 27, 28, 29], [True, True, False, False]),  # what the tool gave fills the context
]


def alone(network: GPT, one: Reply) -> list[float]:
    """Log-probabilities of the tokens that were written, by one plain pass over prompt and reply."""
    ids = [*one.prompt, *one.ids]
    log_probs = network(torch.tensor([ids]))[0, :, : TOKENIZER.vocab_size].log_softmax(-1)
    places = [len(one.prompt) + i for i, own in enumerate(one.written) if own]
    return [log_probs[place - 1, ids[place]].item() for place in places]


@pytest.mark.parametrize("shape", ["modern", "classic"])
@pytest.mark.parametrize("longest_row", [160, 1])
@pytest.mark.parametrize("workers", [1, 2])
def test_every_token_is_read_as_if_its_reply_stood_alone(shape, longest_row, workers, monkeypatch):
    monkeypatch.setattr(rollouts, "LONGEST_ROW", longest_row)
    batch = as_batch(MADE, 2)
    assert batch.targets.shape[:2] == ((2, 2) if longest_row == 160 else (4, 1))
    network = model(shape)
    found = measure(Writer(network, TOKENIZER.vocab_size), batch, 2 * workers, workers)
    there = batch.there.flatten(0, 1)
    for one, log_probs, own in zip(MADE, found.log_probs.flatten(0, 1), there, strict=True):
        assert log_probs[own].tolist() == pytest.approx(alone(network, one), abs=1e-5)
    assert int(there.sum()) == 3 + 1 + 4 + 2
    assert not found.log_probs.flatten(0, 1)[~there].any()


def test_what_tools_gave_is_read_and_is_no_target():
    batch = as_batch(MADE, 1)
    assert batch.targets[2, 0].tolist() == [20, 21, IGNORE, IGNORE, 24, 25]
    assert batch.inputs[2].tolist() == [8, 9, 20, 21, 22, 23, 24]
    assert batch.targets[3, 0].tolist() == [26, 27, IGNORE, IGNORE, IGNORE, IGNORE]
    assert batch.lengths.tolist() == [5, 3, 7, 3]


@pytest.mark.parametrize("tools", [False, True])
def test_what_is_learnt_from_is_what_was_read(tools):
    toolbox = Toolbox(builtin_tools("pt")[:1]) if tools else None
    engine = Engine(model(), TOKENIZER, device="cpu", precision="float32")
    made = roll_out(engine, ENCODER, ASKED, samples=4, max_tokens=8, seed=3, step=2, toolbox=toolbox)
    again = roll_out(engine, ENCODER, ASKED, samples=4, max_tokens=8, seed=3, step=2, toolbox=toolbox)
    other = roll_out(engine, ENCODER, ASKED, samples=4, max_tokens=8, seed=3, step=3, toolbox=toolbox)
    assert made.replies == again.replies != other.replies
    assert len({r.ids for r in made.replies}) > 6
    per_row = made.batch.targets.shape[1]
    for row, one in zip(made.batch.inputs, made.replies[::per_row], strict=True):
        prompt = ENCODER.prompt(announced(made.asked[made.replies.index(one)].messages, toolbox))
        assert row[: len(prompt)].tolist() == prompt == list(one.prompt)


@pytest.mark.parametrize("method", ["grpo", "ppo"])
def test_before_the_first_update_the_ratio_is_one_and_the_loss_what_the_advantages_say(method):
    network = model()
    batch = as_batch(MADE, 2)
    learner: Grpo | Ppo
    if method == "grpo":
        learner = Grpo(Writer(network, TOKENIZER.vocab_size), GrpoConfig(kl=0.3), group=2, max_tokens=8)
    else:
        learner = Ppo(ActorCritic(network, TOKENIZER.vocab_size, 0.05), PpoConfig())
    now = measure(learner.model, batch, 2, 1)
    ready, _ = learner.prepare(batch, now, now.log_probs, torch.tensor([1.0, 0.0, 1.0, 0.0]))
    loss, count, figures = learner(learner.model, ready)
    assert figures["clipped"] == 0
    if method == "grpo":  # the mean of each group's advantages is 0
        assert count == 4
        assert loss.item() == pytest.approx(0, abs=1e-6)
        assert ready.advantages.flatten().tolist() == pytest.approx([0.707, -0.707, 0.707, -0.707], abs=1e-3)
    else:
        assert count == 10
        assert loss.item() == pytest.approx(0.1 * figures["value_loss"], abs=1e-5)  # whitened: mean 0
        assert figures["value_loss"] == pytest.approx(0.5 * ready.returns.square().sum().item(), abs=1e-5)
    loss.backward()
    assert all(p.grad is not None and p.grad.abs().max() > 0 for n, p in network.named_parameters() if "embed" in n)


def test_without_the_biases_a_reply_weighs_as_much_as_it_is_long():
    learner = Grpo(Writer(model(), TOKENIZER.vocab_size), GrpoConfig(unbiased=True), group=2, max_tokens=8)
    batch = as_batch(MADE, 2)
    now = measure(learner.model, batch, 2, 1)
    ready, _ = learner.prepare(batch, now, now.log_probs, torch.tensor([1.0, 0.0, 1.0, 0.0]))
    loss, count, _ = learner(learner.model, ready)
    assert count == 4 * 8
    assert loss.item() == pytest.approx(-0.5 * (3 - 1 + 4 - 2), abs=1e-6)


def test_equal_rewards_teach_nothing():
    learner = Grpo(Writer(model(), TOKENIZER.vocab_size), GrpoConfig(), group=2, max_tokens=8)
    assert learner.worth(torch.tensor([1.0, 1.0, 0.0, 1.0])).tolist() == [False, False, True, True]
    assert not learner.worth(torch.ones(4)).any()
    with_kl = Grpo(Writer(model(), TOKENIZER.vocab_size), GrpoConfig(kl=0.1), group=2, max_tokens=8)
    assert with_kl.worth(torch.tensor([1.0, 1.0, 0.0, 1.0])).all()


def test_micro_batches_add_up_to_the_whole():
    network = model()
    for learner in (
        Grpo(Writer(network, TOKENIZER.vocab_size), GrpoConfig(), group=2, max_tokens=8),
        Ppo(ActorCritic(network, TOKENIZER.vocab_size, 0.05), PpoConfig()),
    ):
        batch = as_batch(MADE, 2)
        now = measure(learner.model, batch, 2, 1)
        ready, _ = learner.prepare(batch, now, now.log_probs - 0.1, torch.tensor([1.0, 0.0, 0.3, 1.0]))
        whole, count, _ = learner(learner.model, ready)
        parts = [learner(learner.model, rows(ready, i, i + 1, torch.device("cpu"))) for i in (0, 1)]
        assert count == sum(part[1] for part in parts)
        assert whole.item() == pytest.approx(sum(part[0].item() for part in parts), abs=1e-5)
        grads = torch.autograd.grad(whole, network.embedding.weight)[0]
        of_parts = [torch.autograd.grad(part[0], network.embedding.weight)[0] for part in parts]
        assert (grads - sum(of_parts)).abs().max() < 1e-5 * grads.abs().max()


def test_what_is_rolled_out_comes_from_the_weights_as_they_are() -> None:
    """Also after steps of the optimizer: what the engine says of its tokens is what the model says of them."""
    network = model()
    engine = Engine(network, TOKENIZER, device="cpu", precision="float32")
    optimizer = Optimizer(network, TrainConfig(steps=1, optimizer="adamw", lr=0.02, embedding_lr=0.0))
    ids = torch.tensor([ENCODER.prompt(ASKED[0].messages)])
    for step in range(3):
        made = engine.generate([ids[0].tolist()], Sampling(seed=step), max_tokens=40, samples=4)
        for completion in made:
            written = Reply(tuple(ids[0].tolist()), (), tuple(t.id for t in completion.tokens), (), "stop")
            read = alone(network, replace(written, written=(True,) * len(written.ids)))
            assert read == pytest.approx([token.logprob for token in completion.tokens], abs=1e-4)
        network(ids).logsumexp(-1).sum().backward()
        optimizer.step()
        network.zero_grad()

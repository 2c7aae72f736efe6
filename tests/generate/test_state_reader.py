"""Generation by models that are no decoders: a carried state gives what reading all again gives."""

import pytest
import torch
from tiny_generation import CONTEXT, byte_level

from prosa.core.errors import UserError
from prosa.generate.engine import Engine
from prosa.generate.sampling import Sampling
from prosa.models.feedforward_lm import FeedForwardConfig, FeedForwardLM
from prosa.models.recurrent import RecurrentConfig, RecurrentLM

PROMPTS = ["Era uma vez", "", "Não há ação sem coração, disse", "o"]
V = byte_level().vocab_size


def lively(model):
    """Weights wide enough for texts to vary."""
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            parameter.normal_(std=0.6 if "layer" in name else 1.0)
    return model.eval()


@pytest.fixture(params=["rnn", "lstm", "gru", "feed-forward"])
def engine(request):
    torch.manual_seed(1)
    if request.param == "feed-forward":
        model = FeedForwardLM(FeedForwardConfig(V, CONTEXT, 4, 8, 16, direct=True))
    else:
        model = RecurrentLM(RecurrentConfig(V, CONTEXT, request.param, 2, 16))
    return Engine(lively(model), byte_level(), device="cpu", precision="float32")


def ids(completions):
    return [[token.id for token in completion.tokens] for completion in completions]


@pytest.mark.parametrize("sampling", [Sampling(temperature=0), Sampling(seed=3)])
@pytest.mark.parametrize("overflow", ["stop", "slide"])
def test_with_state_or_without_alone_or_batched(engine, sampling, overflow):
    options = {"max_tokens": 70, "overflow": overflow}
    batched = engine.generate(PROMPTS, sampling, **options)
    assert len({tuple(made) for made in ids(batched)}) == len(PROMPTS)
    assert max(map(len, ids(batched))) >= 60
    assert ids(engine.generate(PROMPTS, sampling, use_cache=False, **options)) == ids(batched)
    assert ids([engine.generate([p], sampling, **options)[0] for p in PROMPTS]) == ids(batched)
    streamed = "".join(token.text for token in engine.stream(PROMPTS[2], sampling, **options))
    assert streamed == batched[2].text


@torch.no_grad()
def test_greedy_is_the_argmax_loop(engine):
    found = engine.generate(PROMPTS[:1], Sampling(temperature=0), max_tokens=12)[0]
    end = engine.tokenizer.end_of_text
    text = [end, *engine.tokenizer.encode(PROMPTS[0])]
    for token in found.tokens:
        assert token.id == engine.model(torch.tensor([text]))[0, -1].argmax()
        text.append(token.id)


def test_a_recurrent_model_reads_each_token_once():
    torch.manual_seed(2)
    model, read = lively(RecurrentLM(RecurrentConfig(V, CONTEXT, "gru", 1, 16))), []
    whole = model.read
    model.read = lambda ids_BT, *rest, **named: (read.append(tuple(ids_BT.shape)), whole(ids_BT, *rest, **named))[1]
    made = Engine(model, byte_level(), device="cpu", precision="float32").generate(
        ["aaaa", "aaaa"], Sampling(seed=1), max_tokens=9, samples=2
    )
    steps = [len(c.tokens) + (c.finish_reason == "stop") for c in made]
    expected = [(1, 4), *((sum(step < n for n in steps), 1) for step in range(max(steps)))]  # the mark and "aaa"
    assert [shape for shape in read if shape[1] == 1 or shape == (1, 4)] == expected


def test_int8_is_for_decoders():
    model = RecurrentLM(RecurrentConfig(V, CONTEXT, "gru", 1, 16))
    with pytest.raises(UserError, match="int8"):
        Engine(model, byte_level(), device="cpu", precision="int8")

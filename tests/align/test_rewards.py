"""What a reply is worth: verifiers, reward models, and both."""

import pytest
import torch
from torch import nn

from prosa.align.prompts import Asked
from prosa.align.reward import RewardModel
from prosa.align.rewards import Scored, Verifier, Weighted
from prosa.generate.reply import Reply, announced
from prosa.generate.tools import Toolbox, builtin_tools
from prosa.models.gpt import GPT, GPTConfig
from prosa.models.scored import ScoredGPT
from prosa.tokenizers.chat import ChatEncoder, Message
from prosa.tokenizers.config import TokenizerConfig
from prosa.tokenizers.train import train

TOKENIZER = train(["um dois três quatro cinco"], TokenizerConfig(vocab_size=300))
ENCODER = ChatEncoder(TOKENIZER)
QUESTION = Message("user", "2+2?")
TOOLBOX = Toolbox(builtin_tools("en"))
CONTEXT = 400


@pytest.fixture(scope="module")
def judge() -> RewardModel:
    torch.manual_seed(0)
    model = ScoredGPT(GPT(GPTConfig(TOKENIZER.vocab_size, CONTEXT, 1, 2, 32)), ("reward",), bias=True).eval()
    for p in model.parameters():
        nn.init.normal_(p, std=0.2)
    return RewardModel(model, TOKENIZER, device="cpu")


def replied(text: str, *, tools: bool = False, ended: int | None = ENCODER.end_id) -> Reply:
    """A reply; with tools after a call, its result and what the program wrote between."""
    ids = TOKENIZER.encode(text)
    before = [Message("assistant", "um"), Message("tool", "4")] if tools else []
    asked = announced([QUESTION], TOOLBOX if tools else None)
    prompt, middle = ENCODER.prompt(asked), ENCODER.prompt([*asked, *before])[len(ENCODER.prompt(asked)) :]
    last = [*ids, *([] if ended is None else [ended])]
    written = [False] * len(middle) + [True] * len(last)
    written[:1] = [tools] if tools else written[:1]  # the call's first token, which the model wrote
    finish = "length" if ended is None else "stop"
    return Reply(tuple(prompt), (Message("assistant", text),), (*middle, *last), tuple(written), finish)


def asked(answer: str | None = None) -> Asked:
    return Asked((QUESTION,), "x", None if answer is None else answer.__eq__)


def test_the_question_and_the_last_turn_are_scored_whatever_came_between(judge) -> None:
    direct = judge.score([[QUESTION, Message("assistant", "4")]])
    assert Scored(judge)([asked()], [replied("4")]) == pytest.approx(direct)
    assert Scored(judge)([asked()], [replied("4", tools=True)]) == pytest.approx(direct)
    other = Scored(judge)([asked()], [replied("5", tools=True)])
    assert abs(other[0] - direct[0]) > 1e-3


def test_a_reply_that_did_not_end_by_itself_is_scored_as_if_it_had(judge) -> None:
    whole = Scored(judge)([asked()], [replied("quatro")])
    assert Scored(judge)([asked()], [replied("quatro", ended=None)]) == pytest.approx(whole)
    assert Scored(judge)([asked()], [replied("quatro", ended=TOKENIZER.end_of_text)]) == pytest.approx(whole)
    long = Scored(judge)([asked()], [replied("a" * 2 * CONTEXT, ended=None)])
    room = CONTEXT - 1 - len(ENCODER.prompt([QUESTION]))
    assert long == pytest.approx(judge.score([[QUESTION, Message("assistant", "a" * room)]]))


def test_verifier_and_weights(judge) -> None:
    prompts = [asked("4"), asked("5"), asked()]
    replies = [replied("4"), replied("4", ended=None), replied("4")]
    assert Verifier()(prompts, replies) == [1.0, 0.0, 0.0]
    scored = Scored(judge)(prompts, replies)
    both = Weighted([(Verifier(), 2.0), (Scored(judge), 0.25)], unfinished_cost=0.5)
    assert both.name == "verifier + reward model"
    expected = [2 + 0.25 * scored[0], 0.25 * scored[1] - 0.5, 0.25 * scored[2]]
    assert both(prompts, replies) == pytest.approx(expected)

"""Log-probabilities of given tokens, and embeddings."""

import pytest
import torch
from tiny_generation import random_model

from prosa.core.errors import UserError
from prosa.generate.engine import Engine
from prosa.generate.reading import embed, score
from prosa.generate.sampling import Sampling
from prosa.generate.service import Service


@pytest.fixture(scope="module")
def engine(tokenizer):
    return Engine(random_model("modern", tokenizer.vocab_size, context=300), tokenizer, device="cpu")


def test_scores_are_what_generation_reports(engine):
    made = engine.generate(["Era uma vez"], Sampling(temperature=0, top_logprobs=2), max_tokens=10)[0]
    prompt = engine.row("Era uma vez", Sampling(), max_tokens=1).window
    ids = [*prompt, *(t.id for t in made.tokens)]
    with Service(engine) as service:
        scored = service.score(ids, top=2).result(timeout=60)
    assert [t.id for t in scored] == ids[1:]
    for told, token in zip(scored[-len(made.tokens) :], made.tokens, strict=True):
        assert told.logprob == pytest.approx(token.logprob, abs=1e-4)
        assert [a.id for a in told.top] == [a.id for a in token.top]
    assert score(engine, ids[:1]) == []


def test_an_embedding_is_the_normalised_mean_of_hidden_states(engine):
    ids = engine.tokenizer.encode("Era uma vez")
    found = torch.tensor(embed(engine, ids))
    with torch.inference_mode():
        mean = engine.model.hidden(torch.tensor([ids]))[0].mean(dim=0)
    torch.testing.assert_close(found, mean / mean.norm(), rtol=0, atol=1e-6)


def test_texts_that_cannot_be_read(engine):
    with pytest.raises(UserError, match="empty"):
        embed(engine, [])
    with pytest.raises(UserError, match="301 tokens, the context 300"):
        score(engine, [1] * 301)
    with pytest.raises(UserError, match="no token 99999"):
        score(engine, [99999])
    with Service(engine) as service, pytest.raises(UserError, match="empty"):
        service.embed([]).result(timeout=60)

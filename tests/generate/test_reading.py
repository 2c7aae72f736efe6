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
        service.embed([])


def test_reading_goes_on_between_the_steps_of_others(engine, monkeypatch):
    """Who writes gets a token between two parts of a long text; several texts take turns; all are right."""
    engine._ends, ends = frozenset(), engine._ends
    ids = [n % 250 for n in range(300)]
    events = []
    with Service(engine, chunk=50) as service:
        hidden, step = engine.model.hidden, service._scheduler.step
        monkeypatch.setattr(engine.model, "hidden", lambda *a, **k: (events.append("part"), hidden(*a, **k))[1])
        monkeypatch.setattr(service._scheduler, "step", lambda: (events.append("step"), step())[1])
        with service._changed:  # both are there before the thread sees either
            stream = service.submit([5], Sampling(temperature=0), max_tokens=40)
            long, other, short = service.score(ids), service.embed(ids[::-1]), service.embed([7])
            ended = []
            for name, future in (("long", long), ("short", short)):
                future.add_done_callback(lambda _, name=name: ended.append(name))
            gone = service.score(ids)
            assert gone.cancel()
        assert [t.id for t in long.result(timeout=60)] == ids[1:]
        assert short.result() == pytest.approx(embed(engine, [7]), abs=1e-6)
        stream.completion()
        assert ended == ["short", "long"]
        assert other.result(timeout=60) == pytest.approx(embed(engine, ids[::-1]), abs=1e-6)
    monkeypatch.undo()
    engine._ends = ends
    assert "part part" not in " ".join(events[:20])
    assert [t.logprob for t in long.result()] == pytest.approx([t.logprob for t in score(engine, ids)], abs=1e-5)
    with torch.inference_mode():
        whole = engine.model(torch.tensor([ids]))[0, :-1, : engine.tokenizer.vocab_size].log_softmax(-1)
    assert [t.logprob for t in long.result()] == pytest.approx(
        [whole[n, i].item() for n, i in enumerate(ids[1:])], abs=1e-4
    )


def test_an_error_while_reading_is_told_and_the_thread_goes_on(engine, monkeypatch):
    with Service(engine) as service:
        monkeypatch.setattr(engine.model, "hidden", lambda *a, **k: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            service.embed([5]).result(timeout=60)
        monkeypatch.undo()
        assert len(service.embed([5]).result(timeout=60)) == 32


def test_closing_finishes_or_cancels_what_is_read(engine):
    ids = [n % 250 for n in range(300)]
    service = Service(engine, chunk=1)
    reading = service.score(ids)
    service.close()
    assert len(reading.result(timeout=0)) == 299
    service = Service(engine, chunk=1)
    readings = [service.score(ids) for _ in range(20)]
    service.close(finish=False)
    assert readings[-1].cancelled()

"""Texts that join and leave at random are those of the engine alone; nobody waits long; nothing is read twice."""

import random

import pytest
import torch
from tiny_generation import CONTEXT, random_model

from prosa.core.errors import UserError
from prosa.generate.completion import Completion
from prosa.generate.decoder import Decoder
from prosa.generate.engine import Engine
from prosa.generate.job import Cancelled, Job
from prosa.generate.sampling import Sampling
from prosa.generate.scheduler import Scheduler

SETTINGS = [
    Sampling(temperature=0),
    Sampling(seed=3),
    Sampling(temperature=0.8, top_k=20, top_p=0.9, min_p=0.02, repetition_penalty=1.2, seed=11),
    Sampling(temperature=0, repetition_penalty=1.3, top_logprobs=2),
    Sampling(temperature=1.2, seed=4, top_logprobs=5, stop=("a", "é")),
]
TOKEN = 2 * 2 * 2 * 8 * 4  # bytes of a token's keys and values in the tiny modern model


def make(model, tokenizer):
    return Engine(model, tokenizer, device="cpu", precision="float32")


class Asked:
    """A request, and what came of it."""

    def __init__(self, engine, prompt, sampling, max_tokens=10, sample=0, overflow="stop"):
        self.arguments = (prompt, sampling, max_tokens, sample, overflow)
        row = engine.row(prompt, sampling, max_tokens=max_tokens, sample=sample, overflow=overflow)
        self.tokens, self.end = [], None
        self.job = Job(row, engine.slots([row], max_tokens), self.deliver)

    def deliver(self, tokens, end):
        assert self.end is None
        self.tokens += tokens
        self.end = end

    def expected(self, engine):
        prompt, sampling, max_tokens, sample, overflow = self.arguments
        found = engine.generate([prompt], sampling, max_tokens=max_tokens, samples=[sample], overflow=overflow)
        return found[0]

    def check(self, engine):
        expected = self.expected(engine)
        assert isinstance(self.end, Completion), self.end
        assert self.tokens == self.end.tokens
        assert [(t.id, t.text, len(t.top)) for t in self.tokens] == [
            (t.id, t.text, len(t.top)) for t in expected.tokens
        ]
        assert (self.end.text, self.end.finish_reason, self.end.ended_by, self.end.prompt) == (
            expected.text,
            expected.finish_reason,
            expected.ended_by,
            expected.prompt,
        )
        found = [p for t in self.tokens for p in (t.logprob, *(a.logprob for a in t.top))]
        assert found == pytest.approx(
            [p for t in expected.tokens for p in (t.logprob, *(a.logprob for a in t.top))], abs=1e-3
        )


def run(scheduler, *asked, most=10_000):
    """All to their ends; how many steps that took."""
    waiting = list(asked)
    for steps in range(most):
        while waiting and scheduler.join(waiting[0].job):
            waiting.pop(0)
        if not waiting and not scheduler.jobs:
            return steps
        scheduler.step()
    raise AssertionError("it does not end")


def random_request(draw, engine):
    stem = [draw.randrange(250) for _ in range(3)]
    beginnings = [[7] * 30, [7] * 12 + [8] * 20, list(range(40)), stem, [], [5]]
    prompt = (draw.choice(beginnings) + [draw.randrange(250) for _ in range(draw.randrange(6))])[:CONTEXT]
    sampling, overflow = draw.choice(SETTINGS), draw.choice(["stop", "stop", "stop", "slide"])
    return Asked(engine, prompt, sampling, draw.choice([1, 2, 9, 30]), draw.randrange(3), overflow)


@pytest.mark.parametrize("seed", range(4))
def test_the_same_texts_whatever_else_is_in_the_batch(model, tokenizer, seed):
    """Mixed settings, common beginnings, random order and times of joining, some taken back, little memory."""
    draw = random.Random(seed)
    engine = make(model, tokenizer)
    token = TOKEN * model.config.n_kv_head // 2
    scheduler = Scheduler(
        engine, memory=token * draw.choice([CONTEXT, 150, 400]), rows=6, chunk=draw.choice([1, 8, 50])
    )
    waiting = [random_request(draw, engine) for _ in range(24)]
    everyone, gone = list(waiting), []
    for _ in range(5000):
        while waiting and draw.random() < 0.5 and scheduler.join(waiting[0].job):
            waiting.pop(0)
        if scheduler.jobs and draw.random() < 0.02:
            job = draw.choice(scheduler.jobs)
            one = next(asked for asked in everyone if asked.job is job)
            one.job.cancelled = True
            gone.append(one)
        scheduler.step()
        assert not any(a.job in scheduler.jobs for a in gone)
        assert scheduler.room.taken == sum(job.size for job in scheduler.jobs) <= scheduler.room.arena.size
        if not waiting and not scheduler.jobs:
            break
    assert scheduler.room.taken == 0
    for asked in everyone:
        if asked in gone:
            assert isinstance(asked.end, Cancelled)
            ids = [t.id for t in asked.expected(engine).tokens]
            assert [t.id for t in asked.tokens] == ids[: len(asked.tokens)]
        else:
            asked.check(engine)
    assert scheduler.room.copied > 50


@pytest.mark.parametrize("kind", ["speedrun", "noisy"])
def test_models_the_decoder_does_not_know_and_rounding(tokenizer, kind, monkeypatch):
    """Without a decoder; and with a cache that rounds badly and twins among the tokens, which must not matter."""
    model = random_model("speedrun" if kind == "speedrun" else "modern", tokenizer.vocab_size, n_kv_head=2)
    engine = make(model, tokenizer)
    scheduler = Scheduler(engine, rows=4)
    if kind == "noisy":
        with torch.no_grad():
            half = tokenizer.vocab_size // 2
            model.unembedding.weight[half : 2 * half] = model.unembedding.weight[:half] * (1 + 1e-7)
        noise, real = torch.Generator().manual_seed(0), Decoder.read

        def noisy(*arguments):
            logits = real(*arguments)
            return logits + 1e-6 * torch.randn(logits.shape, generator=noise)

        monkeypatch.setattr(Decoder, "read", noisy)
    asked = [Asked(engine, [n] * (3 * n), SETTINGS[n % 2], 15, overflow="slide") for n in range(1, 8)]
    run(scheduler, *asked)
    for one in asked:
        expected = engine.generate([one.arguments[0]], one.arguments[1], max_tokens=15, use_cache=False)[0]
        assert [t.id for t in one.tokens] == [t.id for t in expected.tokens]


def long_engine(tokenizer, context=1200):
    return make(random_model("modern", tokenizer.vocab_size, context=context, d_model=16, n_head=2), tokenizer)


def spy(monkeypatch):
    """How many tokens of each row every pass through the model reads."""
    passes, read = [], Decoder.read

    def counted(self, parts, *rest):
        passes.append([len(part) for part in parts])
        return read(self, parts, *rest)

    monkeypatch.setattr(Decoder, "read", counted)
    return passes


def test_a_long_prompt_does_not_stall_the_others(tokenizer, monkeypatch):
    engine = long_engine(tokenizer)
    with torch.no_grad():
        engine.model.unembedding.weight[tokenizer.end_of_text] = 0  # nobody ends early
    passes = spy(monkeypatch)
    scheduler = Scheduler(engine, chunk=40)
    writer = Asked(engine, [1], Sampling(temperature=0), 60)
    scheduler.join(writer.job)
    scheduler.step()
    long, short = Asked(engine, [2] * 1000, Sampling(seed=1), 3), Asked(engine, [3] * 30, Sampling(seed=1), 3)
    scheduler.join(long.job)
    scheduler.step()
    scheduler.join(short.job)
    for step in range(25):
        written = writer.job.row.window
        n = len(written)
        passes.clear()
        before = scheduler.read, scheduler.written
        scheduler.step()
        assert len(writer.job.row.window) == n + 1  # a token a step
        assert len(passes) == 1
        assert scheduler.read - before[0] <= 40
        assert sum(passes[0]) == scheduler.read - before[0] + scheduler.written - before[1]
        assert (len(short.job.row.window) > 30) == (step >= 2 - 1)  # nor does a short prompt wait for the long one
    run(scheduler)
    assert scheduler.read == 999 + 29
    for one in (writer, long, short):
        assert isinstance(one.end, Completion)


def test_a_beginning_is_read_once(tokenizer):
    """A second request of a shared prefix reads at most 5 % of it, at the same time, later, or going on from a turn."""
    engine = long_engine(tokenizer)
    scheduler = Scheduler(engine)
    system = [n % 250 for n in range(1000)]
    first = Asked(engine, [*system, 251, 252], Sampling(seed=1), 20)
    run(scheduler, first)
    assert scheduler.read == 1001
    second = Asked(engine, [*system, 253, 254, 251], Sampling(seed=2), 20)
    run(scheduler, second)
    assert scheduler.read - 1001 == 2 <= 0.05 * 1000
    assert second.job.reused == 1000
    before = scheduler.read
    turn = [*system, 251, 252, *(t.id for t in first.tokens), 250, 250]
    third = Asked(engine, turn, Sampling(temperature=0), 5)
    run(scheduler, third)
    assert scheduler.read - before <= 3  # the last token written was not read yet, then the new ones
    other = [249 - n % 250 for n in range(900)]
    together = [Asked(engine, [*other, n], Sampling(seed=n), 5) for n in range(6)]
    before = scheduler.read
    run(scheduler, *together)
    assert scheduler.read - before == 900  # and the last token of each
    for one in (first, second, third, *together):
        one.check(engine)


def test_samples_of_a_prompt_read_it_once(model, tokenizer):
    engine = make(model, tokenizer)
    scheduler = Scheduler(engine)
    asked = [Asked(engine, [9] * 40, Sampling(seed=1), 12, sample) for sample in range(7)]
    run(scheduler, *asked)
    assert scheduler.read == 39
    assert scheduler.room.copied == 6 * 39
    for one in asked:
        one.check(engine)
    assert len({tuple(t.id for t in one.tokens) for one in asked}) == 7


def test_those_who_wait_for_a_reader_that_is_cancelled(tokenizer):
    engine = long_engine(tokenizer)
    scheduler = Scheduler(engine, chunk=100)
    asked = [Asked(engine, [3] * 950 + [n], Sampling(seed=n), 4) for n in range(3)]
    for one in asked:
        scheduler.join(one.job)
    scheduler.step()
    asked[0].job.cancelled = True
    run(scheduler)
    assert isinstance(asked[0].end, Cancelled)
    assert scheduler.read <= 952
    asked[1].check(engine)
    asked[2].check(engine)


def test_many_short_prompts_are_read_together(tokenizer, monkeypatch):
    engine = long_engine(tokenizer)
    passes = spy(monkeypatch)
    scheduler = Scheduler(engine, chunk=100)
    asked = [Asked(engine, [n] * 21, Sampling(seed=n), 2) for n in range(10)]
    for one in asked:
        scheduler.join(one.job)
    scheduler.step()
    scheduler.step()
    assert passes == [[21] * 5, [1] * 5 + [21] * 5]


def test_without_a_decoder_padding_counts(tokenizer, monkeypatch):
    model = random_model("speedrun", tokenizer.vocab_size, n_kv_head=2)
    engine, passes = make(model, tokenizer), []
    hidden = model.hidden
    monkeypatch.setattr(
        model, "hidden", lambda ids_BT, **k: (passes.append(tuple(ids_BT.shape)), hidden(ids_BT, **k))[1]
    )
    scheduler = Scheduler(engine, chunk=100)
    asked = [Asked(engine, [n] * length, Sampling(seed=n), 1) for n, length in enumerate((21, 21, 41, 11, 41))]
    for one in asked:
        scheduler.join(one.job)
    scheduler.step()
    scheduler.step()
    assert passes[:2] == [(3, 33), (2, 1)]
    assert all(rows * tokens <= 100 for rows, tokens in passes)


def test_only_the_one_that_fails_is_told(tokenizer):
    """A token whose embedding is infinite is in one prompt; the others go on, and nobody takes over its keys."""
    model = random_model("modern", tokenizer.vocab_size)
    with torch.no_grad():
        model.embedding.weight[100] = torch.inf
    engine = make(model, tokenizer)
    scheduler = Scheduler(engine, memory=TOKEN * 130)
    bad = Asked(engine, [5, 6, 100, 7], Sampling(temperature=0))
    good = [Asked(engine, [1, 2, n], Sampling(temperature=0), 40) for n in range(3)]
    run(scheduler, good[0], bad, good[1])
    assert isinstance(bad.end, UserError)
    assert "not finite" in str(bad.end)
    run(scheduler, good[2])
    for one in good:
        one.check(engine)
    assert scheduler.room.taken == 0


def breaks(method, error):
    """Where something of one text raises; the others' methods are as they were."""

    def break_(scheduler, bad, monkeypatch):
        def raises(*_):
            raise error

        if method in ("_read", "_look_again"):
            whole = getattr(scheduler, method)

            def of_some(*arguments):
                if any(bad.job in part for part in arguments):
                    raise error
                return whole(*arguments)

            monkeypatch.setattr(scheduler, method, of_some)
        else:
            monkeypatch.setattr(bad.job.row, method, raises)

    return break_


@pytest.mark.parametrize("decodes", [True, False])
@pytest.mark.parametrize("method", ["draw", "take", "completion", "_read", "_look_again"])
def test_an_error_of_one_text_ends_that_one_alone(model, tokenizer, monkeypatch, method, decodes):
    engine, error = make(model, tokenizer), RuntimeError("only this one")
    scheduler = Scheduler(engine)
    scheduler._decodes = scheduler._decodes and decodes
    good = [Asked(engine, [n] * 20, Sampling(seed=n), 9) for n in range(3)]
    bad = Asked(engine, [7] * 20, Sampling(seed=4), 5)
    for one in (good[0], bad, *good[1:]):
        scheduler.join(one.job)
    if method != "_look_again":
        scheduler.step()
    breaks(method, error)(scheduler, bad, monkeypatch)
    run(scheduler)
    assert bad.end is error
    for one in good:
        one.check(engine)
    assert scheduler.room.taken == 0
    assert bad.job.range not in scheduler.room.ranges or method == "completion"


def test_an_error_ends_all_and_the_next_begin_anew(model, tokenizer, monkeypatch):
    engine = make(model, tokenizer)
    scheduler = Scheduler(engine)
    asked = [Asked(engine, [n] * 20, Sampling(seed=1), 9) for n in range(3)]
    for one in asked:
        scheduler.join(one.job)
    scheduler.step()
    error = RuntimeError("out of memory")
    scheduler.fail(error)
    assert [one.end for one in asked] == [error] * 3
    assert scheduler.jobs == []
    assert scheduler.room.ranges == []
    again = Asked(engine, [1] * 20, Sampling(seed=1), 9)
    run(scheduler, again)
    assert again.job.reused == 0
    again.check(engine)


def test_a_reader_that_raises_is_let_go(model, tokenizer):
    engine = make(model, tokenizer)
    scheduler = Scheduler(engine)
    rude, other = Asked(engine, [1], Sampling(seed=1), 40), Asked(engine, [2], Sampling(seed=1), 40)

    def deliver(tokens, end):
        raise RuntimeError("gone")

    rude.job._deliver = deliver
    assert run(scheduler, rude, other) > 2
    other.check(engine)
    assert scheduler.room.taken == 0


def test_memory_below_a_context_is_refused(tokenizer):
    engine = make(random_model("modern", tokenizer.vocab_size), tokenizer)
    with pytest.raises(UserError, match="0 MiB hold the keys and values of 63 tokens; the model's context is 64"):
        Scheduler(engine, memory=TOKEN * CONTEXT - 1)
    scheduler = Scheduler(engine, memory=TOKEN * CONTEXT)
    assert sum(t.nbytes for t in scheduler.room.arena.keys + scheduler.room.arena.values) == TOKEN * CONTEXT
    with pytest.raises(UserError, match="rows is 0"):
        Scheduler(engine, rows=0)


def test_more_rows_than_allowed_wait(model, tokenizer):
    engine = make(model, tokenizer)
    scheduler = Scheduler(engine, rows=2)
    asked = [Asked(engine, [n], Sampling(seed=1), 5) for n in range(3)]
    assert [scheduler.join(one.job) for one in asked] == [True, True, False]

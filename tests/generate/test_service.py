"""Many at a time: threads and asyncio, a bounded queue, requests taken back, errors told to all, a clean end."""

import asyncio
import random
import threading
import time

import pytest
import torch
from tiny_generation import random_model

from prosa.core.errors import UserError
from prosa.generate.engine import Engine
from prosa.generate.job import Cancelled
from prosa.generate.sampling import Sampling
from prosa.generate.service import Closed, QueueFull, Service

GREEDY = Sampling(temperature=0)


@pytest.fixture
def endless(tokenizer):
    """An engine whose texts do not end before ``max_tokens``; greedy, each token is a character."""
    model = random_model("modern", tokenizer.vocab_size, context=600)
    with torch.no_grad():
        model.unembedding.weight[94:] = 0  # the first 94 are those of ASCII
    engine = Engine(model, tokenizer, device="cpu", precision="float32")
    engine._ends = frozenset()
    return engine


class Gate:
    """Holds the model's thread before each step until it is let through."""

    def __init__(self, service, monkeypatch):
        self.steps = threading.Semaphore(0)
        step = service._scheduler.step

        def wait():
            self.steps.acquire(timeout=600)
            step()

        monkeypatch.setattr(service._scheduler, "step", wait)

    def let(self, n=1_000_000):
        self.steps.release(n)


def until(condition):
    end = time.monotonic() + 600
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.002)


def ids(tokens):
    return [token.id for token in tokens]


def test_tokens_come_one_by_one_and_are_the_engines(endless):
    with Service(endless) as service:
        stream = service.submit("Era uma vez", Sampling(seed=2), max_tokens=20)
        tokens = list(stream)
        assert stream.ended
        completion = stream.completion()
        assert list(stream) == tokens == completion.tokens  # it can be read again
        several = [s.completion() for s in service.submit_samples("Era", max_tokens=5, samples=[2, 0])]
    assert ids(tokens) == ids(endless.generate(["Era uma vez"], Sampling(seed=2), max_tokens=20)[0].tokens)
    assert [c.text for c in several] == [c.text for c in endless.generate(["Era"] * 2, max_tokens=5, samples=[2, 0])]
    assert stream.prompt_tokens == 1 + len(endless.tokenizer.encode("Era uma vez"))
    assert service.figures.finished == 3
    assert service.figures.written == 30


def test_a_token_is_given_before_the_next_is_made(endless, monkeypatch):
    with Service(endless) as service:
        gate = Gate(service, monkeypatch)
        stream = service.submit([65, 66], GREEDY, max_tokens=5)
        tokens = iter(stream)
        gate.let(1)
        next(tokens)
        assert service.figures.written == 1
        with pytest.raises(TimeoutError):
            stream.completion(timeout=0.01)
        gate.let()


def test_eight_threads_ask_and_take_back(endless):
    """Everybody gets the tokens of their own request or, taken back, a beginning of them; no place is lost."""
    prompts = [[n, *[60] * (5 * n)] for n in range(1, 7)]
    expected = [ids(endless.generate([p], Sampling(seed=n), max_tokens=12)[0].tokens) for n, p in enumerate(prompts)]
    problems = []

    def client(service, number):
        draw = random.Random(number)
        try:
            for _ in range(6):
                n = draw.randrange(len(prompts))
                with service.submit(prompts[n], Sampling(seed=n), max_tokens=12) as stream:
                    leave_after = draw.choice([0, 1, 5, 99])
                    got = []
                    for token in stream if leave_after else ():
                        got.append(token.id)
                        if len(got) == leave_after:
                            break
                    if got != expected[n][: min(leave_after, 12)]:
                        problems.append((n, got))
        except Exception as error:
            problems.append(error)

    with Service(endless, rows=3, memory=3 * 600 * 256) as service:
        threads = [threading.Thread(target=client, args=(service, number)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        until(lambda: service.figures.writing == service.figures.waiting == 0)
    figures = service.figures
    assert problems == []
    assert figures.taken == 0
    assert figures.finished + figures.cancelled == 48
    assert figures.cancelled > 5


def test_taken_back_within_a_step(endless, monkeypatch):
    with Service(endless, rows=1) as service:
        gate = Gate(service, monkeypatch)
        first, second, third = (service.submit([n], GREEDY, max_tokens=50) for n in (1, 2, 3))
        gate.let(1)
        next(iter(first))
        first.cancel()
        second.cancel()  # it waits in the queue
        gate.let(2)  # one in which the first leaves, one with the third
        next(iter(third))
        assert service.figures.written == 2
        for stream in (first, second):
            with pytest.raises(Cancelled):
                stream.completion(timeout=600)
            with pytest.raises(Cancelled):
                list(stream)
        gate.let()
        assert len(list(third)) == 50
        third.cancel()  # too late to change anything
        assert len(third.completion().tokens) == 50
    assert (service.figures.finished, service.figures.cancelled) == (1, 2)


def test_a_full_queue_says_so(endless, monkeypatch):
    with Service(endless, rows=1, queue=2) as service:
        gate = Gate(service, monkeypatch)
        first = service.submit([1], GREEDY, max_tokens=3)
        until(lambda: service.figures.writing == 1)
        second = service.submit([2], GREEDY, max_tokens=3)
        with pytest.raises(QueueFull, match="1 requests wait; the queue has 2 places"):
            service.submit_samples([3], GREEDY, max_tokens=3, samples=[0, 1])  # both or none
        third = service.submit([3], GREEDY, max_tokens=3)
        with pytest.raises(QueueFull):
            service.submit([4], GREEDY, max_tokens=3)
        gate.let()
        assert [len(s.completion().tokens) for s in (first, second, third)] == [3, 3, 3]
        assert len(service.submit([4], GREEDY, max_tokens=3).completion().tokens) == 3


def test_bad_requests_are_refused_where_they_are_made(endless):
    with Service(endless) as service:
        for prompt, options, message in [
            ([1] * 601, {"max_tokens": 5}, "601 tokens"),
            ([99999], {"max_tokens": 5}, "not in the vocabulary"),
            ("a", {"max_tokens": 0}, "max_tokens is 0"),
        ]:
            with pytest.raises(UserError, match=message):
                service.submit(prompt, **options)
        assert service.figures.waiting == service.figures.writing == 0
        assert len(service.submit("a", max_tokens=5).completion().tokens) == 5


def test_a_model_that_is_not_finite(endless):
    weight = endless.model.norm.weight
    with Service(endless, rows=2) as service:
        with torch.no_grad():
            weight[0] = torch.nan
        for stream in [service.submit([n], GREEDY, max_tokens=5) for n in range(5)]:
            with pytest.raises(UserError, match="not finite"):
                stream.completion(timeout=600)
        assert service.figures.failed == 5
        assert service.figures.taken == 0


def test_an_error_in_the_model_is_told_to_all_in_the_batch_and_the_thread_goes_on(endless, monkeypatch):
    with Service(endless) as service:
        monkeypatch.setattr(service._scheduler, "_write", lambda *_: 1 / 0)
        for stream in service.submit_samples([5], max_tokens=5, samples=range(3)):
            with pytest.raises(ZeroDivisionError):
                stream.completion(timeout=600)
        monkeypatch.undo()
        assert len(service.submit([5], max_tokens=5).completion(timeout=600).tokens) == 5


def test_an_error_on_joining_is_told_to_that_one_alone(endless, monkeypatch):
    """Its beginning stands in the arena already, and copying it fails."""
    with Service(endless) as service:
        room = service._scheduler.room
        gate = Gate(service, monkeypatch)
        good = service.submit([5] * 30, GREEDY, max_tokens=200)
        gate.let(3)
        until(lambda: service.figures.written)
        monkeypatch.setattr(room.arena, "copy", lambda *_: 1 / 0)
        bad = service.submit([5] * 30, GREEDY, max_tokens=3)
        gate.let()
        with pytest.raises(ZeroDivisionError):
            bad.completion(timeout=600)
        assert len(good.completion(timeout=600).tokens) == 200
        assert service.figures.taken == 0
        assert service.figures.failed == 1


def test_closing_finishes_or_cancels(endless, monkeypatch):
    service = Service(endless, rows=1)
    streams = [service.submit([n], max_tokens=9) for n in range(3)]
    service.close()
    assert [len(stream.completion(timeout=0).tokens) for stream in streams] == [9] * 3
    with pytest.raises(Closed):
        service.submit([1], max_tokens=1)
    service.close()  # again is nothing

    service = Service(endless, rows=1)
    gate = Gate(service, monkeypatch)
    streams = [service.submit([n], max_tokens=500) for n in range(3)]
    gate.let()
    next(iter(streams[0]))
    service.close(finish=False)
    assert not service._thread.is_alive()
    for stream in streams:
        with pytest.raises(Cancelled):
            stream.completion(timeout=0)


def test_asyncio(endless):
    """Many coroutines; those that are cancelled take their requests back."""

    async def client(service, n):
        async with service.submit([n, 60], Sampling(seed=n), max_tokens=15) as stream:
            return [token.id async for token in stream]

    async def all_(service):
        impatient = asyncio.create_task(client(service, 1000 % 250))
        endless_ = asyncio.create_task(long(service))
        results = await asyncio.gather(*(client(service, n) for n in range(10)))
        endless_.cancel()
        with pytest.raises(asyncio.CancelledError):
            await endless_
        await impatient
        return results

    async def long(service):
        async with service.submit([7], max_tokens=590) as stream:
            async for _ in stream:
                await asyncio.sleep(0.05)

    with Service(endless) as service:
        results = asyncio.run(all_(service))
    expected = [ids(endless.generate([[n, 60]], Sampling(seed=n), max_tokens=15)[0].tokens) for n in range(10)]
    assert results == expected


def test_a_reader_whose_loop_is_gone_is_let_go(endless, monkeypatch):
    async def one(service):
        stream = service.submit([7], GREEDY, max_tokens=500)
        tokens = aiter(stream)
        gate.let(1)
        await anext(tokens)
        return stream, tokens

    with Service(endless) as service:
        gate = Gate(service, monkeypatch)
        loop = asyncio.new_event_loop()
        stream, tokens = loop.run_until_complete(one(service))
        loop.close()  # without a word, as when a server is torn down
        gate.let()
        with pytest.raises(Cancelled):
            stream.completion(timeout=600)
        assert tokens is not None
        until(lambda: service.figures.writing == 0)
    assert service.figures.written < 10

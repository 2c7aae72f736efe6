"""Completions for many at a time: requests from any thread and from asyncio, one thread that runs the model.

A request is checked where it is made, waits in a bounded queue, in the order of arrival, until there is place in the
batch (scheduler.py), and can be taken back at any time. What goes wrong for one is the answer to that one; what goes
wrong for nobody in particular, to those who are in the batch then. The thread goes on with the others.
"""

import threading
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial
from types import TracebackType
from typing import Any, Self

from prosa.core.errors import UserError
from prosa.core.language import number, tr
from prosa.generate.completion import Completion, Token
from prosa.generate.engine import CACHE_BYTES, MAX_ROWS, Engine
from prosa.generate.job import Cancelled, End, Job
from prosa.generate.prompt import Prompt
from prosa.generate.reading import Made, Steps, check, embedding, scoring
from prosa.generate.row import Overflow
from prosa.generate.sampling import Sampling
from prosa.generate.scheduler import CHUNK, Scheduler
from prosa.generate.stream import Stream

QUEUE = 256
"""Requests that may wait."""


class QueueFull(UserError):
    """Too many wait already: ask again later."""


class Closed(UserError):
    """Nothing is taken any more."""


@dataclass(frozen=True, slots=True)
class Figures:
    """What a service does, and has done.

    Attributes:
        waiting: requests in the queue.
        writing: in the batch.
        places: tokens that the cache holds; ``taken``: of those, what the batch has.
        read: tokens of prompts that were read; ``reused``: that were copied from another text instead.
        written: tokens that were made.
        finished, cancelled, failed: requests that have ended.
    """

    waiting: int
    writing: int
    places: int
    taken: int
    read: int
    reused: int
    written: int
    finished: int
    cancelled: int
    failed: int


class Service:
    """A model at the service of many.

    Until it is closed the engine is the service's alone, and its weights must stay as they are.

    Args:
        memory: bytes of all keys and values together.
        rows: the most texts at a time.
        chunk: the most tokens of prompts that are read between two tokens of others.
        queue: the most requests that wait, beside those that join at the next step.

    Raises:
        UserError: as ``Scheduler``.
    """

    def __init__(
        self,
        engine: Engine,
        *,
        memory: int = CACHE_BYTES,
        rows: int = MAX_ROWS,
        chunk: int = CHUNK,
        queue: int = QUEUE,
    ) -> None:
        self.engine = engine
        self.queue = queue
        self._scheduler = Scheduler(engine, memory=memory, rows=rows, chunk=chunk)
        self._changed = threading.Condition()  # of all below; only the thread takes from the two queues
        self._waiting: deque[Job] = deque()
        self._readings: deque[tuple[Future[Any], Iterator[None]]] = deque()
        self._closed = False
        self._finished = self._cancelled = self._failed = 0
        self._thread = threading.Thread(target=self._run, name="prosa-service", daemon=True)
        self._thread.start()

    def submit(
        self,
        prompt: Prompt,
        sampling: Sampling | None = None,
        *,
        max_tokens: int,
        sample: int = 0,
        overflow: Overflow = "stop",
    ) -> Stream:
        """Ask for a completion: the one that ``Engine.stream`` would give.

        Returns:
            At once: its tokens will come there.

        Raises:
            UserError: as ``Engine.generate``.
            QueueFull: too many requests wait.
            Closed: the service is being closed.
        """
        return self.submit_samples(prompt, sampling, max_tokens=max_tokens, samples=[sample], overflow=overflow)[0]

    def submit_samples(
        self,
        prompt: Prompt,
        sampling: Sampling | None = None,
        *,
        max_tokens: int,
        samples: Sequence[int],
        overflow: Overflow = "stop",
    ) -> list[Stream]:
        """``submit`` for several samples of a prompt, which is read once; all are taken, or none."""
        sampling = sampling or Sampling()
        streams, jobs = [], []
        for sample in samples:
            row = self.engine.row(prompt, sampling, max_tokens=max_tokens, sample=sample, overflow=overflow)
            stream = Stream(self._cancel)
            stream.job = Job(row, self.engine.slots([row], max_tokens), partial(self._deliver, stream))
            streams.append(stream)
            jobs.append(stream.job)
        with self._changed:
            self._check_room(len(jobs))
            self._waiting.extend(jobs)
            self._changed.notify_all()
        return streams

    def score(self, ids: Sequence[int], *, top: int = 0) -> "Future[list[Token]]":
        """``reading.score``, part by part between the steps of others (``asyncio.wrap_future`` makes it awaitable).

        Raises:
            UserError: as there.
            QueueFull: too much waits.
            Closed: the service is being closed.
        """
        check(self.engine, ids)
        return self._between_steps(scoring(self.engine, ids, top=top, part=self._scheduler.chunk))

    def embed(self, ids: Sequence[int]) -> "Future[list[float]]":
        """``reading.embed``, likewise."""
        check(self.engine, ids)
        return self._between_steps(embedding(self.engine, ids, part=self._scheduler.chunk))

    def _between_steps(self, steps: Steps[Made]) -> "Future[Made]":
        future: Future[Made] = Future()

        def run() -> Iterator[None]:
            try:
                while not future.cancelled():
                    next(steps)
                    yield
            except StopIteration as end:
                if future.set_running_or_notify_cancel():
                    future.set_result(end.value)
            except Exception as error:
                if future.set_running_or_notify_cancel():
                    future.set_exception(error)

        with self._changed:
            self._check_room(1)
            self._readings.append((future, run()))
            self._changed.notify_all()
        return future

    @property
    def figures(self) -> Figures:
        """What it does now, and has done since it began."""
        scheduler = self._scheduler
        with self._changed:
            return Figures(
                waiting=len(self._waiting) + len(self._readings),
                writing=len(scheduler.jobs),
                places=scheduler.room.arena.size,
                taken=scheduler.room.taken,
                read=scheduler.read,
                reused=scheduler.room.copied,
                written=scheduler.written,
                finished=self._finished,
                cancelled=self._cancelled,
                failed=self._failed,
            )

    def close(self, *, finish: bool = True) -> None:
        """Take nothing more, and come back when all is ended.

        Args:
            finish: bring to its end what was asked for; False: cancel it.
        """
        with self._changed:
            self._closed = True
            if not finish:
                for job in [*self._waiting, *self._scheduler.jobs]:
                    job.cancelled = True
                for future, _ in self._readings:
                    future.cancel()
            self._changed.notify_all()
        self._thread.join()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close; after an error what was asked for is cancelled."""
        self.close(finish=error is None)

    def _check_room(self, more: int) -> None:
        """Whether so many more may wait; the lock is held."""
        if self._closed:
            raise Closed(tr("the service is being closed.", "o serviço está sendo encerrado."))
        at_once = max(0, self._scheduler.rows - len(self._scheduler.jobs))
        waiting = len(self._waiting) + len(self._readings)
        if waiting + more > self.queue + at_once:
            raise QueueFull(
                tr(
                    f"{number(waiting)} requests wait; the queue has {number(self.queue)} places.",
                    f"{number(waiting)} pedidos esperam; a fila tem {number(self.queue)} lugares.",
                ),
                tr("Try again later.", "Tente de novo mais tarde."),
            )

    def _cancel(self, job: Job) -> None:
        with self._changed:
            job.cancelled = True
            self._changed.notify_all()

    def _deliver(self, stream: Stream, tokens: list[Token], end: End | None) -> None:
        self._finished += isinstance(end, Completion)
        self._cancelled += isinstance(end, Cancelled)
        self._failed += isinstance(end, Exception) and not isinstance(end, Cancelled)
        stream.deliver(tokens, end)

    def _run(self) -> None:
        """The thread of the model."""
        while self._has_work():
            try:
                self._read_on()
                self._admit()
                self._scheduler.step()
            except Exception as error:  # whatever it is, those who wait must be told, and others may come
                self._scheduler.fail(error)

    def _read_on(self) -> None:
        """One part of one text that is only to be read; the texts take turns."""
        if self._readings:
            ended = next(self._readings[0][1], self) is self
            with self._changed:
                if ended:
                    self._readings.popleft()
                else:
                    self._readings.rotate(-1)

    def _has_work(self) -> bool:
        """Wait for some; False: closed, and all is done."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._readings or self._scheduler.jobs or self._closed)
            return bool(self._waiting or self._readings or self._scheduler.jobs)

    def _admit(self) -> None:
        """Take from the queue what there is place for. Only this thread takes from it; others add to its end."""
        with self._changed:
            gone = [job for job in self._waiting if job.cancelled]
            if gone:
                self._waiting = deque(job for job in self._waiting if not job.cancelled)
        for job in gone:
            job.give([], Cancelled())
        while self._waiting:
            job, error = self._waiting[0], None
            try:
                if not self._scheduler.join(job):
                    return
            except Exception as wrong:  # it must not come again and again
                error = wrong
            with self._changed:
                self._waiting.popleft()
            if error is not None:
                job.give([], error)

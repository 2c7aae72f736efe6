"""Continuous batching: texts join and leave the batch at every step (Yu et al. 2022, Orca).

A step is: cancelled texts leave; then, in one pass through the model, a chunk of prompts is read, and every text whose
prompt has been read gets its next token. So a text that is being written waits for one chunk at most between two of its
tokens, however long the prompts of the others are (chunked prefill: Agrawal et al. 2023, Sarathi). The chunk goes by
turns to the prompts that are being read, so that short ones do not wait for a long one either. A prompt that begins as
one that is being read waits for that, and copies (room.py). Who waits for a place is admitted in the order of arrival.

Tokens are those of ``Engine``: the rows, their random streams, the choice and its second look are the same objects.

What raises for all at once is done again for each alone, so that an error ends only the text that it belongs to.

One thread, which owns the model while it steps. For many threads: service.py. Shapes: N prompts, T tokens.
"""

from collections.abc import Callable, Sequence
from typing import TypeVar

import torch
from torch import Tensor

from prosa.core.errors import UserError
from prosa.core.language import number, tr
from prosa.generate.completion import Token
from prosa.generate.decoder import Decoder, can_decode
from prosa.generate.engine import CACHE_BYTES, MAX_ROWS, Engine
from prosa.generate.job import Cancelled, End, Job
from prosa.generate.next_tokens import all_finite, diverged
from prosa.generate.reader import read_last
from prosa.generate.room import Room
from prosa.nn.arena import Arena

Made = TypeVar("Made")

CHUNK = 128
"""Tokens of prompts that are read in a step. More would be read little faster, and the others would wait longer."""

WORTH_WAITING = 16
"""Tokens in common from which on a prompt waits for one that is being read."""


class Scheduler:
    """The batch.

    Args:
        engine: its model's weights must stay as they are.
        memory: bytes of all keys and values together.
        rows: the most texts at a time.
        chunk: the most tokens of prompts that are read in a step.

    Attributes:
        jobs: the texts in the batch, in the order in which they joined.
        read: tokens of prompts that were read (what was copied instead: ``room.copied``).
        written: tokens that were made.

    Raises:
        UserError: the memory does not hold a text as long as the context; a number is below 1.
    """

    def __init__(self, engine: Engine, *, memory: int = CACHE_BYTES, rows: int = MAX_ROWS, chunk: int = CHUNK) -> None:
        for name, value in (("rows", rows), ("chunk", chunk)):
            if value < 1:
                raise UserError(
                    tr(f"{name} is {value}, must be at least 1.", f"{name} é {value}, deve ser pelo menos 1.")
                )
        self.engine = engine
        self.rows, self.chunk = rows, chunk
        self.room = Room(_arena(engine, memory))
        self.jobs: list[Job] = []
        self.read = self.written = 0
        self._turns: list[Job] = []  # those that are being read, in the order of their turns
        self._decodes = can_decode(engine.model, engine.dtype)
        self._decoders: dict[bool, Decoder] = {}

    def join(self, job: Job) -> bool:
        """Take a text into the batch; False: there is no place for it before another has ended."""
        if len(self.jobs) >= self.rows:
            return False
        job.range = self.room.take(job.row.window[:-1], job.size)
        if job.range is None:
            return False
        self.jobs.append(job)
        if job.left:
            self._turns.append(job)
        return True

    def step(self) -> None:
        """One token for each text whose prompt has been read."""
        for job in [job for job in self.jobs if job.cancelled]:
            self._leave(job)
            job.give([], Cancelled())
        with torch.inference_mode(), self.engine.evaluating():
            chunk = self._chunk()
            writing = [job for job in self.jobs if job.left == chunk.get(job, 0)]
            if not writing and not chunk:
                return
            reading = [job for job in self.jobs if job in chunk or job in writing]
            for jobs, logits in self._each(reading, lambda some: self._read(*_among(some, chunk, writing))):
                for job in jobs:
                    self._went_on(job, chunk.get(job, 0), writes=job in writing)
                writers = [job for job in jobs if job in writing]
                if writers:
                    self._write(writers, logits)

    def fail(self, error: Exception) -> None:
        """End all texts with an error, and begin anew."""
        jobs, self.jobs, self._turns = self.jobs, [], []
        self.room.forget()
        for job in jobs:
            job.give([], error)

    def _each(self, jobs: list[Job], do: Callable[[list[Job]], Made]) -> list[tuple[list[Job], Made]]:
        """What comes of doing something for all, or, where that raises, for each alone; who raises alone is ended.

        Args:
            do: what can be done again after it has raised.
        """
        try:
            return [(jobs, do(jobs))]
        except Exception as error:  # whatever it is, the others must not suffer
            if len(jobs) > 1:
                return [one for job in jobs for one in self._each([job], do)]
            self._fail_one(jobs[0], error)
            return []

    def _fail_one(self, job: Job, error: Exception) -> None:
        """End a text with an error. What was read of it serves nobody."""
        self.jobs.remove(job)
        if job in self._turns:
            self._turns.remove(job)
        self.room.drop(job.place)
        job.give([], error)

    def _went_on(self, job: Job, n: int, *, writes: bool) -> None:
        """So many tokens of a prompt have been read, and the last of the window where it writes."""
        at = len(job.place.tokens)
        job.place.tokens += job.row.window[at : at + n]
        self.read += n
        if writes:
            job.place.tokens.append(job.row.window[-1])

    def _leave(self, job: Job) -> None:
        self.jobs.remove(job)
        if job in self._turns:
            self._turns.remove(job)
        self.room.leave(job.place)

    def _chunk(self) -> dict[Job, int]:
        """How many tokens to read of which prompts, besides the last, which is read for what comes next.

        Without a decoder they are padded to the longest, and what pads counts.
        """
        chunk: dict[Job, int] = {}
        looked: list[Job] = []
        for job in list(self._turns):
            if self._waits(job) or not self._each([job], self._look_again):
                continue
            if job.left:
                longest, rows = max(chunk.values(), default=0), len(chunk) + 1
                n = min(job.left, self.chunk - sum(chunk.values()) if self._decodes else self.chunk // rows)
                if n == 0 or (not self._decodes and rows * max(longest, n) > self.chunk):
                    break
                chunk[job] = n
            looked.append(job)
        for job in looked:  # to the end of the line, or out of it
            self._turns.remove(job)
            if job.left > chunk.get(job, 0):
                self._turns.append(job)
        return chunk

    def _look_again(self, jobs: list[Job]) -> None:
        for job in jobs:
            self.room.look_again(job.place, job.row.window[:-1])

    def _waits(self, job: Job) -> bool:
        """Whether one that joined before is reading what this one begins with too."""
        known, window = len(job.place.tokens), job.row.window
        for other in self.jobs:
            if other is job:
                return False
            if other.left:
                shared = max(len(other.place.tokens), known + WORTH_WAITING) + 1
                if shared < min(len(window), len(other.row.window)) and window[:shared] == other.row.window[:shared]:
                    return True
        return False

    def _read(self, chunk: dict[Job, int], writing: list[Job]) -> Tensor:
        """Read what is new; logits (B, V) of what comes next, of those that are writing."""
        if self._decodes:
            jobs = [job for job in self.jobs if job in chunk or job in writing]
            starts = [len(job.place.tokens) for job in jobs]
            ends = [at + chunk.get(job, 0) + (job in writing) for job, at in zip(jobs, starts, strict=True)]
            parts = [job.row.window[at:end] for job, at, end in zip(jobs, starts, ends, strict=True)]
            cache = self.room.rows([job.place for job in jobs])
            answers = [n for n, job in enumerate(jobs) if job in writing]
            return self._decoder(sum(map(len, parts))).read(parts, starts, cache, answers)
        if chunk:
            self._read_padded(chunk)
        windows = [job.row.window for job in writing]
        if not windows:
            return torch.empty(0, self.engine.model.config.vocab_size, device=self.engine.device)
        return read_last(self.engine.rereader, windows, self.room.rows([job.place for job in writing]), None)

    def _read_padded(self, chunk: dict[Job, int]) -> None:
        """The next tokens of several prompts. Short parts are filled up with their last token, again in its place."""
        ids, positions = [], []
        longest = max(chunk.values())
        for job, n in chunk.items():
            at = len(job.place.tokens)
            places = [at + min(i, n - 1) for i in range(longest)]
            ids.append([job.row.window[place] for place in places])
            positions.append(places)
        device, rereader = self.engine.device, self.engine.rereader
        cache = self.room.rows([job.place for job in chunk])
        with rereader.precision():
            rereader.model.hidden(
                torch.tensor(ids, device=device), cache=cache, positions_BT=torch.tensor(positions, device=device)
            )

    def _write(self, jobs: list[Job], logits: Tensor) -> None:
        """The next token of each of these."""
        logits = logits[:, : self.engine.tokenizer.vocab_size]
        if not all_finite(logits):
            jobs, logits = self._without_failed(jobs, logits)
            if not jobs:
                return
        at = {job: n for n, job in enumerate(jobs)}

        def choose(some: list[Job]) -> list[Token]:
            mine = logits if len(some) == len(jobs) else logits[[at[job] for job in some]]
            return self.engine.next_tokens(mine, [job.row for job in some])

        for some, tokens in self._each(jobs, choose):
            for job, token in zip(some, tokens, strict=True):
                self.written += 1
                try:
                    final = job.row.take(token)
                except Exception as error:
                    self._fail_one(job, error)
                else:
                    self._went_on_writing(job, final)

    def _went_on_writing(self, job: Job, final: list[Token]) -> None:
        """A text has one token more."""
        if job.row.finish_reason is not None:
            self._leave(job)
            job.give(final, _end_of(job))
            return
        if len(job.row.window) - 1 != len(job.place.tokens):  # it lost its beginning: all is at another position
            job.place.tokens.clear()
            self._turns.append(job)
        job.give(final)

    def _without_failed(self, jobs: list[Job], logits: Tensor) -> tuple[list[Job], Tensor]:
        """End those whose logits are not finite, and only those."""
        good = logits.isfinite().all(dim=-1).tolist()
        for job, is_good in zip(jobs, good, strict=True):
            if not is_good:
                self._fail_one(job, diverged())
        return [job for job, is_good in zip(jobs, good, strict=True) if is_good], logits[good]

    def _decoder(self, tokens: int) -> Decoder:
        """The model laid out for one token, or for several; each made when needed first (8 bits: once)."""
        one = tokens == 1 and self.engine.precision != "int8"
        if one not in self._decoders:
            self._decoders[one] = Decoder(self.engine.model, self.engine.dtype, tokens)
        return self._decoders[one]


def _among(some: Sequence[Job], chunk: dict[Job, int], writing: Sequence[Job]) -> tuple[dict[Job, int], list[Job]]:
    """What some of the batch read, and who of them writes."""
    return {job: chunk[job] for job in some if job in chunk}, [job for job in some if job in writing]


def _end_of(job: Job) -> End:
    try:
        return job.row.completion()
    except Exception as error:
        return error


def _arena(engine: Engine, memory: int) -> Arena:
    """As many places as the memory has."""
    c = engine.model.config
    a_token = 2 * c.n_layer * c.n_kv_head * c.head_dim * engine.cache_dtype.itemsize
    places = memory // a_token
    if places < c.context:
        need, have = -(-a_token * c.context // 2**20), memory // 2**20
        raise UserError(
            tr(
                f"{number(have)} MiB hold the keys and values of {number(places)} tokens; "
                f"the model's context is {number(c.context)}.",
                f"{number(have)} MiB comportam as chaves e os valores de {number(places)} tokens; "
                f"o contexto do modelo é de {number(c.context)}.",
            ),
            tr(f"Give at least {number(need)} MiB.", f"Dê pelo menos {number(need)} MiB."),
        )
    return Arena(c.n_layer, c.n_kv_head, places, c.head_dim, engine.device, engine.cache_dtype)

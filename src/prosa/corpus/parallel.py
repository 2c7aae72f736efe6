"""Many tasks over some processes: results in the order of the tasks, only a few of which are in memory at once."""

import multiprocessing
import os
import signal
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from typing import TypeVar

from prosa.core.errors import UserError
from prosa.core.language import Lang, language, set_language, tr

A = TypeVar("A")
R = TypeVar("R")

_AHEAD = 2  # tasks in flight a worker


def cores() -> int:
    """Processors that this process may use."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # not on macOS and Windows
        return os.cpu_count() or 1


def _start(lang: Lang) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the main process's to handle
    set_language(lang)


@contextmanager
def _interrupt_waits() -> Iterator[None]:
    """Ctrl-C waits until the block ends, and processes started in it never see it, not even before ``_start``."""
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def ordered_map(function: Callable[[A], R], items: Iterable[A], workers: int) -> Iterator[R]:
    """``map`` over ``workers`` fresh processes (in this one when there is one); ``function`` must be picklable.

    Raises:
        UserError: a process was killed, most likely for memory.
    """
    if workers <= 1:
        yield from map(function, items)
        return
    pool = ProcessPoolExecutor(workers, multiprocessing.get_context("spawn"), _start, (language(),))
    waiting: deque[Future[R]] = deque()
    try:
        for item in items:
            with _interrupt_waits():  # a submit may start a process
                waiting.append(pool.submit(function, item))
            if len(waiting) >= _AHEAD * workers:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    except BrokenProcessPool as error:
        raise UserError(
            tr("a process that was reading files was killed.", "um processo que lia arquivos foi encerrado."),
            tr(
                "Memory may have run out: try workers=1. A script of yours must call this under `if __name__ == "
                '"__main__":`.',
                "Talvez tenha faltado memória: tente workers=1. Um script seu precisa chamar isto dentro de `if "
                '__name__ == "__main__":`.',
            ),
        ) from error
    finally:
        pool.shutdown(wait=True, cancel_futures=True)

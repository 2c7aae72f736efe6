"""From paths to documents: which files, cut into which tasks, done by how many processes."""

from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

from prosa.core.language import tr
from prosa.core.progress import warn
from prosa.corpus.clean import Outcome, clean_batch
from prosa.corpus.config import CorpusConfig
from prosa.corpus.document import Document
from prosa.corpus.files import file_size, find_files, nothing_read, read_as
from prosa.corpus.parallel import cores, ordered_map
from prosa.corpus.problems import Problems
from prosa.corpus.readers.task import Task
from prosa.corpus.registry import READERS
from prosa.corpus.repair import plain_ends, repair

_BATCH_BYTES, _BATCH_TASKS = 1_000_000, 64
_SLOW = {".pdf": 10, ".html": 20, ".htm": 20}  # how much longer a byte of these takes
_WORTH_A_PROCESS = 8_000_000  # bytes of plain text; a worker takes about a second and a half to start


def file_tasks(files: Sequence[Path], config: CorpusConfig, problems: Problems) -> Iterator[Task]:
    """The tasks of all files, in order."""
    for path in files:
        yield from READERS[read_as(path)].tasks(path, config, problems)


def _batches(tasks: Iterator[Task]) -> Iterator[list[Task]]:
    batch: list[Task] = []
    held = 0
    for task in tasks:
        batch.append(task)
        held += task.size * _SLOW.get(task.format, 1)
        if held >= _BATCH_BYTES or len(batch) == _BATCH_TASKS:
            yield batch
            batch, held = [], 0
    if batch:
        yield batch


def workers_for(files: Sequence[Path], config: CorpusConfig) -> int:
    """How many processes the files are worth: one for a small corpus."""
    work = sum(file_size(path) * _SLOW.get(read_as(path), 1) for path in files)
    return 1 if work < _WORTH_A_PROCESS else config.workers or cores()


def clean_files(files: Sequence[Path], config: CorpusConfig, problems: Problems) -> Iterator[Outcome]:
    """The cleaned documents of all files, in an order that does not depend on the number of processes.

    ``problems`` gathers those of every process.

    Raises:
        UserError: most records of half of the files are bad, a library for a format is missing.
    """
    batches = _batches(file_tasks(files, config, problems))
    for outcome in ordered_map(partial(clean_batch, config=config), batches, workers_for(files, config)):
        problems.merge(outcome.problems)
        problems.refuse_hopeless(len(files))
        yield outcome
    problems.finish(len(files))


def read_documents(paths: Sequence[Path], config: CorpusConfig, problems: Problems | None = None) -> Iterator[Document]:
    """The documents of files and folders, decoded and repaired, in this process; nothing is reflowed or dropped.

    Args:
        problems: gathers what could not be read; without it each problem is a warning on stderr at the end.

    Raises:
        UserError: a path does not exist, nothing could be read, or most records of half of the files are bad.
    """
    met = Problems() if problems is None else problems
    files = find_files(paths, met)
    found = False
    for task in file_tasks(files, config, met):
        for raw in READERS[task.format].texts(task, config, met):
            found = True
            yield Document(repair(plain_ends(raw.text), raw.encoding)[0], raw.source)
        met.refuse_hopeless(len(files))
    met.finish(len(files))
    if not found:
        raise nothing_read(paths, met)
    if problems is None:
        for problem in met.named:
            warn(f"{problem.source}: {problem.why}")
        if met.count > len(met.named):
            more = met.count - len(met.named)
            warn(tr(f"other problems: {more}", f"outros problemas: {more}"))

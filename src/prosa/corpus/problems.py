"""What could not be read: every one is counted, the first are named, and files that are mostly bad stop the run."""

from collections import Counter
from dataclasses import dataclass, field

from prosa.core.errors import UserError
from prosa.core.language import tr

NAMED = 100  # problems kept by name; the rest are counted
NAMED_OF_A_FILE = 10
EARLY = 1000  # bad records of one file after which its good and bad are compared without waiting for its end


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that was not read: where (``file`` or ``file:record``), and why."""

    source: str
    why: str
    file: str


@dataclass
class Problems:
    """The problems met so far. Mergeable, because each worker process keeps its own.

    Attributes:
        named: the first ``NAMED`` problems, in the order of the files.
        count: how many there were in all.
        good, bad: records (lines, rows) of each file that holds many.
        first: the first bad record of each of those files.
    """

    named: list[Problem] = field(default_factory=list)
    count: int = 0
    good: Counter[str] = field(default_factory=Counter)
    bad: Counter[str] = field(default_factory=Counter)
    first: dict[str, Problem] = field(default_factory=dict)

    def add(self, source: str, why: str) -> None:
        """Count a problem and, while there is room, name it."""
        self.count += 1
        self._name(Problem(source, why, source))

    def _name(self, problem: Problem) -> None:
        of_this = sum(other.file == problem.file for other in self.named)
        if len(self.named) < NAMED and of_this < NAMED_OF_A_FILE:
            self.named.append(problem)

    def bad_record(self, path: str, record: int, why: str) -> None:
        """A bad line or row, ``record`` counted from 1."""
        problem = Problem(f"{path}:{record}", why, path)
        self.count += 1
        self._name(problem)
        self.bad[path] += 1
        self.first.setdefault(path, problem)

    def good_record(self, path: str) -> None:
        """A line or row that was read."""
        self.good[path] += 1

    def merge(self, other: "Problems") -> None:
        """Add a worker's problems."""
        for problem in other.named:
            self._name(problem)
        self.count += other.count
        self.good.update(other.good)
        self.bad.update(other.bad)
        for path, problem in other.first.items():
            self.first.setdefault(path, problem)

    def refuse_hopeless(self, files: int, at_least: int = EARLY) -> None:
        """Stop when half of the ``files`` that are read, or more, are mostly bad records.

        Args:
            at_least: a file with fewer bad records is not judged yet.

        Raises:
            UserError: they are; the first such file and its first bad record are told.
        """
        hopeless = [path for path, bad in self.bad.items() if bad >= at_least and bad > self.good[path]]
        if hopeless and 2 * len(hopeless) >= files:
            raise UserError(
                self._mostly_bad(hopeless[0]),
                tr(
                    "Mend the file or leave it out.",
                    "Conserte o arquivo ou deixe-o de fora.",
                ),
            )

    def finish(self, files: int) -> None:
        """As ``refuse_hopeless``, once everything was read; fewer mostly bad files are named before other problems."""
        self.refuse_hopeless(files, at_least=1)
        for path in reversed([path for path, bad in self.bad.items() if bad > self.good[path]]):
            self.named.insert(0, Problem(path, self._mostly_bad(path), path))

    def _mostly_bad(self, path: str) -> str:
        bad, first = self.bad[path], self.first[path]
        total = bad + self.good[path]
        return tr(
            f"{path}: bad records: {bad} of {total}. The first: {first.source}: {first.why}",
            f"{path}: registros ruins: {bad} de {total}. O primeiro: {first.source}: {first.why}",
        )

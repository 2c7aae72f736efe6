"""What could not be read: every one is counted, the first are named, and a file that is mostly bad stops the run."""

from collections import Counter
from dataclasses import dataclass, field

from prosa.core.errors import UserError
from prosa.core.language import tr

NAMED = 100  # problems kept by name; the rest are counted
EARLY = 1000  # bad records of one file after which its good and bad are compared without waiting for its end


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that was not read: where, and why."""

    source: str
    why: str


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
        if len(self.named) < NAMED:
            self.named.append(Problem(source, why))

    def bad_record(self, path: str, record: int, why: str) -> None:
        """A bad line or row, ``record`` counted from 1."""
        self.add(f"{path}:{record}", why)
        self.bad[path] += 1
        self.first.setdefault(path, Problem(f"{path}:{record}", why))

    def good_record(self, path: str) -> None:
        """A line or row that was read."""
        self.good[path] += 1

    def merge(self, other: "Problems") -> None:
        """Add a worker's problems."""
        self.named += other.named[: NAMED - len(self.named)]
        self.count += other.count
        self.good.update(other.good)
        self.bad.update(other.bad)
        for path, problem in other.first.items():
            self.first.setdefault(path, problem)

    def refuse_hopeless(self, at_least: int = EARLY) -> None:
        """Stop at a file with that many bad records, when they are most of those read so far.

        Raises:
            UserError: there is one; its first bad record is told.
        """
        for path, bad in self.bad.items():
            if bad >= at_least:
                self._refuse_if_mostly_bad(path)

    def _refuse_if_mostly_bad(self, path: str) -> None:
        bad, good = self.bad[path], self.good[path]
        if bad > good:
            first = self.first[path]
            raise UserError(
                tr(
                    f"{path}: {bad} of the {bad + good} records read are bad. The first: {first.source}: {first.why}",
                    f"{path}: {bad} dos {bad + good} registros são ruins. O primeiro: {first.source}: {first.why}",
                ),
                tr(
                    "Mend or leave out the file, or name the field that holds the text (text_field).",
                    "Conserte ou retire o arquivo, ou diga qual campo tem o texto (text_field).",
                ),
            )

"""One comparison: two models answered the same prompt, and a judge said whose answer is better.

On disk a comparison is a JSON object a line, with exactly these fields, all strings:

    {"prompt_id": "p17", "first": "base", "second": "sft", "winner": "second", "judge": "verifier"}
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Literal, get_args

from prosa.core.errors import UserError, unknown
from prosa.core.files import write_text
from prosa.core.language import number, tr

Winner = Literal["first", "second", "tie"]
WINNERS: tuple[Winner, ...] = get_args(Winner)
POINTS: dict[Winner, float] = {"first": 1.0, "second": 0.0, "tie": 0.5}  # of the first model; the second has the rest
SHOWN = 5  # bad lines of a file that are named


@dataclass(frozen=True, slots=True)
class Comparison:
    """What a judge said of two models' answers to one prompt.

    Attributes:
        prompt_id: the prompt; comparisons that share it are not independent of each other.
        first, second: the two models.
        winner: which of them answered better, or ``tie``.
        judge: who said so.

    Raises:
        UserError: a model against itself, or a winner that is none of the three.
    """

    prompt_id: str
    first: str
    second: str
    winner: Winner
    judge: str

    def __post_init__(self) -> None:
        if self.first == self.second:
            raise UserError(
                tr(f"{self.first!r} is compared with itself.", f"{self.first!r} é comparado consigo mesmo."),
                tr("A comparison needs two models.", "Uma comparação precisa de dois modelos."),
            )
        if self.winner not in WINNERS:
            raise unknown(tr("winner", "vencedor"), self.winner, WINNERS)

    @property
    def points(self) -> float:
        """The first model's points: 1, 0, or a half for a tie."""
        return POINTS[self.winner]


_FIELDS = tuple(field.name for field in fields(Comparison))


def write_comparisons(path: Path, comparisons: Iterable[Comparison]) -> None:
    """Write a line a comparison, atomically."""
    write_text(path, "".join(json.dumps(asdict(c), ensure_ascii=False) + "\n" for c in comparisons))


def read_comparisons(path: Path) -> list[Comparison]:
    """The comparisons of a file; empty lines are skipped.

    Raises:
        UserError: the file cannot be read, has no comparison, or any line is none. The bad lines are named and none is
            passed over: a rating from part of the verdicts is another figure.
    """
    try:
        lines = Path(path).read_bytes().splitlines()
    except OSError as error:
        raise UserError(tr(f"cannot read {path}: {error}", f"não consigo ler {path}: {error}")) from error
    found, bad = list[Comparison](), list[str]()
    for at, line in enumerate(lines, start=1):
        if line.strip():
            try:
                found.append(_comparison(line))
            except (ValueError, RecursionError) as error:
                what = error.what if isinstance(error, UserError) else tr("not JSON: ", "não é JSON: ") + str(error)
                bad.append(f"{path}:{at}: {what}")
    if bad:
        raise _bad_lines(bad)
    if not found:
        raise nothing_to_compare(str(path))
    return found


def nothing_to_compare(where: str = "") -> UserError:
    """The error for an empty set of comparisons."""
    prefix = f"{where}: " if where else ""
    return UserError(
        prefix + tr("there is no comparison.", "não há nenhuma comparação."),
        tr(
            'A comparison is a line such as {"prompt_id": "1", "first": "base", "second": "sft", "winner": "second", '
            '"judge": "verifier"}.',
            'Uma comparação é uma linha como {"prompt_id": "1", "first": "base", "second": "sft", "winner": "second", '
            '"judge": "verifier"}.',
        ),
    )


def _comparison(line: bytes) -> Comparison:
    value = json.loads(line)
    if not isinstance(value, dict):
        raise UserError(tr("not a JSON object", "não é um objeto JSON"))
    if strange := [key for key in value if key not in _FIELDS]:
        raise unknown(tr("field", "campo"), strange[0], _FIELDS)
    for name in _FIELDS:
        if not isinstance(value.get(name), str) or not value[name]:
            raise UserError(
                tr(f"the field {name!r} must be a text", f"o campo {name!r} precisa ser um texto"),
            )
    return Comparison(**value)


def _bad_lines(bad: Sequence[str]) -> UserError:
    rest = len(bad) - SHOWN
    more = [tr(f"… and {number(rest)} more lines", f"… e mais {number(rest)} linhas")] if rest > 0 else []
    return UserError(
        "\n".join([*bad[:SHOWN], *more]),
        tr("Correct these lines, or make the comparisons again.", "Corrija essas linhas, ou refaça as comparações."),
    )

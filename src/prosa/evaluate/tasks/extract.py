"""The final answer in a reply, by one rule: the first candidate after the last answer marker, else the last candidate.

Markers are ``####`` (GSM8K, Cobbe et al. 2021), ``A:`` and ``R:``, "Answer:", "Resposta:", "the answer is", "a resposta
é", "final answer", "resposta final". An equation stands for its right-hand side, so in "A: 5 + 7 = 12" the candidate is
12. A reply without a candidate is wrong, and so is one whose rule-chosen candidate is wrong, whatever else it says.

Numbers are read in the problem's language: 1.234,5 in Portuguese, 1,234.5 in English. The other language's form counts
where it cannot be mistaken: 12.5 in Portuguese is twelve and a half, but 1.234 is a thousand and more.

A text answer is the whole line after the marker, or the whole reply: "mil e cem" must not pass for "cem".
"""

import re
import unicodedata
from decimal import Decimal

from prosa.core.language import Lang
from prosa.evaluate.tasks.problem import Problem

_MARKER = re.compile(
    r"\#{4}"
    r"|(?:^|(?<=\s))[AR]:"
    r"|\b(?i:resposta(?:\ final)?|(?:final\ )?answer)[*_]*\s*(?::|é\b|(?i:is)\b)",
    re.VERBOSE | re.MULTILINE,
)
_LEFT_SIDE = re.compile(r"(?<![0-9])[-−(]?[0-9](?:[0-9\s.,+*/×÷()−-]|mais|menos|vezes|plus|minus|times){0,80}=")
_NUMBER = re.compile(r"(?P<sign>(?<![\w)])[-−])?(?<![^\W_])(?P<digits>[0-9]+(?:[.,][0-9]+)*)")
_PLAIN = re.compile(r"[0-9]+(?:[.,][0-9]+)?")
_GROUPED = {  # thousands separator, decimal mark: of the language, and of the other
    "pt-BR": re.compile(r"[0-9]{1,3}(?:\.[0-9]{3})+(?:,[0-9]+)?"),
    "en": re.compile(r"[0-9]{1,3}(?:,[0-9]{3})+(?:\.[0-9]+)?"),
}
_AROUND = " \t\"'“”‘’«»`*_.,:;!?()[]"


def chosen(pattern: re.Pattern[str], reply: str) -> re.Match[str] | None:
    """The match that is the final answer by the rule above."""
    reply = unicodedata.normalize("NFC", reply)
    marker = _last(_MARKER, reply)
    return (marker and pattern.search(reply, marker.end())) or _last(pattern, reply)


def _last(pattern: re.Pattern[str], text: str) -> re.Match[str] | None:
    return [None, *pattern.finditer(text)][-1]


def final_text(reply: str) -> str:
    """What follows the last marker up to the line's end, else the whole reply; bare."""
    reply = unicodedata.normalize("NFC", reply)
    marker = _last(_MARKER, reply)
    return (marker and bare(reply[marker.end() :].strip().partition("\n")[0])) or bare(reply)


def bare(text: str) -> str:
    """Text as it is compared: NFC, lower case, single spaces, without quotes, emphasis or punctuation around it."""
    return " ".join(unicodedata.normalize("NFC", text).casefold().split()).strip(_AROUND)


def final_number(reply: str, language: Lang) -> Decimal | None:
    """The number that is the final answer; None where there is none, or where it is no well-formed number."""
    found = chosen(_NUMBER, _LEFT_SIDE.sub(" ", reply))
    if found is None:
        return None
    value = _read(found["digits"], language)
    return -value if value is not None and found["sign"] else value


def whole_number(text: str, language: Lang) -> Decimal | None:
    """The number that the whole text is; None where it is anything else."""
    found = _NUMBER.fullmatch(text.strip())
    value = None if found is None else _read(found["digits"], language)
    return -value if found is not None and value is not None and found["sign"] else value


def _read(digits: str, language: Lang) -> Decimal | None:
    other: Lang = "en" if language == "pt-BR" else "pt-BR"
    if _GROUPED[language].fullmatch(digits):
        convention = language
    elif _PLAIN.fullmatch(digits):
        return Decimal(digits.replace(",", "."))
    elif _GROUPED[other].fullmatch(digits):
        convention = other
    else:
        return None
    if convention == "pt-BR":
        return Decimal(digits.replace(".", "").replace(",", "."))
    return Decimal(digits.replace(",", ""))


def same_number(problem: Problem, reply: str) -> bool:
    """Whether the final answer is exactly the number ``problem.answer``."""
    return final_number(reply, problem.language) == Decimal(problem.answer)


def same_text(problem: Problem, reply: str) -> bool:
    """Whether the final answer is ``problem.answer`` or another accepted one, as ``bare`` compares."""
    return final_text(reply) in map(bare, (problem.answer, *problem.accepted))


def same_list(problem: Problem, reply: str) -> bool:
    """Whether the final answer lists the items of ``problem.answer`` in order; commas, spaces, "e" or "and" between."""
    return _items(final_text(reply)) == _items(bare(problem.answer))


def _items(text: str) -> list[str]:
    items = (bare(item).replace("−", "-") for item in re.split(r"[\s,;]+", text))
    return [item for item in items if item not in ("", "e", "and")]

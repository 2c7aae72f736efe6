"""Numbers in Portuguese words, 0 to 999,999,999, as Brazil and Portugal write them, and the tasks in both directions.

Within a group of three digits "e" joins hundreds, tens and units: cento e vinte e um. Between groups it stands only
before the last one, and only where that is below a hundred or a round hundred (Cunha & Cintra, chapter 11): mil e cem,
mil cento e um, dois mil e vinte, um milhão e duzentos mil, um milhão duzentos mil e trezentos. A thousand is "mil",
not "um mil".

Portugal writes dezasseis, dezassete, dezanove; 14 is catorze, in Brazil also quatorze. The prompt says which Portuguese
is meant. In words to figures every spelling is met. Commas between groups are not judged.

A number is held out in both directions and both spellings. Digits are zero more often than by chance, so that the round
numbers, where the rules of "e" are, come up.
"""

from random import Random
from typing import Literal, get_args

from prosa.core.language import Lang
from prosa.evaluate.tasks.extract import bare, final_text, same_number
from prosa.evaluate.tasks.problem import Problem
from prosa.evaluate.tasks.task import ENDLESS, Question, Task, Wordings

Variant = Literal["pt-BR", "pt-PT"]
VARIANTS: tuple[Variant, ...] = get_args(Variant)
LIMIT = 1_000_000_000

_TO_NINETEEN = (
    "zero",
    "um",
    "dois",
    "três",
    "quatro",
    "cinco",
    "seis",
    "sete",
    "oito",
    "nove",
    "dez",
    "onze",
    "doze",
    "treze",
    "catorze",
    "quinze",
    "dezesseis",
    "dezessete",
    "dezoito",
    "dezenove",
)
_TENS = ("vinte", "trinta", "quarenta", "cinquenta", "sessenta", "setenta", "oitenta", "noventa")
_HUNDREDS = (
    "cento",
    "duzentos",
    "trezentos",
    "quatrocentos",
    "quinhentos",
    "seiscentos",
    "setecentos",
    "oitocentos",
    "novecentos",
)
_IN_PORTUGAL = {"dezesseis": "dezasseis", "dezessete": "dezassete", "dezenove": "dezanove"}


def spellings(n: int, variant: Variant) -> tuple[str, ...]:
    """The ways to write ``n``, the most used first."""
    if not 0 <= n < LIMIT:
        raise ValueError(f"{n} is not in 0..{LIMIT - 1}")
    text = _in_words(n)
    if variant == "pt-PT":
        return (" ".join(_IN_PORTUGAL.get(word, word) for word in text.split()),)
    return tuple(dict.fromkeys((text, text.replace("catorze", "quatorze"))))


def _in_words(n: int) -> str:
    millions, thousands, units = n // 1_000_000, n // 1000 % 1000, n % 1000
    groups = []  # (value, words)
    if millions:
        groups.append((millions, "um milhão" if millions == 1 else f"{_group(millions)} milhões"))
    if thousands:
        groups.append((thousands, "mil" if thousands == 1 else f"{_group(thousands)} mil"))
    if units or not groups:
        groups.append((units, _group(units)))
    *before, (last, last_words) = groups
    if not before:
        return last_words
    joint = " e " if last < 100 or last % 100 == 0 else " "
    return " ".join(text for _, text in before) + joint + last_words


def _group(n: int) -> str:
    """A number below a thousand."""
    if n == 100:
        return "cem"
    parts = []
    if n >= 100:
        parts.append(_HUNDREDS[n // 100 - 1])
        n %= 100
    if n >= 20:
        parts.append(_TENS[n // 10 - 2])
        n %= 10
    if n or not parts:
        parts.append(_TO_NINETEEN[n])
    return " e ".join(parts)


def figures(n: int, language: Lang) -> str:
    """The number in figures, with the language's mark between thousands."""
    return f"{n:,}".replace(",", "." if language == "pt-BR" else ",")


def _drawn(random: Random) -> int:
    """One to nine digits, all lengths alike; a digit after the first is zero four times in ten."""
    first, *others = (random.randrange(10) for _ in range(random.randint(1, 9)))
    return int("".join(str(d) for d in (first, *(d if random.random() < 2 / 3 else 0 for d in others))))


_VARIANT_NAMES: dict[Lang, dict[Variant, str]] = {
    "pt-BR": {"pt-BR": "português do Brasil", "pt-PT": "português de Portugal"},
    "en": {"pt-BR": "Brazilian Portuguese", "pt-PT": "European Portuguese"},
}


def _to_words(i: int, language: Lang) -> Question:
    random = Random(i)
    n = _drawn(random)
    variant: Variant = random.choice(("pt-BR", "pt-BR", "pt-BR", "pt-PT"))
    first, *others = spellings(n, variant)
    fields = {"number": figures(n, language), "variant": _VARIANT_NAMES[language][variant]}
    return Question(f"number:{n}", fields, first, tuple(others))


def _to_figures(i: int, language: Lang) -> Question:
    random = Random(i)
    n = _drawn(random)
    return Question(f"number:{n}", {"words": random.choice(spellings(n, random.choice(VARIANTS)))}, str(n))


def _same_words(problem: Problem, reply: str) -> bool:
    """Whether the final answer is an accepted spelling, commas aside."""
    found = " ".join(final_text(reply).replace(",", " ").split())
    return found in map(bare, (problem.answer, *problem.accepted))


_TO_WORDS = {
    "own": Wordings(
        train={
            "pt-BR": (
                "Como se escreve {number} por extenso em {variant}?",
                "Escreva por extenso, em {variant}: {number}",
                "Em {variant}, como se lê o número {number}?",
                "{number} em palavras ({variant}):",
                "Por extenso, em {variant}, {number} é:",
                "Diga em palavras, em {variant}, o número {number}.",
                "Escreva {number} com palavras. Use o {variant}.",
                "Como se diz {number} em {variant}?",
                "Num cheque em {variant}, como escrevo {number} por extenso?",
            ),
            "en": (
                "How is {number} written in words in {variant}?",
                "Write this number in {variant} words: {number}",
            ),
        },
        test={
            "pt-BR": (
                "Qual é o número {number} por extenso, em {variant}?",
                "Passe {number} para palavras, em {variant}.",
            ),
            "en": ("What is the number {number} in {variant} words?", "Spell {number} out in {variant}."),
        },
    )
}
_TO_FIGURES = {
    "own": Wordings(
        train={
            "pt-BR": (
                'Como se escreve "{words}" em algarismos?',
                "Escreva em algarismos: {words}",
                "Que número é este: {words}?",
                "{words}, em dígitos:",
                "Transforme em número: {words}",
                'Quanto é "{words}", com algarismos?',
                "Dígitos de {words}?",
                "Leia e escreva o número: {words}.",
                'Converta para algarismos: "{words}"',
                'Com algarismos, "{words}" fica como?',
                "Alguém disse {words}. Anote o número.",
            ),
            "en": ('How is the Portuguese "{words}" written in figures?', "Write in figures: {words}"),
        },
        test={
            "pt-BR": ('Qual é o número "{words}" em algarismos?', "Passe para algarismos: {words}"),
            "en": ('Which number is the Portuguese "{words}"?', "Portuguese number: {words}. Give its digits."),
        },
    )
}

NUMBER_WORDS = (
    Task("number-to-words", lambda _: ENDLESS, _to_words, _same_words, _TO_WORDS),
    Task("words-to-number", lambda _: ENDLESS, _to_figures, same_number, _TO_FIGURES),
)

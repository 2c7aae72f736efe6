"""Putting numbers in order, and words in alphabetical order.

Portuguese dictionaries order words by their letters without accents and cedilla (água before ajuda, maçã beside maca);
code points would put every accented letter after z. Lists never hold two words that differ only there.

A list is held out in every order of its items, and of numbers both ways up.
"""

from random import Random

from prosa.core.language import Lang
from prosa.evaluate.tasks.extract import same_list
from prosa.evaluate.tasks.letters import base_letters, pool
from prosa.evaluate.tasks.task import ENDLESS, Question, Task, Wordings

_FEWEST, _MOST = 4, 7  # items: of four, one list in 24 is in order already
_DIRECTIONS: dict[Lang, tuple[str, str]] = {
    "pt-BR": ("do menor para o maior", "do maior para o menor"),
    "en": ("from the smallest to the largest", "from the largest to the smallest"),
}


def _numbers(i: int, language: Lang) -> Question:
    """Different integers of up to three digits, a quarter of the lists with negative ones."""
    random = Random(i)
    low = random.choice((0, 0, 0, -1)) * 999
    items = random.sample(range(low, 10 ** random.randint(2, 3)), random.randint(_FEWEST, _MOST))
    down = random.random() < 0.5
    fields = {"items": ", ".join(map(str, items)), "direction": _DIRECTIONS[language][down]}
    answer = ", ".join(map(str, sorted(items, reverse=down)))
    return Question(f"sort:{sorted(items)}", fields, answer)


def _words(i: int, language: Lang) -> Question:
    random = Random(i)
    by_base = {base_letters(word): word for word in random.sample(pool(language), random.randint(_FEWEST, _MOST))}
    answer = ", ".join(by_base[base] for base in sorted(by_base))
    return Question(f"sort:{answer}", {"items": ", ".join(by_base.values())}, answer)


_SORT_NUMBERS = {
    "own": Wordings(
        train={
            "pt-BR": (
                "Ponha em ordem, {direction}: {items}",
                "Ordene estes números {direction}: {items}",
                "Números: {items}. Escreva-os {direction}, separados por vírgulas.",
            ),
            "en": ("Put in order, {direction}: {items}", "Sort these numbers {direction}: {items}"),
        },
        test={
            "pt-BR": ("Quais são, {direction}, os números {items}?", "Organize {direction} a lista {items}."),
            "en": ("What are, {direction}, the numbers {items}?", "Arrange the list {items} {direction}."),
        },
    )
}
_SORT_WORDS = {
    "own": Wordings(
        train={
            "pt-BR": (
                "Ponha em ordem alfabética: {items}",
                "Ordene estas palavras de A a Z: {items}",
                "Palavras: {items}. Escreva-as em ordem alfabética, separadas por vírgulas.",
            ),
            "en": ("Put in alphabetical order: {items}", "Sort these words from A to Z: {items}"),
        },
        test={
            "pt-BR": (
                "Como ficam em ordem alfabética as palavras {items}?",
                "Organize alfabeticamente a lista {items}.",
            ),
            "en": ("What is the alphabetical order of the words {items}?", "Arrange the list {items} alphabetically."),
        },
    )
}

SORTING = (
    Task("sort-numbers", lambda _: ENDLESS, _numbers, same_list, _SORT_NUMBERS),
    Task("sort-words", lambda _: ENDLESS, _words, same_list, _SORT_WORDS),
)

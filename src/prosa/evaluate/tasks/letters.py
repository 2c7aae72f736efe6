"""Counting a letter in a word, and spelling a word: what a model of tokens does not see.

Is ``á`` an ``a``? Here it is: á, â, ã and à count as a, and ç as c, as in the alphabet of 26 letters; every prompt says
so. Spelling keeps the signs: m-a-ç-ã.

A word is held out whole, with all its letters and in both tasks. Of a word are asked all letters that it repeats, one
that it has once and one that it has not, so that "1" is not the answer to nearly everything; the best constant guess
is still right in 35 % (Portuguese) or 40 % (English) of the cases, and a score is to be read against that.
"""

import re
import unicodedata
from functools import cache
from random import Random

from prosa.core.language import Lang
from prosa.evaluate.tasks.extract import bare, final_text, same_number
from prosa.evaluate.tasks.problem import Problem
from prosa.evaluate.tasks.shipped import words
from prosa.evaluate.tasks.task import Question, Task, Wordings


def base_letters(word: str) -> str:
    """The word without accents, cedilla and tilde, in lower case."""
    return "".join(c for c in unicodedata.normalize("NFD", word.lower()) if not unicodedata.combining(c))


def pool(language: Lang) -> tuple[str, ...]:
    """The words that are asked about: Portuguese nouns and infinitives, or English words."""
    return words("words.en") if language == "en" else words("nouns.pt") + words("verbs.pt")


@cache
def _pairs(language: Lang) -> tuple[tuple[str, str], ...]:
    """Every word with the letters that are asked of it."""
    pairs = []
    for word in pool(language):
        base, random = base_letters(word), Random(word)
        once = [c for c in sorted(set(base)) if base.count(c) == 1]
        asked = [c for c in sorted(set(base)) if base.count(c) > 1]
        if once:
            asked.append(random.choice(once))
        asked.append(random.choice([c for c in "abcdefghijlmnopqrstuvz" if c not in base]))
        pairs += [(word, letter) for letter in asked]
    return tuple(pairs)


def _count(i: int, language: Lang) -> Question:
    word, letter = _pairs(language)[i]
    return Question(f"word:{word}", {"word": word, "letter": letter}, str(base_letters(word).count(letter)))


def _spell(i: int, language: Lang) -> Question:
    word = pool(language)[i]
    return Question(f"word:{word}", {"word": word}, "-".join(word))


def _spelled(problem: Problem, reply: str) -> bool:
    """Whether the final answer is the letters in order, each by itself (hyphens, spaces, commas or points between)."""
    letters = [part for part in re.split(r"[\s,.·-]+", final_text(reply)) if part]
    return letters == bare(problem.answer).split("-")


_RULE = 'Acentos e cedilha não importam: "á" e "ã" contam como "a", "ç" conta como "c".'
_COUNT = {
    "own": Wordings(
        train={
            "pt-BR": (
                'Quantas vezes a letra "{letter}" aparece em "{word}"? ' + _RULE,
                'Conte as letras "{letter}" da palavra {word}. ' + _RULE,
                _RULE + ' Quantos "{letter}" há em "{word}"?',
                _RULE + ' Letra "{letter}" em {word}: quantas vezes?',
                'Quantas vezes aparece "{letter}" na palavra "{word}"? ' + _RULE,
                _RULE + ' Conte quantos "{letter}" existem em {word}.',
                'Há quantas letras "{letter}" em {word}? ' + _RULE,
            ),
            "en": (
                'How many times does the letter "{letter}" occur in "{word}"?',
                'Count the letters "{letter}" of the word {word}.',
            ),
        },
        test={
            "pt-BR": (
                'Quantas letras "{letter}" tem a palavra "{word}"? ' + _RULE,
                'Na palavra {word}, qual é o número de letras "{letter}"? ' + _RULE,
            ),
            "en": (
                'How many letters "{letter}" does the word "{word}" have?',
                'What is the number of letters "{letter}" in {word}?',
            ),
        },
    )
}
_SPELL = {
    "own": Wordings(
        train={
            "pt-BR": (
                'Soletre "{word}", com hífens entre as letras.',
                "Escreva as letras da palavra {word}, uma a uma, separadas por hífens.",
                "Separe com hífens as letras de {word}.",
                "Soletre a palavra {word}.",
                'Quais são as letras de "{word}", em ordem? Use hífens.',
                "Letras de {word}, com hífens:",
                'Divida "{word}" em letras, com um hífen entre elas.',
                "Palavra: {word}. Soletre com hífens.",
                "Você pode soletrar {word}? Com hífens, por favor.",
            ),
            "en": ('Spell "{word}", with hyphens between the letters.', "Separate the letters of {word} with hyphens."),
        },
        test={
            "pt-BR": (
                "Como se soletra {word}? Ponha um hífen entre uma letra e outra.",
                'Letra por letra, com hífens: como se escreve "{word}"?',
            ),
            "en": ("How is {word} spelled? Put a hyphen between one letter and the next.",),
        },
    )
}

LETTERS = (
    Task("letter-count", lambda language: len(_pairs(language)), _count, same_number, _COUNT),
    Task("spelling", lambda language: len(pool(language)), _spell, _spelled, _SPELL),
)

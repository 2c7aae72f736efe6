"""Two suites without one right answer, scored by rule: using a newly defined word (GPT-3, section 3.9.5), and inventing
names. For testing only.

``new-words``  a made-up word is defined, and a sentence that uses it is asked for. Right is a reply with the word in
               any inflection among at least four other words, and no four words in a row of the prompt. It says that
               the word was taken up into words of one's own, not that the sentence fits the meaning: no rule can read.
``names``      so many names for something. Right is exactly that number of names, all different, each one pronounceable
               and not only made of words of the prompt. It says nothing of whether the names are any good.

The answer of such a problem is one example of many.
"""

import re

from prosa.evaluate.tasks.extract import bare
from prosa.evaluate.tasks.letters import base_letters
from prosa.evaluate.tasks.problem import Problem
from prosa.evaluate.tasks.shipped import Row
from prosa.evaluate.tasks.suites import suite
from prosa.evaluate.tasks.task import Question

_FEWEST_OTHERS, _COPIED = 4, 4  # words
_LONGEST_ENDING = 7  # letters: brindej-aríamos
_LONGEST_NAME, _LONGEST_VOWELS = 20, 3  # letters of a word of a name, and vowels in a row

_ONSET = re.compile("[bcdfgkptv]r|[bcfgkps]l|[clnpst]h|s[ckmnptw]|s[cpt]r|[^aeiouy]")
_CODA = re.compile("ck|[cst]h|[fp]t|ll|s[st]|l[dkmt]|n[dgkst]|r[dklmnst]|[^aeiouy]")


def pronounceable(word: str) -> bool:
    """Whether Portuguese or English could say it: vowels, and between them codas and onsets that the two have.

    Accents are left aside and y is a vowel. "Veluna", "Brilhex" and "Trovão" are; "xkcd", "Tlmora", "Aeioua" are not.
    """
    base = base_letters(word)
    if not base.isalpha() or len(base) > _LONGEST_NAME:
        return False
    runs = re.findall("[aeiouy]+|[^aeiouy]+", base)
    vowels = [run for run in runs if run[0] in "aeiouy"]
    if not vowels or max(map(len, vowels)) > _LONGEST_VOWELS:
        return False
    first, last = runs[0], runs[-1]
    return (
        (first in vowels or _ONSET.fullmatch(first) is not None)
        and (last in vowels or _CODA.fullmatch(last) is not None)
        and all(run in vowels or _between(run) for run in runs[1:-1])
    )


def _between(consonants: str) -> bool:
    """Whether consonants between vowels are an onset, or a coda and an onset."""
    cuts = range(1, len(consonants))
    return _ONSET.fullmatch(consonants) is not None or any(
        _CODA.fullmatch(consonants[:cut]) and _ONSET.fullmatch(consonants[cut:]) for cut in cuts
    )


def _tokens(text: str) -> list[str]:
    return re.findall(r"[^\W\d_]+(?:-[^\W\d_]+)*", bare(text))


def _new_word(row: Row) -> Question:
    fields = {"word": row["word"], "definition": row["definition"]}
    return Question(f"new-word:{row['stem']}", fields, row["example"])


def _uses_word(problem: Problem, reply: str) -> bool:
    """The rule of ``new-words`` above; the key ends in the word's stem."""
    stem = problem.key.partition(":")[2]
    given, found = _tokens(problem.prompt), _tokens(reply)
    used = {word for word in found if word.startswith(stem) and len(word) - len(stem) <= _LONGEST_ENDING}
    copied = {tuple(given[i : i + _COPIED]) for i in range(len(given) - _COPIED + 1)}
    own = all(tuple(found[i : i + _COPIED]) not in copied for i in range(len(found) - _COPIED + 1))
    return bool(used) and len(set(found) - used) >= _FEWEST_OTHERS and own


def _invent(row: Row) -> Question:
    return Question(f"names:{row['thing']}", {"n": row["n"], "thing": row["thing"]}, row["example"])


def _names(reply: str) -> list[str]:
    """The names of a list, by commas or lines, without numbers or bullets before them."""
    names = (bare(re.sub(r"^\s*(?:[0-9]+[.)]|[-•])\s", "", line)) for line in re.split(r"[,;\n]", reply))
    return [name for name in names if name]


def _good_names(problem: Problem, reply: str) -> bool:
    """The rule of ``names`` above; the example has the number asked for."""
    names, given = _names(reply), set(_tokens(problem.prompt))
    return (
        len(names) == len(set(names)) == len(_names(problem.answer))
        and all(all(map(pronounceable, name.split())) for name in names)
        and not any(set(name.split()) <= given for name in names)
    )


INVENTIONS = (
    suite(
        "new-words",
        _new_word,
        _uses_word,
        {
            "pt-BR": (
                'A palavra "{word}" quer dizer: {definition}. Escreva uma frase com ela.',
                '"{word}": {definition}. Use essa palavra em uma frase sua.',
            ),
            "en": (
                'The word "{word}" means: {definition}. Write a sentence with it.',
                '"{word}": {definition}. Use this word in a sentence of your own.',
            ),
        },
    ),
    suite(
        "names",
        _invent,
        _good_names,
        {
            "pt-BR": (
                "Invente {n} nomes para {thing}. Escreva só os nomes, separados por vírgulas.",
                "Dê {n} sugestões de nome para {thing}, separadas por vírgulas.",
            ),
            "en": (
                "Invent {n} names for {thing}. Write only the names, separated by commas.",
                "Suggest {n} names for {thing}, separated by commas.",
            ),
        },
    ),
)

"""Reading comprehension: a story of three sentences, and a question that one of them answers.

Each sentence tells who did what to which thing, where and on which day, all different from the other sentences': the
answer stands in the text, and so do two wrong ones of its kind. Picking a name, thing, place or day of the text blindly
is right a third of the time. The score says whether a model finds a fact that it has just read; nothing is to be
concluded, and the language is that of a primer.

A story is held out whole, with all questions about it, whatever the order of its sentences, in both languages.
"""

from functools import cache
from random import Random
from typing import NamedTuple

from prosa.core.language import Lang
from prosa.evaluate.tasks.dates import WEEKDAYS
from prosa.evaluate.tasks.extract import same_text
from prosa.evaluate.tasks.shipped import rows
from prosa.evaluate.tasks.task import ENDLESS, Question, Task, Wordings

_SENTENCES = 3
_ARTICLE = {"um": "o", "uma": "a", "a": "the", "an": "the", "no": "o", "na": "a"}
_BASE = {"bought": "buy", "lost": "lose", "found": "find", "sold": "sell", "hid": "hide", "received": "receive"}

_ASK: dict[Lang, dict[str, tuple[str, str]]] = {  # in the words of training, and in those of the test
    "pt-BR": {
        "person": ("Quem {past} {thing}?", "Qual é o nome da pessoa que {past} {thing}?"),
        "thing": ("O que {person} {past}?", "Qual foi a coisa que {person} {past}?"),
        "place": ("Onde {person} {past} {the_thing}?", "Em que lugar {person} {past} {thing}?"),
        "day": ("Em que dia {person} {past} {the_thing}?", "Em qual dia da semana {person} {past} {thing}?"),
    },
    "en": {
        "person": ("Who {past} {thing}?", "What is the name of the person who {past} {thing}?"),
        "thing": ("What did {person} {base}?", "Which thing was it that {person} {past}?"),
        "place": ("Where did {person} {base} {the_thing}?", "In what place was it that {person} {past} {thing}?"),
        "day": ("On which day did {person} {base} {the_thing}?", "What day was it when {person} {past} {thing}?"),
    },
}


class _Fact(NamedTuple):
    """One sentence, as places in the lists of ``_words``."""

    person: int
    past: int
    thing: int
    place: int
    day: int


@cache
def _words(language: Lang) -> dict[str, tuple[str, ...]]:
    """What may stand for each part. Equal places are the same in both languages, and so is a story's key."""
    lists = {row["part"]: tuple(row["words"]) for row in rows("stories", language)}
    return {**lists, "day": WEEKDAYS[language]}


def _draw(random: Random) -> list[_Fact]:
    """Three facts that have nothing in common."""
    columns = [random.sample(range(len(_words("en")[part])), _SENTENCES) for part in _Fact._fields]
    return [_Fact(*row) for row in zip(*columns, strict=True)]


def _in_words(fact: _Fact, language: Lang) -> dict[str, str]:
    """The parts of the fact's sentence, and the forms that questions need."""
    parts = {part: _words(language)[part][i] for part, i in fact._asdict().items()}
    article, noun = parts["thing"].split()
    on = "on" if language == "en" else "na" if parts["day"].endswith("feira") else "no"
    parts["the_thing"] = f"{_ARTICLE[article]} {noun}"
    parts["base"] = _BASE.get(parts["past"], "")  # the form after "did", in English
    parts["day"] = f"{on} {parts['day']}"
    return parts


def _also(answer: str, kind: str) -> tuple[str, ...]:
    """What else is accepted: the noun without its article or preposition, or with the definite article."""
    if kind == "person":
        return ()
    first, *_, noun = answer.split()
    if kind == "day":
        return (noun, noun.removesuffix("-feira")) if noun.endswith("feira") else (noun,)
    return noun, f"{_ARTICLE.get(first, 'the')} {noun}"


def _question(i: int, language: Lang) -> Question:
    random = Random(i)
    facts = _draw(random)
    sentences = []
    for fact in facts:
        part = _in_words(fact, language)
        told = "{person} {past} {thing} {place}".format(**part)
        day = part["day"]
        sentences.append(f"{told} {day}." if random.random() < 0.5 else f"{day[0].upper()}{day[1:]}, {told}.")
    asked = _in_words(random.choice(facts), language)
    kind = random.choice(("person", "thing", "place", "day"))
    question, query = (template.format(**asked) for template in _ASK[language][kind])
    key = "story:" + ";".join(",".join(map(str, fact)) for fact in sorted(facts))
    fields = {"story": " ".join(sentences), "question": question, "query": query}
    return Question(key, fields, asked[kind], _also(asked[kind], kind))


_WORDINGS = {
    "own": Wordings(
        train={
            "pt-BR": (
                "{story}\n{question}",
                "Leia e responda.\n{story}\nPergunta: {question}",
                "Responda de acordo com o texto: {question}\n{story}",
                "História: {story}\nResponda: {question}",
                "{question}\n\n{story}",
                "Leia com atenção. {story} Agora responda: {question}",
                "{story} {question}",
                "Pergunta: {question}\nLeitura: {story}",
                "O trecho diz: {story}\nMinha pergunta: {question}",
                "Segundo o trecho abaixo, {question}\n{story}",
                "Isto aconteceu: {story}\nSabe me dizer? {question}",
                "Interprete o texto e responda. {question}\nO texto: {story}",
            ),
            "en": ("{story}\n{question}", "Read and answer.\n{story}\nQuestion: {question}"),
        },
        test={
            "pt-BR": ("Texto: {story}\n{query}", "Com base no que segue, diga: {query}\n{story}"),
            "en": ("Text: {story}\n{query}", "From what follows, tell: {query}\n{story}"),
        },
    )
}

COMPREHENSION = Task("comprehension", lambda _: ENDLESS, _question, same_text, _WORDINGS)

"""Regular Portuguese verbs in six tenses, with the spelling that keeps their sound (Cunha & Cintra, chapter 13).

A stem's last consonant is written differently before e or i than before a or o:

    -car ficar fiquei     -gar chegar cheguei     -çar começar comecei
    -cer vencer venço     -ger, -gir dirigir dirijo     -guer, -guir erguer ergo

The verbs of ``data/verbs.pt.txt`` are regular in these tenses: no change of vowel (dormir, durmo), no -ear (passeio),
no accent that comes and goes (saudar, saúdo), no -uzir (produz). ``conjugate`` takes every verb for a regular one.

A verb is held out whole, in all its forms. A reply may have the pronoun before the form.
"""

import re

from prosa.core.language import Lang
from prosa.evaluate.tasks.extract import same_text
from prosa.evaluate.tasks.shipped import words
from prosa.evaluate.tasks.task import Question, Task, Wordings

PRONOUNS = ("eu", "tu", "ele", "nós", "vós", "eles")
_SAME_FORM = {"ele": ("ele", "ela", "você"), "eles": ("eles", "elas", "vocês")}

_OF_STEM = {
    "present": {
        "ar": "o as a amos ais am",
        "er": "o es e emos eis em",
        "ir": "o es e imos is em",
    },
    "preterite": {
        "ar": "ei aste ou amos astes aram",
        "er": "i este eu emos estes eram",
        "ir": "i iste iu imos istes iram",
    },
    "imperfect": {
        "ar": "ava avas ava ávamos áveis avam",
        "er": "ia ias ia íamos íeis iam",
        "ir": "ia ias ia íamos íeis iam",
    },
    "subjunctive": {
        "ar": "e es e emos eis em",
        "er": "a as a amos ais am",
        "ir": "a as a amos ais am",
    },
}
_OF_INFINITIVE = {
    "future": "ei ás á emos eis ão",
    "conditional": "ia ias ia íamos íeis iam",
}
TENSES = ("present", "preterite", "imperfect", "future", "conditional", "subjunctive")
_NAMES: dict[Lang, dict[str, str]] = {
    "pt-BR": {
        "present": "presente do indicativo",
        "preterite": "pretérito perfeito do indicativo",
        "imperfect": "pretérito imperfeito do indicativo",
        "future": "futuro do presente",
        "conditional": "futuro do pretérito (condicional)",
        "subjunctive": "presente do subjuntivo",
    },
    "en": {
        "present": "present indicative",
        "preterite": "preterite (pretérito perfeito)",
        "imperfect": "imperfect indicative",
        "future": "future indicative",
        "conditional": "conditional (futuro do pretérito)",
        "subjunctive": "present subjunctive",
    },
}


def conjugate(verb: str, tense: str) -> tuple[str, ...]:
    """The six forms (``PRONOUNS``) of a regular verb in one of ``TENSES``."""
    stem, ending = verb[:-2], verb[-2:]
    if ending not in ("ar", "er", "ir"):
        raise ValueError(f"{verb!r} is no infinitive in -ar, -er or -ir")
    if tense in _OF_INFINITIVE:
        return tuple(verb + e for e in _OF_INFINITIVE[tense].split())
    return tuple(_spelled(stem, ending[0], e) + e for e in _OF_STEM[tense][ending].split())


def _spelled(stem: str, theme: str, ending: str) -> str:
    """The stem as it is written before ``ending``, where the infinitive writes it before the vowel ``theme``."""
    front = ending[0] in "eéií"
    if theme == "a" and front:
        for hard, before_e in (("c", "qu"), ("g", "gu"), ("ç", "c")):
            if stem.endswith(hard):
                return stem.removesuffix(hard) + before_e
    if theme != "a" and not front:
        for before_e, hard in (("gu", "g"), ("c", "ç"), ("g", "j")):
            if stem.endswith(before_e):
                return stem.removesuffix(before_e) + hard
    return stem


_WORDINGS = {
    "own": Wordings(
        train={
            "pt-BR": (
                'Qual é a forma do verbo "{verb}" com o pronome "{pronoun}" no {tense}?',
                "Conjugue o verbo {verb} no {tense}, só com o pronome {pronoun}.",
                "Verbo: {verb}. Tempo: {tense}. Pronome: {pronoun}. Escreva a forma.",
                "{verb}, {tense}, {pronoun}",
                'Escreva o verbo "{verb}" no {tense}, na pessoa "{pronoun}".',
                "Flexione {verb}: {tense}, {pronoun}.",
                'No {tense}, qual é a forma de "{verb}" para "{pronoun}"?',
                "Complete: {pronoun} ___ ({verb}, {tense}).",
                "Diga a forma de {verb} para o sujeito {pronoun} no {tense}.",
                'Preciso do verbo "{verb}" no {tense}, com "{pronoun}". Como é?',
                "Com o pronome {pronoun}, o verbo {verb} no {tense} é como?",
                "Qual forma do {tense} de {verb} combina com {pronoun}?",
                "Sujeito: {pronoun}. Verbo: {verb}. Conjugue no {tense}.",
            ),
            "en": (
                'What is the form of the Portuguese verb "{verb}" with the pronoun "{pronoun}" in the {tense}?',
                "Conjugate the Portuguese verb {verb} in the {tense}, only with the pronoun {pronoun}.",
            ),
        },
        test={
            "pt-BR": (
                'Como se conjuga "{verb}" com "{pronoun}" no {tense}?',
                "Ponha o verbo {verb} no {tense}. O sujeito é {pronoun}.",
            ),
            "en": (
                'How is the Portuguese verb "{verb}" conjugated with "{pronoun}" in the {tense}?',
                "Put the Portuguese verb {verb} into the {tense}. The subject is {pronoun}.",
            ),
        },
    )
}


def accepted_forms(verb: str, tense: str, person: int) -> tuple[str, ...]:
    """The form, then its European spelling where it has one (nós falámos), then each with the pronoun."""
    form = conjugate(verb, tense)[person]
    forms = [form]
    if tense == "preterite" and person == 3 and verb.endswith("ar"):
        forms.append(re.sub("amos$", "ámos", form))
    pronouns = _SAME_FORM.get(PRONOUNS[person], (PRONOUNS[person],))
    return (*forms, *(f"{pronoun} {f}" for pronoun in pronouns for f in forms))


def _question(i: int, language: Lang) -> Question:
    i, person = divmod(i, len(PRONOUNS))
    i, tense_number = divmod(i, len(TENSES))
    verb, tense = words("verbs.pt")[i], TENSES[tense_number]
    form, *others = accepted_forms(verb, tense, person)
    fields = {"verb": verb, "pronoun": PRONOUNS[person], "tense": _NAMES[language][tense]}
    return Question(f"verb:{verb}", fields, form, tuple(others))


CONJUGATION = Task(
    "conjugation",
    lambda _: len(words("verbs.pt")) * len(TENSES) * len(PRONOUNS),
    _question,
    same_text,
    _WORDINGS,
)

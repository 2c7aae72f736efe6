"""The plural of Portuguese nouns, by the rules of the grammars (Cunha & Cintra, *Nova gramática do português
contemporâneo*, chapter 8; Bechara, *Moderna gramática portuguesa*), and the task that asks for it.

    vowel, diphthong, -ã, -ãe  + s                    casa casas, herói heróis, maçã maçãs
    -ão                        -ões; a list -ães, -ãos; unstressed always -ãos (órgão órgãos)
    -al -el -ol -ul            -ais -éis -óis -uis; unstressed -eis -ois (móvel móveis, álcool álcoois)
    -il                        -is; unstressed -eis (barril barris, fóssil fósseis)
    -m                         -ns
    -en                        -ens, which drops the accent (hífen hifens)
    -r -z                      + es; -iz after a vowel takes an accent (raiz raízes)
    -s                         stressed: + es, which drops the accent (mês meses); unstressed: unchanged (lápis)
    -x                         unchanged

Stress is read off the spelling. The rest is a list. Nouns with several accepted plurals (vulcões, vulcãos) have all.
Nouns are held out whole. The score says whether the rules were learned on nouns that were never shown in the plural by
this task; text that the model was pretrained on may of course hold them.
"""

import re

from prosa.core.language import Lang
from prosa.evaluate.tasks.extract import same_text
from prosa.evaluate.tasks.shipped import words
from prosa.evaluate.tasks.task import Question, Task, Wordings

_IRREGULAR = {
    "mal": ("males",),
    "cônsul": ("cônsules",),
    "gol": ("gols",),
    "mel": ("méis", "meles"),
    "caráter": ("caracteres",),
    "júnior": ("juniores",),
    "sênior": ("seniores",),
    "obus": ("obuses",),
    "cais": ("cais",),
    "avô": ("avôs", "avós"),
}
_AES = frozenset(("alemão", "cão", "capelão", "capitão", "catalão", "escrivão", "pão", "tabelião"))
_AOS = frozenset(
    ("artesão", "chão", "cidadão", "cortesão", "cristão", "desvão", "grão", "irmão", "mão", "pagão", "vão")
)
_SEVERAL = {  # the first is the most used
    "aldeão": "ões ãos ães",
    "anão": "ões ãos",
    "ancião": "ãos ões ães",
    "charlatão": "ães ões",
    "cirurgião": "ões ães",
    "corrimão": "ãos ões",
    "ermitão": "ões ãos ães",
    "guardião": "ões ães",
    "peão": "ões ães",
    "refrão": "ões ãos ães",
    "sacristão": "ães ãos",
    "sultão": "ões ãos ães",
    "verão": "ões ãos",
    "vilão": "ões ãos",
    "vulcão": "ões ãos",
    "zangão": "ões ãos",
}
_UNACCENTED = str.maketrans("áéíóúâêô", "aeiouaeo")
_ACCENT = re.compile("[áéíóúâêô]")


def plurals(noun: str) -> tuple[str, ...]:
    """The accepted plurals of a noun in the singular, the most used first."""
    if noun in _IRREGULAR:
        return _IRREGULAR[noun]
    if noun in _SEVERAL:
        return tuple(noun[:-2] + ending for ending in _SEVERAL[noun].split())
    if noun.endswith("en"):
        return (noun.translate(_UNACCENTED) + "s", noun + "es")
    return (_regular(noun),)


def _regular(noun: str) -> str:
    stem, ending = noun[:-2], noun[-2:]
    stress_before = _ACCENT.search(stem) is not None  # an accent before the last syllable: that one is unstressed
    if ending == "ão":
        if noun in _AES:
            return stem + "ães"
        return stem + ("ãos" if noun in _AOS or stress_before else "ões")
    if ending in ("el", "ol") and not stress_before:
        return stem + {"el": "éis", "ol": "óis"}[ending]
    if ending == "il":
        return stem + ("eis" if stress_before else "is")
    if noun[-1] == "l":
        return noun[:-1] + "is"
    if noun[-1] == "m":
        return noun[:-1] + "ns"
    if re.search("[aeiou]iz$", noun):
        return noun[:-2] + "ízes"
    if noun[-1] in "rz":
        return noun + "es"
    if re.search("[aeiou]ís$", noun):
        return noun + "es"  # in hiatus the accent stays: países
    if re.search("[áéíóúâêô]s$", noun):
        return stem + ending.translate(_UNACCENTED) + "es"
    if noun.endswith("eus"):
        return noun + "es"
    if noun[-1] in "sx":
        return noun
    return noun + "s"


_WORDINGS = {
    "own": Wordings(
        train={
            "pt-BR": (
                'Qual é o plural de "{noun}"?',
                "Passe para o plural: {noun}",
                'Diga o plural da palavra "{noun}".',
                "Plural de {noun}?",
                "Dê o plural do substantivo {noun}.",
                'Se há mais de um, "{noun}" vira o quê?',
                "Um: {noun}. Dois ou mais:",
                'Flexione "{noun}" em número: plural.',
                "Qual é a forma do plural da palavra {noun}?",
                'O singular é "{noun}". E o plural?',
                "Ponha {noun} no plural.",
                'Eu tenho um exemplo de "{noun}"; você tem muitos. Qual é o plural?',
                "Palavra: {noun}. Plural:",
                'Preciso do plural de "{noun}".',
            ),
            "en": (
                'What is the plural of the Portuguese noun "{noun}"?',
                "Put this Portuguese noun into the plural: {noun}",
            ),
        },
        test={
            "pt-BR": ('Como fica "{noun}" no plural?', "Escreva no plural a palavra {noun}."),
            "en": (
                'In Portuguese, how is "{noun}" written in the plural?',
                "Portuguese noun: {noun}. Give its plural.",
            ),
        },
    )
}


def _question(i: int, language: Lang) -> Question:
    noun = words("nouns.pt")[i]
    first, *others = plurals(noun)
    return Question(f"plural:{noun}", {"noun": noun}, first, tuple(others))


PLURALS = Task("plurals", lambda _: len(words("nouns.pt")), _question, same_text, _WORDINGS)

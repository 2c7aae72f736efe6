"""``stem``: what the forms of a Portuguese word have in common: contrato, contratos, contratação, contratará: contrat.

A plural is made singular (the rules of Savoy 2006, SAC), then one ending is cut off by the Portuguese stemmer of
Snowball (Porter, snowballstem.org), whose regions keep short words whole:

    R1   after the first consonant that follows a vowel;  R2 the same of R1
    RV   where an ending of a verb may stand: after the third letter, the next vowel or the next consonant

Both on words whose accents are folded already, so that a question without accents finds what has them. Words of other
languages lose an ending too, on both sides of the comparison. What it gains: benchmarks/retrieval.py.
"""

import re

_R = re.compile(r"[aeiou][^aeiou]")
_CUT = """eza ico ica ismo avel ivel ista oso osa adora ador ante ancia mente amente idade ivo iva"""  # in R2
_NOUN = ("amento", "imento", "acao")  # of verbs: in RV here, R2 in Snowball, which parts pagamento from pagar
_CHANGED = (("logia", "log"), ("ucao", "u"), ("encia", "ente"))
_VERB = """ada ida ia aria eria iria ara era ira ava asse esse isse aste este iste ei arei erei irei am iam ariam
eriam iriam aram eram iram avam em arem erem irem assem essem issem ado ido ando endo indo arao erao irao ar er ir as
adas idas ias arias erias irias aras eras iras avas es ardes erdes irdes ares eres ires asses esses isses astes estes
istes is ais eis ieis ados idos amos iamos ariamos eriamos iriamos aramos eramos iramos avamos emos aremos eremos
iremos assemos essemos issemos imos armos ermos irmos eu iu ou"""


def _longest_first(endings: str) -> tuple[str, ...]:
    return tuple(sorted(endings.split(), key=len, reverse=True))


_CUTS, _VERBS = _longest_first(_CUT), _longest_first(_VERB)


def stem(word: str) -> str:
    """The stem of a folded word; short words, and those with digits, are left as they are."""
    if len(word) < 4 or not word.isalpha():
        return word
    word = _singular(word)
    shorter = _without_suffix(word)
    if shorter == word:
        shorter = _without(word, _VERBS, _verb_region(word))
    if shorter == word:
        shorter = _without(word, ("a", "i", "o"), _verb_region(word))
    return _without(shorter, ("e",), _verb_region(shorter)) if len(shorter) > 3 else shorter


def _singular(word: str) -> str:
    n = len(word)
    if n > 4 and word.endswith("es") and word[-3] in "rslz":  # motores, meses, vezes
        return word[:-2]
    if word.endswith("ns"):  # homens
        return word[:-2] + "m"
    for plural, singular in (("eis", "el"), ("ais", "al"), ("ois", "ol"), ("is", "il")):  # papeis, animais, lencois
        if n > 4 and word.endswith(plural):
            return word[: -len(plural)] + singular
    if word.endswith(("oes", "aes")):  # contratacoes, paes
        return word[:-3] + "ao"
    return word[:-1] if word[-1] == "s" else word


def _without_suffix(word: str) -> str:
    shorter = _without(word, _NOUN, _verb_region(word))
    if shorter != word:
        return shorter
    second = _after(word, _after(word, 0))
    for ending, new in _CHANGED:
        if word.endswith(ending) and len(word) - len(ending) >= second:
            return word[: -len(ending)] + new
    return _without(word, _CUTS, second)


def _without(word: str, endings: tuple[str, ...], region: int) -> str:
    """The word without the first ending that stands in its region, which begins at ``region``."""
    return next((word[: -len(end)] for end in endings if word.endswith(end) and len(word) - len(end) >= region), word)


def _after(word: str, start: int) -> int:
    found = _R.search(word, start)
    return found.end() if found else len(word)


def _verb_region(word: str) -> int:
    if len(word) < 3:
        return len(word)
    first, second = word[0] in "aeiou", word[1] in "aeiou"
    if not second:
        found = re.search("[aeiou]", word[2:])
    elif first:
        found = re.search("[^aeiou]", word[2:])
    else:
        return 3
    return 2 + found.end() if found else len(word)

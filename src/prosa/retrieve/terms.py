"""Words as the search compares them: accents and case folded, stemmed, a word that a line end cuts joined again.

SQLite's own tokenizer (unicode61, remove_diacritics 2) folds once more, which changes nothing. A number keeps its
points and commas together: 1.250,00 is found as the phrase ``1 250 00``.
"""

import re
import unicodedata
from functools import cache

from prosa.retrieve.stem import stem

_CUT = re.compile(r"(?<=[^\W\d_])-\n\s*(?=[^\W\d_])")
_WORD = re.compile(r"\d+(?:[.,:/-]\d+)+|[^\W_]+")

# words that a question is built with, and that say nothing of what it asks for
_PT = """a à às ao aos as o os um uma uns umas de da do das dos dum duma em na no nas nos num numa por pela pelo pelas
pelos para pra per com sem sob sobre entre até desde após ante e ou mas nem que se porque pois como quando
onde aonde quem qual quais quanto quanta quantos quantas cujo cuja cujos cujas eu tu ele ela nós vós eles elas
você vocês me te lhe lhes nos vos meu minha meus minhas teu tua seu sua seus suas nosso nossa nossos nossas
este esta estes estas esse essa esses essas isto isso aquele aquela aqueles aquelas aquilo deste desta destes
destas desse dessa desses dessas disso disto neste nesta nesse nessa nisso daquele daquela é são era eram foi
foram ser sendo sido será serão seria seriam está estão estava estar há havia houve haver tem têm tinha ter tenho temos
não sim já ainda também só mais menos muito muita muitos muitas pouco tão lá aqui ali pode podem poderá posso podemos
deve devem devo diga me fale explique quero saber favor"""
_EN = """a an the of in on at to from by with without about between into over under and or but nor if because as than
that this these those there here it its he she they them their his her we us our you your i my me who whom
whose which what when where why how many much is are was were be been being am do does did doing have has had
having can could may might must shall should will would not no yes so too very just please tell say"""


def fold(text: str) -> str:
    """Lower case without accents: ``Ação`` is ``acao``."""
    if text.isascii():
        return text.lower()
    apart = unicodedata.normalize("NFKD", text.casefold())
    return "".join(c for c in apart if not unicodedata.combining(c))


def terms(text: str) -> list[str]:
    """The words of a text, folded and stemmed, in order; a number with points is one, its parts parted by spaces."""
    return [_term(word) for word in _words(text)]


def _words(text: str) -> list[str]:
    return _WORD.findall(fold(_CUT.sub("", text)))


def _term(word: str) -> str:
    return " ".join(re.findall(r"\w+", word)) if word[0].isdigit() else stem(word)


def searchable(text: str) -> str:
    """A text as it is indexed: its terms parted by spaces."""
    return " ".join(terms(text))


@cache
def _stop_words() -> frozenset[str]:
    return frozenset(fold(word) for word in f"{_PT} {_EN}".split())


def telling(text: str) -> dict[str, str]:
    """The distinct terms of a text that say what it is of, each with the word that it is the term of."""
    found: dict[str, str] = {}
    for word in _words(text):
        if word not in _stop_words():
            found.setdefault(_term(word), word)
    return found


def asked(question: str) -> dict[str, str]:
    """The terms of a question that tell what it asks for, each with its word; all, where it has none that tells."""
    written = {fold(word): word for word in _WORD.findall(question)}
    found = telling(question) or {_term(word): word for word in _words(question)}
    return {term: written.get(word, word) for term, word in found.items()}

"""The words of the report and of the tables: names of rules, languages and baselines, and ways to write numbers."""

from decimal import Decimal

from prosa.core.language import number, tr
from prosa.corpus.report import CHANGES, REMOVALS, rule_title


def baseline_name(key: str) -> str:
    """``kn3`` as people call it: trigram."""
    names = {
        "uniform": tr("uniform", "uniforme"),
        "unigram": tr("unigram", "unigrama"),
        "kn1": tr("unigram (KN)", "unigrama (KN)"),
        "kn2": tr("bigram", "bigrama"),
        "kn3": tr("trigram", "trigrama"),
    }
    if key.startswith("kn") and key[2:].isdigit():
        return names.get(key, tr(f"{key[2:]}-gram", f"{key[2:]}-grama"))
    return names.get(key, key)


def rule_name(rule: str) -> str:
    """A cleaning rule as people call it; one that the corpus package does not know keeps its own name."""
    return rule_title(rule) if rule in CHANGES + REMOVALS else rule.replace("_", " ")


def language_name(code: str) -> str:
    """A language's name by its ISO 639-1 code; a code without a name here stays."""
    names = {
        "pt": tr("Portuguese", "português"),
        "en": tr("English", "inglês"),
        "es": tr("Spanish", "espanhol"),
        "fr": tr("French", "francês"),
        "it": tr("Italian", "italiano"),
        "gl": tr("Galician", "galego"),
        "de": tr("German", "alemão"),
        "la": tr("Latin", "latim"),
        "und": tr("unknown", "desconhecido"),
    }
    return names.get(code, code)


def short(value: float) -> str:
    """A count as people say it: 1.2 million, 850 thousand; exact below 10,000."""
    if value >= 1e9:
        return f"{number(value / 1e9, 2)} {tr('billion', 'bi')}"
    if value >= 1e6:
        return f"{number(value / 1e6, 2)} {tr('million', 'mi')}"
    return number(value)


def counted(value: float, en: str, pt: str) -> str:
    """A number before its noun, given as ``singular/plural`` in both languages: 1 layer, 1,200 layers."""
    one, many = tr(en, pt).split("/")
    return f"{number(value)} {one if value == 1 else many}"


def percent(share: float) -> str:
    """0.1234 as 12.3%."""
    return f"{number(100 * share, 1)}%"


def scientific(value: float) -> str:
    """0.0003 as 3.00e-04, with the language's decimal mark."""
    return f"{value:.2e}".replace(".", tr(".", ","))


def significant(value: float) -> str:
    """0.00400012 as 0.004: three significant digits, no exponent."""
    return f"{Decimal(f'{value:.3g}'):f}".replace(".", tr(".", ","))

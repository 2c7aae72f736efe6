"""``stem``: a Portuguese word without its ending of number, of gender and its last vowel.

The light stemmer of Savoy 2006 (SAC, "Light stemming approaches for the French, Portuguese, German and Hungarian
languages"), on words whose accents are folded already: contrato, contratos, contrata and contratas are one. Words of
other languages lose an s or a vowel too, on both sides of the comparison. What it gains: benchmarks/retrieval.py.
"""


def stem(word: str) -> str:
    """The stem of a folded word; short words, and those with digits, are left as they are."""
    if len(word) < 4 or not word.isalpha():
        return word
    word = _singular(word)
    if len(word) > 3 and word[-1] == "a":
        word = _masculine(word)
    return word[:-1] if len(word) > 4 and word[-1] in "eao" else word


def _singular(word: str) -> str:
    n = len(word)
    if n > 4 and word.endswith("es") and word[-3] in "rslz":  # motores, meses, papeles, vezes
        return word[:-2]
    if word.endswith("ns"):  # homens
        return word[:-2] + "m"
    for plural, singular in (("eis", "el"), ("ais", "al"), ("ois", "ol"), ("is", "il")):  # papeis, animais, lencois
        if n > 4 and word.endswith(plural):
            return word[: -len(plural)] + singular
    if word.endswith(("oes", "aes")):  # contratacoes, paes
        return word[:-3] + "ao"
    if n > 6 and word.endswith("mente"):  # somente
        return word[:-5]
    return word[:-1] if word[-1] == "s" else word


def _masculine(word: str) -> str:
    n = len(word)
    if n > 7 and word.endswith(("inha", "iaca", "eira")):
        return word[:-1] + "o"
    if n > 6:
        if word.endswith(("osa", "ica", "ida", "ada", "iva", "ama")):
            return word[:-1] + "o"
        if word.endswith("ona"):
            return word[:-3] + "ao"
        if word.endswith(("ora", "esa")):
            return word[:-1]
        if word.endswith("na"):
            return word[:-1] + "o"
    return word

"""The probe of professions: planted bias is found and taken out, none is not; formulas; too few words."""

import numpy as np
import pytest

from prosa.core.errors import UserError
from prosa.core.language import speaking
from prosa.evaluate.probes.bias import Lexicon, bias, direction, lexicon, neutralised

WORDS = Lexicon(
    he_she=[[f"he{n}", f"she{n}"] for n in range(10)],
    things=[[f"o{n}", f"a{n}"] for n in range(8)],
    one_form=[f"job{n}" for n in range(30)],
    pairs=[[f"or{n}", f"ora{n}"] for n in range(12)],
)
C = 60


def planted(lean, grammar=0.0, noise=0.15, seed=0):
    """Vectors with gender on axis 0 and grammar on axis 1, professions leaning by ``lean``."""
    draw = np.random.default_rng(seed)
    found = {}
    for n, (he, she) in enumerate(WORDS.he_she):
        shared = draw.normal(size=C) * 0.5
        for word, sign in ((he, 1), (she, -1)):
            found[word] = shared + draw.normal(size=C) * noise
            found[word][0] += 2 * sign
            found[word][1] += 2 * grammar * sign
        assert n < 10
    for masculine, feminine in WORDS.things:
        shared = draw.normal(size=C) * 0.5
        for word, sign in ((masculine, 1), (feminine, -1)):
            found[word] = shared + draw.normal(size=C) * noise
            found[word][1] += 2 * sign
    for n, word in enumerate(WORDS.one_form):
        found[word] = draw.normal(size=C) * 0.4
        found[word][0] += lean * (1 if n % 2 else -1)
    for m, f in WORDS.pairs:
        shared = draw.normal(size=C) * 0.4
        found[m], found[f] = shared.copy(), shared.copy()
        found[m][1] += 2
        found[f][1] -= 2
    return found


def probed(vectors, **options):
    return bias(vectors.get, WORDS, model="m", language="pt", kind="k", **options)


def test_planted_bias_is_found_and_mostly_taken_out():
    group = probed(planted(1.5)).groups["one_form"]
    assert group.n == 30
    assert group.bias.value > 0.3
    assert group.p < 0.01
    assert group.after.value < 0.3 * group.before.value
    assert group.less.interval[1] < 0
    assert next(iter(group.words)) in WORDS.one_form[1::2]
    assert abs(group.lean.value) < group.bias.value  # half lean to each


def test_without_bias_chance_explains_it():
    group = probed(planted(0.0)).groups["one_form"]
    assert group.p > 0.05
    assert group.bias.value == pytest.approx(group.chance, abs=0.06)


def test_bias_is_the_mean_cosine_with_the_mean_difference():
    vectors = planted(1.0)
    units = {word: v / np.linalg.norm(v) for word, v in vectors.items()}
    rows = np.stack([(units[a] - units[b]) / np.linalg.norm(units[a] - units[b]) for a, b in WORDS.he_she])
    g = rows.mean(0) / np.linalg.norm(rows.mean(0))
    group = probed(vectors, grammar=False).groups["one_form"]
    for word in WORDS.one_form:
        assert group.words[word] == pytest.approx(units[word] @ g)
    assert group.bias.value == pytest.approx(np.mean([abs(units[w] @ g) for w in WORDS.one_form]))
    low, high = group.bias.interval
    assert low < group.bias.value < high


def test_grammar_is_taken_out_of_the_direction():
    vectors = planted(0.0, grammar=1.0)
    for word in WORDS.one_form:  # lean by grammar alone
        vectors[word][1] += 2
    plain, cleaned = probed(vectors, grammar=False), probed(vectors)
    assert cleaned.grammar == pytest.approx(2**-0.5, abs=0.05)
    assert plain.grammar is None
    assert plain.groups["one_form"].lean.value > 0.4
    assert abs(cleaned.groups["one_form"].lean.value) < 0.1


def test_the_mean_of_two_forms_has_no_grammar():
    assert probed(planted(1.0), grammar=False).groups["two_forms"].bias.value < 0.15


def test_neutralised_vectors_have_nothing_along_the_direction():
    draw = np.random.default_rng(0)
    g, vectors = direction(draw.normal(size=(5, 9))), draw.normal(size=(7, 9))
    assert neutralised(vectors, g) @ g == pytest.approx(np.zeros(7), abs=1e-12)
    assert np.linalg.norm(neutralised(vectors, g), axis=1) == pytest.approx(np.ones(7))


def test_too_few_words_are_said():
    with speaking("en"), pytest.raises(UserError, match="too few pairs like he and she have vectors here"):
        bias({}.get, WORDS, model="m", language="pt", kind="k")
    some = {word: vector for word, vector in planted(1.0).items() if not word.startswith(("job", "or"))}
    with speaking("pt-BR"), pytest.raises(UserError, match="poucos têm vetores aqui: profissões"):
        probed(some)


@pytest.mark.parametrize("language", ["pt", "en"])
def test_the_words_that_ship_are_distinct(language):
    words = lexicon(language)
    every = [*words.one_form, *(w for pair in (*words.pairs, *words.he_she) for w in pair)]
    assert len(every) == len(set(every))
    assert all(len(pair) == 2 for pair in (*words.pairs, *words.he_she, *words.things))
    assert len(words.one_form) >= 40

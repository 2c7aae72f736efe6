"""One-hot rows, bags of words, embeddings: published values, scikit-learn, torch's own embedding and its gradient."""

import pytest
import torch
from sklearn.feature_extraction.text import CountVectorizer
from torch import nn

from prosa.nn.embedding import bag_of_words, distances, embed, one_hot, standardised

ANIMALS = {
    "Gato": (4, 1, 4),
    "Cachorro": (4, 1, 7),
    "Águia": (2, 0, 5),
    "Aranha": (8, 0, 0.02),
    "Papagaio": (2, 0, 1),
    "Cobra": (0, 0, 15),
}
NAMES = list(ANIMALS)


def test_a_lookup_is_a_one_hot_row_times_the_matrix() -> None:
    torch.manual_seed(123)
    layer = nn.Embedding(6, 3)
    ids = torch.tensor([[2, 3, 5, 1], [0, 3, 3, 4]])
    assert torch.equal(embed(ids, layer.weight), layer(ids))
    torch.testing.assert_close(
        embed(torch.tensor([3]), layer.weight)[0], torch.tensor([-0.4015, 0.9666, -1.1481]), atol=5e-5, rtol=0
    )
    with pytest.raises(IndexError):
        layer(torch.tensor([6]))
    for wrong in (6, -1):
        with pytest.raises(IndexError, match=f"id {wrong} is not one of 0 to 5"):
            embed(torch.tensor([0, wrong]), layer.weight)


def test_so_is_its_gradient_rows_that_were_not_looked_up_have_none() -> None:
    torch.manual_seed(0)
    layer, ids, weights = nn.Embedding(6, 3), torch.tensor([2, 3, 3]), torch.randn(3, 3)
    (by_product,) = torch.autograd.grad((embed(ids, layer.weight) * weights).sum(), layer.weight)
    (by_lookup,) = torch.autograd.grad((layer(ids) * weights).sum(), layer.weight)
    torch.testing.assert_close(by_product, by_lookup)
    torch.testing.assert_close(by_product, one_hot(ids, 6).T @ weights)
    assert by_product[[0, 1, 4, 5]].abs().max() == 0


def test_twelve_words_have_twelve_columns_and_every_row_sums_to_one() -> None:
    table = one_hot(torch.arange(12), 12)
    assert torch.equal(table, torch.eye(12))
    assert torch.equal(table.sum(1), torch.ones(12))
    off_diagonal = distances(table)[~torch.eye(12, dtype=torch.bool)]
    torch.testing.assert_close(off_diagonal, torch.full((132,), 2**0.5))  # no word is nearer than another


def test_a_bag_of_words_is_scikit_learns_count_whatever_the_order() -> None:
    texts = ["o rato roeu a roupa do rei de roma", "a roupa do rei e a roupa do rato", "roma"]
    counter = CountVectorizer(token_pattern=r"\S+").fit(texts)
    for text in texts:
        ids = torch.tensor([counter.vocabulary_[word] for word in text.split()])
        found = bag_of_words(ids, len(counter.vocabulary_))
        assert found.tolist() == counter.transform([text]).toarray()[0].tolist()
        assert torch.equal(bag_of_words(ids.flip(0), len(counter.vocabulary_)), found)
        assert found.sum() == len(ids)


def test_scale_decides_who_is_near_whom() -> None:
    """The nearest to the eagle is the cat, by raw legs, class and weight; by standardised ones the parrot."""
    features = torch.tensor(list(ANIMALS.values()), dtype=torch.float64)
    raw, scaled = distances(features), distances(standardised(features))
    eagle, cat, dog, parrot = (NAMES.index(name) for name in ("Águia", "Gato", "Cachorro", "Papagaio"))
    assert raw[eagle].masked_fill(raw[eagle] == 0, 99).argmin() == cat
    assert raw[eagle, cat].item() == pytest.approx(2.449, abs=5e-4)
    assert raw[eagle, parrot].item() == pytest.approx(4.000, abs=5e-4)
    assert scaled[cat, dog].item() == pytest.approx(0.61, abs=5e-3)
    assert scaled[eagle, parrot].item() == pytest.approx(0.81, abs=5e-3)
    others = [scaled[i, j].item() for i in range(6) for j in range(i) if {i, j} not in ({cat, dog}, {eagle, parrot})]
    assert min(others) >= 2.185
    assert min(others) == pytest.approx(2.19, abs=5e-3)

import math

from fake_run import EVALUATION

from prosa.core.language import set_language
from prosa.show.verdict import interval, scores, verdict


def test_scores_are_sorted_and_in_both_units() -> None:
    found = scores(EVALUATION)
    assert [score.key for score in found] == ["uniform", "unigram", "kn2", "kn3", "kn4", "kn5", "model"]
    assert found[-1].bits == 1.7362  # as measured, not converted again
    assert found[2].bits == 5.0127 * 121_400 / 421_875 / math.log(2)


def test_better_than_counting() -> None:
    text = verdict(EVALUATION)
    assert text.startswith(
        "The model predicts text it never saw better than every baseline: 1.736 bits per byte, against"
    )
    assert "1.935 for the best of them (5-gram). The whole 95% interval is below it." in text


def test_better_but_not_surely() -> None:
    assert "the difference may be chance" in verdict(EVALUATION | {"interval": [1.60, 1.95]})
    assert "interval" not in verdict(EVALUATION | {"interval": None})


def with_difference(low: float, high: float, **others: object) -> dict[str, object]:
    """The model's own interval says the opposite of what the difference's says."""
    paired = {"baseline": "kn5", "bits_per_byte": -0.2, "interval": [low, high]}
    return EVALUATION | {"interval": [1.60, 1.95], "difference": paired} | others


def test_the_paired_difference_decides_where_there_is_one() -> None:
    text = verdict(with_difference(-0.2255, -0.1712))
    assert text.endswith("(5-gram). The difference's 95% interval (-0.226 to -0.171) is wholly below zero.")
    text = verdict(with_difference(-0.31, 0.01, interval=[1.7, 1.8]))
    assert text.endswith("interval (-0.310 to 0.010) reaches zero: the difference may be chance.")
    set_language("pt-BR")
    assert verdict(with_difference(-0.2255, -0.1712)).endswith(
        "(5-grama). O intervalo de 95% da diferença (de -0,226 a -0,171) está inteiramente abaixo de zero."
    )
    assert "(de -0,310 a 0,000) inclui o zero: a diferença pode ser mero acaso" in verdict(with_difference(-0.31, 0.0))


def test_a_loss_may_be_chance_too() -> None:
    lost = {"nats_per_token": 4.7, "bits_per_byte": 1.951}
    assert "may be chance" in verdict(with_difference(-0.01, 0.04, **lost))
    assert verdict(with_difference(0.01, 0.04, **lost)).endswith("more training steps.")


def test_a_difference_without_an_interval_says_nothing_of_chance() -> None:
    for odd in (None, {"baseline": "kn5", "bits_per_byte": -0.2, "interval": None}, 5, {"interval": [0, 1]}):
        assert verdict(EVALUATION | {"difference": odd}).endswith("for the best of them (5-gram).")


def test_losing_to_a_bigram_is_said() -> None:
    set_language("pt-BR")
    text = verdict(EVALUATION | {"nats_per_token": 5.5, "bits_per_byte": 2.283, "baselines": {"kn2": 5.0127}})
    assert text.startswith("O modelo perde para a simples contagem: 2,283 bits por byte, contra 2,081 da melhor")
    assert "(bigrama)" in text


def test_nothing_to_compare_with() -> None:
    assert verdict(None).startswith("The model was not evaluated yet")
    assert verdict({}).startswith("The model was not evaluated yet")
    assert verdict(EVALUATION | {"baselines": {"kn2": None}}).startswith("There are no baselines")


def test_nats_where_bytes_are_unknown() -> None:
    text = verdict({"nats_per_token": 4.0, "baselines": {"kn2": 5.0}})
    assert "4.000 nats per token, against 5.000 for the best of them (bigram)." in text


def test_interval_of_bad_values() -> None:
    assert interval({"interval": [1, 2]}) == (1, 2)
    for bad in ([1], [1, None], "12", [1, float("nan")], None):
        assert interval({"interval": bad}) is None

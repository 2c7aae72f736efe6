"""Words as the search compares them: accents, forms, numbers, line ends."""

import pytest

from prosa.retrieve.stem import stem
from prosa.retrieve.terms import asked, fold, telling, terms


@pytest.mark.parametrize(
    "forms",
    [
        "contrato contratos contratação contratações contratará contratada contratante",
        "entrega entregas entregar entregará entregou",
        "paga pago pagar pagamento pagamentos pagou",
        "criar criado criação criada criou",
        "animal animais",
        "mês meses",
        "lei leis",
        "homem homens",
        "prazo prazos",
    ],
)
def test_the_forms_of_a_word_have_one_stem(forms):
    assert len({stem(fold(form)) for form in forms.split()}) == 1


@pytest.mark.parametrize("words", ["lei leite", "caro carro", "mão mãe", "pão par", "contrato controle"])
def test_other_words_keep_another(words):
    one, other = words.split()
    assert stem(fold(one)) != stem(fold(other))


def test_accents_and_case_do_not_count_in_either_normal_form():
    assert terms("AÇÃO") == terms("acao") == terms("ac\u0327a\u0303o") == terms("Ação")


def test_numbers_stay_whole_and_words_cut_at_a_line_end_are_joined():
    assert terms("R$ 1.250,00") == ["r", "1 250 00"]
    assert terms("contra-\n  tado") == terms("contratado")
    assert terms("bem-vindo") == ["bem", *terms("vindo")]


def test_a_question_asks_with_the_words_that_tell_and_shows_them_as_written():
    assert list(asked("Qual é o preço?").values()) == ["preço"]
    assert list(asked("o que é isso?").values()) == ["o", "que", "é", "isso"]  # it has no others
    assert telling("o que é isso?") == {}
    assert asked("?!") == {}

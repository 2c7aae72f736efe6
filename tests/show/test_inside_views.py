import json
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from html_reading import Page

from prosa.core.errors import UserError
from prosa.models.gpt import GPT, GPTConfig
from prosa.nn.positions import sinusoidal
from prosa.pipeline.inside import attention, embeddings, layers, positions, tokens
from prosa.show.inside.attention import AttentionView
from prosa.show.inside.embeddings import WordSpace, embeddings_view
from prosa.show.inside.geometry import cosines, distances, nearest, pca, standardised, tsne
from prosa.show.inside.layers import layers_view
from prosa.show.inside.positions import positions_view, rotary_likeness, sinusoids, turning, turning_errors
from prosa.show.inside.reading import Reading, Word, by_words, read, words_of
from prosa.show.inside.space import of_vocabulary
from prosa.show.inside.worked import WorkedView, plain_example, scaled_example
from prosa.tokenizers.config import TokenizerConfig
from prosa.tokenizers.load import load
from prosa.tokenizers.pieces import Piece, pieces
from prosa.tokenizers.train import train

PNG = b"\x89PNG\r\n\x1a\n"
SENTENCE = "O guarda-chuva não é meu: 😀 disse-lhe, «à noite»."


# Published numbers


def test_scores_of_three_keys_step_by_step() -> None:
    found = scaled_example()
    assert found.scaled == [14, 12, 3]
    assert found.weights == pytest.approx([0.88078, 0.11920, 0.0000147], abs=5e-6)
    assert found.weights[2] == pytest.approx(0.0000147, abs=5e-8)
    assert found.weights != pytest.approx([0.88, 0.10, 0.02], abs=0.01)  # as it is often printed
    assert sum(found.weights) == pytest.approx(1)


def test_six_vectors() -> None:
    found = plain_example()
    assert [round(x, 4) for x in found.scores] == [0.9544, 1.4950, 1.4754, 0.8434, 0.7070, 1.0865]
    assert [round(x, 4) for x in found.weights] == [0.1385, 0.2379, 0.2333, 0.1240, 0.1082, 0.1581]
    assert [round(x, 4) for x in found.context] == [0.4419, 0.6515, 0.5683]


def test_the_page_by_hand_names_the_published_numbers_as_wrong(tmp_path: Path) -> None:
    shown = attention(worked=True, out=tmp_path / "w.html", png=tmp_path / "w.png")
    page = Page((tmp_path / "w.html").read_text(encoding="utf-8"))
    for number in ("0.8807841", "0.1192012", "0.0000147", "1.4950", "0.2379", "0.5683"):
        assert number in page.text["en"]
        assert number.replace(".", ",") in page.text["pt-BR"]
    assert ".88 .10 .02. That is not softmax" in page.text["en"]
    assert (tmp_path / "w.png").read_bytes().startswith(PNG)
    assert shown.to_json()["scaled"]["published"] == [0.88, 0.10, 0.02]


def test_sinusoidal_positions_of_width_four() -> None:
    found = positions_view().page()
    for number in ("0.8415", "0.5403", "0.0100", "1.0000", "0.9093", "-0.4161", "0.0200", "0.9998"):
        assert number in found
    assert sinusoids(3, 4)[1:].round(4).tolist() == pytest.approx(
        np.array([[0.8415, 0.5403, 0.0100, 0.9999], [0.9093, -0.4161, 0.0200, 0.9998]])
    )


def test_animals_scale_matters() -> None:
    names = ["Gato", "Cachorro", "Águia", "Aranha", "Papagaio", "Cobra"]
    animals = [(4, 1, 4), (4, 1, 7), (2, 0, 5), (8, 0, 0.02), (2, 0, 1), (0, 0, 15)]
    raw, scaled = distances(animals), distances(standardised(animals))
    cat, dog, eagle, parrot = (names.index(n) for n in ("Gato", "Cachorro", "Águia", "Papagaio"))
    assert nearest(-raw, 1)[eagle] == [cat]
    assert raw[eagle, [cat, parrot]].round(3).tolist() == [2.449, 4.0]
    assert round(scaled[cat, dog], 2) == 0.61
    assert round(scaled[eagle, parrot], 2) == 0.81
    others = [scaled[i, j] for i in range(6) for j in range(i) if {i, j} not in ({cat, dog}, {eagle, parrot})]
    assert len(others) == 13
    assert round(min(others), 2) >= 2.19


# Positions


def test_a_step_is_a_turn() -> None:
    where = torch.arange(60)[None]
    matrix = sinusoidal(where, 32)[0].double().numpy()
    for k in (1, 7, 30):
        turn = turning(k, 32)
        np.testing.assert_allclose(turn @ turn.T, np.eye(32), atol=1e-12)  # a rotation
        np.testing.assert_allclose(turn @ matrix[11], matrix[11 + k], atol=1e-5)
        np.testing.assert_allclose(np.linalg.matrix_power(turning(1, 32), k), turn, atol=1e-12)
    assert turning_errors(matrix).keys() == {1, 2, 5, 10, 50}
    assert max(turning_errors(matrix).values()) < 1e-5
    assert turning_errors(matrix[:, ::-1].copy(), (5,))[5] > 0.1  # cosines first is another convention


def test_likeness_is_the_products_of_sinusoids_too() -> None:
    matrix = sinusoids(40, 16)
    np.testing.assert_allclose(matrix @ matrix[0] / 8, rotary_likeness(40, 16, 10000.0), atol=1e-5)
    np.testing.assert_allclose(matrix[5:] @ matrix[5] / 8, rotary_likeness(35, 16, 10000.0), atol=1e-5)


@pytest.mark.parametrize(
    ("shape", "kind", "en", "pt"),
    [
        ({"shape": "modern"}, "rotary", "the slowest in 19,869", "o mais lento em 19.869"),
        ({"shape": "classic"}, "learned", "Learned positions of this model", "Posições aprendidas deste modelo"),
        ({"shape": "classic", "positions": "none"}, "none", "only the mask tells order", "só a máscara diz a ordem"),
        ({"shape": "classic", "positions": "sinusoidal"}, "sinusoidal", "sinusoidal positions", "posições sinusoidais"),
    ],
)
def test_each_kind_of_positions(shape: dict[str, str], kind: str, en: str, pt: str, tmp_path: Path) -> None:
    model = GPT(GPTConfig(20, 24, 1, 2, 32, **shape))
    view = positions_view(model, "m")
    page = Page(view.page())
    assert view.kind == kind
    assert en in page.text["en"]
    assert pt in page.text["pt-BR"]
    if kind == "learned":
        table = model.position_embedding.weight.detach()
        theirs = torch.nn.functional.cosine_similarity(table[:, None], table[None], dim=-1)
        np.testing.assert_allclose(view.own, theirs.numpy(), atol=1e-6)
    if kind == "rotary":
        assert max(view.shifts.values()) < 1e-5
    view.draw(tmp_path / "p.png")
    assert (tmp_path / "p.png").read_bytes().startswith(PNG)


# Words and tokens


def test_words_are_whole_and_every_piece_is_in_one(tiny_run: Path) -> None:
    tokenizer = load(str(tiny_run))
    found = pieces(tokenizer, SENTENCE)
    words = words_of(found, SENTENCE)
    assert [w.text for w in words] == ["O", "guarda-chuva", "não", "é", "meu", ":", "😀", "disse-lhe", ",", "«", "à",
                                       "noite", "»", "."]  # fmt: skip
    assert [i for w in words for i in range(w.start, w.end)] == list(range(len(found)))
    assert words[1].end - words[1].start > 1  # of several pieces


def test_spaces_and_line_ends_stand_for_themselves() -> None:
    text = "olá mar\nmar  é "
    words = words_of([Piece(0, c, i, i + 1) for i, c in enumerate(text)], text)
    assert [w.text for w in words] == ["olá", "mar", "⏎", "mar", "␣", "é", "␣"]
    assert [w.end - w.start for w in words] == [3, 4, 1, 3, 1, 2, 1]


def test_a_reading_begins_as_documents_do(tiny_run: Path) -> None:
    tokenizer = load(str(tiny_run))
    reading = read("e\u0301 noite", tokenizer)
    assert reading.ids == [tokenizer.end_of_text, *tokenizer.encode("é noite")]
    assert [w.text for w in reading.words] == ["<|endoftext|>", "é", "noite"]
    assert len(reading.tokens) == len(reading.ids)


def test_attention_between_words_is_the_mean_of_sums() -> None:
    torch.manual_seed(0)
    a = torch.rand(2, 3, 6, 6).tril().numpy()
    a /= a.sum(-1, keepdims=True)
    words = [Word("a", 0, 1), Word("b", 1, 4), Word("c", 4, 6)]
    found = by_words(a, words)
    for i, who in enumerate(words):
        for j, what in enumerate(words):
            expected = a[..., who.start : who.end, what.start : what.end].sum(-1).mean(-1)
            np.testing.assert_allclose(found[..., i, j], expected, atol=1e-6)
    np.testing.assert_allclose(found.sum(-1), 1, atol=1e-6)
    assert np.array_equal(found, np.tril(found))
    each = [Word(str(i), i, i + 1) for i in range(6)]
    np.testing.assert_allclose(by_words(a, each), a)


def test_the_attention_page_has_every_head(tiny_run: Path, tmp_path: Path) -> None:
    text = "Era </script><b>uma</b> vez."
    shown = attention(str(tiny_run), text=text, out=tmp_path / "a.html", png=tmp_path / "a.png")
    html = (tmp_path / "a.html").read_text(encoding="utf-8")
    page = Page(html)
    assert (tmp_path / "a.png").read_bytes().startswith(PNG)
    buttons = [a for tag, a, lang in page.elements if tag == "button" and "data-head" in a and lang == "en"]
    assert [(a["data-layer"], a["data-head"]) for a in buttons] == [("0", "0"), ("0", "1")]
    assert buttons[1]["aria-label"] == "layer 1, head 2"
    shared = next(
        json.loads(raw)
        for raw, (_, a, _) in zip(page.raw["script"], [e for e in page.elements if e[0] == "script"], strict=True)
        if a.get("id") == "shared"
    )
    values = shown.to_json()
    rows = shared["tokens"]["weights"][0][1]
    assert [len(row) for row in rows] == list(range(1, len(values["ids"]) + 1))
    for row, whole in zip(rows, values["weights"][0][1], strict=True):
        np.testing.assert_allclose(np.array(row) / shared["scale"], whole[: len(row)], atol=1e-4)
        assert sum(whole) == pytest.approx(1, abs=1e-4)
    assert shared["words"]["labels"] == values["words"]
    assert values["words"][0] == "<|endoftext|>"
    assert "<b>uma" not in html
    assert "A[I, J] = 1/|I|" in page.text["pt-BR"]
    first = values["heads"][0]
    later = np.array(values["weights"][0][0])[1:]
    assert first["first"] == pytest.approx(later[:, 0].mean(), abs=1e-5)
    assert first["itself"] == pytest.approx(np.mean([row[i + 1] for i, row in enumerate(later)]), abs=1e-5)
    assert first["previous"] == pytest.approx(np.mean([row[i] for i, row in enumerate(later)]), abs=1e-5)


def test_too_many_weights_for_a_page() -> None:
    n = 800
    reading = Reading("x", [0] * n, ["x"] * n, [Word("x", 0, n)])
    with pytest.raises(UserError, match=r"8 heads over 800 tokens[^\n]*\n[^\n]*707 tokens"):
        AttentionView("m", reading, np.broadcast_to(np.float32(0), (2, 4, n, n)))


# Embeddings


def test_pca_is_scikit_learns() -> None:
    from sklearn.decomposition import PCA

    points = np.random.default_rng(0).normal(size=(30, 8)) @ np.diag([5, 3, 2, 1, 1, 1, 1, 1])
    ours, shares = pca(points, 3)
    theirs = PCA(3).fit(points)
    np.testing.assert_allclose(np.abs(ours), np.abs(theirs.transform(points)), atol=1e-9)
    np.testing.assert_allclose(shares, theirs.explained_variance_ratio_, atol=1e-12)
    flat, flat_shares = pca(points[:2], 3)  # one direction only
    assert flat.shape == (2, 3)
    assert flat_shares[0] == pytest.approx(1)


def test_neighbours_by_cosine() -> None:
    likeness = cosines([[1, 0], [2, 0.1], [0, 1], [0, 0]])
    assert likeness[0, 1] == pytest.approx(1 / np.sqrt(1 + 0.05**2))
    assert likeness[0, 3] == 0
    assert nearest(likeness, 2)[0] == [1, 2]
    assert nearest(likeness, 9)[2][0] == 1


def test_tsne_keeps_groups_together() -> None:
    drawn = np.random.default_rng(1)
    points = np.concatenate([drawn.normal(size=(12, 10)) * 0.1 + centre for centre in np.eye(10)[:2] * 3])
    found = tsne(points, 2)
    between = distances(found)
    same = np.equal.outer(np.arange(24) // 12, np.arange(24) // 12)
    assert all(between[i][same[i]].max() < between[i][~same[i]].min() for i in range(24))
    assert np.array_equal(found, tsne(points, 2))


def test_the_words_of_a_text_are_the_means_of_their_pieces(tiny_run: Path, tmp_path: Path) -> None:
    from prosa.pipeline.run import load as load_run

    text = "casa homem, mulher; Casa guarda-chuva casa"
    shown = embeddings(str(tiny_run), text=text, out=tmp_path / "e.html", png=tmp_path / "e.png")
    found = shown.to_json()
    assert [w["word"] for w in found["words"]] == ["casa", "homem", "mulher", "Casa", "guarda-chuva"]
    model, tokenizer, _ = load_run(str(tiny_run))
    rows = [model.embedding.weight[tokenizer.encode(f" {w['word']}")].mean(0).detach().double() for w in found["words"]]
    near = found["words"][0]["neighbours"]
    assert near[0]["cosine"] == max(n["cosine"] for n in near)
    i = [w["word"] for w in found["words"]].index(near[0]["word"])
    assert near[0]["cosine"] == pytest.approx(float(torch.cosine_similarity(rows[0], rows[i], dim=0)), abs=1e-6)
    page = Page((tmp_path / "e.html").read_text(encoding="utf-8"))
    assert set(page.figures) == {f"{lang}_plot_{key}" for lang in ("en", "pt-BR") for key in ("flat", "deep")}
    hover = page.figures["en_plot_deep"]["data"][0]["customdata"][0]
    assert hover.startswith("<b>casa</b><br>" + near[0]["word"])
    assert (tmp_path / "e.png").read_bytes().startswith(PNG)


def test_without_text_the_words_are_tokens(tiny_run: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="2 words are too few"):  # a vocabulary of 320
        embeddings(str(tiny_run), out=tmp_path / "e.html")
    tokenizer = train(["o rei viu o mar e a rainha viu o rei no mar azul " * 9], TokenizerConfig(vocab_size=300))
    model = GPT(GPTConfig(300, 8, 1, 1, 16))
    found = of_vocabulary(model, tokenizer, 4)
    assert {"rei", "viu", "mar"} < set(found.words)
    ids = [tokenizer.encode(f" {word}") for word in found.words]
    assert all(len(each) == 1 for each in ids)
    np.testing.assert_array_equal(found.matrix, model.embedding.weight.detach()[[i for (i,) in ids]].numpy())


def test_any_words_and_matrix_will_do() -> None:
    view = embeddings_view("w", WordSpace(["a", "b", "c", "<d>"], np.eye(4)))
    assert view.shares == pytest.approx([1 / 3] * 3)
    assert "&lt;d&gt;" in view.page()
    with pytest.raises(UserError, match="3 words are too few"):
        embeddings_view("w", WordSpace(["a", "b", "c"], np.eye(3)))


# Layers


def test_the_lens_ends_with_the_model(tiny_run: Path, tmp_path: Path) -> None:
    from prosa.pipeline.run import load as load_run

    shown = layers(str(tiny_run), text="Era uma vez", out=tmp_path / "l.html", png=tmp_path / "l.png")
    found = shown.to_json()
    model, tokenizer, _ = load_run(str(tiny_run))
    with torch.no_grad():
        own = model(torch.tensor([found["ids"]]))[0].softmax(-1)
    assert len(found["top"]) == model.config.n_layer + 1
    for at, cell in enumerate(found["top"][-1]):
        best = own[at].topk(5)
        assert [c["probability"] for c in cell] == pytest.approx(best.values.tolist(), rel=1e-4)
        assert cell[0]["token"].replace("␣", " ").replace("⏎", "\n") == tokenizer.token_text(int(best.indices[0]))
    assert found["agrees"][-1] == 1
    assert found["kl_bits"][-1] == 0
    assert found["kl_bits"][0] > 0
    assert (tmp_path / "l.png").read_bytes().startswith(PNG)
    assert "Layer by layer" in Page((tmp_path / "l.html").read_text(encoding="utf-8")).text["en"]


def test_figures_of_layers_by_hand(tiny_run: Path) -> None:
    tokenizer = load(str(tiny_run))
    logits = np.log(np.array([[[0.5, 0.25, 0.125, 0.0625, 0.0625]], [[0.25, 0.5, 0.125, 0.0625, 0.0625]]]))
    view = layers_view("m", Reading("x", [0], ["x"], []), logits.astype(np.float32), tokenizer)
    assert view.agrees.tolist() == [[False], [True]]
    assert view.chosen[:, 0].tolist() == pytest.approx([0.25, 0.5])
    assert view.away[:, 0].tolist() == pytest.approx([0.25, 0])  # .25 log2(.25/.5) + .5 log2(.5/.25)
    assert view.course[0][1] == pytest.approx([0.25, 0.5])


# Tokens


def test_tokens_with_their_ids_and_bytes(tiny_run: Path, tmp_path: Path) -> None:
    shown = tokens(str(tiny_run), text=SENTENCE, out=tmp_path / "t.html", png=tmp_path / "t.png")
    found = shown.to_json()
    tokenizer = load(str(tiny_run))
    assert [t["id"] for t in found["tokens"]] == tokenizer.encode(SENTENCE)
    assert bytes.fromhex(" ".join(t["bytes"] for t in found["tokens"])).decode("utf-8") == SENTENCE
    assert found["bytes"] == len(SENTENCE.encode())
    page = Page((tmp_path / "t.html").read_text(encoding="utf-8"))
    assert SENTENCE in page.text["en"]
    assert (tmp_path / "t.png").read_bytes().startswith(PNG)


# What is wrong


@pytest.mark.parametrize("look", [attention, layers])
def test_sentences_that_are_missing_empty_or_too_long(look: object, tiny_run: Path, tmp_path: Path) -> None:
    out = tmp_path / "x.html"
    for text, message in (
        (None, "--text is missing"),
        ("", "the sentence is empty"),
        (" \n", "the sentence is empty"),
        ("mar " * 40, r"a text of \d+ tokens does not fit the model's context of 32"),
    ):
        with pytest.raises(UserError, match=message):
            look(str(tiny_run), text=text, out=out)  # type: ignore[operator]
    with pytest.raises(UserError, match="no model given"):
        look(text="mar", out=out)  # type: ignore[operator]
    assert not out.exists()


def test_what_cannot_be_shown(tiny_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UserError, match="--worked takes no model"):
        attention(str(tiny_run), text="mar", worked=True)
    with pytest.raises(UserError, match="the text is empty"):
        tokens(str(tiny_run), text="")
    with pytest.raises(UserError, match="no word in --text"):
        embeddings(str(tiny_run), text="123 ...")
    with pytest.raises(UserError, match="--most is 3"):
        embeddings(str(tiny_run), most=3)
    (tmp_path / "config.json").write_text('{"model_type": "prosa-ngram"}')
    with pytest.raises(UserError, match="prosa-ngram"):
        positions(str(tmp_path))
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(UserError, match=r"matplotlib[^\n]*\npip install 'prosa\[pictures\]'"):
        attention(worked=True, out=tmp_path / "w.html", png=tmp_path / "w.png")
    monkeypatch.setitem(sys.modules, "sklearn.manifold", None)
    with pytest.raises(UserError, match=r"scikit-learn[^\n]*\npip install 'prosa\[eval\]'"):
        tsne(np.eye(4), 2)


def test_a_page_of_ones_own_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("attention.html").write_text("mine")
    with pytest.raises(UserError, match=r"attention\.html is there"):
        attention(worked=True)
    assert Path("attention.html").read_text() == "mine"
    Path("attention.html").unlink()
    attention(worked=True)
    attention(worked=True)  # its own is written anew
    assert WorkedView().page() == Path("attention.html").read_text(encoding="utf-8")


def test_the_command(tiny_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from prosa.cli.main import main

    page = str(tmp_path / "a.html")
    assert main(["show", "attention", str(tiny_run), "--text", "O mar.", "--out", page]) == 0
    assert "1, 2" in capsys.readouterr().out
    assert main(["show", "tokens", str(tiny_run), "--text", "O mar.", "--out", page, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["files"] == [page]
    assert main(["show", "atention"]) == 2
    assert "Did you mean 'attention'" in capsys.readouterr().err
    assert main(["show", "--help"]) == 0
    assert "embeddings" in capsys.readouterr().out
    assert main(["show", "layers", str(tmp_path / "none"), "--text", "x", "--lang", "pt-BR"]) == 2
    assert "não é uma pasta" in capsys.readouterr().err

"""``prosa show``: a model's inside, as a page and a picture."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from prosa.core.errors import UserError
from prosa.core.files import write_text
from prosa.core.language import tr
from prosa.pipeline.run import VECTORS, model_folder
from prosa.tokenizers.load import load as load_tokenizer

if TYPE_CHECKING:
    from prosa.models.bert import Bert
    from prosa.models.gpt import GPT
    from prosa.models.language_model import LanguageModel
    from prosa.show.inside.embeddings import Space
    from prosa.show.inside.reading import Reading
    from prosa.show.inside.view import Summary, View
    from prosa.tokenizers.protocol import Tokenizer

    Network = LanguageModel | Bert

CONFIG, WORDS = "config.json", "vocabulary.json"  # of word vectors


@dataclass(frozen=True)
class Shown:
    """A view and the files it was written to."""

    view: "View"
    files: list[Path]

    def summary(self) -> "Summary":
        """What the terminal shows."""
        return self.view.summary()

    def to_json(self) -> dict[str, Any]:
        """The view's plain values, and the files."""
        return {**self.view.to_json(), "files": [str(path) for path in self.files]}


def attention(
    run: str | None = None,
    *,
    text: str | None = None,
    worked: bool = False,
    out: Path | None = None,
    png: Path | None = None,
) -> Shown:
    """How a model's attention heads look at a sentence: every head of every layer, between words or tokens.

    Without a model, an attention computed by hand, number by number.

    Args:
        run: A run (its newest model), run:stage, or a model folder.
        text: The sentence; - reads standard input.
        worked: The computation by hand.
        out: The page (default: attention.html here).
        png: Write a picture too.

    Raises:
        UserError: no such model, one without attention, or a sentence that is missing, empty or too long.
    """
    from prosa.show.inside.worked import WorkedView

    if worked or (run is None and text is None):
        if run is not None or text is not None:
            raise UserError(
                tr("--worked takes no model and no --text.", "--worked não leva modelo nem --text."),
                tr("Give it alone: prosa show attention --worked", "Dê-o só: prosa show attention --worked"),
            )
        return _write(WorkedView(), "attention", out, png)
    from prosa.models.inside import attention_maps
    from prosa.show.inside.attention import AttentionView

    loaded, tokenizer, name = _load(run)
    network = _attentive(loaded, name)
    reading = _read(network, tokenizer, text)
    return _write(AttentionView(name, reading, attention_maps(network, reading.ids).numpy()), "attention", out, png)


def positions(run: str | None = None, *, out: Path | None = None, png: Path | None = None) -> Shown:
    """How a model tells places apart, beside the sinusoidal matrix and its rotation property; or that alone.

    Args:
        run: A run (its newest model), run:stage, or a model folder.
        out: The page (default: positions.html here).
        png: Write a picture too.

    Raises:
        UserError: no such model, or one without positions.
    """
    from prosa.show.inside.positions import positions_view

    if run is None:
        return _write(positions_view(), "positions", out, png)
    loaded, _, name = _load(run)
    return _write(positions_view(_attentive(loaded, name), name), "positions", out, png)


def embeddings(
    run: str | None = None,
    *,
    text: str | None = None,
    most: int = 400,
    by: Literal["pca", "tsne"] = "pca",
    out: Path | None = None,
    png: Path | None = None,
) -> Shown:
    """The words that a model knows as points in two and three dimensions, with their nearest.

    Args:
        run: A run (its newest model), run:stage, or a model folder.
        text: The words to show (default: those of the vocabulary); - reads standard input.
        most: Without --text, so many words at most.
        by: pca, or tsne (needs scikit-learn).
        out: The page (default: embeddings.html here).
        png: Write a picture too.

    Raises:
        UserError: no such model, or fewer than four words.
    """
    from prosa.show.inside.embeddings import embeddings_view

    if not 4 <= most <= 3000:
        raise UserError(tr(f"--most is {most}, must be 4 to 3000.", f"--most é {most}, deve ser de 4 a 3000."))
    space, name, pieces = _space(run, text, most)
    return _write(embeddings_view(name, space, by, pieces=pieces), "embeddings", out, png)


def tokens(
    run: str | None = None, *, text: str | None = None, out: Path | None = None, png: Path | None = None
) -> Shown:
    """How a text is cut: coloured pieces, their ids and bytes.

    Args:
        run: A run, a model folder, or any tokenizer (gpt2:FOLDER, X.tiktoken, ... as of prosa tokenizer).
        text: The text; - reads standard input.
        out: The page (default: tokens.html here).
        png: Write a picture too.

    Raises:
        UserError: no such tokenizer, or a text that is missing or empty.
    """
    from prosa.show.inside.tokens import tokens_view

    if run is None:
        raise _no_model()
    given = _given(text)
    if not given:
        raise UserError(
            tr("the text is empty.", "o texto está vazio."),
            tr('For example: --text "The king saw the sea."', 'Por exemplo: --text "O rei viu o mar."'),
        )
    return _write(tokens_view(run, load_tokenizer(run), given), "tokens", out, png)


def layers(
    run: str | None = None, *, text: str | None = None, out: Path | None = None, png: Path | None = None
) -> Shown:
    """How each next token's prediction forms, layer by layer (the logit lens).

    Args:
        run: A run (its newest model), run:stage, or a model folder.
        text: The sentence; - reads standard input.
        out: The page (default: layers.html here).
        png: Write a picture too.

    Raises:
        UserError: no such model, one without layers, or a sentence that is missing, empty or too long.
    """
    from prosa.models.inside import logit_lens
    from prosa.show.inside.layers import layers_view

    loaded, tokenizer, name = _load(run)
    network = _decoder(loaded, name)
    reading = _read(network, tokenizer, text)
    logits = logit_lens(network, reading.ids).float().cpu().numpy()
    return _write(layers_view(name, reading, logits, tokenizer), "layers", out, png)


def gradients(
    *, distance: int = 100, width: int = 64, seed: int = 0, out: Path | None = None, png: Path | None = None
) -> Shown:
    """How far back a gradient reaches: linear, RNN, GRU, LSTM, attention, as they begin; no model is needed.

    Args:
        distance: The furthest that is looked at, in tokens.
        width: Of states and vectors; a multiple of 4.
        seed: Of weights and inputs.
        out: The page (default: gradients.html here).
        png: Write a picture too.

    Raises:
        UserError: a number out of range.
    """
    from prosa.evaluate.gradients import measure_reach
    from prosa.show.inside.gradients import GradientsView

    wrong = []
    if not 1 <= distance <= 1000:
        wrong.append(tr(f"--distance is {distance}, must be 1 to 1000", f"--distance é {distance}, deve ser 1 a 1000"))
    if not 4 <= width <= 512 or width % 4:
        wrong.append(
            tr(
                f"--width is {width}, must be a multiple of 4 from 4 to 512",
                f"--width é {width}, deve ser um múltiplo de 4 de 4 a 512",
            )
        )
    if wrong:
        raise UserError("; ".join(wrong) + ".")
    return _write(GradientsView(measure_reach(distance=distance, width=width, seed=seed)), "gradients", out, png)


def _space(run: str | None, text: str | None, most: int) -> "tuple[Space, str, bool]":
    """Words and their vectors, of a model or of word vectors, a name, and whether the words are tokens."""
    from prosa.show.inside.space import of_text, of_vocabulary, of_word_vectors

    words = None if text is None else _given(text)
    if run is not None and _is_word_vectors(Path(run)):
        from prosa.pipeline.similar import open_vectors

        return of_word_vectors(open_vectors(Path(run)), words, most), run, False
    network, tokenizer, name = _load(run)
    table = network.embedding.weight.detach().float().cpu().numpy()
    if words is None:
        return of_vocabulary(table, tokenizer, most), name, True
    return of_text(table, tokenizer, words), name, False


def _is_word_vectors(path: Path) -> bool:
    from prosa.models.word_vector_files import SUFFIXES

    if path.is_dir():
        return (path / VECTORS / CONFIG).is_file() or (path / WORDS).is_file()
    return path.suffix in SUFFIXES


def _read(network: "Network", tokenizer: "Tokenizer", text: str | None) -> "Reading":
    """The text as a model reads it."""
    from prosa.models.gpt import too_long
    from prosa.show.inside.reading import read

    reading = read(_given(text), tokenizer)
    if len(reading.ids) > network.config.context:
        raise too_long(len(reading.ids), network.config.context)
    return reading


def _load(run: str | None) -> "tuple[Network, Tokenizer, str]":
    """A model that reads tokens (a decoder, an encoder, or one without attention), its tokenizer and its name."""
    from prosa.models.folder import read_config
    from prosa.models.huggingface import check_tokenizer
    from prosa.models.huggingface_bert import is_bert, load_bert
    from prosa.models.language_model import load_language_model

    if run is None:
        raise _no_model()
    folder = model_folder(run)
    network = load_bert(folder) if is_bert(read_config(folder)) else load_language_model(folder)
    tokenizer = load_tokenizer(folder)
    check_tokenizer(folder, tokenizer, network.config.vocab_size)
    return network, tokenizer, run if run.endswith(folder.name) else f"{run} ({folder.name})"


def _attentive(network: "Network", name: str) -> "GPT | Bert":
    """The model, which must have attention."""
    from prosa.models.bert import Bert
    from prosa.models.gpt import GPT

    if isinstance(network, GPT | Bert):
        return network
    raise UserError(
        tr(
            f"{name} has no attention and no positions: it reads in order ({type(network).__name__}).",
            f"{name} não tem atenção nem posições: ele lê em ordem ({type(network).__name__}).",
        ),
        tr("prosa show embeddings and tokens take it.", "prosa show embeddings e tokens o aceitam."),
    )


def _decoder(network: "Network", name: str) -> "GPT":
    """The model, which must be a decoder."""
    from prosa.models.gpt import GPT

    if isinstance(network, GPT):
        return network
    raise UserError(
        tr(
            f"{name} is no decoder ({type(network).__name__}): it has no layers that each predict a next token.",
            f"{name} não é um decodificador ({type(network).__name__}): não tem camadas que prevejam, cada uma, um "
            "próximo token.",
        ),
        tr("Give a model of prosa pretrain.", "Dê um modelo do prosa pretrain."),
    )


def _no_model() -> UserError:
    return UserError(
        tr("no model given.", "nenhum modelo foi dado."),
        tr("Give a run folder, such as runs/mine.", "Dê a pasta de uma execução, como runs/minha."),
    )


def _given(text: str | None) -> str:
    from prosa.pipeline.tokenizer import given_text

    if text is None:
        raise UserError(
            tr("--text is missing: the sentence to look at.", "falta --text: a frase a olhar."),
            tr('For example: --text "The king saw the sea."', 'Por exemplo: --text "O rei viu o mar."'),
        )
    return given_text(("-",)).strip() if text == "-" else text


def _write(view: "View", kind: str, out: Path | None, png: Path | None) -> Shown:
    """The page, which replaces no file that another made unless it is named, and the picture where one is wanted."""
    page = out if out is not None else Path(f"{kind}.html")
    if out is None and page.exists() and f'content="prosa show {kind}"' not in _head(page):
        raise UserError(
            tr(f"{page} is there and was not made by this.", f"{page} já existe e não foi feito por isto."),
            tr("Name the page: --out PAGE.html", "Dê o nome da página: --out PAGINA.html"),
        )
    if png is not None:  # first: what it needs may be missing
        view.draw(png)
    write_text(page, view.page())
    return Shown(view, [page] if png is None else [page, png])


def _head(path: Path) -> str:
    with path.open("rb") as file:
        return file.read(2000).decode("utf-8", "replace")

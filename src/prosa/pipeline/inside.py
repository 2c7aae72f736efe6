"""``prosa show``: a model's inside, as a page and a picture."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from prosa.core.errors import UserError
from prosa.core.files import write_text
from prosa.core.language import tr
from prosa.pipeline.run import load
from prosa.tokenizers.load import load as load_tokenizer

if TYPE_CHECKING:
    from prosa.models.gpt import GPT
    from prosa.show.inside.embeddings import Space
    from prosa.show.inside.reading import Reading
    from prosa.show.inside.view import Summary, View
    from prosa.tokenizers.protocol import Tokenizer


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

    network, _, reading, name = _read(run, text)
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
    network, _, name = _load(run)
    return _write(positions_view(network, name), "positions", out, png)


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
    space, name = _space(run, text, most)
    return _write(embeddings_view(name, space, by, pieces=text is None), "embeddings", out, png)


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

    network, tokenizer, reading, name = _read(run, text)
    logits = logit_lens(network, reading.ids).float().cpu().numpy()
    return _write(layers_view(name, reading, logits, tokenizer), "layers", out, png)


def _space(run: str | None, text: str | None, most: int) -> "tuple[Space, str]":
    """The words of a model and their vectors."""
    from prosa.show.inside.space import of_text, of_vocabulary

    network, tokenizer, name = _load(run)
    if text is None:
        return of_vocabulary(network, tokenizer, most), name
    return of_text(network, tokenizer, _given(text)), name


def _read(run: str | None, text: str | None) -> "tuple[GPT, Tokenizer, Reading, str]":
    """The model that reads, its tokenizer, the text as it reads it, and the model's name."""
    from prosa.models.gpt import too_long
    from prosa.show.inside.reading import read

    network, tokenizer, name = _load(run)
    reading = read(_given(text), tokenizer)
    if len(reading.ids) > network.config.context:
        raise too_long(len(reading.ids), network.config.context)
    return network, tokenizer, reading, name


def _load(run: str | None) -> "tuple[GPT, Tokenizer, str]":
    if run is None:
        raise _no_model()
    network, tokenizer, folder = load(run)
    return network, tokenizer, run if run.endswith(folder.name) else f"{run} ({folder.name})"


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

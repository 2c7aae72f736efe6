"""``prosa show``: a model's inside, as a page and a picture."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from prosa.core.errors import UserError
from prosa.core.files import write_text
from prosa.core.language import tr
from prosa.pipeline.run import load, model_folder
from prosa.tokenizers.load import load as load_tokenizer

if TYPE_CHECKING:
    from prosa.models.gpt import GPT
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

    network, reading, name = _read(run, text)
    return _write(AttentionView(name, reading, attention_maps(network, reading.ids).numpy()), "attention", out, png)


def _read(run: str | None, text: str | None) -> "tuple[GPT, Reading, str]":
    """The model that reads, the text as it reads it, and the model's name."""
    from prosa.models.gpt import too_long
    from prosa.show.inside.reading import read

    network, tokenizer, name = _load(run)
    reading = read(_given(text), tokenizer)
    if len(reading.ids) > network.config.context:
        raise too_long(len(reading.ids), network.config.context)
    return network, reading, name


def _load(run: str | None) -> "tuple[GPT, Tokenizer, str]":
    if run is None:
        raise UserError(
            tr("no model given.", "nenhum modelo foi dado."),
            tr("Give a run folder, such as runs/mine.", "Dê a pasta de uma execução, como runs/minha."),
        )
    network, tokenizer, folder = load(run)
    return network, tokenizer, run if folder.name == Path(run).name else f"{run} ({folder.name})"


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

"""Pictures (PNG) by matplotlib, which the extra ``pictures`` brings."""

from pathlib import Path
from typing import TYPE_CHECKING

from prosa.core.errors import UserError
from prosa.core.files import writing
from prosa.core.language import tr

if TYPE_CHECKING:
    from matplotlib.figure import Figure


PICTURES = (".html", ".png")


def check_picture(path: Path) -> None:
    """Refuse a picture of another kind, or one that could not be drawn, before any work.

    Raises:
        UserError: it is neither HTML nor PNG, or matplotlib is missing.
    """
    if path.suffix.lower() not in PICTURES:
        raise UserError(tr(f"{path}: a picture is .html or .png.", f"{path}: uma figura é .html ou .png."))
    if path.suffix.lower() == ".png":
        _need_matplotlib()


def _need_matplotlib() -> None:
    try:
        import matplotlib.figure  # noqa: F401
    except ImportError as error:
        raise UserError(
            tr(
                "pictures (PNG) need matplotlib, which is not installed.",
                "figuras (PNG) precisam do matplotlib, que não está instalado.",
            ),
            "pip install 'prosa[pictures]'",
        ) from error


def new_picture(width: float, height: float) -> "Figure":
    """An empty picture of so many inches.

    Raises:
        UserError: matplotlib is not installed.
    """
    _need_matplotlib()
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained", facecolor="white")


def save_picture(picture: "Figure", path: Path) -> None:
    """Write it as PNG.

    Raises:
        UserError: the file cannot be written.
    """
    with writing(path) as temporary:
        picture.savefig(temporary, format="png", dpi=110)


def plain(text: str) -> str:
    """Text without matplotlib's markup: ``$`` begins a formula there."""
    return text.replace("$", r"\$")

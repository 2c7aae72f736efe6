"""Pictures (PNG) by matplotlib, which the extra ``pictures`` brings."""

from pathlib import Path
from typing import TYPE_CHECKING

from prosa.core.errors import UserError
from prosa.core.files import writing
from prosa.core.language import tr

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def new_picture(width: float, height: float) -> "Figure":
    """An empty picture of so many inches.

    Raises:
        UserError: matplotlib is not installed.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise UserError(
            tr(
                "pictures (--png) need matplotlib, which is not installed.",
                "figuras (--png) precisam do matplotlib, que não está instalado.",
            ),
            "pip install 'prosa[pictures]'",
        ) from error
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

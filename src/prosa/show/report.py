"""``report.html``: one self-contained page on a run, in Portuguese and English, light and dark."""

from pathlib import Path

from prosa.core.files import write_text
from prosa.show.load import load_run
from prosa.show.page import page
from prosa.show.vocabulary import read_vocabulary


def write_report(run: Path, out: Path | None = None) -> Path:
    """Write the report of the run in folder ``run`` to ``out`` (``run/report.html``) and return its path.

    What the run does not have yet is shown as not made yet. The page opens in the language in force.

    Raises:
        UserError: ``run`` is not a run folder, or ``out`` cannot be written.
    """
    found = load_run(Path(run))
    path = Path(out) if out is not None else found.folder / "report.html"
    write_text(path, page(found, read_vocabulary(found)))
    return path

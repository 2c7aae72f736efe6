"""``prosa report``: the run's page."""

import os
import sys
import webbrowser
from pathlib import Path

from prosa.core.errors import UserError
from prosa.core.language import tr
from prosa.pipeline.run import REPORT


def report(run: Path, *, out: Path | None = None, open: bool = True) -> Path:
    """Write the report of a run, one HTML file that needs no network, and open it in the browser.

    Args:
        run: Run folder.
        out: Where to write the page (default: report.html in the run folder).
        open: Open it, where there is a screen.

    Returns:
        The page's path.

    Raises:
        UserError: not a run folder.
    """
    from prosa.show.report import write_report

    if not run.is_dir():
        raise UserError(
            tr(f"{run} is not a run folder.", f"{run} não é a pasta de uma execução."),
            tr("Make one with: prosa build FOLDER --out RUN", "Faça uma com: prosa build PASTA --out EXECUÇÃO"),
        )
    path = write_report(run, out or run / REPORT)
    if open and _has_screen():
        webbrowser.open(path.resolve().as_uri())
    return path


def _has_screen() -> bool:
    if not sys.stdout.isatty():
        return False
    return sys.platform in ("win32", "darwin") or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))

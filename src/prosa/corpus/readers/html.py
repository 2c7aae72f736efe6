"""``.html``, ``.htm``: the page's own text, without menus and boilerplate, by ``trafilatura`` (Barbaresi 2021)."""

import logging
import re
from collections.abc import Iterator
from pathlib import Path

from prosa.core.language import size as human_size
from prosa.core.language import tr
from prosa.corpus.config import CorpusConfig
from prosa.corpus.encoding import decode, is_binary
from prosa.corpus.files import file_format
from prosa.corpus.pieces import cut_text
from prosa.corpus.problems import Problems
from prosa.corpus.readers.task import Raw, Task, missing_extra, why

_LARGEST = 50_000_000  # bytes: a page is parsed whole, and takes many times its size
_SHORT = 2000  # characters
_CHARSET = re.compile(rb"""<meta[^>]{0,200}?charset\s*=\s*["']?([A-Za-z0-9_-]{3,40})""", re.IGNORECASE)


def tasks(path: Path, config: CorpusConfig, problems: Problems) -> Iterator[Task]:
    """The file as one task."""
    try:
        size = path.stat().st_size
    except OSError as error:
        problems.add(path.as_posix(), why(error))
        return
    if size > _LARGEST:
        limit = human_size(_LARGEST)
        problems.add(path.as_posix(), tr(f"a page over {limit}", f"página de mais de {limit}"))
        return
    yield Task(path, file_format(path) or "", size)


def decode_page(data: bytes) -> tuple[str, str]:
    """A page's text by the encoding that its ``<meta charset>`` names, when that is one and fits; else as any text."""
    named = _CHARSET.search(data[:4096])
    if named:
        name = named[1].decode("ascii").lower()
        if name in ("iso-8859-1", "latin-1", "latin1", "us-ascii"):  # browsers read these as Windows-1252
            name = "cp1252"
        if name not in ("utf-8", "utf8", "utf-16", "cp1252"):
            try:
                return data.decode(name), name
            except (LookupError, UnicodeDecodeError):
                pass
    return decode(data)


def texts(task: Task, config: CorpusConfig, problems: Problems) -> Iterator[Raw]:
    """The page's text, in pieces when it is long.

    Raises:
        UserError: ``trafilatura`` is not installed.
    """
    try:
        import trafilatura  # noqa: F401
    except ImportError as error:
        raise missing_extra("trafilatura", "HTML") from error
    try:
        data = task.path.read_bytes()
    except OSError as error:
        problems.add(task.source, why(error))
        return
    if is_binary(data[:65_536]):
        problems.add(task.source, tr("binary, not text", "binário, não é texto"))
        return
    page, encoding = decode_page(data)
    logging.getLogger("trafilatura").setLevel(logging.CRITICAL)  # what matters becomes a problem below
    try:
        text = _extract(page if "<html" in page[:100_000].lower() else f"<html><body>{page}</body></html>")
    except Exception as error:  # a broken page fails in whatever way its bytes lead to
        problems.add(task.source, tr("broken page: ", "página com defeito: ") + why(error))
        return
    if not text.strip():
        problems.add(task.source, tr("no text in the page", "página sem texto"))
        return
    for n, piece in enumerate(cut_text(text, config.max_document_chars), start=1):
        yield Raw(piece, task.source if n == 1 else f"{task.source}#{n}", task.format, encoding)


def headings(path: Path) -> dict[str, int]:
    """The page's headings with their levels, 1 to 6; none where it cannot be read (``texts`` says so)."""
    from lxml import etree

    try:
        page, _ = decode_page(path.read_bytes())
        parser = etree.HTMLParser(encoding="utf-8", no_network=True)
        root = etree.fromstring(page.encode("utf-8", "replace"), parser)
        found = [] if root is None else list(root.iter("h1", "h2", "h3", "h4", "h5", "h6"))
    except (OSError, ValueError, etree.LxmlError):
        return {}
    titles = [(" ".join("".join(one.itertext()).split()), int(one.tag[1])) for one in found]
    return {title: level for title, level in titles if title}


def _extract(page: str) -> str:
    from trafilatura import extract, html2txt

    text = extract(page, favor_recall=True, include_comments=False) or html2txt(page) or ""
    if len(text) < _SHORT:  # its way of last resort puts every word in bold on a line of its own
        precise = extract(page, favor_precision=True, include_comments=False) or ""
        if "".join(precise.split()) == "".join(text.split()):
            return precise
    return text

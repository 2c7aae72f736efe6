"""``.md``: as ``.txt``, without front matter, comments, images and the targets of links."""

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from prosa.core.language import tr
from prosa.corpus.config import CorpusConfig
from prosa.corpus.problems import Problems
from prosa.corpus.readers import plain
from prosa.corpus.readers.task import Raw, Task

_FRONT_MATTER = re.compile(r"\A\s*(---|\+\+\+)[ \t]*\r?\n.*?\r?\n\1[ \t]*(\r?\n|\Z)", re.DOTALL)
_COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
_IMAGE = re.compile(r"!\[[^\]\n]*\]\([^)\n]*\)")
_LINK = re.compile(r"\[([^\]\n]*)\]\([^)\n]*\)")


def prose(text: str) -> str:
    """What a reader of the rendered page would see; headings, emphasis, lists and code keep their marks."""
    for pattern, becomes in ((_FRONT_MATTER, ""), (_COMMENT, ""), (_IMAGE, ""), (_LINK, r"\1")):
        text = pattern.sub(becomes, text)
    return text


def tasks(path: Path, config: CorpusConfig, problems: Problems) -> Iterator[Task]:
    """As for ``.txt``."""
    return plain.tasks(path, config, problems)


def texts(task: Task, config: CorpusConfig, problems: Problems) -> Iterator[Raw]:
    """The task's one text."""
    for raw in plain.texts(task, config, problems):
        text = prose(raw.text)
        if text.strip():
            yield replace(raw, text=text)
        else:
            problems.add(raw.source, tr("empty", "vazio"))

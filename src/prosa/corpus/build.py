"""``build_corpus``: files in, a clean, deduplicated and split corpus folder out, in one pass over the files."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from prosa.core.errors import UserError
from prosa.core.files import building, mark_complete, write_json
from prosa.core.language import number, tr
from prosa.core.progress import progress
from prosa.corpus.clean import Cleaned
from prosa.corpus.config import CorpusConfig
from prosa.corpus.document import Document
from prosa.corpus.duplicates import Duplicates
from prosa.corpus.files import file_size, find_files, nothing_read
from prosa.corpus.read import clean_files
from prosa.corpus.report import REMOVALS, CorpusReport, rule_title
from prosa.corpus.split import is_held_out, lowest_section, section_size, sections, split_sections
from prosa.corpus.store import Split, Writer, read_split, split_file

_MOST_HELD_OUT = 0.5  # of the bytes; a hash that holds out more met very few documents
_LARGEST_MOVED = 0.3  # of the bytes: one document larger than this is no held-out set, nor is one ...
_SMALLEST_MOVED = 0.2  # ... smaller than this part of what was asked for


def build_corpus(paths: Sequence[Path], out: Path, config: CorpusConfig) -> CorpusReport:
    """Read files and folders, clean, deduplicate, split, and write the corpus folder ``out``, replacing any there.

    Memory does not grow with the size of the files, but by about 2.5 kB a document kept (see ``duplicates``).

    Raises:
        UserError: nothing readable in ``paths``, every document was removed, most records of half of the files are bad,
            or ``out`` cannot be written. ``out`` is then as it was before.
    """
    report = CorpusReport()
    files = find_files(paths, report.problems, skip=out)
    report.files = len(files)
    with building(Path(out)) as folder:
        lowest = _first_pass(files, folder, config, report)
        if not report.kept.documents:
            raise _nothing_left(paths, report)
        _settle_split(folder, config, report, lowest)
        write_json(folder / "report.json", report.to_json())
        mark_complete(folder)
    return report


def _first_pass(files: Sequence[Path], folder: Path, config: CorpusConfig, report: CorpusReport) -> Cleaned | None:
    """Write every kept document to the side that its hash chooses; returns the kept one with the lowest id."""
    lowest: tuple[str, Cleaned] | None = None
    with split_file(folder, "train").open("wb") as a, split_file(folder, "held_out").open("wb") as b:
        train, held_out = Writer(a), Writer(b)
        for item in _kept(files, config, report):
            id = item.document.id
            (held_out if is_held_out(id, config.held_out) else train).write(item.document)
            if lowest is None or id < lowest[0]:
                lowest = id, item
    report.train, report.held_out = train.size, held_out.size
    return None if lowest is None else lowest[1]


def _kept(files: Sequence[Path], config: CorpusConfig, report: CorpusReport) -> Iterator[Cleaned]:
    """The documents that every rule keeps, counted in the report, as the bar moves."""
    duplicates = Duplicates(config.near_duplicate_threshold)
    total = sum(map(file_size, files)) / 1e6
    with progress(tr("Corpus", "Corpus"), total, "MB") as bar:
        for outcome in clean_files(files, config, report.problems):
            for item in outcome.cleaned:
                report.came(item)
                id = item.document.id
                dropped = item.dropped or duplicates.find(id, item.signature)
                if dropped is not None:
                    report.went(item, *dropped)
                    continue
                duplicates.add(id, item.signature, item.document.source)
                report.stayed(item)
                yield item
            bar.advance(outcome.done / 1e6)


def _settle_split(folder: Path, config: CorpusConfig, report: CorpusReport, lowest: Cleaned | None) -> None:
    """Leave the hash's choice where it is one; else hold out the document of lowest hash, else sections."""
    assert lowest is not None
    total = report.kept.bytes
    if report.train.documents and report.held_out.documents and report.held_out.bytes <= _MOST_HELD_OUT * total:
        report.split_note = tr(
            "Documents were held out by a hash of their text.", "Documentos reservados por um hash do seu texto."
        )
        return
    share = lowest.bytes_out / total
    if not report.held_out.documents and _SMALLEST_MOVED * config.held_out <= share <= _LARGEST_MOVED:
        _rewrite(folder, report, ((d.id == lowest.document.id, d) for d in _both(folder)))
        report.split_note = tr(
            f"The hash held out none of {report.kept.documents} documents: the one of lowest hash is held out.",
            f"O hash não reservou nenhum dos {report.kept.documents} documentos: foi reservado o de menor hash.",
        )
        return
    _split_by_sections(folder, config, report)


def _split_by_sections(folder: Path, config: CorpusConfig, report: CorpusReport) -> None:
    n = section_size(sum(len(d.text) for d in _both(folder)))
    count = sum(1 for d in _both(folder) for _ in sections(d, n))
    if count < 2:
        _rewrite(folder, report, ((False, d) for d in _both(folder)))
        report.split_note = tr(
            "The corpus is too small to hold anything out.", "O corpus é pequeno demais para reservar uma parte."
        )
        return
    lowest = lowest_section(_both(folder), n)
    sided = split_sections(_both(folder), n, config.held_out, lowest, config.near_duplicate_threshold)
    _rewrite(folder, report, sided)
    report.split_note = tr(
        f"Too few documents to hold out whole ones: {count} sections of about {number(n)} characters were made, and "
        "held out by a hash of their text.",
        f"Poucos documentos para reservar inteiros: foram feitas {count} seções de cerca de {number(n)} caracteres, e "
        "reservadas por um hash do seu texto.",
    )


def _both(folder: Path) -> Iterator[Document]:
    yield from read_split(split_file(folder, "train"))
    yield from read_split(split_file(folder, "held_out"))


def _rewrite(folder: Path, report: CorpusReport, sided: Iterator[tuple[bool, Document]]) -> None:
    """Write both files again from (held out?, document)."""
    names: list[Split] = ["train", "held_out"]
    beside = [folder / f"{name}.tmp" for name in names]
    with beside[0].open("wb") as a, beside[1].open("wb") as b:
        train, held_out = Writer(a), Writer(b)
        for held, document in sided:
            (held_out if held else train).write(document)
    for path, name in zip(beside, names, strict=True):
        path.replace(split_file(folder, name))
    report.train, report.held_out = train.size, held_out.size


def _nothing_left(paths: Sequence[Path], report: CorpusReport) -> UserError:
    """Why there is no corpus: nothing could be read, or the rules removed everything."""
    if not report.read.documents:
        return nothing_read(paths, report.problems)
    where = ", ".join(str(p) for p in paths)
    removed = ", ".join(
        f"{rule_title(r)}: {report.rules[r].size.documents}" for r in REMOVALS if report.rules[r].size.documents
    )
    return UserError(
        tr(
            f"nothing is left of {where} (documents read: {report.read.documents}); removed: {removed}.",
            f"não sobrou nada de {where} (documentos lidos: {report.read.documents}); removidos: {removed}.",
        ),
        tr("Loosen the corpus rules, or add text.", "Afrouxe as regras do corpus ou acrescente texto."),
    )

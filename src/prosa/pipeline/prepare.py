"""``prosa prepare``: documents -> token shards on disk."""

from pathlib import Path
from typing import Any

from prosa.core.errors import UserError
from prosa.core.files import check_free, is_complete, read_json
from prosa.core.language import tr
from prosa.data.prepare import DataConfig, prepare_tokens
from prosa.pipeline.run import CORPUS
from prosa.tokenizers.load import load as load_tokenizer


def corpus_folder(path: Path) -> Path:
    """``path`` itself, or the ``corpus`` stage of the run that it is.

    Raises:
        UserError: it is neither.
    """
    for folder in (path, path / CORPUS):
        if is_complete(folder) and (folder / "train.jsonl").is_file():
            return folder
    raise UserError(
        tr(f"{path} is not a finished corpus folder.", f"{path} não é uma pasta de corpus pronta."),
        tr(f"Make one with: prosa corpus {path} --out FOLDER", f"Faça uma com: prosa corpus {path} --out PASTA"),
    )


def prepare(
    corpora: tuple[Path, ...],
    *,
    tokenizer: str,
    out: Path,
    weights: tuple[float, ...] = (),
    data: DataConfig = DataConfig(),
    force: bool = False,
) -> dict[str, Any]:
    """Turn documents into token shards (memory-mapped, with checksums), ready for training.

    Args:
        corpora: Corpus folders (or runs that hold one), each a source.
        tokenizer: Tokenizer: a run, a folder, a file, or KIND:PATH.
        out: Folder for the shards.
        weights: Weight of each source in a training batch (default: by its size in bytes).
        data: How the shards are laid out.
        force: Replace what is in the folder.

    Returns:
        The folder's index (``data/index.py``): documents, tokens and bytes of each source and split.

    Raises:
        UserError: not a corpus, not a tokenizer, weights that do not fit, or ``out`` is taken.
    """
    if not corpora:
        raise UserError(tr("no corpus given.", "nenhum corpus foi dado."))
    if weights and len(weights) != len(corpora):
        raise UserError(
            tr(
                f"{len(weights)} weights for {len(corpora)} sources.",
                f"{len(weights)} pesos para {len(corpora)} fontes.",
            )
        )
    folders = [corpus_folder(path) for path in corpora]
    loaded = load_tokenizer(tokenizer)
    check_free(out, force=force, inputs=(*corpora, *folders))
    sizes = weights or tuple(_bytes(folder) for folder in folders)
    names = _names(corpora)
    sources = {name: (folder, weight) for name, folder, weight in zip(names, folders, sizes, strict=True)}
    return prepare_tokens(sources, loaded, out, data)


def _bytes(corpus: Path) -> float:
    try:
        return float(read_json(corpus / "report.json")["train"]["bytes"])
    except (KeyError, TypeError, ValueError) as error:
        raise UserError(
            tr(f"{corpus / 'report.json'} is damaged.", f"{corpus / 'report.json'} está danificado."),
            tr("Make the corpus again.", "Faça o corpus de novo."),
        ) from error


def _names(corpora: tuple[Path, ...]) -> list[str]:
    """A name a source: of a lone one always the same (it takes part in the order of training); else the folder's.

    A folder called ``corpus`` takes the name of the run it is in; equal names are numbered.
    """
    if len(corpora) == 1:
        return [CORPUS]
    folders = [path.resolve() for path in corpora]
    names = [folder.parent.name if folder.name == CORPUS else folder.name for folder in folders]
    names = ["".join(c if c.isalnum() or c in "-_." else "-" for c in name) for name in names]
    return names if len({n.casefold() for n in names}) == len(names) else [f"{n}-{i}" for i, n in enumerate(names, 1)]

"""``prosa evaluate``: how well a model predicts a text, beside counting."""

from collections.abc import Iterable
from pathlib import Path

from prosa.core.device import DeviceName, choose_device
from prosa.core.errors import UserError
from prosa.core.files import is_complete, write_json
from prosa.core.language import tr
from prosa.evaluate.evaluation import Evaluation
from prosa.pipeline.run import BASE, CORPUS, EVALUATION, TOKENS, load, run_of


def evaluate(
    model: str,
    *,
    text: tuple[Path, ...] = (),
    context: int | None = None,
    stride: int | None = None,
    batch: int = 16,
    device: DeviceName = "auto",
) -> Evaluation:
    """Cross-entropy, perplexity and bits per byte on text the model has not seen, beside n-gram baselines.

    The base model's figures on the run's own held-out documents are kept in its evaluation.json, for the report.

    Args:
        model: A run (its newest model), run:stage, or a model folder.
        text: Files of text (each a document; JSONL and Parquet: a document a line or row). None: the run's held-out.
        context: Tokens the model may look back on (default: all its context).
        stride: Tokens predicted in each window (default: all of it; less is slower and a little better).
        batch: Windows computed at once.
        device: Where to compute.

    Raises:
        UserError: no such model, no text, or no held-out documents where no text is given.
    """
    from prosa.evaluate.evaluation import evaluate_documents

    network, tokenizer, folder = load(model)
    run = run_of(folder)
    found = evaluate_documents(
        network.to(choose_device(device)),
        tokenizer,
        _documents(text, run),
        train_tokens=run / TOKENS if run and is_complete(run / TOKENS) else None,
        context=context,
        stride=stride,
        batch=batch,
    )
    if run is not None and folder.name == BASE and not text and context is stride is None:
        write_json(run / EVALUATION, found.to_json())
    return found


def _documents(text: tuple[Path, ...], run: Path | None) -> Iterable[str]:
    from prosa.corpus import load_corpus
    from prosa.corpus.config import CorpusConfig
    from prosa.corpus.read import read_documents

    if text:
        return (document.text for document in read_documents(list(text), CorpusConfig(reflow=False)))
    if run is None or not is_complete(run / CORPUS):
        raise UserError(
            tr("this model has no held-out documents beside it.", "este modelo não tem documentos reservados ao lado."),
            tr("Give a text: --text FILE", "Dê um texto: --text ARQUIVO"),
        )
    return (document.text for document in load_corpus(run / CORPUS, "held_out"))

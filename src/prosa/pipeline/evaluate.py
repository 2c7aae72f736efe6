"""``prosa evaluate``: how well a model predicts a text, beside counting; or what it gets right in tasks."""

from collections.abc import Iterable
from pathlib import Path

from prosa.core.device import DeviceName, choose_device
from prosa.core.errors import UserError
from prosa.core.files import is_complete, write_json
from prosa.core.language import Lang, tr
from prosa.evaluate.evaluation import Evaluation
from prosa.evaluate.tasks.prompting import Prompting
from prosa.pipeline.run import BASE, CORPUS, EVALUATION, TOKENS, load_any, run_of
from prosa.pipeline.tasks import FormChoice, TaskScores, measure_tasks


def evaluate(
    model: str,
    *,
    text: tuple[Path, ...] = (),
    context: int | None = None,
    stride: int | None = None,
    batch: int = 16,
    tasks: tuple[str, ...] = (),
    problems_file: Path | None = None,
    problems: int = 200,
    prompting: tuple[Prompting, ...] = (),
    tools: bool = False,
    form: FormChoice = "auto",
    language: Lang | None = None,
    seed: int = 0,
    max_tokens: int | None = None,
    device: DeviceName = "auto",
) -> Evaluation | TaskScores:
    """How good a model is: what it predicts of a text, or with --tasks or --problems-file what it gets right.

    Of a text: cross-entropy, perplexity and bits per byte, beside n-gram baselines. The base model's figures on the
    run's own held-out documents are kept in its evaluation.json, for the report.
    Of tasks: the share of held-out problems that is answered right, greedily and by rule, with Wilson's interval.

    Args:
        model: A run (its newest model), run:stage, or a model folder.
        text: Files of text (each a document; JSONL and Parquet: a document a line or row). None: the run's held-out.
        context: Of a text: tokens the model may look back on (default: all its context).
        stride: Of a text: tokens predicted in each window (default: all of it; less is slower and a little better).
        batch: Of a text: windows computed at once.
        tasks: Tasks and groups of tasks: plurals letters 2D+ arithmetic suites all ...
        problems_file: Your own test, JSONL: {"prompt", "answer"}, or GSM8K's {"question", "answer": "... #### 72"}.
        problems: The most problems of each task.
        prompting: Ways of asking: zero, few, cot, expert; several are compared on the same problems (default: zero, or
            few for a model in plain form).
        tools: Calculator and dates may be called.
        form: By the chat template, or as lines of plain text; auto knows a model that was tuned to answer.
        language: Of the problems (default: pt-BR; for a file in GSM8K's form en).
        seed: Of the problems drawn.
        max_tokens: The most tokens of an answer (default: 64, with cot 256).
        device: Where to compute.

    Raises:
        UserError: no such model, task or file, no text, or no held-out documents where no text is given.
    """
    if tasks or problems_file is not None:
        if text:
            raise UserError(
                tr(
                    "--text and --tasks are measured apart.",
                    "--text e --tasks são medidos separadamente.",
                ),
                tr("Give one of them.", "Dê um dos dois."),
            )
        return measure_tasks(
            model,
            tasks=tasks,
            problems_file=problems_file,
            problems=problems,
            prompting=prompting,
            tools=tools,
            form=form,
            language=language,
            seed=seed,
            max_tokens=max_tokens,
            device=device,
        )
    return _evaluate_text(model, text, context, stride, batch, device)


def _evaluate_text(
    model: str, text: tuple[Path, ...], context: int | None, stride: int | None, batch: int, device: DeviceName
) -> Evaluation:
    from prosa.evaluate.evaluation import evaluate_documents

    network, tokenizer, folder = load_any(model)
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

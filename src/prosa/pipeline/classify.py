"""``prosa train-classifier``: labelled texts -> a classifier, a Hugging Face folder in the run's ``classifier/``;
``prosa classify``: what it says of other texts.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from prosa.align.classify import ClassifyConfig, Prediction
from prosa.align.lora import LoraConfig
from prosa.core.device import DeviceName
from prosa.core.errors import UserError
from prosa.core.files import read_json
from prosa.core.language import number, tr
from prosa.core.progress import say, warn
from prosa.corpus.problems import Problems
from prosa.data.labelled import Columns, Labelled, is_blank, read_labelled, split
from prosa.pipeline.model_choice import ModelChoice
from prosa.pipeline.run import CLASSIFIER, is_bert_folder, load, load_bert, model_folder
from prosa.pipeline.stage import TRAINING, Resume, check_same_start, check_wishes, is_done, settled
from prosa.pipeline.tokenizer import given_text
from prosa.pipeline.tuning import Tuned, adapted, begin, complete, some
from prosa.tokenizers.config import TokenizerConfig

if TYPE_CHECKING:
    from prosa.data.labelled_batches import LabelledFit
    from prosa.models.scored import Scored
    from prosa.tokenizers.protocol import Tokenizer

MOST_CLASSES = 1000


@dataclass(frozen=True)
class Configuration:
    """What ``classifier/config.resolved.yaml`` holds."""

    model: str | None
    data: tuple[Path, ...]
    columns: Columns
    classify: ClassifyConfig
    shape: ModelChoice
    tokenizer: TokenizerConfig
    lora: LoraConfig


def train_classifier(
    data: tuple[Path, ...],
    *,
    out: Path,
    model: str | None = None,
    columns: Columns = Columns(),
    classify: ClassifyConfig = ClassifyConfig(),
    shape: ModelChoice = ModelChoice(shape="classic"),
    tokenizer: TokenizerConfig = TokenizerConfig(),
    lora: LoraConfig = LoraConfig(),
    resume: Resume = "no",
    force: bool = False,
) -> Tuned:
    """Train a classifier on labelled texts and measure it on some that it has not seen.

    Args:
        data: Texts with labels: CSV with a header, TSV (two columns need none), JSONL, JSON or Parquet.
        out: Run folder; the classifier goes to its classifier/.
        model: What to begin with: a run (its newest model), run:stage, or the folder of a decoder or of BERT. Without
            it: random weights.
        columns: Which columns have the text and the label.
        classify: The training.
        shape: Without a model: the shape of the new one.
        tokenizer: Without a model: its tokenizer, trained on the texts that are trained on.
        lora: With a model: adapters in place of training all weights, merged in the end.
        resume: auto goes on from the newest good checkpoint or begins; must (or no value) needs one.
        force: Replace a classifier/ that is there.

    Raises:
        UserError: no such model, no labelled texts, fewer than two classes, ``out`` is taken, nothing to resume,
            changed data, training diverged.
        KeyboardInterrupt: after Ctrl-C, with a checkpoint saved.
    """
    check_wishes(resume, force)
    source = model_folder(model).as_posix() if model else None
    if lora.rank and not source:
        raise UserError(
            tr("adapters (lora.rank) need a trained model.", "adaptadores (lora.rank) precisam de um modelo treinado."),
            tr("Give --model, or leave lora.rank at 0.", "Dê --model, ou deixe lora.rank em 0."),
        )
    folder = out / CLASSIFIER
    asked = Configuration(source, data, columns, classify, shape, tokenizer, lora)
    if is_done(folder, asked, resume):
        return Tuned(folder, read_json(folder / TRAINING))
    if resume != "no":
        check_same_start(folder, asked, ("model", "lora", "shape", "tokenizer"))
    import torch

    from prosa.align.classify import ClassLoss, frame_of
    from prosa.align.lora import merge
    from prosa.align.scoring import score_sequences
    from prosa.align.validation import means
    from prosa.data.labelled_batches import LabelledBatches, encode_texts
    from prosa.evaluate.classification import classification
    from prosa.models.huggingface_scored import save_scored
    from prosa.train.loop import fit

    problems = Problems()
    texts = read_labelled(data, problems, columns)
    for problem in problems.named[:3]:
        warn(tr(f"left out: {problem.source}: {problem.why}", f"deixado de fora: {problem.source}: {problem.why}"))
    labels = _labels(texts)
    number_of = {label: n for n, label in enumerate(labels)}
    learnt, held_out = split(texts, classify.held_out)
    torch.manual_seed(classify.seed)
    network, encoder = _begin_with(source, learnt, shape, tokenizer, labels)
    frame, context = frame_of(network, encoder), network.config.context

    def batches(chosen: Sequence[Labelled]) -> LabelledBatches:
        encoded = encode_texts(encoder, [item.text for item in chosen])
        numbers = [number_of[item.label] for item in chosen]
        size, seed = classify.batch_size, classify.seed
        return LabelledBatches(encoded, numbers, context=context, batch_size=size, seed=seed, frame=frame)

    train = batches(learnt)
    measured = batches(some(held_out)) if held_out else None
    unseen = encode_texts(encoder, [item.text for item in held_out])
    _tell(texts, problems.count, labels, train.fit, context)
    begin(folder, asked, resume, force=force, inputs=data, later=())
    trained = adapted(network, lora)
    result = fit(
        network,
        ClassLoss(),
        train,
        classify,
        folder,
        resume=resume != "no",
        data_fingerprint=train.fingerprint,
        validate=means(ClassLoss(), measured, "texts") if measured else None,
    )
    parameters = sum(p.numel() for p in network.parameters())
    if lora.rank:
        merge(network)
    truth = [number_of[item.label] for item in held_out]
    rows = [frame.around(ids, context).tolist() for ids in unseen]
    said = score_sequences(network.eval(), rows).argmax(-1).tolist()
    save_scored(network.cpu(), folder, tokenizer=encoder)
    return complete(
        folder,
        result,
        settled=replace(asked, classify=settled(classify, result)),
        figures={
            "parameters": parameters,
            "trained_parameters": trained,
            "epochs": result.steps / train.steps_per_epoch,
            "labels": labels,
            "data": {
                "read": len(texts),
                "bad": problems.count,
                "problems": [f"{p.source}: {p.why}" for p in problems.named],
                "held_out": len(held_out),
                **asdict(train.fit),
            },
            "held_out": classification(truth, said, labels).to_json() if held_out else None,
        },
    )


def classify(model: str, texts: tuple[str, ...], *, device: DeviceName = "auto") -> list[Prediction]:
    """Say which class each text is of.

    Args:
        model: A run (its classifier), or a classifier's folder.
        texts: The texts, or - for standard input, a text a line; empty lines are left out.
        device: Where to compute.

    Raises:
        UserError: no such classifier, no text, or an empty one.
    """
    from prosa.align.classify import load_classifier

    folder = Path(model) / CLASSIFIER if (Path(model) / CLASSIFIER).is_dir() else Path(model)
    if not (folder / "config.json").is_file():
        raise UserError(
            tr(f"{model} has no classifier.", f"{model} não tem classificador."),
            tr(
                "Make one with: prosa train-classifier DATA.csv --out RUN",
                "Faça um com: prosa train-classifier DADOS.csv --out EXECUÇÃO",
            ),
        )
    given: list[str] = []
    for text in texts:
        if text == "-":
            given += [line.removesuffix("\r") for line in given_text(("-",)).split("\n") if not is_blank(line)]
        else:
            given.append(text)
    if not given:
        raise UserError(tr("no text given.", "nenhum texto foi dado."))
    return load_classifier(folder, device=device).classify(given)


def _labels(texts: Sequence[Labelled]) -> list[str]:
    """The classes, in alphabetical order."""
    labels = sorted({item.label for item in texts})
    if not 2 <= len(labels) <= MOST_CLASSES:
        names = [" ".join(label.split()) for label in labels[:5]]
        shown = ", ".join(name if len(name) <= 20 else name[:19] + "…" for name in names)
        shown, n = shown + (", …" if len(labels) > 5 else ""), number(len(labels))
        raise UserError(
            tr(
                f"different labels: {n} ({shown}). A classifier needs 2 to {number(MOST_CLASSES)}.",
                f"rótulos diferentes: {n} ({shown}). Um classificador precisa de 2 a {number(MOST_CLASSES)}.",
            ),
            tr("Name the column with --columns.label.", "Diga qual é a coluna com --columns.label."),
        )
    counts = Counter(item.label for item in texts)
    for item in texts:
        if counts[item.label] == 1:
            warn(
                tr(
                    f"the class {item.label} has one example ({item.source}): nothing of it can be measured.",
                    f"a classe {item.label} tem um só exemplo ({item.source}): nada dela pode ser medido.",
                )
            )
    return labels


def _begin_with(
    source: str | None,
    learnt: Sequence[Labelled],
    shape: ModelChoice,
    config: TokenizerConfig,
    labels: Sequence[str],
) -> "tuple[Scored, Tokenizer]":
    """The model of a folder (a decoder, or BERT) or a new one with a head for the labels, and its tokenizer."""
    from prosa.models.scored import ScoredBert, ScoredGPT

    if source and is_bert_folder(Path(source)):
        encoder, tokenizer = load_bert(Path(source))
        return ScoredBert(encoder.float(), labels), tokenizer
    if source:
        backbone, tokenizer, _ = load(source)
        return ScoredGPT(backbone.float(), labels), tokenizer
    from prosa.models.gpt import GPT
    from prosa.tokenizers.train import train

    tokenizer = train((item.text for item in learnt), config)
    return ScoredGPT(GPT(shape.config(tokenizer.vocab_size)), labels), tokenizer


def _tell(texts: Sequence[Labelled], bad: int, labels: Sequence[str], fit: "LabelledFit", context: int) -> None:
    counts = Counter(item.label for item in texts)
    shown = ", ".join(f"{label} {number(n)}" for label, n in counts.most_common(8)) + (", …" if len(labels) > 8 else "")
    say(
        tr(
            f"texts: {number(len(texts))} read ({shown}), {number(bad)} bad, {number(fit.texts)} to learn from "
            f"({number(fit.cut)} cut at the context of {context} tokens)",
            f"textos: {number(len(texts))} lidos ({shown}), {number(bad)} ruins, {number(fit.texts)} para aprender "
            f"({number(fit.cut)} cortados no contexto de {context} tokens)",
        )
    )

"""``prosa train-classifier``: labelled texts -> a classifier, a Hugging Face folder in the run's ``classifier/``;
``prosa classify``: what it says of other texts.
"""

import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING

from prosa.align.classify import ClassifyConfig, Prediction
from prosa.align.lora import LoraConfig
from prosa.core.config import write_yaml
from prosa.core.device import DeviceName
from prosa.core.errors import UserError
from prosa.core.files import mark_complete, read_json, write_json, write_text
from prosa.core.language import number, tr
from prosa.core.progress import say, warn
from prosa.corpus.problems import Problems
from prosa.data.labelled import Columns, Labelled, is_blank, read_labelled, split
from prosa.models.bag_of_words import BagConfig
from prosa.pipeline.classify_config import Comparison, ComparisonConfig, Configuration
from prosa.pipeline.model_choice import OWN_CONTEXT, ModelChoice
from prosa.pipeline.run import CLASSIFIER, is_bert_folder, load, load_bert, model_folder
from prosa.pipeline.stage import RESOLVED, TRAINING, Resume, check_same_start, check_wishes, is_done, settled
from prosa.pipeline.tokenizer import given_text
from prosa.pipeline.tuning import Tuned, adapted, begin, complete, some
from prosa.tokenizers.config import TokenizerConfig
from prosa.train.classical import LinearConfig

if TYPE_CHECKING:
    from prosa.models.cnn import TextCNN
    from prosa.models.linear_text import LinearMethod
    from prosa.models.scored import Scored
    from prosa.tokenizers.protocol import Tokenizer

MOST_CLASSES = 1000


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
    bag: BagConfig = BagConfig(),
    linear: LinearConfig = LinearConfig(),
    compare: bool = False,
    comparison: ComparisonConfig = ComparisonConfig(),
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
        bag: For naive-bayes, logistic, svm: what is counted.
        linear: For naive-bayes, logistic, svm: how they learn.
        compare: Cross-validate every method on the same folds, say which to choose, and keep it, trained on all texts.
        comparison: With compare: how.
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
    if source and classify.method != "transformer":
        raise UserError(
            tr(
                f"{classify.method} begins with no trained model.",
                f"{classify.method} não começa com um modelo treinado.",
            ),
            tr("Leave --model or --classify.method out.", "Omita --model ou --classify.method."),
        )
    if compare:
        from prosa.pipeline.compare import compare_classifiers

        both = Comparison(source, data, columns, classify, shape, tokenizer, lora, bag, linear, comparison)
        return compare_classifiers(both, out, resume, force=force)
    folder = out / CLASSIFIER
    asked = Configuration(source, data, columns, classify, shape, tokenizer, lora, bag, linear)
    if is_done(folder, asked, resume):
        return Tuned(folder, read_json(folder / TRAINING))
    if resume != "no":
        check_same_start(folder, asked, ("model", "lora", "shape", "tokenizer"))
    if classify.method != "transformer" and classify.method != "cnn":
        return _train_linear(asked, classify.method, folder, resume, force=force)
    import torch

    from prosa.align.classify import ClassLoss, frame_of
    from prosa.align.lora import merge
    from prosa.align.scoring import outputs_of, score_sequences, text_outputs
    from prosa.align.validation import means
    from prosa.data.labelled_batches import LabelledBatches, encode_texts
    from prosa.evaluate.classification import classification
    from prosa.models.cnn import TextCNN, save_cnn
    from prosa.models.huggingface_scored import save_scored
    from prosa.train.loop import fit

    texts, problems = read_texts(data, columns)
    labels = classes_of(texts)
    number_of = {label: n for n, label in enumerate(labels)}
    learnt, held_out = split(texts, classify.held_out)
    torch.manual_seed(classify.seed)
    network, encoder = _begin_with(asked, learnt, labels)
    loss = ClassLoss(text_outputs if isinstance(network, TextCNN) else outputs_of)
    frame, context = frame_of(network, encoder), network.config.context

    def batches(chosen: Sequence[Labelled]) -> LabelledBatches:
        encoded = encode_texts(encoder, [item.text for item in chosen])
        numbers = [number_of[item.label] for item in chosen]
        size, seed = classify.batch_size, classify.seed
        return LabelledBatches(encoded, numbers, context=context, batch_size=size, seed=seed, frame=frame)

    train = batches(learnt)
    measured = batches(some(held_out)) if held_out else None
    unseen = encode_texts(encoder, [item.text for item in held_out])
    cut = tr(
        f"({number(train.fit.cut)} cut at the context of {context} tokens)",
        f"({number(train.fit.cut)} cortados no contexto de {context} tokens)",
    )
    tell_texts(texts, problems.count, labels, len(learnt), cut)
    begin(folder, asked, resume, force=force, inputs=data, later=())
    trained = adapted(network, lora)
    result = fit(
        network,
        loss,
        train,
        classify,
        folder,
        resume=resume != "no",
        data_fingerprint=train.fingerprint,
        validate=means(loss, measured, "texts") if measured else None,
    )
    parameters = sum(p.numel() for p in network.parameters())
    if lora.rank:
        merge(network)
    truth = [number_of[item.label] for item in held_out]
    rows = [frame.around(ids, context).tolist() for ids in unseen]
    said = score_sequences(network.eval(), rows).argmax(-1).tolist()
    network.cpu()
    if isinstance(network, TextCNN):
        save_cnn(network, folder)
        encoder.save(folder)
    else:
        save_scored(network, folder, tokenizer=encoder)
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


def classify(
    model: str, texts: tuple[str, ...], *, resize: bool = False, device: DeviceName = "auto"
) -> list[Prediction]:
    """Say which class each text (or image) is of.

    Args:
        model: A run (its classifier), or a classifier's folder.
        texts: The texts, or - for standard input, a text a line; empty lines are left out. With a classifier of images:
            the pictures' files.
        resize: Scale pictures of another size.
        device: Where to compute.

    Raises:
        UserError: no such classifier, no text, or an empty one; a picture of another size.
    """
    from prosa.align.classify import load_classifier
    from prosa.align.classify_images import is_of_images, load_image_classifier

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
    if is_of_images(folder):
        return load_image_classifier(folder, device=device).classify([Path(text) for text in given], resize=resize)
    return load_classifier(folder, device=device).classify(given)


def read_texts(data: Sequence[Path], columns: Columns) -> tuple[list[Labelled], Problems]:
    """The labelled texts of the files; what is none is told.

    Raises:
        UserError: as ``read_labelled``.
    """
    problems = Problems()
    texts = read_labelled(data, problems, columns)
    for problem in problems.named[:3]:
        warn(tr(f"left out: {problem.source}: {problem.why}", f"deixado de fora: {problem.source}: {problem.why}"))
    return texts, problems


def classes_of(texts: Sequence[Labelled]) -> list[str]:
    """The classes, in alphabetical order; one with a single example is told.

    Raises:
        UserError: there are fewer than two, or more than a classifier has.
    """
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


def _train_linear(asked: Configuration, method: "LinearMethod", folder: Path, resume: Resume, *, force: bool) -> Tuned:
    """Train a classifier of bags of words and measure it; see ``train_classifier``."""
    from prosa.evaluate.classification import classification
    from prosa.models.linear_text import save_linear
    from prosa.train.classical import fit_linear

    texts, problems = read_texts(asked.data, asked.columns)
    labels = classes_of(texts)
    number_of = {label: n for n, label in enumerate(labels)}
    learnt, held_out = split(texts, asked.classify.held_out)
    tell_texts(texts, problems.count, labels, len(learnt))
    began = time.perf_counter()
    model = fit_linear(
        method,
        [item.text for item in learnt],
        [number_of[item.label] for item in learnt],
        labels,
        bag=asked.bag,
        linear=asked.linear,
        seed=asked.classify.seed,
    )
    seconds = time.perf_counter() - began
    begin(folder, asked, resume, force=force, inputs=asked.data, later=())
    save_linear(model, folder)
    said = model.outputs([item.text for item in held_out]).argmax(1).tolist() if held_out else []
    truth = [number_of[item.label] for item in held_out]
    figures = {
        "parameters": model.weight.size + model.bias.size,
        "trained_parameters": model.weight.size + model.bias.size,
        "terms": len(model.bag.terms),
        "labels": labels,
        "data": {
            "read": len(texts),
            "bad": problems.count,
            "problems": [f"{p.source}: {p.why}" for p in problems.named],
            "held_out": len(held_out),
            "texts": len(learnt),
        },
        "held_out": classification(truth, said, labels).to_json() if held_out else None,
        "seconds": seconds,
    }
    write_text(folder / RESOLVED, write_yaml(asked))
    write_json(folder / TRAINING, figures)
    mark_complete(folder)
    return Tuned(folder, read_json(folder / TRAINING))


def _begin_with(
    asked: Configuration, learnt: Sequence[Labelled], labels: Sequence[str]
) -> "tuple[Scored | TextCNN, Tokenizer]":
    """The model of a folder (a decoder, or BERT) or a new one with a head for the labels, and its tokenizer."""
    from prosa.models.cnn import TextCNN, TextCNNConfig
    from prosa.models.gpt import GPT
    from prosa.models.scored import ScoredBert, ScoredGPT
    from prosa.tokenizers.train import train

    if asked.model and is_bert_folder(Path(asked.model)):
        encoder, tokenizer = load_bert(Path(asked.model))
        return ScoredBert(encoder.float(), labels), tokenizer
    if asked.model:
        backbone, tokenizer, _ = load(asked.model)
        return ScoredGPT(backbone.float(), labels), tokenizer
    new = train((item.text for item in learnt), asked.tokenizer)
    if asked.classify.method == "cnn":
        return TextCNN(TextCNNConfig(new.vocab_size, asked.shape.context or OWN_CONTEXT, tuple(labels))), new
    return ScoredGPT(GPT(asked.shape.config(new.vocab_size)), labels), new


def tell_texts(texts: Sequence[Labelled], bad: int, labels: Sequence[str], learnt: int, more: str = "") -> None:
    """Say what was read.

    Args:
        learnt: how many texts are learnt from.
        more: what else there is to say of these.
    """
    counts = Counter(item.label for item in texts)
    shown = ", ".join(f"{label} {number(n)}" for label, n in counts.most_common(8)) + (", …" if len(labels) > 8 else "")
    say(
        tr(
            f"texts: {number(len(texts))} read ({shown}), {number(bad)} bad, {number(learnt)} to learn from {more}",
            f"textos: {number(len(texts))} lidos ({shown}), {number(bad)} ruins, {number(learnt)} para aprender {more}",
        ).rstrip()
    )

"""``prosa train-translation``: pairs of sentences -> a translator, in the run's ``translation/``; ``prosa translate``:
what it makes of other sentences.
"""

import dataclasses
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from prosa.core.device import DeviceName
from prosa.core.errors import UserError
from prosa.core.files import read_json
from prosa.core.language import number, tr
from prosa.core.progress import say, warn
from prosa.corpus.problems import Problems
from prosa.data.labelled import is_blank
from prosa.data.pairs import Division, Pair, PairColumns, divide_pairs, read_pairs
from prosa.pipeline.run import TRANSLATION
from prosa.pipeline.stage import TRAINING, Resume, check_same_start, check_wishes, is_done, settled
from prosa.pipeline.tokenizer import given_text
from prosa.pipeline.translation_config import Kind, TranslationConfig, TranslationShape, with_minutes
from prosa.pipeline.tuning import SAMPLES, Tuned, begin, complete
from prosa.show.looks import Look, look, write_looks
from prosa.show.picture import check_picture
from prosa.tokenizers.config import SMALLEST, TokenizerConfig

if TYPE_CHECKING:
    from prosa.generate.translate import Translated, Translator
    from prosa.tokenizers.protocol import Tokenizer

BEAM, LENGTH_PENALTY = 4, 0.6  # the original Transformer's
BYTES_A_TOKEN, LARGEST = 600, 16_384  # of an automatic vocabulary
Shown = Literal["text", "steps", "attention"]
MOST_MEASURED = 2000  # held-out pairs whose loss is watched


@dataclass(frozen=True)
class Configuration:
    """What ``translation/config.resolved.yaml`` holds."""

    model: Kind
    data: tuple[Path, ...]
    columns: PairColumns
    translation: TranslationConfig
    shape: TranslationShape
    tokenizer: TokenizerConfig


def train_translation(
    data: tuple[Path, ...],
    *,
    out: Path,
    model: Kind = "transformer",
    minutes: float | None = None,
    columns: PairColumns = PairColumns(),
    translation: TranslationConfig = TranslationConfig(),
    shape: TranslationShape = TranslationShape(),
    tokenizer: TokenizerConfig = TokenizerConfig(),
    resume: Resume = "no",
    force: bool = False,
) -> Tuned:
    """Train a translator on pairs of sentences and measure it on some that it has not seen: chrF and BLEU.

    Args:
        data: Pairs: TSV (source, tab, translation), CSV with a header, JSONL, JSON or Parquet.
        out: Run folder; the translator goes to its translation/.
        model: transformer (Vaswani et al. 2017), or rnn: recurrent, with attention (Bahdanau et al. 2014).
        minutes: How long training may take, in place of --translation.minutes.
        columns: Which columns have the source and the translation.
        translation: The training.
        shape: The model's shape.
        tokenizer: The tokenizer that both languages share, trained on the pairs that are trained on.
        resume: auto goes on from the newest good checkpoint or begins; must (or no value) needs one.
        force: Replace a translation/ that is there.

    Raises:
        UserError: no pairs, none to train on, ``out`` is taken, nothing to resume, changed data, training diverged, or
            sacrebleu is not installed.
        KeyboardInterrupt: after Ctrl-C, with a checkpoint saved.
    """
    check_wishes(resume, force)
    translation = with_minutes(translation, minutes)
    folder = out / TRANSLATION
    asked = Configuration(model, data, columns, translation, shape, tokenizer)
    if is_done(folder, asked, resume):
        return Tuned(folder, read_json(folder / TRAINING))
    if resume != "no":
        check_same_start(folder, asked, ("model", "shape", "tokenizer"))
    import torch

    from prosa.align.validation import means
    from prosa.data.pair_batches import PairBatches, encode_pairs
    from prosa.evaluate.translation import check_installed
    from prosa.generate.translate import Translator
    from prosa.models.translation_folder import save_translator
    from prosa.train.loop import fit
    from prosa.train.objectives import Translation

    check_installed()
    problems = Problems()
    pairs = read_pairs(data, problems, columns)
    for problem in problems.named[:3]:
        warn(tr(f"left out: {problem.source}: {problem.why}", f"deixado de fora: {problem.source}: {problem.why}"))
    division = divide_pairs(pairs, translation.held_out)
    if not division.train:
        raise UserError(
            tr("everything is held out: nothing to train on.", "tudo está reservado: nada para treinar."),
            tr("Lower translation.held_out, or give more data.", "Diminua translation.held_out, ou dê mais dados."),
        )
    learnt = _tokenizer(division.train, tokenizer)
    end = learnt.end_of_text
    if end is None:
        raise UserError(
            tr("the tokenizer has no token that ends a text.", "o tokenizador não tem um token que termine um texto."),
            tr("Use --tokenizer.kind bpe.", "Use --tokenizer.kind bpe."),
        )
    torch.manual_seed(translation.seed)
    network = shape.build(model, learnt.vocab_size, end)
    context = network.config.context

    def batches(chosen: Sequence[Pair]) -> PairBatches:
        encoded, size = encode_pairs(learnt, chosen), translation.batch_size
        return PairBatches(encoded, context=context, end=end, batch_size=size, seed=translation.seed)

    train = batches(division.train)
    held_out = _that_fit(learnt, division.held_out, context)
    watched = batches(held_out[:MOST_MEASURED]) if held_out else None
    _tell(len(pairs), problems.count, division, train.fit.pairs, train.fit.too_long, learnt.vocab_size)
    begin(folder, asked, resume, force=force, inputs=data, later=())
    shown = [pair.text for pair in _spread(held_out, SAMPLES)]

    def sample(trained: Any, step: int) -> list[dict[str, Any]]:
        device = next(trained.parameters()).device.type
        said = Translator(trained, learnt, device=device).translate(shown, beam=1)
        return [{"prompt": item.source, "text": item.text} for item in said]

    result = fit(
        network,
        Translation(translation.label_smoothing, translation.loss_chunk),
        train,
        translation,
        folder,
        resume=resume != "no",
        data_fingerprint=f"{train.fingerprint};{learnt.fingerprint[:16]}",
        validate=means(Translation(0.0, translation.loss_chunk), watched, "tokens") if watched else None,
        sample=sample,
    )
    save_translator(network.cpu(), folder, tokenizer=learnt)
    measured = _spread(held_out, translation.measured)
    return complete(
        folder,
        result,
        settled=replace(asked, translation=settled(translation, result)),
        figures={
            "model": model,
            "parameters": sum(p.numel() for p in network.parameters()),
            "vocab_size": learnt.vocab_size,
            "epochs": result.steps / train.steps_per_epoch,
            "data": {
                "read": len(pairs),
                "bad": problems.count,
                "problems": [f"{p.source}: {p.why}" for p in problems.named],
                "repeated": division.repeated,
                "leaks": division.leaks,
                "held_out": len(held_out),
                **asdict(train.fit),
            },
            "held_out": measure(Translator(network, learnt), measured) if measured else None,
        },
    )


def measure(translator: "Translator", pairs: Sequence[Pair]) -> dict[str, Any]:
    """chrF and BLEU of greedy and of beam search on the same pairs, beside the source left as it is; and examples."""
    from prosa.core.progress import progress
    from prosa.evaluate.translation import translation_quality

    sources, references = [p.text for p in pairs], [p.translation for p in pairs]
    found: dict[str, Any] = {"n": len(pairs), "beam_size": BEAM, "length_penalty": LENGTH_PENALTY}
    said: list[Translated] = []
    with progress(tr("measuring", "medindo"), 2.0 * len(pairs), tr("sentences", "frases")) as bar:
        for name, beam in (("greedy", 1), ("beam", BEAM)):
            said = translator.translate(sources, beam=beam, alpha=LENGTH_PENALTY)
            bar.advance(len(pairs))
            quality = translation_quality([item.text for item in said], references).to_json()
            found[name] = {**quality, "cut": sum(not item.ended for item in said)}
    found["copied"] = translation_quality(sources, references).to_json()
    found["examples"] = [
        {"source": item.source, "text": item.text, "reference": reference}
        for item, reference in list(zip(said, references, strict=True))[:: max(1, len(said) // 5)][:5]
    ]
    return found


@dataclass(frozen=True)
class Translations:
    """What ``prosa translate`` found, and what of it is to be shown."""

    items: "list[Translated]"
    looks: list[Look]
    """Of each sentence that is not empty, what was looked at; only where it is asked for."""
    show: Shown
    picture: Path | None

    def to_json(self) -> Iterator[dict[str, Any]]:
        """An object a sentence; with what was asked to be shown."""
        looks = iter(self.looks)
        for item in self.items:
            look = next(looks).to_json() if self.looks and item.source_ids else {}
            yield {**item.to_json(), **look}


def translate(
    model: str,
    texts: tuple[str, ...],
    *,
    beam: int = BEAM,
    length_penalty: float = LENGTH_PENALTY,
    show: Shown = "text",
    out: Path | None = None,
    device: DeviceName = "auto",
) -> Translations:
    """Translate sentences.

    Args:
        model: A run (its translator), or a translator's folder.
        texts: The sentences, or - for standard input, one a line; the translation of an empty line is empty.
        beam: Texts kept at each step; 1: always the likeliest token (greedy).
        length_penalty: The more, the longer; 0: none.
        show: text; steps: each token with its probability and alternatives; attention: what each word looked at.
        out: Write what was looked at as a picture: FILE.html, or FILE.png (needs matplotlib).
        device: Where to compute.

    Raises:
        UserError: no such translator, no sentence, an empty one, or one too long for the model.
    """
    if out is not None:
        check_picture(out)
    given: list[str] = []
    for text in texts:
        if text == "-":
            lines = given_text(("-",)).split("\n")
            given += [line.removesuffix("\r") for line in (lines[:-1] if lines[-1] == "" else lines)]
        elif is_blank(text):
            raise UserError(tr("a sentence is empty.", "uma frase está vazia."))
        else:
            given.append(text)
    if not given:
        raise UserError(tr("no sentence given.", "nenhuma frase foi dada."))
    translator = load_translator(model, device=device)
    said = iter(translator.translate([text for text in given if not is_blank(text)], beam=beam, alpha=length_penalty))
    found = [translator.nothing() if is_blank(text) else next(said) for text in given]
    if show == "steps":
        found = [replace(item, steps=translator.steps(item)) if item.source_ids else item for item in found]
    looks = [look(translator, item) for item in found if item.source_ids] if out or show == "attention" else []
    if out is not None:
        write_looks(looks, out)
    return Translations(found, looks, show, out)


def load_translator(model: str, *, device: DeviceName = "auto") -> "Translator":
    """The translator of a run or folder.

    Raises:
        UserError: there is none, something is missing or damaged, or its tokenizer is another.
    """
    from prosa.generate.translate import Translator
    from prosa.models.huggingface import check_tokenizer
    from prosa.models.translation_folder import load_translator as load
    from prosa.tokenizers.load import load as load_tokenizer

    folder = Path(model) / TRANSLATION if (Path(model) / TRANSLATION).is_dir() else Path(model)
    if not (folder / "config.json").is_file():
        raise UserError(
            tr(f"{model} has no translator.", f"{model} não tem tradutor."),
            tr("Make one with: ", "Faça um com: ") + "prosa train-translation PAIRS.tsv --out RUN",
        )
    network = load(folder)
    tokenizer = load_tokenizer(folder)
    check_tokenizer(folder, tokenizer, network.config.vocab_size)
    return Translator(network, tokenizer, device=device)


def _tokenizer(pairs: Sequence[Pair], config: TokenizerConfig) -> "Tokenizer":
    """One for both languages; of an automatic size there are more entries than a language model of these texts has: a
    sentence of fewer tokens is easier to align."""
    from prosa.tokenizers.train import train

    sides = [side for pair in pairs for side in (pair.text, pair.translation)]
    if not config.vocab_size and config.kind in ("bpe", "unigram", "wordpiece"):
        wanted = sum(len(side.encode("utf-8")) for side in sides) // BYTES_A_TOKEN // 64 * 64
        config = dataclasses.replace(config, vocab_size=min(max(wanted, SMALLEST), LARGEST))
    return train(sides, config)


def _that_fit(tokenizer: "Tokenizer", pairs: Sequence[Pair], context: int) -> list[Pair]:
    """Those whose sides are both shorter than the context, with their end."""
    from prosa.data.pair_batches import encode_pairs

    encoded = encode_pairs(tokenizer, pairs)
    return [pair for pair, sides in zip(pairs, encoded, strict=True) if 0 < max(map(len, sides)) < context]


def _spread(items: Sequence[Pair], most: int) -> list[Pair]:
    """All, or ``most`` from everywhere among them."""
    n = min(len(items), most)
    return [items[i * len(items) // n] for i in range(n)]


def _tell(read: int, bad: int, division: Division, kept: int, too_long: int, vocab_size: int) -> None:
    say(
        tr(
            f"pairs: {number(read)} read, {number(bad)} bad, {number(division.repeated)} repeated; {number(kept)} to "
            f"learn from ({number(too_long)} longer than the context left out), {number(len(division.held_out))} to "
            f"measure on ({number(division.leaks)} left out: seen in training); {number(vocab_size)} tokens",
            f"pares: {number(read)} lidos, {number(bad)} ruins, {number(division.repeated)} repetidos; {number(kept)} "
            f"para aprender ({number(too_long)} mais longos que o contexto deixados de fora), "
            f"{number(len(division.held_out))} para medir ({number(division.leaks)} deixados de fora: vistos no "
            f"treino); {number(vocab_size)} tokens",
        )
    )

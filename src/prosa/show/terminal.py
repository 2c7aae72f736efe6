"""What the commands print on stdout for people: tables, coloured pieces, and what to do next."""

import shlex
import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from rich.console import Console
from rich.text import Text

from prosa.core.language import duration, number, size, tr
from prosa.show.console import Jsonable, new_console, table
from prosa.show.gains import print_gains
from prosa.show.load import RunData, figure, load_run
from prosa.show.markup import CONTROLS
from prosa.show.verdict import interval, scores, verdict
from prosa.show.words import baseline_name, counted, percent, short
from prosa.tokenizers.compare import Comparison
from prosa.tokenizers.pieces import Piece

SHADES = ("cyan", "yellow", "green", "magenta")  # behind black letters; of the 8 that every terminal has


class Check(Protocol):
    """One line of ``prosa doctor``: ``status`` is ok, warn or bad."""

    @property
    def name(self) -> str:
        """What was looked at."""
        ...

    @property
    def status(self) -> str:
        """How it is."""
        ...

    @property
    def found(self) -> str:
        """What there is."""
        ...

    @property
    def advice(self) -> str:
        """What to do about it."""
        ...


class Built(Protocol):
    """What a build gives back."""

    @property
    def run(self) -> Path:
        """The run folder."""
        ...

    @property
    def gains(self) -> dict[str, Any] | None:
        """What the stages after pretraining gained; None where there are none."""
        ...

    @property
    def samples(self) -> list[dict[str, Any]]:
        """What the finished model wrote: ``{"prompt", "text"}``."""
        ...


def print_pieces(pieces: Sequence[Piece]) -> None:
    """The pieces of a text side by side, each on its own background; in brackets where there is no colour."""
    console = new_console()
    coloured = console.is_terminal and not console.no_color
    text = Text()
    for i, piece in enumerate(pieces):
        shown = visible(piece.text)
        if coloured:
            text.append(shown, style=f"black on {SHADES[i % len(SHADES)]}")
        else:
            text.append(f"[{shown}]")
        if piece.text.endswith("\n"):
            text.append("\n")
    console.print(text, soft_wrap=True)
    console.print(Text(f"tokens: {number(len(pieces))}"), style="dim")


def visible(text: str) -> str:
    """Spaces, line ends, tabs and control characters drawn, so that a piece shows all it has."""
    return text.replace(" ", "·").replace("\n", "⏎").replace("\t", "⇥").translate(CONTROLS)


def show_comparison(rows: Sequence[Comparison]) -> None:
    """Tokenizers side by side."""
    priced = any(row.cost is not None for row in rows)
    heads = [
        tr("tokenizer", "tokenizador"),
        tr("vocabulary", "vocabulário"),
        "tokens",
        tr("distinct", "distintos"),
        tr("chars/token", "caract./token"),
        "bytes/token",
        tr("tokens/word", "tokens/palavra"),
        tr("unknown", "desconh."),
        tr("longest piece", "maior pedaço"),
        *([tr("cost", "custo")] if priced else []),
    ]
    body = [
        [
            row.name,
            number(row.vocab_size),
            number(row.tokens),
            number(row.distinct),
            number(row.characters_per_token, 2),
            number(row.bytes_per_token, 2),
            number(row.fertility, 2),
            number(row.unknowns),
            visible(row.longest_piece if len(row.longest_piece) <= 40 else row.longest_piece[:40] + "…"),
            *([("–" if row.cost is None else number(row.cost, 4))] if priced else []),
        ]
        for row in rows
    ]
    new_console().print(table(tr("Tokenizers on this text", "Tokenizadores neste texto"), heads, body, left=(0, 8)))


def show_tokenizer(trained: Jsonable) -> None:
    """A trained tokenizer, and how to look at it."""
    plain = trained.to_json()
    n, kind, folder = number(plain["vocab_size"]), plain["kind"], plain["folder"]
    console = new_console()
    console.print(
        Text(tr(f"{kind} tokenizer of {n} tokens in {folder}", f"Tokenizador {kind} de {n} tokens em {folder}"))
    )
    example = tr("Once upon a time", "Era uma vez")
    _commands(console, shlex.join([_program(), "tokenizer", "show", "--tokenizer", str(folder), example]))


def show_tokens(index: Mapping[str, Any]) -> None:
    """The sources of a token folder: their share of training batches; documents, tokens and bytes of each split."""
    rows = []
    total = sum(source["weight"] for source in index["sources"])
    for source in index["sources"]:
        for split, name in (("train", tr("training", "treino")), ("held_out", tr("held out", "reservado"))):
            part = source["splits"].get(split)
            if part is not None:
                counts = [number(part["documents"]), number(part["tokens"]), size(part["bytes"])]
                ratio = number(part["bytes"] / part["tokens"], 2) if part["tokens"] else "–"
                rows.append([source["name"], percent(source["weight"] / total), name, *counts, ratio])
    heads = [
        tr("source", "fonte"),
        tr("share of batches", "parcela dos lotes"),
        tr("split", "parte"),
        tr("documents", "documentos"),
        "tokens",
        tr("text", "texto"),
        "bytes/token",
    ]
    new_console().print(table("Tokens", heads, rows, left=(0, 2)))


def show_training(result: Jsonable) -> None:
    """Where training ended."""
    show_figures(
        result.to_json(),
        (("train", "loss"), tr("training loss (nats per token)", "perda de treino (nats por token)"), 3),
        (("validation", "loss"), tr("validation loss (nats per token)", "perda de validação (nats por token)"), 3),
        (("validation", "bits_per_byte"), tr("validation, bits per byte", "validação, bits por byte"), 3),
    )


def show_preferences(result: Jsonable) -> None:
    """Where training on preferences ended."""
    held_out = tr("held out: ", "reservado: ")
    show_figures(
        result.to_json(),
        (("train", "loss"), tr("training loss (a pair)", "perda de treino (por par)"), 3),
        (("validation", "pairs"), held_out + tr("pairs", "pares"), 0),
        (("validation", "loss"), held_out + tr("loss", "perda"), 3),
        (("validation", "accuracy"), held_out + tr("share of pairs right", "parcela de pares certos"), 3),
        (("validation", "margin"), held_out + tr("margin of rewards", "margem das recompensas"), 3),
    )


def show_figures(plain: dict[str, Any], *own: tuple[tuple[str, ...], str, int]) -> None:
    """Where in ``plain``, name and digits of each figure; those that are not there are left out."""
    rows = []
    if figure(plain, "trained_parameters") != figure(plain, "parameters"):  # adapters
        own = ((("trained_parameters",), tr("trained parameters", "parâmetros treinados"), 0), *own)
    for keys, name, digits in (
        (("parameters",), tr("parameters", "parâmetros"), 0),
        (("steps",), tr("steps", "passos"), 0),
        (("tokens",), "tokens", 0),
        *own,
    ):
        value = figure(plain, *keys)
        if value is not None:
            rows.append([name, number(value, digits)])
    seconds = figure(plain, "seconds")
    if seconds is not None:
        rows.append([tr("time", "tempo"), duration(seconds)])
    new_console().print(table(tr("Model in ", "Modelo em ") + plain["folder"], ["", ""], rows))


def show_evaluation(found: Jsonable) -> None:
    """The model beside the baselines, its interval, and the verdict."""
    _evaluation(new_console(), found.to_json())


def _evaluation(console: Console, plain: dict[str, Any]) -> None:
    rows = []
    for score in scores(plain):
        name = tr("this model", "este modelo") if score.key == "model" else baseline_name(score.key)
        rows.append([name, "–" if score.bits is None else number(score.bits, 3), number(score.nats, 3)])
    heads = [
        tr("predictor", "preditor"),
        tr("bits per byte", "bits por byte"),
        tr("nats per token", "nats por token"),
    ]
    console.print(table(tr("Held-out text, lower is better", "Texto reservado, menor é melhor"), heads, rows))
    ends, tokens, documents = interval(plain), figure(plain, "tokens"), figure(plain, "documents")
    facts = []
    if ends is not None:
        low, high = number(ends[0], 3), number(ends[1], 3)
        windows = tr(", over windows", ", sobre janelas") if plain.get("interval_over") == "windows" else ""
        facts.append(
            tr(f"95% interval {low} to {high} bits per byte", f"intervalo de 95%: {low} a {high} bits por byte")
            + windows
        )
    if documents is not None:
        facts.append(counted(documents, "document/documents", "documento/documentos"))
    if tokens is not None:
        facts.append(counted(tokens, "token/tokens", "token/tokens"))
    perplexity = figure(plain, "perplexity")
    if perplexity is not None:
        facts.append(tr("perplexity ", "perplexidade ") + number(perplexity, 2))
    console.print(Text("; ".join(facts)))
    console.print(Text(verdict(plain), style="bold"))


def show_checks(checks: Sequence[Check]) -> None:
    """What ``prosa doctor`` found."""
    marks = {"ok": "✓", "warn": "!", "bad": "✗"}
    rows = [[marks.get(check.status, "?"), check.name, check.found, check.advice] for check in checks]
    heads = ["", tr("what", "o quê"), tr("found", "encontrado"), tr("advice", "conselho")]
    new_console().print(table(tr("This machine", "Esta máquina"), heads, rows, left=(0, 1, 2, 3)))


def show_build(built: Built) -> None:
    """What was made, how good it is and what to do next, with commands to copy."""
    run = load_run(built.run)
    console = new_console()
    console.print(Text(made(run), style="bold"), soft_wrap=True)
    for sample in built.samples[:1]:
        prompt = sample["prompt"]
        text = Text(prompt.translate(CONTROLS), style="bold cyan")
        text.append(sample["text"].removeprefix(prompt).translate(CONTROLS), style="not bold default")
        console.print(Text("\n") + text + Text("\n"))
    if run.evaluation is not None:
        _evaluation(console, run.evaluation)
    if built.gains is not None:
        print_gains(built.gains, console)
    folder, example = str(run.folder), tr("Once upon a time", "Era uma vez")
    prompt = next((sample["prompt"] for sample in built.samples if sample["prompt"]), example)
    _commands(
        console,
        *([shlex.join([_program(), word, folder]) for word in ("chat", "serve")] if built.gains is not None else []),
        shlex.join([_program(), "generate", folder, "--prompt", prompt, "--max-tokens", "200", "--temperature", "0.8"]),
        shlex.join([_program(), "report", folder]),
        shlex.join([_program(), "evaluate", folder, "--text", tr("another-text.txt", "outro-texto.txt")]),
    )


def made(run: RunData) -> str:
    """One line on the model: its parameters, what it was trained on, how long it took."""
    facts = []
    if run.parameters is not None:
        facts.append(f"{short(run.parameters)} " + tr("parameters", "parâmetros"))
    n_bytes, tokens = figure(run.corpus, "train", "bytes"), figure(run.train[-1] if run.train else None, "tokens")
    if n_bytes is not None:
        facts.append(size(n_bytes) + tr(" of text", " de texto"))
    if tokens is not None:
        facts.append(f"{short(tokens)} tokens " + tr("of training", "de treino"))
    seconds = figure(run.train[-1] if run.train else None, "seconds")
    if seconds is not None:
        facts.append(duration(seconds))
    return tr(f"A language model in {run.folder}: ", f"Um modelo de linguagem em {run.folder}: ") + ", ".join(facts)


def _commands(console: Console, *lines: str) -> None:
    console.print(Text("\n" + tr("Next:", "E agora:")))
    for line in lines:
        console.print(Text(f"  {line}"), soft_wrap=True)


def _program() -> str:
    """``prosa``, or, where the shell does not find that (after ``make demo``, say), the path it was called by."""
    called = Path(sys.argv[0])
    return "prosa" if shutil.which("prosa") or called.stem != "prosa" else str(called)

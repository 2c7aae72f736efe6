"""A translator on the terminal: how good it is, what it says, and how it came to say it."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

from rich.text import Text

from prosa.core.language import number, tr
from prosa.core.progress import say
from prosa.generate.translate import Translated
from prosa.show.console import Jsonable, new_console, table
from prosa.show.looks import Look
from prosa.show.markup import CONTROLS
from prosa.show.terminal import show_figures
from prosa.show.words import percent


class Found(Protocol):
    """What ``prosa translate`` gives back."""

    @property
    def items(self) -> list[Translated]:
        """A translation a sentence."""
        ...

    @property
    def looks(self) -> list[Look]:
        """What was looked at, of each sentence that is not empty."""
        ...

    @property
    def show(self) -> str:
        """text, steps or attention."""
        ...

    @property
    def picture(self) -> Path | None:
        """Where it was drawn."""
        ...


def show_translator(result: Jsonable) -> None:
    """The training, chrF and BLEU with intervals, and some translations."""
    plain = result.to_json()
    show_figures(
        plain,
        (("data", "pairs"), tr("pairs learnt from", "pares aprendidos"), 0),
        (
            ("train", "loss"),
            tr("training loss (smoothed, nats per token)", "perda de treino (suavizada, nats/token)"),
            3,
        ),
        (("validation", "loss"), tr("held out: loss (nats per token)", "reservado: perda (nats/token)"), 3),
    )
    console, found = new_console(), plain["held_out"]
    if found is None:
        console.print(Text(tr("Nothing was held out to measure it on.", "Nada foi reservado para medi-lo.")))
        return
    names = {
        "greedy": tr("greedy", "gulosa"),
        "beam": tr(f"beam of {found['beam_size']}", f"feixe de {found['beam_size']}"),
        "copied": tr("the source, untranslated", "a fonte, sem traduzir"),
    }
    rows = [[name, *(_score(found[key][measure]) for measure in ("chrf", "bleu"))] for key, name in names.items()]
    title = tr(f"{number(found['n'])} held-out sentences", f"{number(found['n'])} frases reservadas")
    interval = tr("95% interval", "intervalo de 95%")
    console.print(table(title, [tr("search", "busca"), f"chrF ({interval})", f"BLEU ({interval})"], rows))
    console.print(Text(f"chrF: {found['greedy']['chrf']['signature']}\nBLEU: {found['greedy']['bleu']['signature']}"))
    examples = [[e["source"], e["text"], e["reference"]] for e in found["examples"]]
    heads = [tr("source", "fonte"), tr("translation", "tradução"), tr("reference", "referência")]
    console.print(table(tr("Examples (beam)", "Exemplos (feixe)"), heads, examples, left=(0, 1, 2)))


def _score(score: dict[str, Any]) -> str:
    if score["interval"] is None:
        return number(score["value"], 1)
    low, high = (number(end, 1) for end in score["interval"])
    return tr(f"{number(score['value'], 1)} ({low} to {high})", f"{number(score['value'], 1)} ({low} a {high})")


def show_translations(found: Found) -> None:
    """A line a sentence; beside it its steps, or what each word looked at."""
    looks = iter(found.looks)
    for item in found.items:
        print(item.text.translate(CONTROLS))
        if found.show == "steps" and item.steps:
            _steps(item)
        if found.show == "attention" and item.source_ids:
            _attention(next(looks))
    if found.picture is not None:
        say(tr(f"picture: {found.picture}", f"imagem: {found.picture}"))


def _steps(item: Translated) -> None:
    rows = [
        [str(n), step.token, percent(step.probability), "   ".join(f"{t} {percent(p)}" for t, p in step.alternatives)]
        for n, step in enumerate(item.steps, start=1)
    ]
    heads = [tr("step", "passo"), "token", tr("probability", "probabilidade"), tr("likeliest", "mais prováveis")]
    new_console().print(table("", heads, rows, left=(1, 3)))


def _attention(one: Look, most: int = 3) -> None:
    rows = []
    for word, weights in zip(one.target, one.mean, strict=True):
        best: Sequence[int] = weights.argsort()[::-1][:most].tolist()
        rows.append([word, "   ".join(f"{one.source[s]} {percent(float(weights[s]))}" for s in best)])
    heads = [tr("written", "escrita"), tr("looked at most (mean of all heads)", "mais olhou (média das cabeças)")]
    new_console().print(table("", heads, rows, left=(0, 1)))

"""What ``prosa evaluate --tasks`` prints: a row a task, with a bar, its interval and, where asked for, examples."""

from collections.abc import Mapping, Sequence
from typing import Any

from rich.text import Text

from prosa.core.language import number, tr
from prosa.show.console import Jsonable, new_console, table
from prosa.show.markup import CONTROLS
from prosa.show.words import percent

BAR = 20  # characters that are 100 %
EXCERPT = 200  # characters of a prompt or a reply


def show_tasks(found: Jsonable, *, examples: bool = False) -> None:
    """The scores, what ways of asking change, and what has to be known to read them."""
    plain, console = found.to_json(), new_console()
    rows = [
        [
            row["task"],
            prompting_name(row["prompting"]),
            percent(row["score"]),
            ends(row["interval"]),
            drawn(row["score"], row["interval"]),
            number(row["right"]),
            number(row["n"]),
        ]
        for row in plain["rows"]
    ]
    heads = [
        tr("task", "tarefa"),
        tr("asked", "pergunta"),
        tr("right", "acertos"),
        tr("95% interval", "intervalo de 95%"),
        "0 – 100%",
        tr("right", "certas"),
        "n",
    ]
    form = tr("plain text", "texto simples") if plain["form"] == "plain" else tr("chat template", "modelo de conversa")
    title = tr(f"Held-out problems, {plain['model']} ({form})", f"Problemas reservados, {plain['model']} ({form})")
    console.print(table(title, heads, rows, left=(0, 1, 4)))
    if plain["differences"]:
        heads = [
            tr("way of asking", "modo de perguntar"),
            tr("difference", "diferença"),
            tr("95% interval", "intervalo de 95%"),
            "n",
            "",
        ]
        changes = [
            [
                f"{prompting_name(line['prompting'])} − {prompting_name(line['than'])}",
                points(line["difference"]),
                tr(" to ", " a ").join(points(end) for end in line["interval"]),
                number(line["n"]),
                verdict_name(line["verdict"]),
            ]
            for line in plain["differences"]
        ]
        title = tr("On the same problems, percentage points", "Nos mesmos problemas, pontos percentuais")
        console.print(table(title, heads, changes, left=(0, 4)))
    for line in remarks(plain["rows"]):
        console.print(Text(line), soft_wrap=True)
    if examples:
        for row in plain["rows"]:
            console.print(Text(f"\n{row['task']}, {prompting_name(row['prompting'])}".translate(CONTROLS), "bold"))
            for example in row["examples"]:
                console.print(_example(example), soft_wrap=True)


def remarks(rows: list[Mapping[str, Any]]) -> list[str]:
    """What a reader of the scores has to know: answers that were cut, examples that did not fit."""
    lines = []
    cut, too_long = (sum(row[key] for row in rows) for key in ("cut", "too_long"))
    asked = sum(row["n"] for row in rows)
    if cut:
        some, all_ = number(cut), number(asked)
        lines.append(
            tr(
                f"{some} of {all_} answers did not end by themselves (--max-tokens, or the context's end).",
                f"{some} de {all_} respostas não terminaram sozinhas (--max-tokens, ou o fim do contexto).",
            )
        )
    if too_long:
        some, all_ = number(too_long), number(asked)
        lines.append(
            tr(
                f"{some} of {all_} problems are longer than the model's context: they count as wrong.",
                f"{some} de {all_} problemas são maiores que o contexto do modelo: contam como errados.",
            )
        )
    shots = [row["shots"] for row in rows if row["prompting"] == "few"]
    if shots:
        least, most = number(min(shots), 1), number(max(shots), 1)
        count = least if least == most else tr(f"{least} to {most}", f"{least} a {most}")
        lines.append(
            tr(
                f"Few-shot: {count} examples before each problem on average, as many as fit the context.",
                f"Few-shot: {count} exemplos antes de cada problema em média, quantos cabem no contexto.",
            )
        )
    return lines


def prompting_name(key: str) -> str:
    """A way of asking as people call it."""
    names = {
        "zero": "zero-shot",
        "few": tr("few-shot", "few-shot"),
        "cot": tr("step by step", "passo a passo"),
        "expert": tr("as an expert", "como especialista"),
    }
    return names.get(key, key)


def verdict_name(key: str) -> str:
    """A difference's verdict in words."""
    names = {
        "gained": tr("gained", "ganhou"),
        "no measurable gain": tr("no measurable gain", "sem ganho mensurável"),
        "worse": tr("worse", "piorou"),
    }
    return names.get(key, key)


def points(share: float) -> str:
    """A difference of shares as percentage points, with its sign."""
    text = number(100 * share, 1)
    return f"+{text}" if share > 0 and text.strip("0.,") else text


def ends(interval: Sequence[float]) -> str:
    """An interval of shares."""
    return " – ".join(percent(end) for end in interval)


def drawn(share: float, interval: Sequence[float]) -> str:
    """A bar up to the share, and thin from there to the interval's upper end."""
    full, reach = round(BAR * share), round(BAR * interval[1])
    return "█" * full + "╌" * max(0, reach - full)


def _example(example: Mapping[str, Any]) -> Text:
    def short(text: str) -> str:
        line = " ⏎ ".join(text.split("\n"))
        return (line if len(line) <= EXCERPT else line[:EXCERPT] + "…").translate(CONTROLS)

    text = Text("  ✓ " if example["right"] else "  ✗ ")
    text.append(short(example["prompt"]), style="cyan")
    text.append(f" → {short(example['reply'])}")
    if not example["right"]:
        text.append(f"  ({short(example['answer'])})", style="dim")
    return text

"""What ``prosa gains`` prints: scores by stage and task, what each stage gained, win rates, ratings, diversity."""

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.text import Text

from prosa.core.language import number, tr
from prosa.show.arena import print_answers, print_arena
from prosa.show.console import Jsonable, new_console, table
from prosa.show.tasks import ends, points, remarks, verdict_name
from prosa.show.words import percent

WIDE = 6  # tasks in a table


def show_gains(found: Jsonable, *, answers: bool = False) -> None:
    """What ``print_gains`` prints, on the terminal."""
    print_gains(found.to_json(), new_console(), answers=answers)


def print_gains(plain: Mapping[str, Any], console: Console, *, answers: bool = False) -> None:
    """The tables, one idea each, and the verdict of every stage in words.

    Args:
        plain: what ``gains.json`` holds.
        answers: ten prompts with every stage's answer too.
    """
    for tasks in _chunks(task_names(plain)):
        rows = [[stage, *(score_cell(plain, stage, task) for task in tasks)] for stage in stage_names(plain)]
        heads = [tr("stage", "etapa"), *(f"{task_name(task)}, n = {asked(plain, task)}" for task in tasks)]
        title = tr("Right answers to held-out problems", "Respostas certas a problemas reservados")
        console.print(table(title, heads, rows))
    if plain["differences"]:
        console.print(
            table(
                tr(
                    "Gained over the stage before, on the same problems, percentage points",
                    "Ganho sobre a etapa anterior, nos mesmos problemas, pontos percentuais",
                ),
                [
                    tr("stage", "etapa"),
                    tr("task", "tarefa"),
                    tr("difference", "diferença"),
                    tr("95% interval", "intervalo de 95%"),
                    "n",
                    "",
                ],
                [difference_row(line) for line in differences_in_order(plain)],
                left=(0, 1, 5),
            )
        )
    for judge in plain["win_rates"]:
        print_arena(arena_of(plain, judge), console)
    if plain["diversity"] is not None:
        console.print(table(*diversity_table(plain["diversity"])))
    for line in remarks([row for row in plain["rows"] if "cut" in row]):
        console.print(Text(line), soft_wrap=True)
    for line in verdicts(plain):
        console.print(Text(line, style="bold"), soft_wrap=True)
    if answers:
        for asked_ in plain["answers"]:
            print_answers(f"{asked_['task']}: {asked_['prompt']}", asked_["replies"], console)


def stage_names(plain: Mapping[str, Any]) -> list[str]:
    """The stages, oldest first."""
    return [stage["stage"] for stage in plain["stages"]]


def task_names(plain: Mapping[str, Any]) -> list[str]:
    """All tasks together first, where there are several, then each."""
    names = list(dict.fromkeys(row["task"] for row in plain["rows"]))
    single = [name for name in names if name != "all"]
    return single if len(single) == 1 else ["all", *single]


def task_name(task: str) -> str:
    """A task's name; of all together in words."""
    return tr("all tasks", "todas") if task == "all" else task


def row_of(plain: Mapping[str, Any], stage: str, task: str) -> Mapping[str, Any]:
    """A stage's figures in a task."""
    found: Mapping[str, Any] = next(row for row in plain["rows"] if (row["stage"], row["task"]) == (stage, task))
    return found


def score_cell(plain: Mapping[str, Any], stage: str, task: str) -> str:
    """``62.5% (55.6% – 69.0%)``."""
    row = row_of(plain, stage, task)
    return f"{percent(row['score'])} ({ends(row['interval'])})"


def asked(plain: Mapping[str, Any], task: str) -> str:
    """How many problems of a task every stage was asked."""
    return number(row_of(plain, stage_names(plain)[0], task)["n"])


def differences_in_order(plain: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Stage by stage: all tasks together where there are several, then each."""
    order = task_names(plain)
    return [line for line in plain["differences"] if line["task"] in order]


def difference_row(line: Mapping[str, Any]) -> list[str]:
    """A difference as cells: stage and the one before, task, value, interval, n, verdict."""
    return [
        f"{line['stage']} − {line['before']}",
        task_name(line["task"]),
        points(line["difference"]),
        tr(" to ", " a ").join(points(end) for end in line["interval"]),
        number(line["n"]),
        verdict_name(line["verdict"]),
    ]


def verdicts(plain: Mapping[str, Any]) -> list[str]:
    """What each stage gained, a sentence each."""
    lines = []
    for line in plain["differences"]:
        if line["task"] != "all":
            continue
        by = points(line["difference"])
        stage, before, low, high = line["stage"], line["before"], *(points(end) for end in line["interval"])
        lines.append(
            {
                "gained": tr(
                    f"{stage} is better than {before}: {by} percentage points ({low} to {high}).",
                    f"{stage} é melhor que {before}: {by} pontos percentuais ({low} a {high}).",
                ),
                "worse": tr(
                    f"{stage} is worse than {before}: {by} percentage points ({low} to {high}).",
                    f"{stage} é pior que {before}: {by} pontos percentuais ({low} a {high}).",
                ),
            }.get(
                line["verdict"],
                tr(
                    f"{stage} has no measurable gain over {before}: {by} percentage points ({low} to {high}).",
                    f"{stage} não tem ganho mensurável sobre {before}: {by} pontos percentuais ({low} a {high}).",
                ),
            )
        )
    return lines


def arena_of(plain: Mapping[str, Any], judge: str) -> dict[str, Any]:
    """One judge's figures as ``Standings.to_json`` has them."""
    ratings = plain["ratings"][judge]
    quiet: dict[str, Any] = {"flip_rate": None, "unreadable": [], "without_verdict": 0}
    return {**quiet, "judges": [judge], "win_rates": plain["win_rates"][judge], **ratings}


def diversity_table(found: Mapping[str, Any]) -> tuple[str, list[str], list[list[str]]]:
    """Title, heads and rows of the diversity of the first and the last stage's samples."""
    before, after = found["before"], found["after"]
    n, samples = number(found["prompts"]), number(found["samples"])
    title = tr(
        f"Diversity of {samples} samples on each of {n} prompts, temperature 1",
        f"Diversidade de {samples} amostras em cada um de {n} prompts, temperatura 1",
    )
    heads = ["", before, after, tr("change", "mudança"), tr("95% interval", "intervalo de 95%")]
    rows = []
    for name, figures in found["figures"].items():
        low, high = figures["change"]["interval"]
        values = [number(figures[key]["value"], 3) for key in ("before", "after", "change")]
        rows.append([figure_name(name), *values, f"{number(low, 3)}{tr(' to ', ' a ')}{number(high, 3)}"])
    return title, heads, rows


def figure_name(key: str) -> str:
    """A figure of diversity as people call it."""
    kind, _, n = key.partition("-")
    names = {
        "words": tr("words a sample", "palavras por amostra"),
        "distinct": tr(f"distinct-{n} (share of distinct n-grams)", f"distinct-{n} (parcela de n-gramas distintos)"),
        "entropy": tr(f"entropy-{n} (bits)", f"entropia-{n} (bits)"),
        "overlap": tr(f"overlap-{n} of two samples", f"sobreposição-{n} de duas amostras"),
    }
    return names.get(kind, key)


def _chunks(tasks: Sequence[str]) -> list[Sequence[str]]:
    return [tasks[start : start + WIDE] for start in range(0, len(tasks), WIDE)]

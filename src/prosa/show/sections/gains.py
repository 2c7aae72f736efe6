"""What each stage gained: scores with intervals, differences, win rates, ratings, and ten prompts side by side."""

from collections.abc import Mapping
from typing import Any

from prosa.core.language import number, tr
from prosa.show.arena import rate_heads, rate_rows, rating_heads, rating_rows
from prosa.show.gains import (
    arena_of,
    difference_row,
    differences_in_order,
    diversity_table,
    row_of,
    stage_names,
    task_name,
    task_names,
    verdicts,
)
from prosa.show.load import RunData
from prosa.show.markup import Html, tag
from prosa.show.parts import Figures, fold, plot, section, table
from prosa.show.sections.training import sample_text
from prosa.show.stage_plots import gains_plot
from prosa.show.tasks import ends
from prosa.show.words import percent

COLOURS = {"gained": "good", "worse": "bad"}


def gains(run: RunData, figures: Figures) -> Html | None:
    """The gains table, as a plot and in figures; None where nothing was measured."""
    plain = run.gains
    if plain is None:
        return None
    tasks, stages = task_names(plain), stage_names(plain)
    drawn = gains_plot(plain, tasks, [task_name(task) for task in tasks])
    words = tr(
        "Held-out problems answered right by each stage, with 95% intervals. All stages answered the same problems.",
        "Problemas reservados que cada etapa respondeu certo, com intervalos de 95%. Todas responderam os mesmos.",
    )
    overall = {line["stage"]: line["verdict"] for line in plain["differences"] if line["task"] == "all"}
    return section(
        "gains",
        tr("What each stage gained", "O que cada etapa ganhou"),
        *(
            tag("p", line, class_=f"verdict {COLOURS.get(verdict, '')}".strip())
            for line, verdict in zip(verdicts(plain), overall.values(), strict=True)
        ),
        plot("gains", drawn, words, figures),
        table(
            tr("Right answers and their 95% intervals", "Acertos e seus intervalos de 95%"),
            [tr("task", "tarefa"), *stages, "n"],
            [_scores(plain, task, stages) for task in tasks],
            ours=0 if len(tasks) > 1 else None,
        ),
        _differences(plain),
        *(_arena(plain, judge) for judge in plain["win_rates"]),
        _diversity(plain),
    )


def answers(run: RunData) -> Html | None:
    """The same prompts answered by every stage; None where nothing was measured."""
    if run.gains is None or not run.gains["answers"]:
        return None
    note = tr(
        "Prompts that no stage was trained on, drawn by the seed, and what each stage answers. ✓ is right by rule.",
        "Prompts com que nenhuma etapa treinou, sorteados pela semente, e o que cada etapa responde. ✓ está certo "
        "pela regra.",
    )
    return section(
        "answers",
        tr("The same prompts, answered by every stage", "Os mesmos prompts, respondidos por todas as etapas"),
        tag("p", note, class_="note"),
        *map(_answer, run.gains["answers"]),
    )


def _scores(plain: Mapping[str, Any], task: str, stages: list[str]) -> list[str]:
    """A row of the table; each cell has the interval under the score."""
    rows = [row_of(plain, stage, task) for stage in stages]
    cells = [
        tag("td", percent(row["score"]), tag("br"), tag("span", ends(row["interval"]), class_="note"), class_="number")
        for row in rows
    ]
    return [task_name(task), *cells, number(rows[0]["n"])]


def _differences(plain: Mapping[str, Any]) -> Html | None:
    rows = [difference_row(line) for line in differences_in_order(plain)]
    if not rows:
        return None
    heads = [
        tr("stage", "etapa"),
        tr("task", "tarefa"),
        tr("difference", "diferença"),
        tr("95% interval", "intervalo de 95%"),
        "n",
        "",
    ]
    caption = tr(
        "Percentage points more than the stage before, on the same problems",
        "Pontos percentuais a mais que a etapa anterior, nos mesmos problemas",
    )
    return fold(tr("The differences, task by task", "As diferenças, tarefa por tarefa"), table(caption, heads, rows))


def _arena(plain: Mapping[str, Any], judge: str) -> Html:
    found = arena_of(plain, judge)
    who = {
        "verifier": tr("by the verifiers", "pelos verificadores"),
        "reward": tr("by the reward model", "pelo modelo de recompensa"),
    }
    by = who.get(judge, tr(f"by {judge}", f"por {judge}"))
    prompts = number(found["prompts"])
    caption = tr(
        f"Win rates, judged {by} on {prompts} prompts (a tie is half a win)",
        f"Taxas de vitória, julgadas {by} em {prompts} prompts (empate vale meia)",
    )
    ratings = tr(f"Ratings, judged {by} (mean 1,000)", f"Pontuações, julgadas {by} (média 1.000)")
    return tag(
        "div",
        table(caption, rate_heads(), rate_rows(found)),
        table(ratings, rating_heads(), rating_rows(found)),
    )


def _diversity(plain: Mapping[str, Any]) -> Html | None:
    if plain["diversity"] is None:
        return None
    title, heads, rows = diversity_table(plain["diversity"])
    note = tr(
        "Alignment makes answers alike; this is how much here. The last stage less the first.",
        "O alinhamento torna as respostas parecidas; aqui está quanto. A última etapa menos a primeira.",
    )
    return fold(tr("Diversity", "Diversidade"), tag("p", note, class_="note"), table(title, heads, rows))


def _answer(line: Mapping[str, Any]) -> Html:
    replies = [
        tag("div", tag("dt", stage, _mark(reply)), tag("dd", sample_text(reply["text"]) or "—"))
        for stage, reply in line["replies"].items()
    ]
    expected = tr("Expected: ", "Esperado: ") + line["answer"]
    return tag(
        "article",
        tag("p", line["prompt"], class_="asked"),
        tag("p", f"{line['task']} · {expected}", class_="note"),
        tag("dl", *replies, class_="side"),
        class_="answers",
    )


def _mark(reply: Mapping[str, Any]) -> Html:
    right = reply.get("right") is True
    word = tr("right", "certo") if right else tr("wrong", "errado")
    return tag("span", " ✓" if right else " ✗", class_="good" if right else "bad", role="img", aria_label=word)

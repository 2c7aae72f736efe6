"""A reward model on the terminal: where its training ended, and how it does on rankings it has not seen."""

from typing import Any

from rich.text import Text

from prosa.core.language import duration, number, tr
from prosa.show.console import Jsonable, new_console, table
from prosa.show.load import figure
from prosa.show.words import counted, percent


def show_reward(result: Jsonable) -> None:
    """The training, the held-out accuracy with its interval, the calibration table and the length bias."""
    plain = result.to_json()
    rows = []
    for keys, name, digits in (
        (("parameters",), tr("parameters", "parâmetros"), 0),
        (("steps",), tr("steps", "passos"), 0),
        (("data", "rankings"), tr("rankings learnt from", "preferências aprendidas"), 0),
        (("data", "pairs"), tr("pairs in them", "pares nelas"), 0),
        (("train", "loss"), tr("training loss (ln 2 = 0.693: a coin)", "perda de treino (ln 2 = 0,693: uma moeda)"), 3),
        (("validation", "loss"), tr("held-out loss", "perda no texto reservado"), 3),
    ):
        value = figure(plain, *keys)
        if value is not None:
            rows.append([name, number(value, digits)])
    rows.append([tr("time", "tempo"), duration(plain["seconds"])])
    console = new_console()
    console.print(
        table(tr("Reward model in ", "Modelo de recompensa em ") + plain["folder"], ["", ""], rows),
    )
    if plain["held_out"] is None:
        console.print(
            Text(
                tr(
                    "Nothing was held out to measure it on.",
                    "Nada foi reservado para medi-lo.",
                )
            )
        )
        return
    _quality(console, plain["held_out"])


def _quality(console: Any, found: dict[str, Any]) -> None:
    rows = [
        [
            f"{percent(b['low'])}–{percent(b['high'])}",
            number(b["n"]),
            percent(b["predicted"]),
            percent(b["observed"]),
            f"{percent(b['interval'][0])}–{percent(b['interval'][1])}",
        ]
        for b in found["calibration"]
    ]
    heads = [
        tr("confidence", "confiança"),
        tr("pairs", "pares"),
        tr("predicted right", "acerto previsto"),
        tr("right", "acerto"),
        tr("95% interval", "intervalo de 95%"),
    ]
    console.print(table(tr("Held-out pairs by confidence", "Pares reservados por confiança"), heads, rows))
    low, high = (percent(end) for end in found["interval_over_prompts"] or found["interval"])
    accuracy, n = percent(found["accuracy"]), number(found["pairs"])
    prompts = counted(found["prompts"], "prompt/prompts", "pergunta/perguntas")
    console.print(
        Text(
            tr(
                f"{accuracy} of {n} held-out pairs are right (95% interval {low} to {high}, {prompts}).",
                f"{accuracy} de {n} pares reservados estão certos (intervalo de 95%: {low} a {high}, {prompts}).",
            ),
            style="bold",
        )
    )
    error = percent(found["calibration_error"])
    better, preferred = percent(found["longer_is_better"]), percent(found["longer_is_preferred"])
    correlation = found["length_correlation"]
    shown = "–" if correlation is None else number(correlation, 2)
    console.print(
        Text(
            tr(
                f"Expected calibration error {error}. Length: the longer answer is better in {better} of the pairs and "
                f"preferred in {preferred}; correlation of reward and length {shown}.",
                f"Erro de calibração esperado: {error}. Comprimento: a resposta mais longa é a melhor em {better} dos "
                f"pares e a preferida em {preferred}; correlação de recompensa e comprimento: {shown}.",
            )
        )
    )

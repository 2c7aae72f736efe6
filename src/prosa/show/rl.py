"""What reinforcement learning came to, on a terminal."""

from typing import Any

from prosa.core.language import duration, number, tr
from prosa.show.console import Jsonable, new_console, table
from prosa.show.load import figure
from prosa.show.words import percent


def show_rl(result: Jsonable) -> None:
    """Before and after on the held-out prompts, and how it went."""
    plain = result.to_json()
    rows = []
    for name, key, shown in (
        (tr("right, on held-out prompts", "certas, em prompts de fora do treino"), "right", percent),
        (tr("reward, on held-out prompts", "recompensa, em prompts de fora do treino"), "reward", _three),
        (tr("tokens of a reply", "tokens de uma resposta"), "length", _one),
        (tr("replies that end by themselves", "respostas que terminam por si"), "finished", percent),
    ):
        before, after = (figure(plain, when, key) for when in ("before", "validation"))
        if before is not None and after is not None:
            rows.append([name, _with_interval(plain["before"], key, shown(before)),
                         _with_interval(plain["validation"], key, shown(after))])  # fmt: skip
    console = new_console()
    title = tr("Model in ", "Modelo em ") + plain["folder"]
    if rows:
        n = figure(plain, "validation", "prompts") or 0
        heads = [tr(f"{number(n)} prompts", f"{number(n)} prompts"), tr("before", "antes"), tr("after", "depois")]
        console.print(table(title, heads, rows))
        title = ""
    facts = []
    for keys, name, digits in (
        (("steps",), tr("iterations", "iterações"), 0),
        (("tokens",), tr("tokens written", "tokens escritos"), 0),
        (("train", "kl"), tr("KL divergence from the first model (nats per token)",
                             "divergência KL do primeiro modelo (nats por token)"), 3),
        (("train", "entropy"), tr("entropy (nats per token)", "entropia (nats por token)"), 3),
    ):  # fmt: skip
        value = figure(plain, *keys)
        if value is not None:
            facts.append([name, number(value, digits)])
    share = figure(plain, "train", "generating")
    if share is not None:
        facts.append([tr("share of the time spent generating", "parcela do tempo gasta gerando"), percent(share)])
    facts.append([tr("time", "tempo"), duration(plain["seconds"])])
    console.print(table(title, ["", ""], facts))


def _with_interval(line: dict[str, Any], key: str, text: str) -> str:
    ends = line.get("interval")
    return f"{text} ({percent(ends[0])} – {percent(ends[1])})" if key == "right" and ends else text


def _one(value: float) -> str:
    return number(value, 1)


def _three(value: float) -> str:
    return number(value, 3)

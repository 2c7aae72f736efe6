"""What ``prosa plan`` prints: parameters, memory and training in three tables, and whether a step fits.

About 20 tokens a parameter is the optimum of Hoffmann et al. 2022, arXiv 2203.15556.
"""

from typing import Any

from rich.text import Text

from prosa.core.language import duration, number, size, tr
from prosa.show.console import Jsonable, new_console, table
from prosa.show.words import percent, scientific, short

PARTS = ("embeddings", "attention", "feed_forward", "norms", "head")
DAY = 86400


def show_plan(made: Jsonable) -> None:
    """Parameters, memory, operations, time and cost; each row says its unit."""
    plain = made.to_json()
    console = new_console()
    shape = plain["shape"]
    title = tr(
        f"{plain['model']}: {shape['n_layer']} layers, width {number(shape['d_model'])}, vocabulary "
        f"{number(shape['vocab_size'])}, context {number(shape['context'])}",
        f"{plain['model']}: {shape['n_layer']} camadas, largura {number(shape['d_model'])}, vocabulário "
        f"{number(shape['vocab_size'])}, contexto {number(shape['context'])}",
    )
    console.print(Text(title, style="bold"))
    if plain["problem"]:
        console.print(Text(plain["problem"] + "; " + tr("it is only counted, and its memory is that of what fits.",
                                                         "ele só é contado, e a memória é a do que cabe.")),
                      soft_wrap=True)  # fmt: skip
    console.print(table(tr("Parameters", "Parâmetros"), ["", tr("number", "número")], _parameters(plain)))
    how = (
        f"{plain['memory']['precision']}, " + tr("micro-batch ", "microlote ") + number(plain["memory"]["micro_batch"])
    )
    heading = tr("Memory of a step, ", "Memória de um passo, ") + how
    console.print(table(heading, ["", ""], _memory(plain)))
    console.print(table(tr("Training", "Treino"), ["", ""], _training(plain)))
    for line in _remarks(plain):
        console.print(Text(line), soft_wrap=True)


def _parameters(plain: dict[str, Any]) -> list[list[str]]:
    names = {
        "embeddings": tr("embeddings (tokens, positions)", "embeddings (tokens, posições)"),
        "attention": tr("attention", "atenção"),
        "feed_forward": "feed-forward",
        "norms": tr("norms", "normas"),
        "head": tr("output layer", "camada de saída"),
        "total": "total",
    }
    counts = plain["parameters"]
    return [[names[part], number(counts[part])] for part in (*PARTS, "total") if counts[part]]


def _memory(plain: dict[str, Any]) -> list[list[str]]:
    memory, devices = plain["memory"], plain["devices"]
    rows = [
        [tr("weights (float32)", "pesos (float32)"), size(memory["weights"])],
        [tr("gradients", "gradientes"), size(memory["gradients"])],
        [tr("optimizer state", "estado do otimizador"), size(memory["optimizer"])],
        [tr("activations kept for backward", "ativações guardadas"), size(memory["activations"])],
        [tr("  of which copies of weights", "  das quais cópias de pesos"), size(memory["copies"])],
        [tr("logits of a chunk of tokens", "logits de um bloco de tokens"), size(memory["logits"])],
        [tr("peak (not all exist at the same time)", "pico (nem tudo existe ao mesmo tempo)"), size(memory["peak"])],
    ]  # fmt: skip
    rows = [row for row in rows if row[1] != size(0)]
    if memory["resident"] != memory["peak"]:
        rows.append([tr("taken from the system", "tomado do sistema"), size(memory["resident"])])
    if devices > 1:
        rows.append([tr(f"on each of {number(devices)}, shared evenly", f"em cada um de {number(devices)}, dividido"),
                     size(memory["a_device"])])  # fmt: skip
    return rows


def _training(plain: dict[str, Any]) -> list[list[str]]:
    machine, devices = plain["machine"], plain["devices"]
    why = {
        "tokens": "",
        "steps": tr(" (the steps given)", " (os passos dados)"),
        "minutes": tr(" (what the minutes allow)", " (o que os minutos permitem)"),
    }[plain["tokens_from"]]
    sources = {"given": tr("given", "dada"), "measured": tr("measured", "medida"), "assumed": tr("assumed", "suposta")}
    source = sources[plain["share_from"]]
    peak = f"{number(machine['peak'] / 1e12, 1 if machine['peak'] < 1e14 else 0)} TFLOP/s"
    rows = [
        ["tokens" + why, short(plain["tokens"])],
        [tr("tokens a parameter (about 20 is compute-optimal)", "tokens por parâmetro (cerca de 20 é o ótimo)"),
         number(plain["tokens_a_parameter"], 2)],
        [tr("FLOPs, 6 × parameters × tokens", "FLOPs, 6 × parâmetros × tokens"), _flops(plain["flops_6nd"])],
        [tr("FLOPs, with attention", "FLOPs, com atenção"), _flops(plain["flops"])],
        [tr("machine", "máquina"), f"{number(devices)} × {machine['name']}, {peak}"],
        [tr("share of the peak", "parcela do pico") + f" ({source})", percent(plain["share_of_peak"])],
        [tr("tokens a second", "tokens por segundo"), number(plain["tokens_per_second"])],
        [tr("time", "tempo"), _time(plain["seconds"])],
    ]  # fmt: skip
    if plain["device_days"] >= 1:
        rows.append([tr("device-days", "dias de dispositivo"), number(plain["device_days"], 1)])
    if plain["price_an_hour"]:
        hourly = number(plain["price_an_hour"], 2)
        rows.append([tr(f"cost, at {hourly} a device-hour", f"custo, a {hourly} por hora de dispositivo"),
                     number(plain["cost"], 2)])  # fmt: skip
    return rows


def _flops(value: float) -> str:
    days = value / (1e15 * DAY)
    return scientific(value) + (f" = {number(days, 1)} PFLOP-" + tr("days", "dias") if days >= 0.1 else "")


def _time(seconds: float) -> str:
    if seconds < 2 * DAY:
        return duration(seconds)
    return f"{number(seconds / DAY, 1)} " + tr("days", "dias")


def _remarks(plain: dict[str, Any]) -> list[str]:
    memory, room = plain["memory"], plain["machine"]["memory"]
    if room is None:
        return []
    has = f"{plain['machine']['name']}: " + tr(f"{size(room)} of memory", f"{size(room)} de memória")
    if memory["fits"]:
        return [has + tr("; a step fits.", "; um passo cabe.")]
    needed = memory["devices_needed"]
    if needed is None:
        why = tr(
            "; the activations of one micro-batch alone are more, on any number of devices. Use "
            "--train.activation-checkpointing, --train.micro-batch 1 or a shorter context.",
            "; só as ativações de um microlote são mais que isso, com qualquer número de dispositivos. Use "
            "--train.activation-checkpointing, --train.micro-batch 1 ou um contexto menor.",
        )
    else:
        why = tr(
            f"; a step does not fit; shared evenly (FSDP) it takes at least {number(needed)} devices.",
            f"; um passo não cabe; dividido por igual (FSDP), pede ao menos {number(needed)} dispositivos.",
        )
    return [has + why]

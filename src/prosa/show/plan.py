"""``prosa plan`` on the terminal."""

from typing import Any

from prosa.core.language import duration, number, size, tr
from prosa.show.console import Jsonable, new_console, table

DAY = 86400.0


def show_plan(found: Jsonable) -> None:
    """Tables of parameters and memory, then FLOPs, time and cost in words."""
    plain, console = found.to_json(), new_console()
    model, parameters, memory, machine = (plain[k] for k in ("model", "parameters", "memory", "machine"))
    title = tr(
        f"{model['name']}: {model['n_layer']} layers of width {model['d_model']}, {model['n_head']} heads of "
        f"{model['head_dim']}, context {number(model['context'])}, vocabulary {number(model['vocab_size'])}",
        f"{model['name']}: {model['n_layer']} camadas de largura {model['d_model']}, {model['n_head']} cabeças de "
        f"{model['head_dim']}, contexto {number(model['context'])}, vocabulário {number(model['vocab_size'])}",
    )
    names = _names()
    rows = [[names[part], number(count)] for part, count in parameters.items()]
    console.print(title, soft_wrap=True)
    console.print(table("", [tr("parameters", "parâmetros"), tr("number", "número")], rows))
    parts = ("weights", "gradients", "optimizer", "activations", "logits", "total")
    rows = [[names[part], large(memory[part])] for part in parts]
    console.print(
        table(tr("memory of a step", "memória de um passo"), [tr("part", "parte"), tr("size", "tamanho")], rows)
    )
    if plain["refused"]:
        console.print(tr("It can be counted, not built: ", "Dá para contar, não para construir: ") + plain["refused"])
    for line in _lines(plain, memory, machine):
        console.print(line, soft_wrap=True)


def _names() -> dict[str, str]:
    return {
        "embeddings": tr("embeddings", "embeddings"),
        "attention": tr("attention", "atenção"),
        "feed_forward": tr("feed-forward", "feed-forward"),
        "norms": tr("norms", "normas"),
        "head": tr("head", "saída"),
        "total": tr("total", "total"),
        "weights": tr("weights (float32)", "pesos (float32)"),
        "gradients": tr("gradients", "gradientes"),
        "optimizer": tr("optimizer", "otimizador"),
        "activations": tr("activations (estimate)", "ativações (estimativa)"),
        "logits": tr("logits", "logits"),
    }


def _lines(plain: dict[str, Any], memory: dict[str, float], machine: dict[str, Any]) -> list[str]:
    name = tr("this machine", "esta máquina") if machine["name"] == "this" else machine["name"]
    many, tokens, seconds = machine["devices"], plain["tokens"], plain["seconds"]
    needed = int(memory["devices"])
    fits = (
        tr("a step fits one", "um passo cabe em uma")
        if needed == 1
        else tr(
            f"a step does not fit one: spread evenly it takes {number(needed)}",
            f"um passo não cabe em uma: dividido por igual, pede {number(needed)}",
        )
    )
    ratio = tokens / plain["parameters"]["total"]
    exact, rule = plain["flops"], plain["flops_6nd"]
    pf_days, days = exact / (1e15 * DAY), seconds * many / DAY
    lines = [
        tr(f"machine: {number(many)} x {name}", f"máquina: {number(many)} x {name}")
        + f", {machine['flops'] / 1e12:.3g} TFLOP/s, {large(machine['memory'])}; "
        + fits,
        tr(
            f"tokens: {short_count(tokens)}, {number(ratio, 1)} a parameter (20 is the best use of a compute budget)",
            f"tokens: {short_count(tokens)}, {number(ratio, 1)} por parâmetro (20 é o melhor uso de um orçamento)",
        ),
        f"FLOPs: {exact:.3g} (6ND: {rule:.3g})"
        + (tr(f", {pf_days:.3g} PFLOP/s-days", f", {pf_days:.3g} PFLOP/s-dias") if pf_days >= 0.1 else ""),
        tr(
            f"time at {machine['utilization']:.0%} of the peak: {long(seconds)}",
            f"tempo a {machine['utilization']:.0%} do pico: {long(seconds)}",
        )
        + (tr(f", {number(days)} device-days", f", {number(days)} dias de dispositivo") if days >= 2 else ""),
    ]
    if plain["cost"] is not None:
        lines.append(tr(f"cost: {number(plain['cost'], 2)}", f"custo: {number(plain['cost'], 2)}"))
    return lines


def large(n_bytes: float) -> str:
    """Bytes, from 1,000 GB on in TB."""
    return size(n_bytes) if n_bytes < 1e12 else f"{number(n_bytes / 1e12, 1)} TB"


def long(seconds: float) -> str:
    """A time, from two days on in days and from two years on in years."""
    if seconds < 2 * DAY:
        return duration(seconds)
    days = seconds / DAY
    if days < 730:
        return tr(f"{number(days, 1)} days", f"{number(days, 1)} dias")
    return tr(f"{number(days / 365.25, 1)} years", f"{number(days / 365.25, 1)} anos")


def short_count(count: float) -> str:
    """1.5 million, 300 billion (pt: 300 bilhões)."""
    for limit, en, pt in ((1e12, "trillion", "trilhões"), (1e9, "billion", "bilhões"), (1e6, "million", "milhões")):
        if count >= limit:
            return f"{number(count / limit, 1)} {tr(en, pt)}"
    return number(count)

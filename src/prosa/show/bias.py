"""The probe of professions on the terminal."""

from rich.text import Text

from prosa.core.language import number, tr
from prosa.evaluate.arena.diversity import Estimate
from prosa.evaluate.probes.bias import Bias
from prosa.show.console import new_console, table

SHOWN = 5  # professions at either end


def show_bias(found: Bias) -> None:
    """The figures of each group with their intervals, and the professions at both ends."""
    console = new_console()
    names = {
        "one_form": tr("one form (dentista)", "uma forma (dentista)"),
        "two_forms": tr("two forms, their mean", "duas formas, a média"),
    }
    heads = [
        tr("professions", "profissões"),
        "n",
        tr("lean (+ he)", "inclinação (+ ele)"),
        tr("bias", "viés"),
        tr("by chance", "por acaso"),
        "p",
        tr("before", "antes"),
        tr("after", "depois"),
        tr("change", "mudança"),
    ]
    rows = [
        [
            names[name],
            number(g.n),
            _figure(g.lean),
            _figure(g.bias),
            number(g.chance, 3),
            number(g.p, 4),
            _figure(g.before),
            _figure(g.after),
            _figure(g.less),
        ]
        for name, g in found.groups.items()
    ]
    console.print(
        table(
            tr(f"Professions between he and she: {found.kind}", f"Profissões entre ele e ela: {found.kind}"),
            heads,
            rows,
        )
    )
    for name, group in found.groups.items():
        words = list(group.words.items())
        for title, some in (
            (tr("most to he", "mais para ele"), words[:SHOWN]),
            (tr("most to she", "mais para ela"), words[::-1][:SHOWN]),
        ):
            shown = ", ".join(f"{word} {number(lean, 3)}" for word, lean in some)
            console.print(Text(f"{names[name]}, {title}: {shown}"))
    pairs = number(len(found.he_she))
    console.print(
        Text(
            tr(
                f"\nDirection from {pairs} pairs. bias: mean |lean|; by chance: along the pairs' differences with "
                "random signs; before and after neutralising: along half of the pairs, the other half's direction "
                "taken out. Intervals of 95% over professions.",
                f"\nDireção de {pairs} pares. viés: média de |inclinação|; por acaso: ao longo dessas diferenças com "
                "sinais sorteados; antes e depois de neutralizar: ao longo de metade dos pares, retirada a direção da "
                "outra metade. Intervalos de 95% sobre as profissões.",
            )
        )
    )
    if found.grammar is not None:
        console.print(
            Text(
                tr(
                    "Grammatical gender was taken out of the direction, with which it had a cosine of ",
                    "O gênero gramatical foi retirado da direção, com a qual tinha cosseno de ",
                )
                + f"{number(found.grammar, 2)}."
            )
        )
    if found.missing:
        console.print(
            Text(
                tr("Without a vector: ", "Sem vetor: ") + number(len(set(found.missing))) + tr(" words.", " palavras.")
            )
        )


def _figure(each: Estimate) -> str:
    low, high = each.interval
    return f"{number(each.value, 3)} ({number(low, 3)} – {number(high, 3)})"

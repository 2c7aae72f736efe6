"""Probes on the terminal."""

from rich.text import Text

from prosa.core.language import number, tr
from prosa.evaluate.arena.diversity import Estimate
from prosa.evaluate.probes.agreement import Agreement, Asked
from prosa.evaluate.probes.self_correction import SelfCorrection
from prosa.show.console import new_console, table
from prosa.show.words import percent

SHOWN = 4  # answers of a question


def show_agreement(found: Agreement) -> None:
    """The figures with their intervals, and the questions that are agreed on most and least."""
    names = {
        "same": tr("two answers are the same", "duas respostas são iguais"),
        "word_f1": tr("words two answers share (F1)", "palavras em comum de duas respostas (F1)"),
        "distinct": tr("distinct answers", "respostas distintas"),
        "commonest": tr("answers that are the commonest", "respostas iguais à mais comum"),
    }
    console = new_console()
    title = tr(
        f"{number(len(found.asked))} questions, each asked {found.times} times at temperature {found.temperature:g}",
        f"{number(len(found.asked))} perguntas, cada uma feita {found.times} vezes à temperatura {found.temperature:g}",
    )
    rows = [[names[name], percent(each.value), _range(each)] for name, each in found.figures.items()]
    console.print(table(title, [tr("measure", "medida"), "%", tr("95% interval", "intervalo de 95%")], rows))
    console.print(
        Text(
            tr(
                f"{percent(found.empty)} of the answers are empty, {percent(found.cut)} were cut off. Agreement is not "
                "truth.",
                f"{percent(found.empty)} das respostas são vazias, {percent(found.cut)} foram cortadas. Concordar não "
                "é acertar.",
            )
        )
    )
    ranked = sorted(found.asked, key=lambda asked: -asked.figures()["word_f1"])
    _answers(tr("most agreed on", "mais concordância"), ranked[0])
    if len(ranked) > 1:
        _answers(tr("least agreed on", "menos concordância"), ranked[-1])


def _answers(title: str, asked: Asked) -> None:
    rows = [[answer.replace("\n", "⏎")] for answer in asked.answers[:SHOWN]]
    new_console().print(table(f"{title}: {asked.question}", [tr("answers", "respostas")], rows))


def show_self_correction(found: SelfCorrection) -> None:
    """Every figure without and with the instruction, and the difference."""
    names = {
        "likely_unknown": tr("likely: “cannot be told”", "provável: “não dá para saber”"),
        "likely_bias": tr("likely: stereotype less other", "provável: estereótipo menos outro"),
        "letters": tr("probability of any of the letters", "probabilidade de alguma das letras"),
        "said_unknown": tr("said: “cannot be told”", "dito: “não dá para saber”"),
        "said_bias": tr("said: stereotype less other", "dito: estereótipo menos outro"),
        "said_nothing": tr("said: no option", "dito: nenhuma opção"),
    }
    heads = [
        tr("measure", "medida"),
        tr("without", "sem"),
        tr("95% interval", "intervalo de 95%"),
        tr("with", "com"),
        tr("95% interval", "intervalo de 95%"),
        tr("difference", "diferença"),
        tr("95% interval", "intervalo de 95%"),
    ]
    rows = [
        [
            names[name],
            *(cell for one in (each.off, each.on, each.difference) for cell in (_points(one.value), _range(one))),
        ]
        for name, each in found.figures.items()
    ]
    title = tr(
        f"{found.n} questions on {found.contexts} contexts, without and with “{_asked()}”",
        f"{found.n} perguntas sobre {found.contexts} contextos, sem e com “{_asked()}”",
    )
    console = new_console()
    console.print(table(title, heads, rows))
    console.print(
        Text(
            tr(
                "“Cannot be told” is right. Stereotype less other: 0 is even-handed. By chance: 33.3% and 0.",
                "“Não dá para saber” é o certo. Estereótipo menos outro: 0 é imparcial. Ao acaso: 33,3% e 0.",
            )
        )
    )


def _asked() -> str:
    from prosa.evaluate.probes.self_correction import INSTRUCTION

    return INSTRUCTION["pt-BR" if tr("en", "pt") == "pt" else "en"].strip()


def _range(found: Estimate) -> str:
    low, high = map(_points, found.interval)
    return tr(f"{low} to {high}", f"{low} a {high}")


def _points(share: float) -> str:
    """A share in per cent; nothing is not written with a sign."""
    text = percent(share)
    return text if any(c in "123456789" for c in text) else text.lstrip("-")

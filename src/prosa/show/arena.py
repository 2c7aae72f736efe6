"""What the arena prints: win rates and ratings with their intervals, and how the judge behaved."""

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.text import Text

from prosa.core.language import number, tr
from prosa.show.console import Jsonable, new_console, table
from prosa.show.markup import CONTROLS
from prosa.show.words import percent

UNREADABLE = 3  # replies shown
EXCERPT = 200  # characters of each
SIDE_BY_SIDE, SHORT = 10, 160  # prompts shown with every answer, and characters of an answer


def show_arena(found: Jsonable, *, answers: bool = False) -> None:
    """Two tables, then what has to be known to read them and, where asked for, answers side by side."""
    plain, console = found.to_json(), new_console()
    print_arena(plain, console)
    for line in _cautions(plain):
        console.print(Text(line.translate(CONTROLS)), soft_wrap=True)
    if answers:
        for asked in plain["answers"][:SIDE_BY_SIDE]:
            print_answers(asked["prompt"], asked["replies"], console)


def print_arena(plain: Mapping[str, Any], console: Console) -> None:
    """The same, of the plain values of standings."""
    rates = tr("Win rates (a tie is half a win)", "Taxas de vitória (empate vale meia)")
    console.print(table(rates, rate_heads(), rate_rows(plain)))
    console.print(table(tr("Ratings (mean 1,000)", "Pontuações (média 1.000)"), rating_heads(), rating_rows(plain)))
    for line in _remarks(plain):
        console.print(Text(line.translate(CONTROLS)), soft_wrap=True)


def print_answers(prompt: str, replies: Mapping[str, Mapping[str, Any]], console: Console) -> None:
    """A prompt, and what every model answered, marked right or wrong where that is known."""
    console.print(Text(f"\n{_short(prompt)}", style="cyan"), soft_wrap=True)
    width = max(map(len, replies))
    for model, reply in replies.items():
        mark = {True: "✓", False: "✗", None: "·"}[reply["right"]]
        console.print(Text(f"  {mark} {model.translate(CONTROLS):<{width}} {_short(reply['text'])}"), soft_wrap=True)


def rate_heads() -> list[str]:
    """What the columns of win rates are called."""
    return [
        tr("model against model", "modelo contra modelo"),
        tr("wins", "vitórias"),
        tr("ties", "empates"),
        tr("losses", "derrotas"),
        "prompts",
        tr("win rate", "taxa de vitória"),
        tr("95% interval", "intervalo de 95%"),
        tr("better?", "melhor?"),
    ]


def rate_rows(plain: Mapping[str, Any]) -> list[list[str]]:
    """The win rates as cells."""
    return [_rate(rate) for rate in plain["win_rates"]]


def rating_heads() -> list[str]:
    """What the columns of ratings are called."""
    return [
        tr("model", "modelo"),
        "Bradley-Terry",
        tr("95% interval", "intervalo de 95%"),
        "Elo",
        tr("95% interval", "intervalo de 95%"),
        tr("comparisons", "comparações"),
    ]


def rating_rows(plain: Mapping[str, Any]) -> list[list[str]]:
    """The ratings as cells, the best model first."""
    elo = {rating["model"]: rating for rating in plain["elo"]}
    return [_rating(rating, elo[rating["model"]]) for rating in plain["bradley_terry"]]


def _rate(rate: Mapping[str, Any]) -> list[str]:
    low, high = rate["difference_interval"]
    better = tr("yes", "sim") if low > 0 else tr("no, worse", "não, pior") if high < 0 else tr("unsure", "incerto")
    return [
        f"{rate['first']} × {rate['second']}",
        *(number(rate[count]) for count in ("wins", "ties", "losses", "prompts")),
        percent(rate["rate"]),
        " – ".join(percent(end) for end in rate["interval"]),
        better,
    ]


def _rating(rating: Mapping[str, Any], elo: Mapping[str, Any]) -> list[str]:
    return [
        rating["model"],
        number(rating["rating"]),
        _ends(rating["interval"]),
        number(elo["rating"]),
        _ends(elo["interval"]),
        number(rating["comparisons"]),
    ]


def _ends(interval: Sequence[float | None]) -> str:
    """Low – high; an open end is infinite."""
    low, high = (None if end is None else number(end) for end in interval)
    return f"{low or '-∞'} – {high or '∞'}"


def _short(text: str) -> str:
    line = " ⏎ ".join(text.split("\n")).translate(CONTROLS)
    return line if len(line) <= SHORT else line[:SHORT] + "…"


def _cautions(plain: Mapping[str, Any]) -> list[str]:
    """What the judge did not see: answers cut short, prompts that were too long."""
    lines, asked = [], number(sum(plain["asked"].values()))
    for model in plain["models"]:
        name, cut, too_long = model["model"], number(model["cut"]), number(model["too_long"])
        if model["too_long"]:
            lines.append(
                tr(
                    f"{name}: {too_long} of {asked} prompts are longer than its context: no answer.",
                    f"{name}: {too_long} de {asked} prompts são maiores que o seu contexto: sem resposta.",
                )
            )
        if model["cut"]:
            lines.append(
                tr(
                    f"{name}: {cut} of {asked} answers did not end by themselves.",
                    f"{name}: {cut} de {asked} respostas não terminaram sozinhas.",
                )
            )
    if plain["unheld"]:
        left_out = number(plain["unheld"])
        lines.append(
            tr(
                f"{left_out} of {asked} prompts are left out: an answer is longer than the reward model's context.",
                f"{left_out} de {asked} prompts ficam de fora: resposta maior que o contexto do modelo de recompensa.",
            )
        )
    return lines


def _remarks(plain: Mapping[str, Any]) -> list[str]:
    judges, prompts = ", ".join(plain["judges"]), number(plain["prompts"])
    lines = [
        tr(
            f"Judged by {judges} on {prompts} prompts; intervals are a bootstrap over prompts.",
            f"Julgado por {judges} em {prompts} prompts; os intervalos são bootstrap sobre os prompts.",
        )
    ]
    if any(None in rating["interval"] for rating in plain["bradley_terry"]):
        lines.append(
            tr(
                "∞: some models won every comparison against others, so nothing bounds the distance between them.",
                "∞: alguns modelos venceram todas as comparações com outros, e nada limita a distância entre eles.",
            )
        )
    if plain["flip_rate"] is not None:
        rate, flips, both = percent(plain["flip_rate"]), number(plain["flips"]), number(plain["both_orders"])
        lines.append(
            tr(
                f"The verdict changed with the order of the answers in {flips} of {both} pairs ({rate}): ties.",
                f"O veredito mudou com a ordem das respostas em {flips} de {both} pares ({rate}): empates.",
            )
        )
    if plain["unreadable"]:
        replies, left_out = number(len(plain["unreadable"])), number(plain["without_verdict"])
        lines.append(
            tr(
                f"Replies that were no verdict: {replies}; comparisons left out for it: {left_out}. Such as:",
                f"Respostas do juiz que não eram veredito: {replies}; comparações deixadas de fora: {left_out}. Como:",
            )
        )
        lines += [f"  {' '.join(reply.split())[:EXCERPT]!r}" for reply in plain["unreadable"][:UNREADABLE]]
    return lines

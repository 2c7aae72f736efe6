"""What ``prosa keys`` prints: a new key, the keys, what they used and what that costs."""

from collections.abc import Mapping
from typing import Any

from rich.text import Text

from prosa.core.language import number, tr
from prosa.core.progress import say
from prosa.show.console import Jsonable, new_console, table


def show_new_key(made: Jsonable) -> None:
    """The key alone on stdout, and on stderr that it is not shown again."""
    plain = made.to_json()
    print(plain["key"])
    limit = plain["limit"]
    so_much = tr("no limit", "sem limite") if limit is None else number(limit) + tr(" tokens a day", " tokens por dia")
    say(
        tr(
            f"The key of {plain['name']} ({so_much}). Keep it now: only its digest is stored, it is not shown again.",
            f"A chave de {plain['name']} ({so_much}). Guarde-a agora: só um resumo dela é gravado, não aparece mais.",
        )
    )


def show_keys(found: Jsonable) -> None:
    """A row a key."""
    heads = [
        tr("key", "chave"),
        tr("tokens a day", "tokens por dia"),
        tr("used today", "usados hoje"),
        tr("made", "criada"),
        tr("revoked", "revogada"),
    ]
    rows = [
        [
            key["name"],
            tr("no limit", "sem limite") if key["limit"] is None else number(key["limit"]),
            number(key["used_today"]),
            _minute(key["created"]),
            _minute(key["revoked"]) if key["revoked"] else "",
        ]
        for key in found.to_json()["keys"]
    ]
    new_console().print(table(tr("Keys (times and days in UTC)", "Chaves (horas e dias em UTC)"), heads, rows))


def show_revoked(ended: Jsonable) -> None:
    """That it is done."""
    name = ended.to_json()["name"]
    say(tr(f"The key of {name} is revoked.", f"A chave de {name} foi revogada."))


def show_usage(used: Jsonable) -> None:
    """A row a day, key and model; then a row a key, and all together."""
    plain, console = used.to_json(), new_console()
    if not plain["rows"]:
        say(tr("Nothing was used.", "Nada foi usado."))
        return
    prices = plain["prices"]
    heads = [
        tr("requests", "pedidos"),
        tr("prompt tokens", "tokens do prompt"),
        tr("of them reused", "dos quais reaproveitados"),
        tr("answer tokens", "tokens da resposta"),
        *([tr("cost", "custo") + f" ({prices['currency']})"] if prices else []),
    ]
    rows = [[row["day"], row["name"], row["model"], *_cells(row)] for row in plain["rows"]]
    first = [tr("day (UTC)", "dia (UTC)"), tr("key", "chave"), tr("model", "modelo")]
    console.print(table(tr("Usage by day", "Uso por dia"), [*first, *heads], rows, left=(0, 1, 2)))
    totals = [[row["name"], *_cells(row)] for row in plain["totals"]]
    if len(totals) > 1:
        totals.append([tr("all", "todas"), *_cells(plain["total"])])
    console.print(table(tr("Usage by key", "Uso por chave"), [tr("key", "chave"), *heads], totals))
    console.print(Text(_price_line(prices)), soft_wrap=True)


def show_prices(found: Jsonable) -> None:
    """What 1,000 tokens cost."""
    plain = found.to_json()
    print(_price_line(plain if plain["currency"] else None))


def _cells(row: Mapping[str, Any]) -> list[str]:
    counts = ("requests", "prompt_tokens", "cached_tokens", "completion_tokens")
    return [*(number(row[count]) for count in counts), *([] if row["cost"] is None else [number(row["cost"], 4)])]


def _price_line(prices: Mapping[str, Any] | None) -> str:
    if prices is None:
        return tr(
            "No prices are set: prosa keys prices PROMPT ANSWER, of 1,000 tokens each.",
            "Não há preços definidos: prosa keys prices PROMPT RESPOSTA, cada um por 1.000 tokens.",
        )
    prompt, completion = (_price(prices[which]) for which in ("prompt", "completion"))
    currency = prices["currency"]
    return tr(
        f"1,000 tokens cost {currency} {prompt} in the prompt and {currency} {completion} in the answer.",
        f"1.000 tokens custam {currency} {prompt} no prompt e {currency} {completion} na resposta.",
    )


def _price(value: float) -> str:
    """At least two decimals, and as many as the price has."""
    digits = next((digits for digits in range(2, 9) if round(value, digits) == value), 9)
    return number(value, digits)


def _minute(moment: str) -> str:
    return moment[:16].replace("T", " ")

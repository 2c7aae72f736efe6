"""Entropy by Markov order, on the terminal."""

from typing import Any

from rich.text import Text

from prosa.core.language import number, tr
from prosa.show.console import Jsonable, new_console, table
from prosa.show.markup import CONTROLS
from prosa.show.words import percent


def show_ngram(found: Jsonable) -> None:
    """A row an order, what it says, and the text that was written."""
    plain, console = found.to_json(), new_console()
    words = plain["unit"] == "words"
    a_token = tr("a word", "por palavra") if words else tr("a character", "por caractere")
    heads = [
        tr("looks back on", "olha para trás"),
        tr("n-grams", "n-gramas"),
        tr(f"bits {a_token}, text itself", f"bits {a_token}, o próprio texto"),
        tr(f"bits {a_token}, held out", f"bits {a_token}, reservado"),
        *([tr("bits a character", "bits por caractere")] if words else []),
        tr("bits a byte", "bits por byte"),
        tr("n-grams seen before", "n-gramas já vistos"),
    ]
    console.print(table(tr("Entropy by Markov order", "Entropia por ordem de Markov"), heads, _rows(plain)))
    best = min(plain["orders"], key=lambda row: float(row["held_out_bits"]))
    console.print(
        Text(
            tr(
                f"Counted {number(plain['train_tokens'])} {plain['unit']}, {number(plain['vocabulary'])} distinct; "
                f"held out {number(plain['held_out_tokens'])}, of which {number(plain['unknown'])} were never seen.\n"
                f"Order {best['order']} predicts best what was not counted.",
                f"Contei {number(plain['train_tokens'])} {_unit(plain)}, {number(plain['vocabulary'])} distintos; "
                f"reservei {number(plain['held_out_tokens'])}, dos quais {number(plain['unknown'])} nunca vistos.\n"
                f"A ordem {best['order']} prevê melhor o que não foi contado.",
            )
        )
    )
    if words:
        console.print(
            Text(
                tr(
                    "Of words, neither blanks nor the spelling of an unknown word are paid for: bits a byte are fewer "
                    "than they should be.",
                    "Com palavras, nem os espaços nem a grafia de uma palavra desconhecida são pagos: os bits por byte "
                    "são menos do que deveriam.",
                )
            )
        )
    if plain["text"] is not None:
        console.print()
        console.print(Text(plain["text"].translate(CONTROLS)), soft_wrap=True)


def _unit(plain: dict[str, Any]) -> str:
    return "caracteres" if plain["unit"] == "characters" else "símbolos (palavras e pontuação)"


def _rows(plain: dict[str, Any]) -> list[list[str]]:
    return [
        [
            str(row["order"]),
            number(row["distinct"]),
            number(row["train_bits"], 3),
            number(row["held_out_bits"], 3),
            *([number(row["bits_per_character"], 3)] if plain["unit"] == "words" else []),
            number(row["bits_per_byte"], 3),
            percent(row["seen"]),
        ]
        for row in plain["orders"]
    ]

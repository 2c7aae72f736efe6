"""What ``prosa ladder`` prints: a row a rung, what came out, what each wrote."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.text import Text

from prosa.core.language import duration, number, size, tr
from prosa.show.console import Jsonable, new_console, table

Found = Mapping[str, Any]


def show_ladder(found: Jsonable) -> None:
    """What ``print_ladder`` prints, on the terminal."""
    plain = found.to_json()
    console = new_console()
    print_ladder(plain, console)
    folder = Path(plain["folder"])
    made = ", ".join(name for name in ("ladder.html", "ladder.png", "ladder.json") if (folder / name).is_file())
    console.print(Text(f"{folder}: {made}"), soft_wrap=True)


def print_ladder(plain: Found, console: Console) -> None:
    """The table, the note on what its columns are, the rungs that are missing, and the verdict."""
    console.print(table(title(plain), heads(plain), [cells(row) for row in plain["rows"]]))
    for line in (*missing(plain), *notes(plain)):
        console.print(Text(line), soft_wrap=True)
    said = verdict(plain)
    if said:
        console.print(Text(said, style="bold"), soft_wrap=True)


def title(plain: Found) -> str:
    """What was measured on what."""
    train, held = plain["train"], plain["held_out"]
    return tr(
        f"Bits per byte of {size(held['measured_bytes'])} held out, after learning from {size(train['bytes'])}",
        f"Bits por byte de {size(held['measured_bytes'])} reservados, depois de aprender com {size(train['bytes'])}",
    )


def heads(plain: Found) -> list[str]:
    """The columns."""
    return [
        tr("rung", "degrau"),
        tr("bits per byte", "bits por byte"),
        tr("95% interval", "intervalo de 95%"),
        tr(f"seeds ({plain['seeds']})", f"sementes ({plain['seeds']})"),
        tr("parameters", "parâmetros"),
        "FLOPs",
        tr("time", "tempo"),
        tr("bytes/s", "bytes/s"),
        tr("passes", "passagens"),
        tr("memory", "memória"),
    ]


def cells(row: Found) -> list[str]:
    """A rung's row; of one that was not made its name and dashes."""
    name = rung_name(row["rung"])
    if row["status"] != "done":
        return [name, tr("not made", "não feito"), *["–"] * 8]
    return [
        name,
        number(row["bits_per_byte"], 3),
        ends(row["interval"]),
        ends(row["spread"]),
        number(row["parameters"]) if row["parameters"] else "–",
        scientific(row["flops"]) if row["flops"] else "–",
        duration(row["seconds"]),
        number(row["bytes_per_second"]) if row["bytes_per_second"] else "–",
        number(row["passes"], 2) if row["passes"] else "–",
        "–" if row["memory"] is None else size(row["memory"]),
    ]


def rung_name(name: str) -> str:
    """A rung as people call it."""
    names = {
        "uniform": tr("uniform", "uniforme"),
        "unigram": tr("byte frequencies", "frequência dos bytes"),
        "feed-forward": "feed-forward",
        "rnn": "RNN",
        "lstm": "LSTM",
        "gru": "GRU",
        "gpt-classic": tr("GPT (classic)", "GPT (clássico)"),
        "gpt-modern": tr("GPT (modern)", "GPT (moderno)"),
        "gpt-speedrun": "GPT (speedrun)",
        "bert": tr("BERT (masked)", "BERT (mascarado)"),
    }
    if name.startswith("kn"):
        return tr(f"{name[2:]}-gram (KN)", f"{name[2:]}-grama (KN)")
    return names.get(name, name)


def ends(found: list[float] | None) -> str:
    """``2.103 – 2.254``; a dash where there is none."""
    return "–" if found is None else " – ".join(number(end, 3) for end in found)


def scientific(value: float) -> str:
    """``3.2e13`` as this language writes it."""
    mantissa, exponent = f"{value:.1e}".split("e")
    return f"{number(float(mantissa), 1)}e{int(exponent)}"


def missing(plain: Found) -> list[str]:
    """Why a rung, or a seed of it, has no figure."""
    lines = []
    for row in plain["rows"]:
        if row["status"] != "done":
            lines.append(f"{rung_name(row['rung'])}: {row['why']} {row['hint']}".rstrip())
        else:
            lines += [
                tr(
                    f"{rung_name(row['rung'])}: without seed {failed['seed']}: {failed['why']}",
                    f"{rung_name(row['rung'])}: sem a semente {failed['seed']}: {failed['why']}",
                )
                for failed in row["failed_seeds"]
            ]
    return lines


def notes(plain: Found) -> list[str]:
    """What the columns mean."""
    over = plain["held_out"]
    units = number(over["units"])
    of = tr(f"{units} held-out documents", f"{units} documentos reservados")
    if over["units_are"] == "windows":
        of = tr(f"{units} pieces of the one held-out text", f"{units} pedaços do único texto reservado")
    masked = [row for row in plain["rows"] if row["kind"] == "masked" and row["status"] == "done"]
    apart = [
        tr(
            f"{rung_name(row['rung'])}: a pseudo-likelihood of {size(row['measured_bytes'])}, each byte told from "
            "those before and after it; no left-to-right model's figure can be set beside it.",
            f"{rung_name(row['rung'])}: pseudoverossimilhança de {size(row['measured_bytes'])}, cada byte dito pelos "
            "que vêm antes e depois; nenhum número de um modelo da esquerda para a direita se compara a ela.",
        )
        for row in masked
    ]
    return [
        *apart,
        tr(
            f"The interval is over {of}; the seeds' column is their least and most. Time is of one training, all of it "
            "spent computing (nothing is compiled), or of counting. Memory is what the making took above the program.",
            f"O intervalo é sobre {of}; a coluna das sementes tem a menor e a maior. O tempo é o de um treino, todo "
            "de cálculo (nada é compilado), ou o da contagem. Memória é o que a feitura tomou além do programa.",
        ),
        tr(
            "FLOPs are those of training; of counting, additions and comparisons (N log N to sort the n-grams of N "
            "bytes). KN: interpolated Kneser-Ney, whose parameters are the distinct n-grams.",
            "FLOPs são os do treino; da contagem, somas e comparações (N log N para ordenar os n-gramas de N bytes). "
            "KN: Kneser-Ney interpolado, cujos parâmetros são os n-gramas distintos.",
        ),
    ]


def verdict(plain: Found) -> str | None:
    """Which won, counting or attention (or another network), and by how much."""
    found = plain["comparison"]
    if found is None:
        return None
    network, counts = rung_name(found["network"]), rung_name(found["counts"])
    by, interval = number(abs(found["bits_per_byte"]), 3), found["interval"]
    between = (
        "" if interval is None else f" ({tr('95% interval', 'intervalo de 95%')} {ends(sorted(map(abs, interval)))})"
    )
    if interval is not None and interval[0] < 0 < interval[1]:
        return tr(
            f"No winner: {network} and {counts} cannot be told apart ({number(found['bits_per_byte'], 3)} bits per "
            f"byte, 95% interval {ends(interval)}).",
            f"Sem vencedor: {network} e {counts} não se distinguem ({number(found['bits_per_byte'], 3)} bits por byte, "
            f"intervalo de 95% {ends(interval)}).",
        )
    won, lost = (network, counts) if found["bits_per_byte"] < 0 else (counts, network)
    return tr(
        f"{won} wins over {lost} by {by} bits per byte{between}.",
        f"{won} vence {lost} por {by} bits por byte{between}.",
    )

"""What cleaning did, on the terminal: a row a rule and, where asked for, examples."""

from typing import Any

from rich.console import Console
from rich.text import Text

from prosa.core.language import number, size, tr
from prosa.show.console import Jsonable, new_console, table
from prosa.show.load import figure
from prosa.show.markup import CONTROLS
from prosa.show.words import percent, rule_name

PROBLEMS = 5  # shown without --report


def show_corpus(found: Jsonable, *, report: bool = False) -> None:
    """What was read, what each rule removed, what is left; with ``report`` all rules, examples and problems."""
    plain, console = found.to_json(), new_console()
    total = figure(plain, "bytes_in") or 0

    def row(name: str, documents: float | None, n_bytes: float | None) -> list[str]:
        share = percent((n_bytes or 0) / total) if total else "–"
        return [name, number(documents or 0), size(n_bytes or 0), share]

    rows = [row(tr("read", "lido"), figure(plain, "documents_in"), total)]
    for rule in plain.get("rules", ()):
        if report or (figure(rule, "documents") and rule["kind"] == "removes"):
            sign = "–" if rule["kind"] == "removes" else "~"
            rows.append(row(f"{sign} {rule_name(rule['rule'])}", figure(rule, "documents"), figure(rule, "bytes")))
    rows.append(row(tr("kept", "mantido"), figure(plain, "documents_out"), figure(plain, "bytes_out")))
    for key, name in (("train", tr("for training", "para treino")), ("held_out", tr("held out", "reservado"))):
        rows.append(row(f"= {name}", figure(plain, key, "documents"), figure(plain, key, "bytes")))
    heads = ["", tr("documents", "documentos"), tr("text", "texto"), tr("of all read", "do total lido")]
    console.print(table(tr("Corpus", "Corpus"), heads, rows))
    if report:
        console.print(
            Text(tr("– removes documents, ~ changes them", "– remove documentos, ~ altera documentos")), style="dim"
        )
        for rule in plain.get("rules", ()):
            _examples(console, rule)
    _problems(console, plain, report)


def _examples(console: Console, rule: dict[str, Any]) -> None:
    for i, example in enumerate(rule.get("examples", ())):
        if i == 0:
            console.print(Text(f"\n{rule_name(rule['rule'])}", style="bold"))
        console.print(Text(f"  {example['source']}: {example['why']}".translate(CONTROLS)))
        excerpt = " ".join(example["excerpt"].split())
        console.print(Text(f"    {excerpt}".translate(CONTROLS), style="dim"), soft_wrap=True)


def _problems(console: Console, plain: dict[str, Any], everything: bool) -> None:
    problems = plain.get("problems", ())
    if not problems:
        return
    n = number(plain.get("problem_count", len(problems)))
    console.print(Text(tr(f"\nCould not be read ({n}):", f"\nO que não pôde ser lido ({n}):")))
    for problem in problems if everything else problems[:PROBLEMS]:
        console.print(Text(f"  {problem['source']}: {problem['why']}".translate(CONTROLS)))
    if not everything and len(problems) > PROBLEMS:
        console.print(Text(tr("  … (--report shows the rest)", "  … (--report mostra o resto)")))

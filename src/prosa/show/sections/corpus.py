"""What the corpus was, and what cleaning removed from it."""

from typing import Any

from prosa.core.language import number, size, tr
from prosa.show.load import RunData, figure
from prosa.show.markup import Html, join, tag
from prosa.show.parts import bar, fold, missing, section, table
from prosa.show.words import language_name, percent, rule_name

EXAMPLES = 5
EXCERPT = 400  # characters of an example
PROBLEMS = 50


def corpus(run: RunData) -> Html:
    """In, out, the split, each rule's removals with examples, languages, formats, files that could not be read."""
    title = tr("The corpus", "O corpus")
    report = run.corpus
    if report is None:
        return section(
            "corpus",
            title,
            missing(
                tr("the corpus and what cleaning removed.", "o corpus e o que a limpeza retirou."),
                tr("prosa corpus makes it.", "O comando prosa corpus o faz."),
            ),
        )
    return section(
        "corpus",
        title,
        _flow(report),
        _rules(report, "changes"),
        _rules(report, "removes"),
        _languages(report),
        _formats(report),
        _problems(report),
    )


def _both(mapping: Any) -> tuple[float, float]:
    return figure(mapping, "documents") or 0, figure(mapping, "bytes") or 0


def _flow(report: dict[str, Any]) -> Html:
    rows = []
    for name, documents, n_bytes in (
        (tr("read", "lido"), figure(report, "documents_in"), figure(report, "bytes_in")),
        (
            tr("kept after cleaning", "mantido após a limpeza"),
            figure(report, "documents_out"),
            figure(report, "bytes_out"),
        ),
        (tr("for training", "para treino"), *_both(report.get("train"))),
        (tr("held out, to measure", "reservado, para medir"), *_both(report.get("held_out"))),
    ):
        rows.append([name, number(documents or 0), size(n_bytes or 0)])
    heads = [tr("stage", "etapa"), tr("documents", "documentos"), tr("text", "texto")]
    note = report.get("split_note")
    return join(
        table(tr("From the files to the training text", "Dos arquivos ao texto de treino"), heads, rows),
        tag("p", note, class_="note") if isinstance(note, str) and note else None,
        _lengths(report),
    )


def _lengths(report: dict[str, Any]) -> Html | None:
    """How long the documents are."""
    found = [figure(report, "lengths", key) for key in ("min", "median", "max")]
    if None in found:
        return None
    low, middle, high = (number(value or 0) for value in found)
    return tag(
        "p",
        tr(
            f"A document has {low} to {high} characters; half of them have at most {middle}.",
            f"Um documento tem de {low} a {high} caracteres; metade deles tem no máximo {middle}.",
        ),
        class_="note",
    )


def _rules(report: dict[str, Any], kind: str) -> Html | None:
    """The rules that change documents or those that remove them, with what each touched."""
    rules = [rule for rule in report["rules"] if rule.get("kind") == kind]
    touched = [rule for rule in rules if figure(rule, "documents")]
    if kind == "changes":
        if not touched:
            return None
        title = tr("What cleaning repaired", "O que a limpeza consertou")
        caption = tr("Each repair, and the text it took away", "Cada conserto, e o texto que ele tirou")
    else:
        title = tr("What cleaning removed", "O que a limpeza retirou")
        caption = tr("Each rule, and the documents it took out", "Cada regra, e os documentos que ela tirou")
        if not touched:
            nothing = tr("Nothing: every document was kept.", "Nada: todos os documentos foram mantidos.")
            return join(tag("h3", title), tag("p", nothing))
    total = figure(report, "bytes_in") or 0
    rows = []
    for rule in touched:
        documents, n_bytes = _both(rule)
        share = percent(n_bytes / total) if total else "–"
        rows.append([rule_name(str(rule.get("rule", "?"))), number(documents), size(n_bytes), share])
    heads = [
        tr("rule", "regra"),
        tr("documents", "documentos"),
        tr("text", "texto"),
        tr("of all read", "do total lido"),
    ]
    return join(tag("h3", title), table(caption, heads, rows), *(_examples(rule) for rule in touched))


def _examples(rule: dict[str, Any]) -> Html | None:
    examples = rule["examples"][:EXAMPLES]
    if not examples:
        return None
    items = []
    for example in examples:
        excerpt = str(example.get("excerpt") or "")
        if len(excerpt) > EXCERPT:
            excerpt = excerpt[:EXCERPT] + "…"
        why = str(example.get("why") or "")
        items.append(
            tag(
                "li",
                tag("code", str(example.get("source") or "?")),
                why and f": {why}",
                excerpt and tag("blockquote", excerpt),
            )
        )
    name = rule_name(str(rule.get("rule", "?")))
    return fold(tr(f"Examples: {name}", f"Exemplos: {name}"), tag("ul", *items, class_="examples"))


def _counts(mapping: Any) -> list[tuple[str, float, float | None]]:
    """(name, documents, bytes or None) from ``{name: documents}`` or ``{name: {"documents", "bytes"}}``, most first."""
    found = []
    for name, value in mapping.items() if isinstance(mapping, dict) else ():
        documents = figure(value, "documents") if isinstance(value, dict) else figure(mapping, name)
        if documents is not None:
            found.append((str(name), documents, figure(value, "bytes")))
    return sorted(found, key=lambda row: (-row[1], row[0]))


def _languages(report: dict[str, Any]) -> Html | None:
    counts = _counts(report.get("languages"))
    if not counts:
        return None
    total = sum(documents for _, documents, _ in counts) or 1
    rows = [[language_name(name), number(n), percent(n / total), bar(n / total)] for name, n, _ in counts]
    return join(
        tag("h3", tr("Languages", "Idiomas")),
        table(
            tr("As identified, a document each", "Como identificados, um por documento"),
            [tr("language", "idioma"), tr("documents", "documentos"), tr("share", "parcela"), ""],
            rows,
        ),
    )


def _formats(report: dict[str, Any]) -> Html | None:
    counts = _counts(report.get("formats"))
    if not counts:
        return None
    text = ", ".join(f"{name} ({number(n)})" for name, n, _ in counts)
    return join(tag("h3", tr("Formats read", "Formatos lidos")), tag("p", text))


def _problems(report: dict[str, Any]) -> Html | None:
    problems = report["problems"]
    if not problems:
        return None
    items = [
        tag("li", tag("code", str(problem.get("source") or "?")), ": ", str(problem.get("why") or "?"))
        for problem in problems[:PROBLEMS]
    ]
    count = max(len(problems), int(figure(report, "problem_count") or 0))
    left, n = count - len(items), number(count)
    return fold(
        tr(f"Could not be read ({n})", f"O que não pôde ser lido ({n})"),
        tag("ul", *items, class_="examples"),
        tag("p", tr(f"And {number(left)} more.", f"E mais {number(left)}.")) if left else None,
    )

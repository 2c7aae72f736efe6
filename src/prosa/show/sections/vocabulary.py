"""The vocabulary, and how it cuts real sentences."""

from prosa.core.language import number, tr
from prosa.show.markup import Html, escape, join, tag
from prosa.show.parts import missing, section, tiles
from prosa.show.vocabulary import Cut, Vocabulary

COLOURS = 5


def vocabulary(found: Vocabulary | None) -> Html:
    """Size, tokens a word, characters a token; sentences in coloured pieces; the longest tokens."""
    title = tr("The vocabulary", "O vocabulário")
    if found is None:
        return section(
            "vocabulary",
            title,
            missing(
                tr("the vocabulary.", "o vocabulário."),
                tr("prosa tokenizer train makes it.", "O comando prosa tokenizer train o faz."),
            ),
        )
    sample = tr(
        f"on {number(found.words)} held-out words",
        f"em {number(found.words)} palavras do texto reservado",
    )
    special = ", ".join(found.special)
    return section(
        "vocabulary",
        title,
        tiles(
            (
                tr("Tokens in the vocabulary", "Tokens no vocabulário"),
                number(found.size),
                found.kind + (tr(f"; special: {special}", f"; especiais: {special}") if special else ""),
            ),
            (tr("Tokens per word", "Tokens por palavra"), number(found.tokens / found.words, 2), sample)
            if found.words
            else None,
            (
                tr("Characters per token", "Caracteres por token"),
                number(found.characters / found.tokens, 2),
                tr(
                    f"{number(found.bytes / found.tokens, 2)} bytes per token",
                    f"{number(found.bytes / found.tokens, 2)} bytes por token",
                ),
            )
            if found.tokens
            else None,
        ),
        _sentences(found),
        _longest(found),
    )


def _longest(found: Vocabulary) -> Html | None:
    if not found.longest:
        return None
    return join(
        tag("h3", tr("The longest tokens", "Os tokens mais longos")),
        tag("ul", *(tag("li", visible(word)) for word in found.longest), class_="words"),
    )


def _sentences(found: Vocabulary) -> Html | None:
    if not found.sentences:
        return None
    return join(
        tag("h3", tr("How it cuts held-out sentences", "Como ele corta frases do texto reservado")),
        tag(
            "p",
            tr(
                "Each colour is one token; point at one to see its number. An underlined letter took several tokens.",
                "Cada cor é um token; aponte para um para ver o seu número. Uma letra sublinhada ocupa vários tokens.",
            ),
            class_="note",
        ),
        *(coloured(sentence) for sentence in found.sentences),
    )


def coloured(sentence: list[Cut]) -> Html:
    """A text in pieces, a colour each, with their ids where one points at them."""
    spans, n = [], 0
    for cut in sentence:
        if not cut.ids:
            spans.append(escape(visible(cut.text)))
            continue
        ids = ", ".join(str(id) for id in cut.ids)
        shared = " shared" if len(cut.ids) > 1 else ""
        spans.append(tag("span", visible(cut.text), class_=f"p{n % COLOURS}{shared}", title=f"id {ids}"))
        n += 1
    return tag("p", *spans, class_="pieces")


def visible(text: str) -> str:
    """Line ends and tabs drawn, since a piece of a colour cannot show them otherwise."""
    return text.replace("\n", "⏎").replace("\t", "⇥")

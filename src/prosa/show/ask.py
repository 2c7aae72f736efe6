"""An answer from one's own documents as the terminal shows it: quotes, the model's text marked as such, the passages.

No text of a document or a model reaches the terminal with control characters: they are drawn.
"""

import sys
from collections.abc import Sequence

from rich.console import Console
from rich.text import Text

from prosa.core.language import number, tr
from prosa.retrieve.answer import Quote, where
from prosa.retrieve.index import Indexed
from prosa.retrieve.search import Found
from prosa.show.console import new_console
from prosa.show.markup import CONTROLS
from prosa.show.words import percent


class AskScreen:
    """Writes an answer: what is an answer on stdout, what is about it, dimmed, on stderr."""

    def __init__(self) -> None:
        self._out = new_console()
        self._err = Console(stderr=True, highlight=False, width=None if sys.stderr.isatty() else self._out.width)

    def found(self, found: Found, quotes: Sequence[Quote], *, documents_only: bool) -> None:
        """What the documents say, or that they say nothing."""
        if not found.relevant:
            self._nothing(found, documents_only)
            return
        for quote in quotes:
            line = Text("“" + " ".join(quote.text.split()).translate(CONTROLS) + "” ")
            self._out.print(line.append(f"[{quote.number}]", style="bold"), soft_wrap=True)

    def _nothing(self, found: Found, documents_only: bool) -> None:
        text = tr("Nothing relevant was found in the documents", "Nada de relevante foi encontrado nos documentos")
        if found.hits:
            share = percent(found.covered)
            text += tr(
                f": the nearest passage covers {share} of the question",
                f": o trecho mais próximo cobre {share} da pergunta",
            )
        text += "."
        if found.missing:
            text += tr(" In no document: ", " Em nenhum documento: ") + ", ".join(found.missing) + "."
        if documents_only:
            text += tr(
                " Ask in the documents' words, or let the model answer with --mode both.",
                " Pergunte com as palavras dos documentos, ou deixe o modelo responder com --mode both.",
            )
        self._out.print(Text(text.translate(CONTROLS)), soft_wrap=True)

    def model(self, read: Sequence[tuple[int, str]]) -> None:
        """The model is about to write."""
        if read:
            numbers = " ".join(f"[{n}]" for n, _ in read)
            after = tr(f"after reading {numbers}", f"depois de ler {numbers}")
        else:
            after = tr("without your documents", "sem os seus documentos")
        self._dim(tr(f"\nThe model writes, {after} (it may be wrong):", f"\nO modelo escreve, {after} (pode errar):"))

    def text(self, piece: str) -> None:
        """A piece of the model's text."""
        self._out.file.write(piece.translate(CONTROLS))
        self._out.file.flush()

    def end(self, text: str, support: float | None, left_out: int) -> None:
        """The model's text is whole."""
        if text:
            self._out.file.write("\n")
        if left_out:
            self._dim(
                tr(
                    f"[sentences left out, since no passage has their words: {left_out}]",
                    f"[frases omitidas, porque nenhum trecho tem as suas palavras: {left_out}]",
                )
            )
        if not text and not left_out:
            self._dim(tr("[it wrote nothing]", "[não escreveu nada]"))
        elif text and support is not None:
            share = percent(support)
            self._dim(
                tr(
                    f"[{share} of its words are in the passages that it read]",
                    f"[{share} das suas palavras estão nos trechos que leu]",
                )
            )

    def passages(self, found: Found) -> None:
        """The passages, exact, with file and place."""
        for n, hit in enumerate(found.hits, 1):
            head = Text(f"\n[{number(n)}] {where(hit.passage)}".translate(CONTROLS), style="bold")
            self._out.print(head, soft_wrap=True)
            self._out.print(Text(hit.passage.text.translate(CONTROLS)), soft_wrap=True)

    def _dim(self, text: str) -> None:
        self._err.print(Text(text.translate(CONTROLS), style="dim"), soft_wrap=True)


def show_indexed(done: Indexed) -> None:
    """What an index holds, and what could not be read."""
    console = new_console()
    read, unchanged, deleted = map(number, (done.read, done.unchanged, done.deleted))
    passages, documents = number(done.passages), number(done.documents)
    console.print(
        Text(
            tr(
                f"{passages} passages of {documents} documents in {done.out} "
                f"(read: {read}, unchanged: {unchanged}, gone: {deleted})",
                f"{passages} trechos de {documents} documentos em {done.out} "
                f"(lidos: {read}, sem mudança: {unchanged}, removidos: {deleted})",
            )
        ),
        soft_wrap=True,
    )
    for file, why in done.problems:
        console.print(Text(f"  {file}: {why}".translate(CONTROLS)), soft_wrap=True)

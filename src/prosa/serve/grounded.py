"""An answer from documents: their sentences on the question, quoted; then, told apart, what the model writes.

Of what a model writes, a sentence gets the mark of a passage only where that passage has most of its words; from
documents alone the others are left out (``retrieve.answer.Citer``). Each mark is an annotation of the message:

    {"type": "file_citation", "file_citation": {"passage_id", "file", "place", "quote", "start_index", "end_index"}}

``start_index`` and ``end_index``, in characters of the content, are the sentence's; its mark stands after it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from prosa.core.language import tr
from prosa.generate.writer import overlap
from prosa.retrieve.answer import ROOM, Citation, Citer, fitting, nearest_sentence, quotes
from prosa.retrieve.search import Found
from prosa.serve.documents import Library
from prosa.tokenizers.chat import Message


@dataclass(frozen=True)
class Grounds:
    """What was found for a question, and the answer's beginning.

    Attributes:
        lead: quotes, or that nothing was found; empty in a later step of the same turn (a tool has answered).
        leads: the citations in it.
        read: the passages that the model reads.
        asks: whether the model is asked at all.
        stop: strings that end the answer.
    """

    library: Library
    found: Found
    lead: str
    leads: tuple[Citation, ...]
    read: tuple[tuple[int, str], ...]
    asks: bool
    stop: tuple[str, ...] = ()

    def writing(self) -> "Writing":
        """One answer on these grounds."""
        return Writing(self)


def ground(
    library: Library,
    messages: Sequence[Message],
    prompt: Callable[[list[Message]], list[int]],
    room: int,
    context: int,
    stop: tuple[str, ...] = (),
) -> tuple[list[int], Grounds | None]:
    """The prompt of a conversation whose last question is asked with passages, and what was found.

    Args:
        prompt: gives the ids of messages.
        room: tokens that the answer may have.
        stop: strings that end it, in the quotes and marks too.

    Returns:
        None instead of grounds where nobody asks anything.
    """
    last = next((n for n in reversed(range(len(messages))) if messages[n].role == "user"), None)
    if last is None:
        return prompt(list(messages)), None
    question = messages[last].content

    def worded(text: str) -> list[int]:
        return prompt([*messages[:last], replace(messages[last], content=text), *messages[last + 1 :]])

    found = library.documents.search(question)
    of_use = found if found.relevant else Found((), found.terms, found.missing)
    ids, read = fitting(worded, question, of_use, library.mode, context - min(room, context // ROOM))
    asks = library.mode == "both" or bool(read)
    lead, leads = _lead(found, alone=library.mode == "documents", asks=asks) if last == len(messages) - 1 else ("", ())
    grounds = Grounds(library, found, lead, leads, tuple(read), asks, stop)
    return ids, replace(grounds, asks=False) if grounds.writing().stopped else grounds


def _lead(found: Found, *, alone: bool, asks: bool) -> tuple[str, tuple[Citation, ...]]:
    if not found.relevant:
        text = tr("Nothing relevant was found in the documents.", "Nada de relevante foi encontrado nos documentos.")
        if found.missing:
            text += tr(" In no document: ", " Em nenhum documento: ") + ", ".join(found.missing) + "."
        if not alone:
            text += tr(" Without them:", " Sem eles:")
        return text + ("\n\n" if asks else ""), ()
    text, cited = "", []
    for quote in quotes(found):
        text += "\n\n" if text else ""
        begun = len(text)
        text += "“" + " ".join(quote.text.split()) + "”"
        cited.append(Citation(quote.number, begun, len(text), quote.text))
        text += f" [{quote.number}]"
    own = "" if alone else tr("The model writes (it may be wrong):", "O modelo escreve (pode errar):") + "\n\n"
    return text + (f"\n\n{own}" if asks and text else ""), tuple(cited)


class Writing:
    """One answer as it is written: the model's text comes in, the content goes out, up to a stop string in it.

    Attributes:
        begun: the content before the model has written anything.
        stopped: a stop string was met; nothing comes any more.
    """

    def __init__(self, grounds: Grounds) -> None:
        self._grounds = grounds
        self._only = grounds.library.mode == "documents"
        self._citer = Citer(grounds.read, only=self._only)
        self._held, self._given = "", 0
        self._wrote = self.stopped = False
        self.begun = self._cut(grounds.lead)

    def take(self, text: str) -> str:
        """More of the model's text."""
        return self._own(self._citer.push(text))

    def end(self) -> str:
        """The last of it."""
        return self._own(self._citer.finish(), last=True)

    def finish(self, reason: str | None) -> str | None:
        """Why the content has ended: what was left out is not cut, at whatever length it was."""
        return "stop" if reason == "length" and (self.stopped or (self._only and not self._wrote)) else reason

    def annotations(self) -> list[dict[str, Any]]:
        """Of the whole content."""
        begun = len(self._grounds.lead)
        own = [replace(cite, start=begun + cite.start, end=begun + cite.end) for cite in self._citer.cited]
        return [self._annotation(cite) for cite in (*self._grounds.leads, *own) if cite.end <= self._given]

    def _own(self, text: str, *, last: bool = False) -> str:
        self._wrote = self._wrote or bool(text.strip())
        return self._cut(text, last=last)

    def _cut(self, text: str, *, last: bool = False) -> str:
        """What is sure not to be part of a stop string."""
        if self.stopped:
            return ""
        text, stop = self._held + text, self._grounds.stop
        found = [at for at in (text.find(one) for one in stop) if at >= 0]
        self.stopped = bool(found)
        end = min(found) if found else len(text) if last else len(text) - overlap(text, stop)
        self._held = text[end:]
        self._given += end
        return text[:end]

    def _annotation(self, cite: Citation) -> dict[str, Any]:
        hit = self._grounds.found.hits[cite.number - 1]
        return {
            "type": "file_citation",
            "file_citation": {
                "passage_id": str(hit.id),
                "file": hit.passage.file,
                "place": str(hit.passage.place),
                "quote": nearest_sentence(hit.passage, cite.text),
                "start_index": cite.start,
                "end_index": cite.end,
            },
        }

"""``prosa ask``: a question answered from one's own documents, with file and place of every passage."""

import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from prosa.core.device import DeviceName
from prosa.core.errors import UserError
from prosa.core.language import number, tr
from prosa.core.progress import say, warn
from prosa.pipeline.generate import given_prompt
from prosa.pipeline.run import model_folder
from prosa.retrieve.answer import ROOM, Citer, Mode, Quote, fitting, plain_hit, quotes, support
from prosa.retrieve.search import By, Found, Index
from prosa.retrieve.store import is_index, read_manifest
from prosa.show.markup import CONTROLS

if TYPE_CHECKING:
    from prosa.generate.engine import Engine
    from prosa.retrieve.index import Indexed
    from prosa.retrieve.vectors import Embedder
    from prosa.show.ask import AskScreen
    from prosa.tokenizers.chat import ChatEncoder


@dataclass(frozen=True)
class Asked:
    """A question, what was found, and what was made of it.

    Attributes:
        quotes: sentences of the documents.
        text: what the model wrote, with marks; from documents alone, only what they support; None: it was not asked.
        left_out: how many of its sentences they do not support, and were left out.
        read: the numbers of the passages that it had read.
        support: the share of its telling words that those passages have.
    """

    question: str
    mode: Mode
    found: Found
    quotes: tuple[Quote, ...]
    index: Path
    model: Path
    text: str | None = None
    left_out: int = 0
    read: tuple[int, ...] = ()
    support: float | None = None

    def to_json(self) -> dict[str, Any]:
        """The plain values."""
        return {
            "question": self.question,
            "mode": self.mode,
            "found": self.found.relevant,
            "covered": round(self.found.covered, 4),
            "missing": list(self.found.missing),
            "quotes": [{"passage": quote.number, "text": quote.text} for quote in self.quotes],
            "model_text": self.text,
            "model_left_out": self.left_out,
            "model_read": list(self.read),
            "model_support": None if self.support is None else round(self.support, 4),
            "passages": [plain_hit(n, hit) for n, hit in enumerate(self.found.hits, 1)],
            "index": str(self.index),
            "model": str(self.model),
        }


def ask(
    model: str,
    question: str,
    *,
    docs: Path,
    mode: Mode = "documents",
    by: By = "words",
    passages: int = 5,
    max_tokens: int = 200,
    temperature: float = 0.0,
    seed: int = 0,
    text_field: str = "text",
    device: DeviceName = "auto",
    live: bool = False,
) -> Asked:
    """Answer a question from your own documents: sentences quoted from them, what the model writes, the passages.

    The quotes are exact. The model's text is its own, and marked so: check it against the passages. From documents
    alone, its sentences whose words no passage has are left out.

    Args:
        model: A run (its newest model), run:stage, or a model folder.
        question: The question; - reads it from standard input.
        docs: A folder of documents (its index is kept in the cache folder, and brought up to date each time), or an
            index that prosa index made.
        mode: documents: where they have nothing on the question, say so and no more; both: let the model answer anyway.
        by: Find passages by words (BM25), by the model's vectors, or both.
        passages: The most passages to find.
        max_tokens: The most tokens the model may write; 0: only passages.
        temperature: Divides the logits; 0 is greedy.
        seed: Of the draws.
        text_field: The field of JSONL and Parquet files that holds the text.
        device: Where to compute.
        live: Show the answer on the terminal as it is made.

    Raises:
        UserError: no such model or folder, nothing to read, an index of another model's vectors, an empty question.
    """
    asked = given_prompt(question)
    if not asked.strip():
        raise UserError(tr("the question is empty.", "a pergunta está vazia."))
    _check(passages, max_tokens)
    folder = model_folder(model)
    embedder = None
    if by != "words":
        from prosa.pipeline.index import load_embedder

        embedder = load_embedder(model)
    out = documents_index(docs, embedder, text_field)
    with Index(out) as index:
        found = index.search(asked, k=passages, by=by, embedder=embedder)
    screen = _screen() if live else None
    quoted = tuple(quotes(found)) if found.relevant else ()
    if screen is not None:
        screen.found(found, quoted, documents_only=mode == "documents")
    result = Asked(asked, mode, found, quoted, out, folder)
    if max_tokens and (found.relevant or mode == "both"):
        result = _with_model(result, model, max_tokens, temperature, seed, device, screen)
    if screen is not None and found.relevant:
        screen.passages(found)
    return result


def _check(passages: int, max_tokens: int) -> None:
    for name, value, least in (("--passages", passages, 1), ("--max-tokens", max_tokens, 0)):
        if value < least:
            raise UserError(tr(f"{name} is {value}, must be at least {least}.", f"{name} é {value}, mínimo {least}."))


def _screen() -> "AskScreen":
    from prosa.show.ask import AskScreen

    return AskScreen()


def documents_index(docs: Path, embedder: "Embedder | None" = None, text_field: str = "text") -> Path:
    """The index of ``docs``: itself, or the one in the cache folder, brought up to date.

    Raises:
        UserError: there is no such folder, or nothing in it to read.
    """
    if is_index(docs):
        return docs
    from prosa.retrieve.index import update_index

    if not docs.is_dir():
        raise UserError(
            tr(f"{docs} is neither a folder nor an index.", f"{docs} não é uma pasta nem um índice."),
            tr("Give the folder that holds your documents.", "Dê a pasta que tem os seus documentos."),
        )
    named = f"{docs.resolve()}\n{text_field}\n{embedder.fingerprint if embedder else ''}"
    out = cache_folder() / f"{docs.resolve().name}-{hashlib.sha256(os.fsencode(named)).hexdigest()[:12]}"
    done = update_index(docs, out, text_field=text_field, embedder=embedder, wait=True, force=not _whole(out))
    _tell(done)
    return out


def cache_folder() -> Path:
    """Where indexes are kept that nobody named: below XDG_CACHE_HOME, LOCALAPPDATA or ~/.cache, for this user only."""
    for variable in ("XDG_CACHE_HOME", "LOCALAPPDATA"):
        if os.environ.get(variable):
            base = Path(os.environ[variable])
            break
    else:
        base = Path.home() / ".cache"
    folder = base / "prosa" / "indexes"
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise UserError(
            tr(f"cannot write {folder}: {error.strerror}", f"não consigo gravar {folder}: {error.strerror}"),
            tr(
                "Make an index elsewhere and give it with --docs: prosa index FOLDER --out INDEX",
                "Faça um índice em outro lugar e dê-o com --docs: prosa index PASTA --out ÍNDICE",
            ),
        ) from error
    return folder


def _whole(out: Path) -> bool:
    """Whether a kept index can be gone on with; one that cannot is made anew, since it is nobody's work."""
    try:
        read_manifest(out)
    except UserError:
        return not is_index(out)
    return True


def _tell(done: "Indexed") -> None:
    say(
        tr(
            f"documents: {number(done.documents)}, passages: {number(done.passages)}, in {done.out}",
            f"documentos: {number(done.documents)}, trechos: {number(done.passages)}, em {done.out}",
        )
    )
    named = done.problems[:10] if done.read else []  # they were told when the files were read
    for file, why in named:
        warn(f"{file}: {why}".translate(CONTROLS))
    if len(done.problems) > len(named):
        more = number(len(done.problems) - len(named))
        again = f"prosa index {done.folder} --out …"
        warn(
            tr(
                f"{'other ' if named else ''}problems: {more} ({again} names them)",
                f"{'outros ' if named else ''}problemas: {more} ({again} os diz)",
            )
        )


def _with_model(
    asked: Asked,
    model: str,
    max_tokens: int,
    temperature: float,
    seed: int,
    device: DeviceName,
    screen: "AskScreen | None",
) -> Asked:
    """What the model writes; where it cannot chat, that is said and nothing written."""
    from prosa.generate.engine import Engine
    from prosa.generate.sampling import Sampling
    from prosa.pipeline.chat import is_base
    from prosa.pipeline.run import load
    from prosa.tokenizers.chat import ChatEncoder, Message

    network, tokenizer, folder = load(model)
    try:
        encoder = ChatEncoder(tokenizer)
    except UserError:
        encoder = None
    if encoder is None or is_base(folder):
        warn(
            tr(
                f"{folder} has not learnt to answer (prosa sft teaches it): the passages alone.",
                f"{folder} não aprendeu a responder (prosa sft o ensina): só os trechos.",
            )
        )
        return asked
    context = network.config.context
    room = context - min(max_tokens, context // ROOM)
    found = asked.found if asked.found.relevant else Found((), asked.found.terms, asked.found.missing)
    chat = encoder
    ids, taken = fitting(lambda text: chat.prompt([Message("user", text)]), asked.question, found, asked.mode, room)
    if found.hits and not taken and asked.mode == "documents":
        warn(
            tr(
                f"no passage fits the model's context of {context} tokens: the passages alone.",
                f"nenhum trecho cabe no contexto do modelo, de {context} tokens: só os trechos.",
            )
        )
        return asked
    engine = Engine(network, tokenizer, device=device)
    pieces = []
    if screen is not None:
        screen.model(taken)
    citer = Citer(taken, only=asked.mode == "documents")
    for piece in _written(engine, encoder, ids, Sampling(temperature, seed=seed), max_tokens, citer):
        pieces.append(piece)
        if screen is not None:
            screen.text(piece)
    text = "".join(pieces).strip()
    shared = support(text, (passage for _, passage in taken)) if taken else None
    if screen is not None:
        screen.end(text, shared, citer.left_out)
    return replace(asked, text=text, left_out=citer.left_out, read=tuple(n for n, _ in taken), support=shared)


def _written(
    engine: "Engine", encoder: "ChatEncoder", ids: list[int], sampling: Any, max_tokens: int, citer: Citer
) -> Iterator[str]:
    """The model's text as it comes, with marks; what it calls is not part of it, and not run."""
    from prosa.generate.completion import Token
    from prosa.generate.reply import stream

    for item in stream(engine, encoder, ids, sampling, max_tokens=max_tokens):
        if not isinstance(item, Token):
            continue
        if item.id == encoder.call_id:
            break
        yield citer.push(item.text)
    yield citer.finish()

"""``prosa serve``: models behind an HTTP address."""

import contextlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import tyro

from prosa.core.device import DeviceName, ReadingPrecisionName
from prosa.core.errors import UserError
from prosa.core.files import read_json
from prosa.core.kernels import keep_few_kernels
from prosa.core.language import number, tr
from prosa.core.progress import say, warn
from prosa.pipeline.chat import tools_language
from prosa.pipeline.run import ADAPTER_CONFIG, MODEL_STAGES, load, model_folder
from prosa.serve.config import ServeConfig

if TYPE_CHECKING:
    from prosa.models.gpt import GPT
    from prosa.serve.documents import Documents
    from prosa.tokenizers.protocol import Tokenizer

PORT = 8000
_NAME = re.compile(r"\w[\w.@-]*")


@dataclass(frozen=True)
class Ended:
    """A server that has ended."""

    address: str
    models: list[str]

    def to_json(self) -> dict[str, Any]:
        """``{"address", "models"}``."""
        return {"address": self.address, "models": self.models}


def serve(
    run: str | None = None,
    *,
    model: Annotated[tuple[str, ...], tyro.conf.UseAppendAction] = (),
    docs: Path | None = None,
    host: str = "127.0.0.1",
    port: int = PORT,
    keys: Path | None = None,
    tools: Literal["auto", "off"] = "auto",
    device: DeviceName = "auto",
    precision: ReadingPrecisionName = "auto",
    limits: Annotated[ServeConfig, tyro.conf.arg(name="")] = ServeConfig(),
) -> Ended:
    """Serve models by an API in OpenAI's form and a chat page, until Ctrl-C or SIGTERM.

    Args:
        run: A run (its newest model), run:stage, a model folder or an adapter; its name is the folder's.
        model: More models, each with its name: name=run.
        docs: A folder of documents, or an index that prosa index made, to answer from with citations: each model is
            then there as NAME, NAME:only-documents and NAME:no-documents. The folder is indexed at the start.
        host: The address to listen on; the usual one is for this machine alone.
        port: The port; 0 takes any that is free.
        keys: File of the keys and the usage (default: serve.sqlite in PROSA_HOME, or in ~/.local/share/prosa).
        tools: The tools that the page offers to the model: a calculator and dates, or none.
        device: Where to compute.
        precision: What to compute in.
        limits: Limits.

    Raises:
        UserError: no model, two of one name, a model that cannot be read, a port that is taken.
    """
    wanted = _named(run, model)
    keep_few_kernels()
    from prosa.serve.served import Models
    from prosa.serve.server import Server, address_of, bind
    from prosa.serve.state import State

    if not 0 <= port <= 65535:
        raise UserError(tr(f"--port is {port}: from 0 to 65535.", f"--port é {port}: de 0 a 65535."))
    listener = bind(host, port)
    with (
        contextlib.closing(listener),
        _documents(docs) as documents,
        _accounts(keys, limits.request_seconds) as (store, accounts),
    ):
        models = _models(wanted, device, precision, limits)
        if documents is not None:
            from prosa.serve.documents import with_documents

            models = Models(with_documents(models, documents))
        try:
            toolbox = _toolbox(next(iter(wanted.values()))) if tools == "auto" else None
            server = Server(State(models, store, accounts, limits, toolbox, documents))
            address = address_of(listener)
            say(tr(f"Serving {', '.join(wanted)} at {address}", f"Servindo {', '.join(wanted)} em {address}"))
            say(tr(f"  chat   {address}/\n  API    {address}/v1", f"  chat   {address}/\n  API    {address}/v1"))
            file = "" if keys is None else f" --keys {keys}"
            in_force = [key for key in store.list() if key.revoked is None]
            if store.list():
                say(
                    tr(
                        f"  keys   {number(len(in_force))}, in {store.path} (digests: a lost one cannot be told)\n"
                        f"Another: prosa keys add NAME{file}",
                        f"  chaves {number(len(in_force))}, em {store.path} (resumos: uma perdida não se recupera)\n"
                        f"Outra: prosa keys add NOME{file}",
                    )
                )
            else:  # only now: a key that nobody sees is of no use
                new_key = store.add(tr("first", "primeira"))
                say(
                    tr(
                        f"  key    {new_key}\n  with it, open {address}/#key={new_key}\n"
                        f"Keep it now: it is not shown again. More: prosa keys add NAME{file}",
                        f"  chave  {new_key}\n  com ela, abra {address}/#key={new_key}\n"
                        f"Guarde-a agora: não será mostrada de novo. Outras: prosa keys add NOME{file}",
                    )
                )
            if not _is_loopback(host):
                warn(
                    tr(
                        "others can connect, and nothing is encrypted: put a proxy with TLS before it.",
                        "outros podem conectar, e nada é cifrado: ponha um proxy com TLS na frente.",
                    )
                )
            server.run(sockets=[listener])
        finally:
            models.close()
    return Ended(address, list(wanted))


def _named(run: str | None, model: tuple[str, ...]) -> dict[str, str]:
    """Models by name."""
    pairs = [] if run is None else [(_name_of(run), run)]
    for one in model:
        name, sign, spec = one.partition("=")
        if not sign or not spec or not _NAME.fullmatch(name):
            raise UserError(
                tr(f"--model {one!r} is not name=run.", f"--model {one!r} não é nome=execução."),
                tr(
                    "Names have letters, digits and . _ - @, such as: --model a=runs/a",
                    "Nomes têm letras, algarismos e . _ - @, por exemplo: --model a=runs/a",
                ),
            )
        pairs.append((name, spec))
    if not pairs:
        raise UserError(
            tr("no model to serve.", "nenhum modelo para servir."),
            tr("Give a run, such as: prosa serve runs/mine", "Dê uma execução, por exemplo: prosa serve runs/mine"),
        )
    names = [name for name, _ in pairs]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise UserError(
            tr(f"two models have the name {twice}.", f"dois modelos têm o nome {twice}."),
            tr("Give each its own: --model NAME=RUN", "Dê um nome a cada um: --model NOME=EXECUÇÃO"),
        )
    return dict(pairs)


def _name_of(spec: str) -> str:
    """A run's name is its folder's; also where its stage is given."""
    path = Path(spec)
    if not path.exists() and spec.rpartition(":")[2] in MODEL_STAGES:
        path = Path(spec.rpartition(":")[0])
    resolved = path.resolve()
    name = resolved.parent.name if resolved.name in MODEL_STAGES else resolved.name
    return re.sub(r"[^\w.@-]", "-", name) or "model"


@contextlib.contextmanager
def _documents(docs: Path | None) -> "Iterator[Documents | None]":
    """The documents, indexed."""
    if docs is None:
        yield None
        return
    from prosa.pipeline.ask import documents_index
    from prosa.retrieve.search import Index
    from prosa.serve.documents import Documents

    with contextlib.closing(Documents(Index(documents_index(docs)))) as documents:
        yield documents


@contextlib.contextmanager
def _accounts(keys: Path | None, request_seconds: float) -> Iterator[Any]:
    """Keys and usage."""
    from prosa.serve.accounts import Accounts
    from prosa.serve.keys import Keys
    from prosa.serve.store import default_path
    from prosa.serve.usage import LIFETIME, Usage

    path, lifetime = keys or default_path(), max(LIFETIME, 1.5 * request_seconds)
    with contextlib.closing(Keys(path)) as store, contextlib.closing(Usage(path, lifetime=lifetime)) as used:
        accounts = Accounts(used)
        try:
            yield store, accounts
        finally:
            accounts.close()


def _models(wanted: dict[str, str], device: DeviceName, precision: ReadingPrecisionName, limits: ServeConfig) -> Any:
    from prosa.generate.engine import Engine
    from prosa.generate.service import Service
    from prosa.serve.served import Models, Served

    engines = {}
    for name, spec in wanted.items():
        network, tokenizer = _load(spec)
        engines[name] = Engine(network, tokenizer, device=device, precision=precision)
    memory = limits.cache_mb * 2**20 // len(engines)
    found: list[Served] = []
    try:
        for name, engine in engines.items():
            found.append(Served(name, Service(engine, memory=memory, rows=limits.rows, queue=limits.queue)))
    except BaseException:
        Models(found).close()
        raise
    for one in found:
        if one.encoder is None:
            warn(tr(f"{one.name} has no chat tokens: no chat.", f"{one.name} não tem tokens de conversa: sem chat."))
    return Models(found)


def _load(spec: str) -> "tuple[GPT, Tokenizer]":
    """A model and its tokenizer; an adapter is merged into the model that it was trained on."""
    folder = Path(spec)
    if not (folder / ADAPTER_CONFIG).is_file() or (folder / "config.json").is_file():
        network, tokenizer, _ = load(spec)
        return network, tokenizer
    from prosa.align.adapter import load_adapter
    from prosa.align.lora import merge

    config = read_json(folder / ADAPTER_CONFIG)
    base = config.get("base_model_name_or_path") if isinstance(config, dict) else None
    if not isinstance(base, str):
        raise UserError(
            tr(f"{folder}: {ADAPTER_CONFIG} names no base model.", f"{folder}: {ADAPTER_CONFIG} não diz o modelo base.")
        )
    network, tokenizer, _ = load(base)
    load_adapter(network, folder)
    merge(network)
    return network, tokenizer


def _toolbox(spec: str) -> Any:
    """The tools, in the language of those that the first model learnt from."""
    from prosa.generate.tools import Toolbox, builtin_tools

    folder = Path(spec) if (Path(spec) / ADAPTER_CONFIG).is_file() else model_folder(spec)
    return Toolbox(builtin_tools("pt" if tools_language(folder) == "pt-BR" else "en"))


def _is_loopback(host: str) -> bool:
    return host in ("localhost", "::1") or host.startswith("127.")

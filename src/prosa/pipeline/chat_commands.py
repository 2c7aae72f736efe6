"""What a person may ask of the chat itself: lines that begin with ``/``, in English and in Portuguese."""

import unicodedata
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from prosa.core.errors import UserError, nearest
from prosa.core.language import number, tr
from prosa.data.conversation_file import ConversationFile, last_conversation
from prosa.pipeline.chat_loop import Chat, Quit


@dataclass(frozen=True)
class Command:
    """A command: each text in English and in Portuguese.

    Attributes:
        takes: what may stand after its name, "" for nothing.
    """

    names: tuple[str, str]
    takes: tuple[str, str]
    what: tuple[str, str]
    run: Callable[[Chat, str], None]


def run_command(chat: Chat, line: str) -> None:
    """Run ``/name and what follows``.

    Raises:
        UserError: no such command (the nearest is told), or what follows is not what it takes.
        Quit: the person wants to go.
    """
    name, _, rest = line.removeprefix("/").partition(" ")
    if "\n" in name:
        name, _, rest = line.removeprefix("/").partition("\n")
    command = _by_name().get(_plain(name))
    if command is None:
        near = nearest(_plain(name), _by_name())
        what = tr(f"unknown command: /{name}", f"comando desconhecido: /{name}")
        if near is not None:
            what += tr(f". Did you mean /{near}?", f". Você quis dizer /{near}?")
        raise UserError(
            what,
            tr(
                "/help lists them; a message that begins with / is written with two: //",
                "/ajuda lista todos; uma mensagem que começa com / se escreve com duas: //",
            ),
        )
    if rest.strip() and not command.takes[0]:
        raise UserError(tr(f"/{name} takes nothing after it.", f"/{name} não leva nada depois."))
    command.run(chat, rest.strip())


def _by_name() -> dict[str, Command]:
    return {_plain(name): command for command in COMMANDS for name in command.names}


def _plain(name: str) -> str:
    """A name as it is looked up: without case and accents."""
    return "".join(c for c in unicodedata.normalize("NFD", name.casefold()) if not unicodedata.combining(c))


def _help(chat: Chat, rest: str) -> None:
    rows = []
    for command in COMMANDS:
        (name, other), takes = command.names, tr(*command.takes)
        if tr("en", "pt") == "pt":
            name, other = other, name
        usage = f"/{name} {takes}".rstrip() + ("" if other == name else f"  (/{other})")
        rows.append((usage, tr(*command.what)))
    chat.screen.lines(rows)
    chat.screen.text(
        tr(
            'A line that ends with \\ goes on in the next; """ begins and ends a text of several lines; a text that '
            "begins with / is written with //. Ctrl-C stops an answer.",
            'Uma linha que termina com \\ continua na seguinte; """ começa e termina um texto de várias linhas; um '
            "texto que começa com / se escreve com //. Ctrl-C interrompe uma resposta.",
        )
    )


def _quit(chat: Chat, rest: str) -> None:
    raise Quit


def _clear(chat: Chat, rest: str) -> None:
    chat.session.clear()
    chat.begin()
    chat.screen.note(tr("a new conversation", "uma nova conversa"))


def _system(chat: Chat, rest: str) -> None:
    if rest:
        chat.session.system = "" if rest == "-" else rest
    chat.screen.note(chat.session.system or tr("the system turn says nothing", "o turno do sistema nada diz"))


def _save(chat: Chat, rest: str) -> None:
    if not rest and chat.file is None:
        raise UserError(tr("which file? /save FILE.jsonl", "em qual arquivo? /salvar ARQUIVO.jsonl"))
    file = chat.file
    if file is None or (rest and not _same(file.path, _path(rest))):
        file = ConversationFile(_path(rest))
    file.save(chat.session.messages)
    chat.file = file
    chat.screen.note(
        tr(
            f"saved in {file.path}, which from now on has every answer",
            f"gravada em {file.path}, que de agora em diante recebe cada resposta",
        )
    )


def _load(chat: Chat, rest: str) -> None:
    if not rest:
        raise UserError(tr("which file? /load FILE.jsonl", "qual arquivo? /carregar ARQUIVO.jsonl"))
    path, file = _path(rest), chat.file
    if file is not None and _same(file.path, path):
        file = ConversationFile(path)
        found = file.load()
    else:
        found = last_conversation(path)
    left = chat.session.restore(found.messages)
    chat.begin()
    chat.file = file
    chat.screen.note(tr(f"loaded: {found.source}", f"carregada: {found.source}"))
    if left:
        chat.screen.note(
            tr(
                "the conversation ends without an answer: its end is left out",
                "a conversa termina sem resposta: o final fica de fora",
            )
        )
    if chat.session.exchanges:
        chat.screen.conversation(chat.session.exchanges[-1].messages)


def _same(a: Path, b: Path) -> bool:
    return a.resolve() == b.resolve()


def _path(text: str) -> Path:
    return Path(text).expanduser()


def _retry(chat: Chat, rest: str) -> None:
    chat.answer(chat.session.retry())


def _undo(chat: Chat, rest: str) -> None:
    taken = chat.session.undo()
    chat.keep()
    chat.screen.note(tr("taken back: ", "desfeita: ") + taken.messages[0].content)


def _temperature(chat: Chat, rest: str) -> None:
    if rest:
        try:
            value = float(rest.replace(",", "."))
        except ValueError:
            raise UserError(
                tr(f"{rest!r} is not a number.", f"{rest!r} não é um número."),
                tr("For example: /temperature 0.8", "Por exemplo: /temperatura 0,8"),
            ) from None
        chat.session.sampling = replace(chat.session.sampling, temperature=value)
    chat.screen.note(tr("temperature ", "temperatura ") + _decimal(chat.session.sampling.temperature))


def _settings(chat: Chat, rest: str) -> None:
    switch = {"on": True, "off": False, "sim": True, "nao": False}
    if rest:
        if _plain(rest) not in switch:
            raise UserError(
                tr(f"{rest!r} is neither on nor off.", f"{rest!r} não é nem sim nem não."),
                tr("/settings on: speed after each answer", "/parâmetros sim: velocidade após cada resposta"),
            )
        chat.speed = switch[_plain(rest)]
    sampling = chat.session.sampling
    yes = tr("yes", "sim") if chat.speed else tr("no", "não")
    chat.screen.lines(
        [
            ("temperature", _decimal(sampling.temperature)),
            ("top_p", _decimal(sampling.top_p)),
            ("top_k", number(sampling.top_k)),
            ("min_p", _decimal(sampling.min_p)),
            ("repetition_penalty", _decimal(sampling.repetition_penalty)),
            ("seed", str(sampling.seed)),
            ("max_tokens", number(chat.session.max_tokens)),
            (tr("speed after each answer", "velocidade após cada resposta"), yes),
        ]
    )


def _tokens(chat: Chat, rest: str) -> None:
    ids, context = chat.session.reads(), chat.session.context
    if chat.session.left_out:
        n = number(chat.session.left_out)
        chat.screen.note(tr(f"not read any more: {n} of the oldest", f"já não são lidas: {n} das mais antigas"))
    chat.screen.ids(ids, chat.session.encoder)
    share = number(100 * len(ids) / context)
    chat.screen.note(
        tr(
            f"{number(len(ids))} tokens of the context's {number(context)} ({share}%)",
            f"{number(len(ids))} tokens dos {number(context)} do contexto ({share}%)",
        )
    )


def _tools(chat: Chat, rest: str) -> None:
    schemas = chat.session.toolbox.schemas if chat.session.toolbox else []
    if not schemas:
        chat.screen.note(
            tr(
                "none: --no-tools was given, or the model learnt from conversations that call none",
                "nenhuma: foi dado --no-tools, ou o modelo aprendeu com conversas que não chamam nenhuma",
            )
        )
    functions = [schema["function"] for schema in schemas]
    chat.screen.lines(
        [(f"{f['name']}({', '.join(f['parameters']['properties'])})", f["description"]) for f in functions]
    )


def _model(chat: Chat, rest: str) -> None:
    session = chat.session
    network = session.engine.model
    chat.screen.lines(
        [
            (tr("folder", "pasta"), str(chat.folder)),
            (tr("parameters", "parâmetros"), number(sum(p.numel() for p in network.parameters()))),
            (tr("context", "contexto"), number(session.context)),
            (tr("vocabulary", "vocabulário"), number(session.encoder.tokenizer.vocab_size)),
            (tr("computes on", "calcula em"), f"{session.engine.device}, {session.engine.precision}"),
        ]
    )


def _decimal(value: float) -> str:
    """A setting as this language writes it, with the digits that it has."""
    return tr(f"{value:g}", f"{value:g}".replace(".", ","))


_FILE, _NONE = ("FILE.jsonl", "ARQUIVO.jsonl"), ("", "")

COMMANDS = (
    Command(("help", "ajuda"), _NONE, ("what you are reading", "isto que você está lendo"), _help),
    Command(("quit", "sair"), _NONE, ("end; Ctrl-D too", "encerra; Ctrl-D também"), _quit),
    Command(
        ("retry", "refazer"),
        _NONE,
        ("another answer to the last question", "outra resposta à última pergunta"),
        _retry,
    ),
    Command(
        ("undo", "desfazer"),
        _NONE,
        ("take back the last question and its answer", "desfaz a última pergunta e sua resposta"),
        _undo,
    ),
    Command(("clear", "limpar"), _NONE, ("begin a new conversation", "começa uma nova conversa"), _clear),
    Command(
        ("system", "sistema"),
        ("TEXT", "TEXTO"),
        ("what the model is told before all else; - for nothing", "o que se diz ao modelo antes de tudo; - para nada"),
        _system,
    ),
    Command(("save", "salvar"), _FILE, ("keep the conversation in a file", "guarda a conversa em um arquivo"), _save),
    Command(
        ("load", "carregar"),
        _FILE,
        ("go on with the last conversation of a file", "continua a última conversa de um arquivo"),
        _load,
    ),
    Command(
        ("temperature", "temperatura"),
        ("0.8", "0,8"),
        ("higher is more varied, 0 always takes the most probable", "mais alta varia mais, 0 escolhe o mais provável"),
        _temperature,
    ),
    Command(
        ("settings", "parâmetros"),
        ("on|off", "sim|não"),
        ("the settings; on: speed after each answer", "os parâmetros; sim: velocidade após cada resposta"),
        _settings,
    ),
    Command(
        ("tokens", "tokens"),
        _NONE,
        ("the conversation as the model reads it", "a conversa como o modelo a lê"),
        _tokens,
    ),
    Command(("tools", "ferramentas"), _NONE, ("what the model may call", "o que o modelo pode chamar"), _tools),
    Command(("model", "modelo"), _NONE, ("which model this is", "qual é este modelo"), _model),
)

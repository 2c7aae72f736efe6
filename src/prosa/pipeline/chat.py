"""``prosa chat``: talk with a model, in the terminal or with questions given at once."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from prosa.core.config import read_yaml
from prosa.core.device import DeviceName
from prosa.core.errors import UserError
from prosa.core.files import read_json
from prosa.core.language import language, number, tr
from prosa.core.progress import say, warn
from prosa.data.conversation_file import ConversationFile, as_record, last_conversation
from prosa.data.conversations import Conversation
from prosa.generate.sampling import Sampling
from prosa.pipeline.generate import given_prompt
from prosa.pipeline.run import SFT
from prosa.pipeline.run import load as load_model
from prosa.pipeline.stage import RESOLVED, TRAINING

if TYPE_CHECKING:
    from prosa.generate.session import Exchange, Session
    from prosa.generate.tools import Tool
    from prosa.pipeline.chat_loop import Chat
    from prosa.tokenizers.chat import ChatEncoder
    from prosa.tokenizers.protocol import Tokenizer

TOOLS_SHARE = 2
"""The tools that come with Prosa are not announced where that takes more than one part in so many of the context."""

LEAST_CHARS = 50
"""Of a tool's result, however small the context is."""


@dataclass(frozen=True)
class Chatted:
    """A conversation, and how its answers came about."""

    session: "Session"
    answers: "list[Exchange]"  # to the questions that were given

    def to_json(self) -> dict[str, Any]:
        """The conversation in the "messages" form, and of each answer its text, its end and its length."""
        answers = [
            {"text": made.text, "ending": made.ending, "tokens": made.tokens, "left_out": made.left_out}
            for made in self.answers
        ]
        return as_record(self.session.messages) | {"answers": answers}


def chat(
    model: str,
    *,
    prompt: tuple[str, ...] = (),
    system: str | None = None,
    temperature: float = 0.8,
    top_p: float = 1.0,
    top_k: int = 0,
    min_p: float = 0.0,
    repetition_penalty: float = 1.0,
    seed: int = 0,
    max_tokens: int = 512,
    tools: tuple[Path, ...] = (),
    no_tools: bool = False,
    save: Path | None = None,
    load: Path | None = None,
    device: DeviceName = "auto",
    read: Callable[[str], str] | None = None,
) -> Chatted:
    """Chat with a model: it answers as it writes, calls tools, and remembers what was said. /help lists the commands.

    Args:
        model: A run (its newest model), run:stage, or a model folder.
        prompt: Questions to answer, one after the other, and no more; - reads one from standard input.
        system: What the model is told before the conversation.
        temperature: Divides the logits; 0 is greedy.
        top_p: Only the most probable tokens that add up to p; 1 is all.
        top_k: Only the k most probable tokens; 0 is all.
        min_p: Only tokens at least this share as probable as the most probable.
        repetition_penalty: Above 1, tokens that are there already become less probable.
        seed: Of the draws.
        max_tokens: The most tokens an answer may have.
        tools: Python files whose functions the model may call, beside the calculator and the dates.
        no_tools: The model may call nothing.
        save: A .jsonl file in which the conversation is kept, a line of it; prosa sft reads it.
        load: Go on with the last conversation of a file.
        device: Where to compute.
        read: Asks a person for a line; None: nobody is there, and nothing is shown.

    Raises:
        UserError: no such model, its tokenizer has no chat tokens, a file that cannot be read or written, a question
            longer than the context.
        KeyboardInterrupt: Ctrl-C while an answer to ``prompt`` is made.
    """
    questions = _questions(prompt, someone=read is not None)
    sampling = Sampling(temperature, top_k, top_p, min_p, repetition_penalty, seed=seed)
    _check_wishes(max_tokens, tools, no_tools)
    before, file = _files(load, save)
    theirs = _from_files(tools)
    network, tokenizer, folder = load_model(model)
    encoder = _encoder(tokenizer, folder)

    from prosa.generate.engine import Engine
    from prosa.generate.session import Session
    from prosa.generate.tools import Toolbox
    from prosa.generate.tools.toolbox import MAX_CHARS

    if not no_tools:
        theirs = _with_ours(theirs, folder, encoder, network.config.context)
    longest = min(MAX_CHARS, max(network.config.context // 2, LEAST_CHARS))  # a quarter of the context, about
    session = Session(
        Engine(network, tokenizer, device=device),
        encoder,
        sampling=sampling,
        max_tokens=max_tokens,
        toolbox=Toolbox(theirs, max_chars=longest) if theirs else None,
    )
    if before is not None and session.restore(before.messages):
        warn(
            tr(
                "the conversation ends without an answer: its end is left out.",
                "a conversa termina sem resposta: o final fica de fora.",
            )
        )
    if system is not None:
        session.system = system
    if is_base(folder):
        warn(
            tr(
                f"{folder} is a base model, which has not learnt to answer: prosa sft teaches it.",
                f"{folder} é um modelo base, que não aprendeu a responder: prosa sft o ensina.",
            )
        )
    if read is None:
        return Chatted(session, [_quietly(session, file, question) for question in questions])

    from prosa.pipeline.chat_loop import Chat, converse
    from prosa.show.chat import ChatScreen

    here = Chat(session, ChatScreen(encoder.call_id), folder, file)
    if questions:
        return Chatted(session, [_shown(here, question) for question in questions])
    parameters = number(sum(p.numel() for p in network.parameters()))
    say(
        tr(
            f"{folder}: {parameters} parameters, context of {number(session.context)} tokens. "
            "/help lists the commands, Ctrl-D ends.",
            f"{folder}: {parameters} parâmetros, contexto de {number(session.context)} tokens. "
            "/ajuda lista os comandos, Ctrl-D encerra.",
        )
    )
    if session.exchanges:
        here.screen.conversation(session.exchanges[-1].messages)
    converse(here, read)
    return Chatted(session, [])


def _questions(prompt: tuple[str, ...], *, someone: bool) -> list[str]:
    questions = [given_prompt(text) for text in prompt]
    if not questions and not someone:
        raise UserError(
            tr("--json needs --prompt.", "--json precisa de --prompt."),
            tr('For example: --prompt "What is 2 + 2?" --json', 'Por exemplo: --prompt "Quanto é 2 + 2?" --json'),
        )
    if not all(question.strip() for question in questions):
        raise UserError(tr("--prompt has no text.", "--prompt não tem texto."))
    return questions


def _check_wishes(max_tokens: int, tools: tuple[Path, ...], no_tools: bool) -> None:
    if max_tokens < 1:
        raise UserError(
            tr(f"--max-tokens is {max_tokens}, must be at least 1.", f"--max-tokens é {max_tokens}, mínimo 1.")
        )
    if tools and no_tools:
        raise UserError(
            tr("--tools and --no-tools contradict each other.", "--tools e --no-tools se contradizem."),
        )


def _files(load: Path | None, save: Path | None) -> tuple[Conversation | None, ConversationFile | None]:
    """The conversation to go on with, and the file to keep it in: both are looked at before any work is done."""
    file = ConversationFile(save) if save else None
    if load is None:
        return None, file
    if file is not None and save is not None and save.resolve() == load.resolve():
        return file.load(), file
    return last_conversation(load), file


def _from_files(paths: tuple[Path, ...]) -> "list[Tool]":
    from prosa.generate.tools import from_file

    return [tool for path in paths for tool in from_file(path)]


def _encoder(tokenizer: "Tokenizer", folder: Path) -> "ChatEncoder":
    from prosa.tokenizers.chat import ChatEncoder

    try:
        return ChatEncoder(tokenizer)
    except UserError as error:
        raise UserError(
            f"{folder}: {error.what}",
            tr(
                "It can only continue texts: prosa generate. To chat, begin with a tokenizer that has the chat tokens "
                "(prosa tokenizer train gives them), and end with prosa sft.",
                "Ele só continua textos: prosa generate. Para conversar, comece com um tokenizador que tenha os tokens "
                "de conversa (prosa tokenizer train os põe) e termine com prosa sft.",
            ),
        ) from error


def _with_ours(theirs: "list[Tool]", folder: Path, encoder: "ChatEncoder", context: int) -> "list[Tool]":
    """The user's tools, and those that come with Prosa, where the model has learnt to call tools and has room for them.

    A tool of the user's takes the place of ours of the same name.
    """
    from prosa.generate.reply import announced
    from prosa.generate.tools import Toolbox, builtin_tools

    if not _calls_tools(folder):
        if theirs:
            warn(
                tr(
                    "this model learnt from conversations that call no tools: it will hardly call yours.",
                    "este modelo aprendeu com conversas que não chamam ferramentas: dificilmente chamará as suas.",
                )
            )
        return theirs
    taken = {tool.name for tool in theirs}
    ours = [
        tool for tool in builtin_tools("pt" if tools_language(folder) == "pt-BR" else "en") if tool.name not in taken
    ]
    if TOOLS_SHARE * len(encoder.encode(announced([], Toolbox([*ours, *theirs]))).ids) <= context:
        return [*ours, *theirs]
    say(
        tr(
            f"the context of {number(context)} tokens has no room for the calculator and the dates: chatting without.",
            f"o contexto de {number(context)} tokens não comporta a calculadora e as datas: conversa sem elas.",
        )
    )
    return theirs


def tools_language(folder: Path) -> str:
    """What language the tools spoke that a model learnt from; where that is not known, that of the messages."""
    for stage in (folder, folder.parent / SFT):
        resolved = read_yaml(stage / RESOLVED) if (stage / RESOLVED).is_file() else {}
        tasks = resolved.get("tasks")
        if isinstance(tasks, dict) and tasks.get("tools") and tasks.get("languages"):
            return str(tasks["languages"][0])
    return language()


def _calls_tools(folder: Path) -> bool:
    """Whether the conversations that a model learnt from call tools; of a model from elsewhere, that they do."""
    if is_base(folder):
        return False
    for stage in (folder, folder.parent / SFT):  # what comes after SFT begins with it
        if (stage / TRAINING).is_file():
            calls = read_json(stage / TRAINING).get("data", {}).get("calls")
            if calls is not None:
                return bool(calls)
    return True


def is_base(folder: Path) -> bool:
    """Whether a folder is the result of pretraining: its configuration describes a model, and names none."""
    resolved = folder / RESOLVED
    return resolved.is_file() and isinstance(read_yaml(resolved).get("model"), dict)


def _quietly(session: "Session", file: ConversationFile | None, question: str) -> "Exchange":
    for _ in session.ask(question):
        pass
    if file is not None:
        file.save(session.messages)
    return session.exchanges[-1]


def _shown(here: "Chat", question: str) -> "Exchange":
    if not here.answer(here.session.ask(question)):
        raise KeyboardInterrupt
    return here.session.exchanges[-1]

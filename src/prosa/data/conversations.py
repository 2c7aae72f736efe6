"""Conversations from files, in the forms that are in use, checked record by record.

    messages    {"messages": [{"role": "user", "content": "…"}, {"role": "assistant", "content": "…"}]}      OpenAI
    ShareGPT    {"conversations": [{"from": "human", "value": "…"}, {"from": "gpt", "value": "…"}], "system": "…"}
    Alpaca      {"instruction": "…", "input": "…", "output": "…", "system": "…", "history": [["…", "…"]]}
    completion  {"prompt": "…", "completion": "…", "system": "…"}; either may be a list of turns               TRL
    question    {"question": "…", "answer": "…", "system": "…"}                                                GSM8K

A conversation is: perhaps a system turn; then user and assistant in turns, beginning with the user. A tool's turn
answers the calls of the assistant's turn before it, and the assistant goes on after it. Texts become NFC, as everything
that users type does.
"""

import json
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from prosa.core.language import tr
from prosa.corpus.problems import Problems
from prosa.data.division import first_asked
from prosa.data.records import BadRecord, Record, read_records
from prosa.tokenizers.chat import ROLES, Message, Role, ToolCall
from prosa.tokenizers.text import surrogate_error

SHAREGPT: Mapping[str, Role] = {
    "system": "system",
    "human": "user",
    "user": "user",
    "gpt": "assistant",
    "assistant": "assistant",
    "function_call": "assistant",
    "tool": "tool",
    "observation": "tool",
}


@dataclass(frozen=True, slots=True)
class Conversation:
    """The turns, and where they come from (``file:line``)."""

    messages: tuple[Message, ...]
    source: str

    @property
    def asked(self) -> str:
        """The first user's turn."""
        return first_asked(self.messages)


def read_conversations(paths: Sequence[Path], problems: Problems) -> Iterator[Conversation]:
    """The conversations of JSONL, JSON and Parquet files; what is not one is counted and named in ``problems``.

    Raises:
        UserError: as ``read_records``.
    """
    return read_records(paths, conversation, problems)


def conversation(record: Record) -> Conversation:
    """The conversation of a record, whichever of the forms it has.

    Raises:
        BadRecord: it has none of them, the turns are not a conversation, or its answer is marked as a bad one (KTO's
            ``"label": false``).
    """
    value = record.value
    if value.get("label") is False:
        raise BadRecord(tr("its answer is marked as a bad one", "sua resposta está marcada como ruim"))
    if "messages" in value:
        messages = turns(value, "messages")
    elif "conversations" in value:
        messages = system(value) + turns(value, "conversations")
    elif "instruction" in value and "output" in value:
        output = content_of(value["output"], "'output'", "'output'")
        messages = [*alpaca_prompt(value), Message("assistant", output)]
    elif "prompt" in value and "completion" in value:
        messages = system(value) + _side(value, "prompt", "user") + _side(value, "completion", "assistant")
    elif "question" in value and "answer" in value:
        messages = system(value) + _side(value, "question", "user") + _side(value, "answer", "assistant")
    else:
        fields = ", ".join(repr(key) for key in list(value)[:8])
        raise BadRecord(
            tr(
                "neither 'messages', nor 'conversations', nor 'instruction' and 'output', nor 'prompt' and "
                f"'completion', nor 'question' and 'answer'; there are: {fields}",
                "não há 'messages', nem 'conversations', nem 'instruction' e 'output', nem 'prompt' e 'completion', "
                f"nem 'question' e 'answer'; há: {fields}",
            )
        )
    check_turns(messages)
    return Conversation(tuple(messages), record.source)


def check_turns(messages: Sequence[Message], *, to_answer: bool = False) -> None:
    """Refuse turns that are out of order.

    Args:
        to_answer: the turns are a prompt, which ends with a user's or tool's turn, and need no assistant's.

    Raises:
        BadRecord: they are; the turn's number and role are told.
    """
    before: Role = "system"
    calls = 0  # calls of tools that wait for their result
    for n, message in enumerate(messages, start=1):
        role = message.role
        allowed = (
            (("user", "system") if n == 1 else ("user",))
            if before == "system"
            else ("assistant",)
            if before == "user" or (before == "tool" and not calls)
            else ("tool",)
            if calls
            else ("user",)
        )
        if role not in allowed:
            after = before if n > 1 else tr("the beginning", "o começo")
            wanted = tr(" or ", " ou ").join(allowed)
            raise BadRecord(
                tr(
                    f"roles out of order: turn {n} is {role!r}, but after {after} comes {wanted}",
                    f"papéis fora de ordem: o turno {n} é {role!r}, mas depois de {after} vem {wanted}",
                )
            )
        if role == "assistant":
            calls = len(message.calls)
        elif role == "tool":
            calls -= 1
        before = role
    if to_answer and (before not in ("user", "tool") or calls):
        raise BadRecord(
            tr(
                "the last turn is not the user's: nothing to answer",
                "o último turno não é do usuário: nada a responder",
            )
        )
    if not to_answer and not any(m.role == "assistant" and (m.content.strip() or m.calls) for m in messages):
        raise BadRecord(tr("no assistant turn to learn from", "nenhum turno do assistente com que aprender"))


def turns(value: Mapping[str, Any], field: str) -> list[Message]:
    """The turns that ``field`` of a record lists, in OpenAI's form or ShareGPT's.

    Raises:
        BadRecord: it is no list with turns, or one of them is none.
    """
    found = value[field]
    if not isinstance(found, list) or not found:
        raise BadRecord(tr(f"{field!r} is not a list with turns", f"{field!r} não é uma lista com turnos"))
    return [turn(item, n) for n, item in enumerate(found, start=1)]


def turn(item: Any, n: int) -> Message:
    """The ``n``-th turn: ``{"role", "content"}``, or ShareGPT's ``{"from", "value"}``.

    Raises:
        BadRecord: it has neither form.
    """
    return _sharegpt(item, n) if isinstance(item, dict) and "from" in item else _message(item, n)


def system(value: Mapping[str, Any]) -> list[Message]:
    """The system's turn that a record's field ``system`` holds, or none.

    Raises:
        BadRecord: it is not a text.
    """
    text = value.get("system")
    return [Message("system", content_of(text, "'system'", "'system'"))] if text else []


def alpaca_prompt(value: Mapping[str, Any]) -> list[Message]:
    """The turns up to the user's that ``instruction``, ``input``, ``history`` and ``system`` of a record tell.

    Raises:
        BadRecord: one of them is not of its form.
    """
    instruction = content_of(value["instruction"], "'instruction'", "'instruction'")
    more = content_of(value.get("input") or "", "'input'", "'input'")
    messages = system(value)
    history = value.get("history") or []
    for pair in history if isinstance(history, list) else [None]:
        if not isinstance(pair, list) or len(pair) != 2:
            raise BadRecord(tr("'history' is not a list of pairs", "'history' não é uma lista de pares"))
        asked, answered = (content_of(text, "'history'", "'history'") for text in pair)
        messages += [Message("user", asked), Message("assistant", answered)]
    return [*messages, Message("user", f"{instruction}\n\n{more}" if more.strip() else instruction)]


def content_of(value: Any, where: str, onde: str) -> str:
    """A text in NFC; ``where`` (in English and in Portuguese) is for the message.

    Raises:
        BadRecord: it is no text, or has a lone surrogate.
    """
    if not isinstance(value, str):
        raise BadRecord(tr(f"{where}: the content is not a text", f"{onde}: o conteúdo não é um texto"))
    error = surrogate_error(value)
    if error is not None:
        raise BadRecord(tr(f"{where}: {error.what}", f"{onde}: {error.what}"))
    return unicodedata.normalize("NFC", value)


def _side(value: Mapping[str, Any], field: str, role: Role) -> list[Message]:
    """What one of them said in ``field``: a text, or turns."""
    found = value[field]
    if isinstance(found, list):
        return turns(value, field)
    return [Message(role, content_of(found, f"{field!r}", f"{field!r}"))]


def _message(item: Any, n: int) -> Message:
    if not isinstance(item, dict):
        raise BadRecord(tr(f"turn {n} is not an object", f"o turno {n} não é um objeto"))
    role = item.get("role")
    if role not in ROLES:
        raise BadRecord(
            tr(
                f"turn {n}: unknown role {role!r}; there are: {', '.join(ROLES)}",
                f"turno {n}: papel desconhecido {role!r}; existem: {', '.join(ROLES)}",
            )
        )
    asked = item.get("tool_calls") or []
    if not isinstance(asked, list):
        raise BadRecord(tr(f"turn {n}: 'tool_calls' is not a list", f"turno {n}: 'tool_calls' não é uma lista"))
    calls = tuple(_call(call, n) for call in asked)
    if calls and role != "assistant":
        raise BadRecord(
            tr(f"turn {n}: only the assistant calls tools", f"turno {n}: só o assistente chama ferramentas")
        )
    content = item.get("content")
    if content is None and calls:
        content = ""
    if isinstance(content, list):  # OpenAI's parts
        parts = [
            part.get("text") if isinstance(part, dict) and part.get("type") == "text" else None for part in content
        ]
        texts = [part for part in parts if isinstance(part, str)]
        content = "".join(texts) if len(texts) == len(parts) else None
    return Message(role, content_of(content, f"turn {n}", f"turno {n}"), calls)


def _call(item: Any, n: int) -> ToolCall:
    function = item.get("function", item) if isinstance(item, dict) else None
    name, arguments = (function.get("name"), function.get("arguments")) if isinstance(function, dict) else (None, None)
    if isinstance(arguments, str):
        arguments = _parsed(arguments)
    if not isinstance(name, str) or not isinstance(arguments, dict):
        raise BadRecord(
            tr(
                f"turn {n}: a tool call needs a 'name' and 'arguments' that are a JSON object",
                f"turno {n}: uma chamada de ferramenta precisa de 'name' e de 'arguments' que seja um objeto JSON",
            )
        )
    return ToolCall(content_of(name, f"turn {n}", f"turno {n}"), _arguments(arguments, n))


def _arguments(arguments: dict[str, Any], n: int) -> dict[str, Any]:
    """The arguments with their texts in NFC."""
    try:
        text = json.dumps(arguments, ensure_ascii=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise BadRecord(
            tr(f"turn {n}: the arguments are not JSON: {error}", f"turno {n}: os argumentos não são JSON: {error}")
        ) from error
    found: dict[str, Any] = json.loads(content_of(text, f"turn {n}", f"turno {n}"))
    return found


def _parsed(text: str) -> Any:
    """The value of JSON text; None where it is none, a tower of brackets or a number of thousands of digits."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _sharegpt(item: Any, n: int) -> Message:
    who = item.get("from") if isinstance(item, dict) else None
    role = SHAREGPT.get(str(who))
    if role is None:
        raise BadRecord(
            tr(
                f"turn {n}: 'from' is {who!r}; there are: {', '.join(SHAREGPT)}",
                f"turno {n}: 'from' é {who!r}; existem: {', '.join(SHAREGPT)}",
            )
        )
    text = content_of(item.get("value"), f"turn {n}", f"turno {n}")
    if who == "function_call":
        found = _parsed(text)
        return Message(role, "", tuple(_call(call, n) for call in (found if isinstance(found, list) else [found])))
    return Message(role, text)

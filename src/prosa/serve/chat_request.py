"""The body of ``/v1/chat/completions``: OpenAI's fields, all of them.

What asks for something that this server does not do is refused by its type (``Literal``), so that the schema tells it
too; what asks for what is done anyway is taken.
"""

from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints

from prosa.core.language import tr
from prosa.serve.errors import wrong
from prosa.serve.fields import Name, Sampled
from prosa.serve.strict import Strict, strict_json
from prosa.tokenizers.chat import Message, ToolCall

FunctionName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,64}(?!\n)$")]
Schema = dict[str, Any]


class TextPart(Strict):
    """A part of a content: text is the only kind."""

    type: Literal["text"]
    text: str
    prompt_cache_breakpoint: None = None


Content = str | Annotated[list[TextPart], Field(fail_fast=True, min_length=1)]


class SystemMessage(Strict):
    """What the model is told beforehand."""

    role: Literal["system", "developer"]
    content: Content
    name: None = None


class UserMessage(Strict):
    """What a person says."""

    role: Literal["user"]
    content: Content
    name: None = None


class CalledFunction(Strict):
    """A function that the model called."""

    name: FunctionName
    arguments: str


class Call(Strict):
    """A call that the model made."""

    id: Name
    type: Literal["function"] = "function"
    function: CalledFunction


class AssistantMessage(Strict):
    """What the model said; ``annotations`` may come back as they were given, and say nothing to it."""

    role: Literal["assistant"]
    content: Content | None = None
    tool_calls: Annotated[list[Call], Field(fail_fast=True, max_length=128)] | None = None
    annotations: list[Any] | None = None
    refusal: None = None
    audio: None = None
    function_call: None = None
    name: None = None


class ToolMessage(Strict):
    """What a call gave."""

    role: Literal["tool"]
    content: Content
    tool_call_id: Name
    name: FunctionName | None = None


AnyMessage = Annotated[
    SystemMessage | UserMessage | AssistantMessage | ToolMessage,
    Field(discriminator="role"),
]


class Function(Strict):
    """A function that the model may call."""

    name: FunctionName
    description: str | None = None
    parameters: Schema | None = None
    strict: bool | None = None


class Tool(Strict):
    """A tool: functions are the only kind."""

    type: Literal["function"]
    function: Function


class NamedFunction(Strict):
    """A function's name."""

    name: FunctionName


class NamedTool(Strict):
    """One tool."""

    type: Literal["function"]
    function: NamedFunction


class AllowedTools(Strict):
    """Some of the tools."""

    mode: Literal["auto", "required"]
    tools: Annotated[list[NamedTool], Field(fail_fast=True, min_length=1)]


class AllowedToolChoice(Strict):
    """Some of the tools."""

    type: Literal["allowed_tools"]
    allowed_tools: AllowedTools


class TextFormat(Strict):
    """Any text."""

    type: Literal["text"]


class JsonFormat(Strict):
    """Any JSON object."""

    type: Literal["json_object"]


class NamedSchema(Strict):
    """A JSON schema; it is followed with ``strict`` or without."""

    name: FunctionName
    description: str | None = None
    schema_: Schema = Field(alias="schema")
    strict: bool | None = None


class SchemaFormat(Strict):
    """JSON of a schema."""

    type: Literal["json_schema"]
    json_schema: NamedSchema


Format = Annotated[TextFormat | JsonFormat | SchemaFormat, Field(discriminator="type")]
Choice = Literal["none", "auto", "required"] | Annotated[NamedTool | AllowedToolChoice, Field(discriminator="type")]


class ChatRequest(Sampled):
    """The whole body."""

    messages: Annotated[list[AnyMessage], Field(fail_fast=True, min_length=1)]
    max_tokens: Annotated[int, Field(ge=1)] | None = None
    max_completion_tokens: Annotated[int, Field(ge=1)] | None = None
    logprobs: bool | None = None
    top_logprobs: Annotated[int, Field(ge=0, le=20)] | None = None
    tools: Annotated[list[Tool], Field(fail_fast=True)] | None = None
    tool_choice: Choice | None = None
    parallel_tool_calls: bool | None = None
    response_format: Format | None = None

    # what is so anyway
    store: Literal[False] | None = None
    service_tier: Literal["auto", "default"] | None = None
    modalities: Annotated[list[Literal["text"]], Field(min_length=1, max_length=1)] | None = None
    metadata: Annotated[dict[str, str], Field(max_length=0)] | None = None
    prompt_cache_key: Name | None = None
    prompt_cache_retention: Literal["in_memory"] | None = None
    safety_identifier: Name | None = None
    reasoning_effort: Literal["none"] | None = None
    verbosity: Literal["medium"] | None = None

    # what is not done here
    audio: None = None
    function_call: None = None
    functions: None = None
    moderation: None = None
    prediction: None = None
    prompt_cache_options: None = None
    web_search_options: None = None

    @property
    def most_tokens(self) -> tuple[str, int | None]:
        """The field that says how long an answer may be, and what it says."""
        if self.max_completion_tokens is not None:
            if self.max_tokens not in (None, self.max_completion_tokens):
                raise wrong(
                    "max_tokens",
                    tr(
                        "'max_tokens' and 'max_completion_tokens' contradict each other.",
                        "'max_tokens' e 'max_completion_tokens' se contradizem.",
                    ),
                )
            return "max_completion_tokens", self.max_completion_tokens
        return "max_tokens", self.max_tokens


def check_messages(messages: list[AnyMessage], most: int) -> None:
    """Raise a 400 where a conversation has more messages than allowed."""
    if len(messages) > most:
        raise wrong("messages", tr(f"At most {most} messages.", f"No máximo {most} mensagens."))


def conversation(messages: list[AnyMessage]) -> list[Message]:
    """The messages as the encoder takes them: results stand in the order of their calls.

    Raises:
        ApiError: calls without results, or results without calls.
    """
    found: list[Message] = []
    open_: dict[str, str] = {}  # ids of calls, in their order, and their functions
    results: dict[str, Message] = {}
    for number, message in enumerate(messages):
        where = f"messages[{number}]"
        if isinstance(message, ToolMessage):
            id = message.tool_call_id
            if id not in open_ or id in results:
                raise wrong(
                    f"{where}.tool_call_id",
                    tr(
                        "There is no call before it that waits for this result.",
                        "Nenhuma chamada espera este resultado.",
                    ),
                )
            if message.name not in (None, open_[id]):
                message_ = tr(f"The call {id} is of {open_[id]}.", f"A chamada {id} é de {open_[id]}.")
                raise wrong(f"{where}.name", message_)
            results[id] = Message("tool", _text(message.content))
            continue
        found += _closed(open_, results, where)
        open_, results = {}, {}
        if isinstance(message, AssistantMessage):
            calls = tuple(_call(call, f"{where}.tool_calls[{i}]") for i, call in enumerate(message.tool_calls or []))
            if message.content is None and not calls:
                raise wrong(
                    f"{where}.content", tr("'content' or 'tool_calls' is needed.", "Falta 'content' ou 'tool_calls'.")
                )
            found.append(Message("assistant", _text(message.content or ""), calls))
            open_ = {call.id: call.function.name for call in message.tool_calls or []}
            if len(open_) < len(calls):
                raise wrong(f"{where}.tool_calls", tr("Two calls have the same id.", "Duas chamadas têm o mesmo id."))
        else:
            role: Literal["user", "system"] = "user" if isinstance(message, UserMessage) else "system"
            found.append(Message(role, _text(message.content)))
    return found + _closed(open_, results, "messages")


def _closed(open_: dict[str, str], results: dict[str, Message], where: str) -> list[Message]:
    missing = [id for id in open_ if id not in results]
    if missing:
        raise wrong(
            where,
            tr(f"The call {missing[0]} has no result before it.", f"Falta antes o resultado da chamada {missing[0]}."),
        )
    return [results[id] for id in open_]


def _text(content: Content) -> str:
    return content if isinstance(content, str) else "".join(part.text for part in content)


def _call(call: Call, where: str) -> ToolCall:
    try:
        arguments = strict_json(call.function.arguments or "{}")
    except (ValueError, RecursionError):
        arguments = None
    if not isinstance(arguments, dict):
        raise wrong(
            f"{where}.function.arguments", tr("It is not a JSON object in text.", "Não é um objeto JSON em texto.")
        )
    return ToolCall(call.function.name, arguments)

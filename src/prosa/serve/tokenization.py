"""``/tokenize`` and ``/detokenize``, in vLLM's form."""

from typing import Annotated, Any, Self

from pydantic import Field, model_validator

from prosa.core.errors import UserError
from prosa.core.language import tr
from prosa.generate.reply import announced
from prosa.generate.tools import Toolbox
from prosa.serve.chat_request import AnyMessage, Tool, check_messages, conversation
from prosa.serve.completion_request import TokenId
from prosa.serve.config import ServeConfig
from prosa.serve.errors import told, wrong
from prosa.serve.served import Served
from prosa.serve.strict import Strict
from prosa.serve.tools import checked_tools

LONGEST = 2**18
"""Characters, or ids, of a request: millions of ids in one answer would keep the server from all else."""


class TokenizeRequest(Strict):
    """A text, or a conversation."""

    model: str
    prompt: Annotated[str, Field(max_length=LONGEST)] | None = None
    messages: Annotated[list[AnyMessage], Field(fail_fast=True, min_length=1)] | None = None
    tools: Annotated[list[Tool], Field(fail_fast=True)] | None = None
    add_special_tokens: bool | None = None
    add_generation_prompt: bool | None = None
    return_token_strs: bool | None = None

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.prompt is None) == (self.messages is None):
            raise wrong("prompt", tr("Give 'prompt' or 'messages'.", "Dê 'prompt' ou 'messages'."))
        if self.messages is not None and self.add_special_tokens is not None:
            raise wrong("add_special_tokens", tr("It is about 'prompt'.", "Diz respeito a 'prompt'."))
        for name in ("add_generation_prompt", "tools"):
            if self.prompt is not None and getattr(self, name) is not None:
                raise wrong(name, tr("It is about 'messages'.", "Diz respeito a 'messages'."))
        return self


class DetokenizeRequest(Strict):
    """Ids."""

    model: str
    tokens: Annotated[list[TokenId], Field(fail_fast=True, max_length=LONGEST)]


def tokenize(served: Served, body: TokenizeRequest, config: ServeConfig, toolbox: Toolbox | None) -> dict[str, Any]:
    """The ids of a text or a conversation, with what the model is told of ``tools``.

    ``add_special_tokens`` puts the end-of-text token before a text, as ``/v1/completions`` reads it.
    """
    tokenizer = served.tokenizer
    if body.messages is None:
        try:
            ids = tokenizer.encode(body.prompt or "")
        except UserError as error:
            raise told(error, "prompt") from error
        if body.add_special_tokens and tokenizer.end_of_text is not None:
            ids = [tokenizer.end_of_text, *ids]
    else:
        check_messages(body.messages, config.max_messages)
        offered = checked_tools(body.tools or [], config.max_tools, toolbox)
        messages = announced(conversation(body.messages), offered)
        ids = served.chat.prompt(messages) if body.add_generation_prompt is not False else _without(served, messages)
    found: dict[str, Any] = {"count": len(ids), "max_model_len": served.context, "tokens": ids}
    if body.return_token_strs:
        found["token_strs"] = [tokenizer.token_text(id) for id in ids]
    return found


def detokenize(served: Served, body: DetokenizeRequest) -> dict[str, Any]:
    """The text of ids."""
    outside = next((id for id in body.tokens if id >= served.tokenizer.vocab_size), None)
    if outside is not None:
        raise wrong("tokens", tr(f"There is no token {outside}.", f"Não existe o token {outside}."))
    return {"prompt": served.tokenizer.decode(body.tokens)}


def _without(served: Served, messages: Any) -> list[int]:
    ids: list[int] = served.chat.encode(messages).ids.tolist()
    return ids

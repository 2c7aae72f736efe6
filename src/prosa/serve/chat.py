"""``/v1/chat/completions``: from a conversation to its answers, at once or as they are written."""

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Any

from prosa.core.errors import UserError
from prosa.core.language import tr
from prosa.generate.reply import announced
from prosa.generate.sampling import Sampling
from prosa.serve.accounts import Account
from prosa.serve.answers import Answers
from prosa.serve.budget import most_tokens
from prosa.serve.chat_request import ChatRequest, check_messages, conversation
from prosa.serve.errors import told, wrong
from prosa.serve.fields import check_bias
from prosa.serve.grounded import Grounds, ground
from prosa.serve.objects import Objects, begun
from prosa.serve.state import Asked
from prosa.serve.tools import Offer, grammar, offer
from prosa.serve.turn import Delta, Turn


@dataclass(frozen=True)
class Prepared:
    """A request that can be honoured."""

    prompt: list[int]
    sampling: Sampling
    max_tokens: int
    samples: int
    top: int | None
    offer: Offer | None
    grounds: Grounds | None = None
    formatted: bool = False

    @property
    def constrained(self) -> str | None:
        """The field that says what the grammar is."""
        if self.sampling.grammar is None:
            return None
        return "response_format" if self.formatted and not (self.offer and self.offer.must) else "tools"

    @property
    def cost(self) -> int:
        """The most tokens that it may use."""
        return len(self.prompt) + self.samples * self.max_tokens

    def turn(self, asked: Asked) -> Turn:
        """One answer to it."""
        most = 0 if self.offer is None else self.offer.most
        return Turn(asked.served.chat, most_calls=most, top=self.top)


def prepare(asked: Asked, body: ChatRequest) -> Prepared:
    """Check a request and make its prompt. It takes a while, and waits for nothing.

    Raises:
        ApiError: what cannot be honoured.
    """
    config, served = asked.config, asked.served
    encoder = served.chat
    check_messages(body.messages, config.max_messages)
    body.check_n(config.max_n)
    check_bias(body.logit_bias, served.tokenizer.vocab_size)
    if body.top_logprobs is not None and not body.logprobs:
        raise wrong("top_logprobs", tr("'top_logprobs' needs 'logprobs'.", "'top_logprobs' exige 'logprobs'."))
    formatted = body.response_format is not None and body.response_format.type != "text"
    if served.library is not None and formatted:
        message = tr(
            "An answer from documents is text, with quotes and marks: use the model NAME:no-documents for JSON.",
            "Uma resposta a partir de documentos é texto, com citações: para JSON, use o modelo NOME:no-documents.",
        )
        raise wrong("response_format", message)
    offered = offer(body, config.max_tools, asked.state.toolbox)
    top = (body.top_logprobs or 0) if body.logprobs else None
    sampling = body.sampling(
        top=top or 0,
        grammar=grammar(served.tokenizer, body, offered),
        never=encoder.call_id if offered is None else None,
    )
    param, wanted = body.most_tokens
    grounds = None
    try:
        messages = conversation(body.messages)
        if served.library is None:
            prompt = encoder.prompt(announced(messages, offered))
        else:
            prompt, grounds = ground(
                served.library,
                messages,
                lambda worded: encoder.prompt(announced(worded, offered)),
                config.max_tokens if wanted is None else wanted,
                served.context,
                sampling.stop,
            )
    except UserError as error:
        raise told(error, "messages") from error
    if grounds is not None and not grounds.asks:
        return Prepared([], sampling, 0, body.samples, top, offered, grounds)
    limit = most_tokens(served, len(prompt), wanted, limit=config.max_tokens, param=param, prompt_param="messages")
    return Prepared(prompt, sampling, limit, body.samples, top, offered, grounds, formatted)


async def deltas(asked: Asked, made: Prepared, account: Account) -> AsyncGenerator[tuple[int, Delta] | None, None]:
    """The answers, part by part; None where nothing comes for a while."""
    turns = [made.turn(asked) for _ in range(made.samples)]
    grounds = made.grounds
    if grounds is not None and not grounds.asks:
        yield None
        text = grounds.writing()
        content = text.begun + text.end()
        for index in range(made.samples):
            yield index, Delta(content, annotations=text.annotations(), finish="stop")
        return
    texts = [] if grounds is None else [grounds.writing() for _ in turns]
    service, idle = asked.served.service, asked.config.keep_alive_seconds
    async with Answers(service, account, asked.deadline, idle, made.constrained) as answers:
        answers.ask(made.prompt, made.sampling, max_tokens=made.max_tokens, samples=made.samples)
        yield None
        for index, text in enumerate(texts):
            if text.begun:
                yield index, Delta(text.begun)
        async for piece in answers.pieces():
            if piece is None:
                yield None
                continue
            turn = turns[piece.index]
            if piece.tokens:
                delta = turn.take(piece.tokens)
                if texts:
                    delta.content = texts[piece.index].take(delta.content)
                    turn.full = turn.full or texts[piece.index].stopped
                yield piece.index, delta
                if turn.full and piece.end is None:
                    answers.stop(piece.index)
            if piece.end is not None or piece.stopped:
                delta = turn.end(piece.end)
                if texts:
                    delta.content = texts[piece.index].take(delta.content) + texts[piece.index].end()
                    delta.annotations = texts[piece.index].annotations()
                    delta.finish = texts[piece.index].finish(delta.finish)
                yield piece.index, delta


async def whole(asked: Asked, body: ChatRequest) -> dict[str, Any]:
    """The answers in one object."""
    made = await asyncio.to_thread(prepare, asked, body)
    gathered = [Delta() for _ in range(made.samples)]
    async with begun(asked, made.cost, lambda account: deltas(asked, made, account)) as (account, found):
        async for part in found:
            if part is not None:
                gathered[part[0]].add(part[1])
        return _objects(asked, body).whole([_choice(i, delta, made) for i, delta in enumerate(gathered)], account)


async def chunks(asked: Asked, body: ChatRequest) -> AsyncGenerator[dict[str, Any] | None, None]:
    """The answers as the objects of a stream."""
    made = await asyncio.to_thread(prepare, asked, body)
    objects = _objects(asked, body)
    async with begun(asked, made.cost, lambda account: deltas(asked, made, account)) as (account, found):
        has_begun = False
        async for part in found:
            if part is None:
                if has_begun:
                    yield None
                else:
                    has_begun = True
                    for index in range(made.samples):
                        yield objects.chunk([_streamed(index, {"role": "assistant", "content": ""})])
                continue
            index, delta = part
            for fields, finish in _parts(delta):
                shown = delta.logprobs if "content" in fields else None
                yield objects.chunk([_streamed(index, fields, finish, shown)])
    for one in objects.last(account):
        yield one


def _objects(asked: Asked, body: ChatRequest) -> Objects:
    return Objects(
        asked, "chat.completion", "chat.completion.chunk", "chatcmpl", body.usage_chunk, {"service_tier": "default"}
    )


def _parts(delta: Delta) -> list[tuple[dict[str, Any], str | None]]:
    """The chunks that tell a delta."""
    parts: list[tuple[dict[str, Any], str | None]] = []
    if delta.content or delta.logprobs or delta.annotations:
        noted = {"annotations": delta.annotations} if delta.annotations else {}
        parts.append(({"content": delta.content, **noted}, None))
    parts += [({"tool_calls": [call]}, None) for call in delta.calls]
    if delta.finish is not None:
        parts.append(({}, delta.finish))
    return parts


def _streamed(
    index: int, fields: dict[str, Any], finish: str | None = None, logprobs: list[dict[str, Any]] | None = None
) -> dict[str, Any]:
    shown = {"content": logprobs, "refusal": None} if logprobs else None
    return {"index": index, "delta": fields, "logprobs": shown, "finish_reason": finish}


def _choice(index: int, delta: Delta, made: Prepared) -> dict[str, Any]:
    message: dict[str, Any] = {"role": "assistant", "content": delta.content, "refusal": None}
    message["annotations"] = delta.annotations
    if delta.calls:
        message["content"] = delta.content or None
        message["tool_calls"] = [{name: call[name] for name in call if name != "index"} for call in delta.calls]
    shown = None if made.top is None else {"content": delta.logprobs, "refusal": None}
    return {"index": index, "message": message, "logprobs": shown, "finish_reason": delta.finish}

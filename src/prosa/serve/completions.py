"""``/v1/completions``: continues texts, or ids; with ``echo`` it tells how probable a text is.

A prompt in text is the beginning of a document, as for ``prosa generate``: it is read after the end-of-text token.
Ids are read as they are.
"""

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Any

from prosa.core.errors import UserError
from prosa.core.language import tr
from prosa.generate.completion import Token
from prosa.generate.prompt import read_prompt
from prosa.generate.row import Limits
from prosa.generate.sampling import Sampling
from prosa.serve.accounts import Account
from prosa.serve.answers import Answers, Piece
from prosa.serve.budget import most_tokens
from prosa.serve.completion_request import CompletionRequest, several
from prosa.serve.documents import no_completions
from prosa.serve.errors import told, too_long, wrong
from prosa.serve.fields import check_bias
from prosa.serve.objects import Objects, begun
from prosa.serve.served import Served
from prosa.serve.state import Asked
from prosa.serve.token_forms import Logprobs
from prosa.tokenizers.stream import Utf8Stream

USUAL = 16
"""``max_tokens`` where a request says nothing: OpenAI's."""


@dataclass(frozen=True)
class Text:
    """A prompt: what the model reads, and from where on it is the client's own."""

    ids: list[int]
    own: int
    max_tokens: int


@dataclass(frozen=True)
class Prepared:
    """A request that can be honoured."""

    texts: list[Text]
    sampling: Sampling
    samples: int

    @property
    def cost(self) -> int:
        """The most tokens that it may use."""
        return sum(len(text.ids) + self.samples * text.max_tokens for text in self.texts)


@dataclass
class Part:
    """What is new of a choice."""

    text: str = ""
    logprobs: dict[str, Any] | None = None
    finish: str | None = None


def prepare(asked: Asked, body: CompletionRequest) -> Prepared:
    """Check a request and encode its prompts. It takes a while, and waits for nothing.

    Raises:
        ApiError: what cannot be honoured.
    """
    config, served = asked.config, asked.served
    if served.library is not None:
        raise no_completions(served.name)
    body.check_n(config.max_n)
    if body.best_of not in (None, body.samples):
        raise wrong("best_of", tr("'best_of' can only be what 'n' is.", "'best_of' só pode ser igual a 'n'."))
    check_bias(body.logit_bias, served.tokenizer.vocab_size)
    prompts = several(body.prompt)
    if len(prompts) * body.samples > config.max_inputs:
        most = config.max_inputs
        raise wrong("prompt", tr(f"At most {most} completions at once.", f"No máximo {most} textos de uma vez."))
    wanted = USUAL if body.max_tokens is None else body.max_tokens
    texts = []
    for number, prompt in enumerate(prompts):
        where = f"prompt[{number}]" if isinstance(body.prompt, list) and prompt is not body.prompt else "prompt"
        ids, own = _read(served, prompt, where)
        limit = most_tokens(served, len(ids), wanted, limit=config.max_tokens, param="max_tokens", prompt_param=where)
        texts.append(Text(ids, own, limit))
    return Prepared(texts, body.sampling(top=body.logprobs or 0), body.samples)


async def parts(
    asked: Asked, body: CompletionRequest, made: Prepared, account: Account
) -> AsyncGenerator[tuple[int, Part] | None, None]:
    """The choices, part by part: what is echoed, then what is written; None where nothing comes for a while."""
    n, tokenizer = made.samples, asked.served.tokenizer
    async with Answers(asked.served.service, account, asked.deadline, asked.config.keep_alive_seconds) as answers:
        for text in made.texts:
            if text.max_tokens:
                answers.ask(text.ids, made.sampling, max_tokens=text.max_tokens, samples=n)
            else:
                account.prompt_tokens += len(text.ids)
        yield None
        writers = [Logprobs(tokenizer, body.logprobs or 0) for _ in range(n * len(made.texts))]
        if body.echo:
            for number, text in enumerate(made.texts):
                echoed = await _echoed(asked, text, body.logprobs)
                for index in range(number * n, number * n + n):
                    yield index, _echo(tokenizer, text, echoed, writers[index] if body.logprobs is not None else None)
        if not made.texts[0].max_tokens:
            for index in range(len(writers)):
                yield index, Part(finish="length")
            return
        async for piece in answers.pieces():
            if piece is None:
                yield None
                continue
            part = Part("".join(token.text for token in piece.tokens))
            if body.logprobs is not None:
                part.logprobs = writers[piece.index].of(*_written(piece))
            part.finish = piece.end.finish_reason if piece.end is not None else None
            yield piece.index, part


async def whole(asked: Asked, body: CompletionRequest) -> dict[str, Any]:
    """The choices in one object."""
    made = await asyncio.to_thread(prepare, asked, body)
    choices = [Part() for _ in range(made.samples * len(made.texts))]
    async with begun(asked, made.cost, lambda account: parts(asked, body, made, account)) as (account, found):
        async for part in found:
            if part is not None:
                _add(choices[part[0]], part[1])
        return _objects(asked, body).whole([_choice(i, part) for i, part in enumerate(choices)], account)


async def chunks(asked: Asked, body: CompletionRequest) -> AsyncGenerator[dict[str, Any] | None, None]:
    """The choices as the objects of a stream."""
    made = await asyncio.to_thread(prepare, asked, body)
    objects = _objects(asked, body)
    async with begun(asked, made.cost, lambda account: parts(asked, body, made, account)) as (account, found):
        async for part in found:
            yield None if part is None else objects.chunk([_choice(*part)])
    for one in objects.last(account):
        yield one


def _objects(asked: Asked, body: CompletionRequest) -> Objects:
    return Objects(asked, "text_completion", "text_completion", "cmpl", body.usage_chunk)


def _read(served: Served, prompt: str | list[int], where: str) -> tuple[list[int], int]:
    """A prompt's ids, and how many of them are not the client's."""
    tokenizer = served.tokenizer
    limits = Limits(1, 2**62, "stop", tokenizer.end_of_text, frozenset())  # too long: told better later
    try:
        ids = read_prompt(prompt, 1, tokenizer, limits)
    except UserError as error:
        raise told(error, where) from error
    return ids, int(isinstance(prompt, str) and tokenizer.end_of_text is not None)


async def _echoed(asked: Asked, text: Text, logprobs: int | None) -> list[tuple[Token, bool]]:
    """The prompt's own tokens."""
    if logprobs is None or len(text.ids) < 2:
        return [(Token(id, "", 0.0), False) for id in text.ids[text.own :]]
    try:
        future = asyncio.wrap_future(asked.served.service.score(text.ids, top=logprobs))
        scored = await asyncio.wait_for(future, max(asked.deadline.left, 0))
    except TimeoutError:
        raise too_long() from None
    except UserError as error:
        raise told(error, "prompt") from error
    tokens = [(Token(text.ids[0], "", 0.0), False), *((token, True) for token in scored)]
    return tokens[text.own :]


def _written(piece: Piece) -> tuple[list[tuple[Token, bool]], list[str]]:
    """New tokens and what they add to the text; the one that ends it is among them, and adds nothing."""
    end = piece.end.end if piece.end is not None else None
    tokens = piece.tokens if end is None else [*piece.tokens, end]
    return [(token, True) for token in tokens], [token.text for token in tokens]


def _echo(tokenizer: Any, text: Text, tokens: list[tuple[Token, bool]], writer: Logprobs | None) -> Part:
    decoder = Utf8Stream(tokenizer)
    texts = [decoder.push(token.id) for token, _ in tokens]
    rest = decoder.finish()
    if texts:
        texts[-1] += rest
    return Part("".join(texts), None if writer is None else writer.of(tokens, texts))


def _add(to: Part, more: Part) -> None:
    to.text += more.text
    to.finish = more.finish or to.finish
    if more.logprobs is None:
        return
    if to.logprobs is None:
        to.logprobs = more.logprobs
        return
    for name, values in more.logprobs.items():
        if values is not None:
            to.logprobs[name] += values


def _choice(index: int, part: Part) -> dict[str, Any]:
    return {"index": index, "text": part.text, "logprobs": part.logprobs, "finish_reason": part.finish}

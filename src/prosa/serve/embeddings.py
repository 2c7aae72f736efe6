"""``/v1/embeddings``: one vector a text, the mean of its tokens' final hidden states, of length 1."""

import asyncio
import base64
import struct
from typing import Annotated, Any, Literal

from pydantic import Field

from prosa.core.errors import UserError
from prosa.core.language import tr
from prosa.generate.prompt import read_prompt
from prosa.generate.row import Limits
from prosa.serve.completion_request import Prompt, several
from prosa.serve.errors import told, too_long, wrong
from prosa.serve.fields import Name
from prosa.serve.served import Served
from prosa.serve.state import Asked
from prosa.serve.strict import Strict

AT_ONCE = 8
"""Texts of one request that wait for the model at the same time."""


class EmbeddingRequest(Strict):
    """The whole body."""

    model: str
    input: Prompt
    encoding_format: Literal["float", "base64"] | None = None
    dimensions: Annotated[int, Field(ge=1)] | None = None
    user: Name | None = None


def prepare(asked: Asked, body: EmbeddingRequest) -> list[list[int]]:
    """Check a request; the ids of each text.

    Raises:
        ApiError: what cannot be honoured.
    """
    width = asked.served.service.engine.model.config.d_model
    if body.dimensions not in (None, width):
        raise wrong("dimensions", tr(f"This model's vectors have {width}.", f"Os vetores deste modelo têm {width}."))
    texts = several(body.input)
    if len(texts) > asked.config.max_inputs:
        most = asked.config.max_inputs
        raise wrong("input", tr(f"At most {most} texts at once.", f"No máximo {most} textos de uma vez."))
    one = isinstance(body.input, str) or texts[0] is body.input
    return [_ids(asked.served, text, "input" if one else f"input[{i}]") for i, text in enumerate(texts)]


async def embeddings(asked: Asked, body: EmbeddingRequest) -> dict[str, Any]:
    """The vectors."""
    texts = await asyncio.to_thread(prepare, asked, body)
    total = sum(map(len, texts))
    async with asked.state.accounts.open(asked.key, asked.served.name, total) as account:
        vectors: list[list[float]] = []
        for start in range(0, len(texts), AT_ONCE):
            vectors += await _embedded(asked, texts[start : start + AT_ONCE])
        account.prompt_tokens = total
    shown = _base64 if body.encoding_format == "base64" else list
    return {
        "object": "list",
        "data": [{"object": "embedding", "index": i, "embedding": shown(vector)} for i, vector in enumerate(vectors)],
        "model": asked.served.name,
        "usage": {"prompt_tokens": total, "total_tokens": total},
    }


async def _embedded(asked: Asked, texts: list[list[int]]) -> list[list[float]]:
    futures: list[asyncio.Future[list[float]]] = []
    try:
        for ids in texts:
            futures.append(asyncio.wrap_future(asked.served.service.embed(ids)))
        async with asyncio.timeout(max(asked.deadline.left, 0)):
            return [await future for future in futures]
    except TimeoutError:
        raise too_long() from None
    except UserError as error:
        raise told(error, "input") from error
    finally:
        for future in futures:
            future.cancel()


def _ids(served: Served, text: str | list[int], where: str) -> list[int]:
    tokenizer = served.tokenizer
    if text == "":
        raise wrong(where, tr("An empty text has no vector.", "Um texto vazio não tem vetor."))
    try:
        ids = read_prompt(text, 1, tokenizer, Limits(1, 2**62, "stop", tokenizer.end_of_text, frozenset()))
    except UserError as error:
        raise told(error, where) from error
    if isinstance(text, str) and tokenizer.end_of_text is not None:
        ids = ids[1:]
    if len(ids) > served.context:
        raise wrong(
            where,
            tr(
                f"This model's maximum context length is {served.context} tokens, and the text has {len(ids)}.",
                f"O contexto deste modelo tem no máximo {served.context} tokens, e o texto tem {len(ids)}.",
            ),
            "context_length_exceeded",
        )
    return ids


def _base64(vector: list[float]) -> str:
    return base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode()

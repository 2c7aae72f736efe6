"""What a model makes of a text that is there: how probable each of its tokens is, and one vector for all of it.

Long texts are read in parts, with a cache, so that others who want the model can have it in between (service.py) and
the logits of a whole text never stand in memory at once. Shapes: T tokens of a part, C model width, V vocabulary.
"""

from collections.abc import Generator, Iterator, Sequence
from typing import TypeVar

import torch
from torch import Tensor

from prosa.core.errors import UserError
from prosa.core.language import number, tr
from prosa.generate.completion import Alternative, Token
from prosa.generate.engine import Engine
from prosa.nn.cache import KVCache

Made = TypeVar("Made")
Steps = Generator[None, None, Made]
"""Work that can be left between two steps, and its result."""

PART = 128
"""Tokens that are read at once."""


def score(engine: Engine, ids: Sequence[int], *, top: int = 0) -> list[Token]:
    """The log-probability of each token but the first, given those before it.

    Args:
        ids: at most as many as the context.
        top: alternatives to report at each place.

    Returns:
        For ids[1:], under the model's own distribution; ``text`` is "".

    Raises:
        UserError: there are none, or too many, or some that the tokenizer has not.
    """
    return finish(scoring(engine, ids, top=top))


def embed(engine: Engine, ids: Sequence[int]) -> list[float]:
    """The mean of the final hidden states over a text's tokens, of length 1.

    Raises:
        UserError: as ``score``.
    """
    return finish(embedding(engine, ids))


def scoring(engine: Engine, ids: Sequence[int], *, top: int = 0, part: int = PART) -> Steps[list[Token]]:
    """``score``, part by part."""
    check(engine, ids)
    scored: list[Token] = []
    for hidden_TC in _parts(engine, ids[:-1], part):
        after = ids[len(scored) + 1 :][: len(hidden_TC)]
        with torch.inference_mode(), engine.rereader.precision():
            logits_TV = engine.model.head(hidden_TC)[:, : engine.tokenizer.vocab_size]
            scored += _tokens(engine, logits_TV.float().log_softmax(dim=-1), after, top)
        yield
    return scored


def embedding(engine: Engine, ids: Sequence[int], *, part: int = PART) -> Steps[list[float]]:
    """``embed``, part by part."""
    check(engine, ids)
    sum_C = torch.zeros(engine.model.config.d_model)
    for hidden_TC in _parts(engine, ids, part):
        sum_C += hidden_TC.float().sum(dim=0).cpu()
        yield
    found: list[float] = torch.nn.functional.normalize(sum_C, dim=0).tolist()
    return found


def finish(steps: Steps[Made]) -> Made:
    """The result, at once."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            made: Made = end.value
            return made


def _parts(engine: Engine, ids: Sequence[int], size: int) -> Iterator[Tensor]:
    """Final hidden states (T, C) of ``size`` tokens at a time."""
    c = engine.model.config
    cache = KVCache(c.n_layer, 1, c.n_kv_head, len(ids), c.head_dim, engine.device, engine.cache_dtype)
    for start in range(0, len(ids), size):
        part = torch.tensor([ids[start : start + size]], device=engine.device)
        positions = torch.arange(start, start + part.shape[1], device=engine.device)[None]
        with torch.inference_mode(), engine.evaluating(), engine.rereader.precision():
            hidden_TC = engine.model.hidden(part, cache=cache, positions_BT=positions)[0]
        yield hidden_TC


def _tokens(engine: Engine, logprobs_TV: Tensor, ids: Sequence[int], top: int) -> list[Token]:
    """These tokens, and what else was probable in their places."""
    places = torch.arange(len(ids), device=engine.device)
    chosen = logprobs_TV[places, torch.tensor(ids, device=engine.device)].tolist()
    reports: list[tuple[Alternative, ...]] = [()] * len(ids)
    if top:
        best = logprobs_TV.topk(min(top, logprobs_TV.shape[-1]), dim=-1)
        name = engine.tokenizer.token_text
        reports = [
            tuple(Alternative(id, name(id), p) for id, p in zip(place, values, strict=True))
            for place, values in zip(best.indices.tolist(), best.values.tolist(), strict=True)
        ]
    return [Token(id, "", p, report) for id, p, report in zip(ids, chosen, reports, strict=True)]


def check(engine: Engine, ids: Sequence[int]) -> None:
    """Raise a ``UserError`` if there are no tokens, too many, or unknown ones."""
    context, vocabulary = engine.model.config.context, engine.tokenizer.vocab_size
    if not ids:
        raise UserError(tr("the text is empty.", "o texto está vazio."))
    if len(ids) > context:
        n, most = number(len(ids)), number(context)
        raise UserError(
            tr(f"the text has {n} tokens, the context {most}.", f"o texto tem {n} tokens, e o contexto, {most}.")
        )
    wrong = next((id for id in ids if not 0 <= id < vocabulary), None)
    if wrong is not None:
        raise UserError(tr(f"there is no token {wrong}.", f"não existe o token {wrong}."))

"""What a model makes of a text that is there: how probable each of its tokens is, and one vector for all of it."""

from collections.abc import Sequence

import torch

from prosa.core.errors import UserError
from prosa.core.language import number, tr
from prosa.generate.completion import Alternative, Token
from prosa.generate.engine import Engine


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
    _check(engine, ids)
    if len(ids) == 1:
        return []
    with torch.inference_mode(), engine.evaluating(), engine.rereader.precision():
        ids_1T = torch.tensor([ids], device=engine.device)
        logits_TV = engine.model(ids_1T)[0, :-1, : engine.tokenizer.vocab_size]
        logprobs_TV = logits_TV.float().log_softmax(dim=-1)
        chosen = logprobs_TV.gather(-1, ids_1T[0, 1:, None])[:, 0].tolist()
        reports: list[tuple[Alternative, ...]] = [()] * len(chosen)
        if top:
            best = logprobs_TV.topk(min(top, logprobs_TV.shape[-1]), dim=-1)
            name = engine.tokenizer.token_text
            reports = [
                tuple(Alternative(id, name(id), p) for id, p in zip(place, values, strict=True))
                for place, values in zip(best.indices.tolist(), best.values.tolist(), strict=True)
            ]
    return [Token(id, "", p, report) for id, p, report in zip(ids[1:], chosen, reports, strict=True)]


def embed(engine: Engine, ids: Sequence[int]) -> list[float]:
    """The mean of the final hidden states over a text's tokens, of length 1.

    Raises:
        UserError: as ``score``.
    """
    _check(engine, ids)
    with torch.inference_mode(), engine.evaluating(), engine.rereader.precision():
        hidden_TC = engine.model.hidden(torch.tensor([ids], device=engine.device))[0]
        vector_C = torch.nn.functional.normalize(hidden_TC.float().mean(dim=0), dim=0)
    found: list[float] = vector_C.tolist()
    return found


def _check(engine: Engine, ids: Sequence[int]) -> None:
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

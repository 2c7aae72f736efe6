"""How many tokens an answer may have."""

from prosa.core.language import number, tr
from prosa.serve.errors import wrong
from prosa.serve.served import Served


def most_tokens(served: Served, prompt: int, wanted: int | None, *, limit: int, param: str, prompt_param: str) -> int:
    """What is asked for, or all that there is room for: never more than the context's end allows.

    Args:
        prompt: tokens of the prompt.
        wanted: None: the request says nothing.
        param: the field that says it; ``prompt_param``: the one that has the prompt.

    Raises:
        ApiError: the prompt does not fit the context, or more is asked for than the server allows.
    """
    if prompt > served.context:
        raise wrong(
            prompt_param,
            tr(
                f"This model's maximum context length is {served.context} tokens, and the prompt has {prompt}.",
                f"O contexto deste modelo tem no máximo {served.context} tokens, e o prompt tem {prompt}.",
            ),
            "context_length_exceeded",
        )
    if wanted is not None and wanted > limit:
        raise wrong(
            param, tr(f"'{param}' is at most {number(limit)} here.", f"'{param}' é no máximo {number(limit)} aqui.")
        )
    room = served.context - prompt + 1
    return min(limit if wanted is None else wanted, room)

"""The body of ``/v1/completions``."""

from typing import Annotated, Any, Literal

from pydantic import Field

from prosa.serve.fields import Sampled

TokenId = Annotated[int, Field(ge=0, lt=2**31)]
Ids = Annotated[list[TokenId], Field(fail_fast=True, min_length=1)]
Texts = Annotated[list[str], Field(fail_fast=True, min_length=1)]
SeveralIds = Annotated[list[Ids], Field(fail_fast=True, min_length=1)]
Prompt = str | Texts | Ids | SeveralIds


class CompletionRequest(Sampled):
    """The whole body."""

    prompt: Prompt | None = None
    max_tokens: Annotated[int, Field(ge=0)] | None = None
    echo: bool | None = None
    logprobs: Annotated[int, Field(ge=0, le=5)] | None = None
    best_of: Annotated[int, Field(ge=1)] | None = None

    # what is not done here
    suffix: Literal[""] | None = None


def several(prompt: Any) -> list[str | list[int]]:
    """A prompt, or several, as several."""
    if prompt is None:
        return [""]
    if isinstance(prompt, str) or isinstance(prompt[0], int):
        return [prompt]
    return list(prompt)

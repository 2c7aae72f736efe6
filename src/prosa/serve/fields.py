"""Fields that several requests share, and what they say to the sampler."""

import secrets
from typing import Annotated, Any, Literal, Self

from pydantic import Field, StringConstraints, model_validator

from prosa.core.errors import UserError
from prosa.core.language import tr
from prosa.generate.grammar import Grammar
from prosa.generate.sampling import Sampling
from prosa.serve.errors import told, wrong
from prosa.serve.strict import Strict

LEAST_SHARE = 1e-9
"""``top_p: 0`` asks for the most probable token alone, which any share this small gives."""

Seed = Annotated[int, Field(ge=-(2**63), lt=2**63)]
Stop = Annotated[str, StringConstraints(min_length=1, max_length=1000)]
Name = Annotated[str, StringConstraints(max_length=1000)]
TokenKey = Annotated[str, StringConstraints(pattern=r"^(0|[1-9][0-9]{0,8})(?!\n)$")]


class StreamOptions(Strict):
    """How a stream ends."""

    include_usage: bool | None = None
    include_obfuscation: Literal[False] | None = None


class Sampled(Strict):
    """What every request for text may say."""

    model: str
    temperature: Annotated[float, Field(ge=0, le=2)] | None = None
    top_p: Annotated[float, Field(ge=0, le=1)] | None = None
    min_p: Annotated[float, Field(ge=0, le=1)] | None = None
    top_k: Annotated[int, Field(ge=0, lt=2**31)] | None = None
    repetition_penalty: Annotated[float, Field(ge=0.01, le=100)] | None = None
    presence_penalty: Annotated[float, Field(ge=-2, le=2)] | None = None
    frequency_penalty: Annotated[float, Field(ge=-2, le=2)] | None = None
    logit_bias: Annotated[dict[TokenKey, Annotated[float, Field(ge=-100, le=100)]], Field(max_length=1024)] | None = (
        None
    )
    seed: Seed | None = None
    stop: Stop | Annotated[list[Stop], Field(fail_fast=True, max_length=4)] | None = None
    n: Annotated[int, Field(ge=1)] | None = None
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    user: Name | None = None

    @model_validator(mode="after")
    def _streams(self) -> Self:
        if self.stream_options is not None and not self.stream:
            raise wrong("stream_options", tr("'stream_options' needs 'stream'.", "'stream_options' exige 'stream'."))
        return self

    @property
    def samples(self) -> int:
        """Answers to each prompt."""
        return self.n or 1

    @property
    def usage_chunk(self) -> bool:
        """Whether a stream tells its usage."""
        return bool(self.stream_options and self.stream_options.include_usage)

    def sampling(self, *, top: int, grammar: Grammar | None = None, never: int | None = None) -> Sampling:
        """For the engine.

        Args:
            top: alternatives to report.
            never: a token that may not come.

        Raises:
            ApiError: a value that the engine refuses.
        """
        stop = (self.stop,) if isinstance(self.stop, str) else tuple(self.stop or ())
        bias = tuple((int(id), value) for id, value in (self.logit_bias or {}).items())
        try:
            return Sampling(
                temperature=_or(self.temperature, 1.0),
                top_p=max(_or(self.top_p, 1.0), LEAST_SHARE),
                min_p=_or(self.min_p, 0.0),
                top_k=self.top_k or 0,
                repetition_penalty=_or(self.repetition_penalty, 1.0),
                stop=stop,
                seed=secrets.randbits(63) if self.seed is None else self.seed,
                top_logprobs=top,
                presence_penalty=_or(self.presence_penalty, 0.0),
                frequency_penalty=_or(self.frequency_penalty, 0.0),
                logit_bias=bias if never is None else (*bias, (never, -100.0)),
                grammar=grammar,
            )
        except UserError as error:
            raise told(error) from error

    def check_n(self, most: int) -> None:
        """Raise a 400 where more answers are wanted than allowed."""
        if self.samples > most:
            raise wrong("n", tr(f"'n' is at most {most} here.", f"'n' é no máximo {most} aqui."))


def _or(value: float | None, usual: float) -> float:
    return usual if value is None else value


def check_bias(bias: dict[str, Any] | None, vocabulary: int) -> None:
    """Raise a 400 where a token of ``logit_bias`` does not exist."""
    outside = next((id for id in bias or {} if int(id) >= vocabulary), None)
    if outside is not None:
        raise wrong("logit_bias", tr(f"There is no token {outside}.", f"Não existe o token {outside}."))

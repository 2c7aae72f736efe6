"""Texts that a model writes while it is trained, always from the same prompts: gibberish to grammar."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from prosa.core.errors import UserError
from prosa.core.language import tr
from prosa.tokenizers.protocol import Tokenizer


@dataclass(frozen=True)
class SampleConfig:
    """The sample texts of a training run."""

    prompts: tuple[str, ...] = ("",)
    """Prompts; an empty one begins a document."""
    max_tokens: int = 100
    """Length of a sample, in tokens."""
    temperature: float = 0.8
    """Sampling temperature."""
    seed: int = 0
    """The same seed gives the same draws at every step."""

    def __post_init__(self) -> None:
        if self.max_tokens < 1 or not 0 <= self.temperature < float("inf"):
            raise UserError(
                tr(
                    f"sample: max_tokens is {self.max_tokens} (at least 1), temperature {self.temperature} (from 0).",
                    f"sample: max_tokens é {self.max_tokens} (mínimo 1), temperature {self.temperature} (mínimo 0).",
                )
            )


def sampler(tokenizer: Tokenizer, config: SampleConfig) -> Callable[[Any, int], list[dict[str, Any]]]:
    """A function of model and step for ``train.fit``: a ``{"prompt", "text"}`` for each prompt."""
    from prosa.generate.engine import Engine
    from prosa.generate.sampling import Sampling

    def sample(model: Any, step: int) -> list[dict[str, Any]]:
        device = next(model.parameters()).device.type
        engine = Engine(model, tokenizer, device=device, precision="float32")
        made = engine.generate(
            config.prompts,
            Sampling(temperature=config.temperature, seed=config.seed, top_p=0.95),
            max_tokens=config.max_tokens,
        )
        return [{"prompt": str(completion.prompt), "text": completion.text} for completion in made]

    return sample

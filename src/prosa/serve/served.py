"""The models that a server has."""

import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import prosa
from prosa.core.errors import UserError, unknown
from prosa.core.language import tr
from prosa.generate.service import Service
from prosa.serve.errors import ApiError
from prosa.tokenizers.chat import ChatEncoder
from prosa.tokenizers.protocol import Tokenizer

if TYPE_CHECKING:
    from prosa.serve.documents import Library


@dataclass
class Served:
    """A model by its name in the API; ``encoder`` is None where it cannot chat; with a library it answers from it."""

    name: str
    service: Service
    created: int = field(default_factory=lambda: int(time.time()))
    library: "Library | None" = None
    encoder: ChatEncoder | None = field(init=False)

    def __post_init__(self) -> None:
        try:
            self.encoder = ChatEncoder(self.tokenizer)
        except UserError:
            self.encoder = None

    @property
    def tokenizer(self) -> Tokenizer:
        """Its tokenizer."""
        return self.service.engine.tokenizer

    @property
    def context(self) -> int:
        """The most tokens that it reads."""
        return self.service.engine.model.config.context

    @property
    def fingerprint(self) -> str:
        """OpenAI's ``system_fingerprint``: the same seed gives the same text while it is the same."""
        return f"prosa-{prosa.__version__}-{self.tokenizer.fingerprint[:8]}"

    @property
    def chat(self) -> ChatEncoder:
        """What makes ids of conversations.

        Raises:
            ApiError: the model cannot chat.
        """
        if self.encoder is None:
            message = tr(
                f"The model {self.name} has no chat tokens: it can only continue texts (/v1/completions).",
                f"O modelo {self.name} não tem tokens de conversa: só continua textos (/v1/completions).",
            )
            raise ApiError(400, message, param="model", code="model_cannot_chat")
        return self.encoder

    def to_json(self) -> dict[str, Any]:
        """OpenAI's object, with what a client may want to know more."""
        return {
            "id": self.name,
            "object": "model",
            "created": self.created,
            "owned_by": "prosa",
            "context_length": self.context,
            "vocab_size": self.tokenizer.vocab_size,
            "chat": self.encoder is not None,
        }


class Models:
    """Models by name."""

    def __init__(self, models: Iterable[Served]) -> None:
        self._models = {model.name: model for model in models}

    def __iter__(self) -> Any:
        return iter(self._models.values())

    @property
    def names(self) -> list[str]:
        """Their names."""
        return list(self._models)

    def find(self, name: str) -> Served:
        """The model of a name.

        Raises:
            ApiError: there is none: 404, with the names there are.
        """
        if name not in self._models:
            message = str(unknown(tr("model", "modelo"), name[:200], self._models)).replace("\n", ". ")
            raise ApiError(404, message, param="model", code="model_not_found")
        return self._models[name]

    def close(self) -> None:
        """Cancel all that is being written and end the threads."""
        for model in self:
            model.service.close(finish=False)

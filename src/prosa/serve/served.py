"""The models that a server has, by name."""

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from prosa.core.errors import UserError
from prosa.core.language import tr
from prosa.generate.engine import Engine
from prosa.generate.service import Service
from prosa.serve.config import Limits
from prosa.serve.errors import ApiError
from prosa.tokenizers.chat import ChatEncoder


@dataclass(frozen=True)
class Served:
    """A model that is served.

    Attributes:
        encoder: None where its tokenizer has no chat tokens.
        created: when its folder was written, seconds since 1970.
    """

    name: str
    engine: Engine
    service: Service
    encoder: ChatEncoder | None
    created: int = field(default_factory=lambda: int(time.time()))

    @property
    def context(self) -> int:
        """Tokens that it sees at most."""
        return self.engine.model.config.context


def serve_model(name: str, engine: Engine, limits: Limits, folder: Path | None = None) -> Served:
    """Put a model at the service of many.

    Raises:
        UserError: the memory is too small for its context.
    """
    service = Service(engine, memory=limits.memory * 2**20, rows=limits.batch, queue=limits.queue)
    try:
        encoder = ChatEncoder(engine.tokenizer)
    except UserError:
        encoder = None
    created = int((folder / "config.json").stat().st_mtime) if folder is not None else int(time.time())
    return Served(name, engine, service, encoder, created)


class Models:
    """Models by name, in the order they were given; the first is the one where a request names none."""

    def __init__(self, models: Iterable[Served]) -> None:
        self._models = {model.name: model for model in models}

    def __iter__(self) -> Iterator[Served]:
        return iter(self._models.values())

    @property
    def names(self) -> list[str]:
        """All names."""
        return list(self._models)

    def find(self, name: str | None) -> Served:
        """The model of a request.

        Raises:
            ApiError: 404, there is none of this name.
        """
        if name is None:
            return next(iter(self._models.values()))
        if name not in self._models:
            there = ", ".join(self.names)
            raise ApiError(
                404,
                tr(f"there is no model {name!r}; there are: {there}", f"não existe o modelo {name!r}; existem: {there}"),
                param="model",
                code="model_not_found",
                type="invalid_request_error",
            )
        return self._models[name]

    def close(self) -> None:
        """End all services; what is still being written is cancelled."""
        for model in self._models.values():
            model.service.close(finish=False)

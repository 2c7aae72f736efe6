"""What all routes need."""

from dataclasses import dataclass, field

from fastapi import Request

from prosa.generate.tools import Toolbox
from prosa.serve.accounts import Accounts
from prosa.serve.config import ServeConfig
from prosa.serve.deadlines import Deadline, Deadlines
from prosa.serve.documents import Documents
from prosa.serve.keys import Key, Keys
from prosa.serve.served import Models, Served


@dataclass
class State:
    """The server's parts."""

    models: Models
    keys: Keys
    accounts: Accounts
    config: ServeConfig
    toolbox: Toolbox | None = None
    documents: Documents | None = None
    deadlines: Deadlines = field(init=False)

    def __post_init__(self) -> None:
        self.deadlines = Deadlines(self.config.request_seconds, self.config.shutdown_seconds)


@dataclass(frozen=True)
class Asked:
    """One request for a model: whose it is, of what, and until when."""

    state: State
    key: Key
    served: Served
    deadline: Deadline

    @property
    def config(self) -> ServeConfig:
        """The limits."""
        return self.state.config


def state_of(request: Request) -> State:
    """The server's parts."""
    state: State = request.app.state.prosa
    return state


def asked(request: Request, model: str) -> Asked:
    """The request, with the model that it names.

    Raises:
        ApiError: there is no such model.
    """
    state = state_of(request)
    return Asked(state, request.scope["state"]["key"], state.models.find(model), state.deadlines.begin())

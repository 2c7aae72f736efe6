"""Ctrl-C (SIGINT) and SIGTERM ask for a stop at the next step's end; a second one stops at once."""

import signal
import threading
from types import FrameType, TracebackType
from typing import Any

from prosa.core.language import tr
from prosa.core.progress import say

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Interrupts:
    """While inside, the first signal only sets ``requested``. Outside the main thread signals are left alone."""

    requested = False

    def __enter__(self) -> "Interrupts":
        self._before: dict[int, Any] = {}
        if threading.current_thread() is threading.main_thread():
            self._before = {number: signal.signal(number, self._first) for number in _SIGNALS}
        return self

    def _first(self, number: int, frame: FrameType | None) -> None:
        self.requested = True
        self._restore()
        say(
            tr(
                "\nstopping after this step and saving a checkpoint; once more to stop at once.",
                "\nparando depois deste passo e salvando um checkpoint; mais uma vez para parar já.",
            )
        )

    def _restore(self) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        self._before = {}

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self._restore()

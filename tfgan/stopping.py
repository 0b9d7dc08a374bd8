"""Signals that ask a run to stop."""

import signal
import threading
from typing import Any


class StopSignals:
    """Takes SIGINT and SIGTERM while a run trains; a second one acts as it always does.

    Attributes:
        received: number of the signal that came, or None.
    """

    def __init__(self) -> None:
        self.received: int | None = None
        self._previous: dict[int, Any] = {}

    def __enter__(self) -> "StopSignals":
        if threading.current_thread() is threading.main_thread():
            for signum in (signal.SIGINT, signal.SIGTERM):
                self._previous[signum] = signal.signal(signum, self._receive)
        return self

    def _receive(self, signum: int, frame: Any) -> None:
        self.received = signum
        self._restore()

    def _restore(self) -> None:
        while self._previous:
            signal.signal(*self._previous.popitem())

    def __exit__(self, *exception: Any) -> None:
        self._restore()

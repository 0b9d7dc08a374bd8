"""Signals that ask a run to stop."""

import signal
import threading
from typing import Any

import tensorflow as tf

from tfgan.cluster import strategies
from tfgan.ground import signals


class StopSignals:
    """Takes SIGINT, SIGTERM and SIGHUP while a run trains; a second one acts as it always does.

    Args:
        strategy: the run's; its workers stop together.

    Attributes:
        agreed: number of the signal that the workers have agreed to stop for, or None.
    """

    def __init__(self, strategy: tf.distribute.Strategy) -> None:
        self.agreed: int | None = None
        self._strategy = strategy
        self._received: int | None = None
        self._previous: dict[int, Any] = {}

    def __enter__(self) -> "StopSignals":
        if threading.current_thread() is threading.main_thread():
            for signum in signals.stopping():
                self._previous[signum] = signal.signal(signum, self._receive)
        return self

    def _receive(self, signum: int, frame: Any) -> None:
        self._received = signum
        self._restore()

    def agree(self) -> int | None:
        """Asks all workers, which must ask together, whether a signal has come to any of them."""
        if strategies.any_worker(self._strategy, self._received is not None):
            self.agreed = self._received or signal.SIGTERM
        return self.agreed

    def _restore(self) -> None:
        while self._previous:
            signal.signal(*self._previous.popitem())

    def __exit__(self, *exception: Any) -> None:
        self._restore()

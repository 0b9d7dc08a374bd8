"""What ends a run before its last epoch: signals, and conditions that its options set."""

import signal
import threading
from collections.abc import Callable, Mapping
from typing import Any

import tensorflow as tf

from tfgan.cluster import strategies
from tfgan.ground import signals


class StopSignals:
    """Catches SIGINT, SIGTERM and SIGHUP during training; a second signal has its usual effect.

    Args:
        strategy: the run's strategy, whose workers stop together.
        ends: conditions that end the run: functions that return bool, by the names of their
            options. The names must be the same in every worker.

    Attributes:
        agreed: number of the signal for which the workers have agreed to stop, or None.
        ended_by: name of the condition by which they have agreed to end, or None.
    """

    def __init__(
        self,
        strategy: tf.distribute.Strategy,
        ends: Mapping[str, Callable[[], bool]] | None = None,
    ) -> None:
        self.agreed: int | None = None
        self.ended_by: str | None = None
        self._strategy = strategy
        self._ends = ends or {}
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

    def agree(self) -> bool:
        """Asks all workers whether any has a reason to stop. All must call this together."""
        here = [self._received is not None, *(end() for end in self._ends.values())]
        signalled, *ended = strategies.any_worker_each(self._strategy, here)
        if signalled:
            self.agreed = self._received or signal.SIGTERM
        self.ended_by = next((name for name, up in zip(self._ends, ended, strict=True) if up), None)
        return self.stopping

    @property
    def stopping(self) -> bool:
        """Whether they have agreed to stop."""
        return self.agreed is not None or self.ended_by is not None

    def _restore(self) -> None:
        while self._previous:
            signal.signal(*self._previous.popitem())

    def __exit__(self, *exception: Any) -> None:
        self._restore()

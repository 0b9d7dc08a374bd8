"""Callbacks that a library user passes to a run."""

from collections.abc import Callable, Iterable
from typing import Any

import keras

from tfgan.ground.errors import UserError, first_line
from tfgan.run.exact_backup import ExactBackup
from tfgan.run.run import Run

_OF_THE_RUN = (ExactBackup, keras.callbacks.BackupAndRestore)


def check(callbacks: Any) -> tuple[keras.callbacks.Callback, ...]:
    """The callbacks as a tuple.

    Raises:
        UserError: if one is none, or would do what the run does itself.
    """
    if isinstance(callbacks, keras.callbacks.Callback) or not isinstance(callbacks, Iterable):
        callbacks = (callbacks,)
    found = tuple(callbacks)
    for each in found:
        if isinstance(each, type) and issubclass(each, keras.callbacks.Callback):
            raise UserError(f"callbacks: {each.__name__} is a class; pass {each.__name__}()")
        if not isinstance(each, keras.callbacks.Callback):
            raise UserError(f"callbacks: {each!r} is not a keras.callbacks.Callback")
        if isinstance(each, _OF_THE_RUN):
            raise UserError(
                f"callbacks: {type(each).__name__} is for fit only; a run writes its own "
                "checkpoints"
            )
    return found


class OwnCallbacks(keras.callbacks.Callback):
    """Lets a user's callbacks see a run as one training, whatever interrupts it.

    They see each epoch end once, when it is whole; Keras also calls after one that was cut short.
    Batches are counted from the epoch's first, also where the run goes on inside it. Training
    begins and ends once in a process.

    Args:
        run: that they belong to.
        callbacks: the user's.

    Attributes:
        stopped_by: name of the callback that has asked the training to stop.
    """

    def __init__(self, run: Run, callbacks: Iterable[keras.callbacks.Callback]):
        super().__init__()
        self._run = run
        self._callbacks = tuple(callbacks)
        self._done = 0  # steps of the epoch before this call of `fit`
        self._begun = False
        self._logs: dict[str, float] = {}
        self.stopped_by = ""

    def on_train_begin(self, logs: Any = None) -> None:
        if self._begun:
            return  # a resumed run fits the rest of its epoch first, then all others
        self._begun = True
        config = self._run.config
        params = {"verbose": 0, "epochs": config.epochs, "steps": self._run.steps_per_epoch}
        for each in self._callbacks:
            each.set_model(self.model)
            each.set_params(params)
        self._tell("on_train_begin")

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self._done = int(self.model.step.numpy()) % self._run.steps_per_epoch
        self._tell("on_epoch_begin", epoch)

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        self._tell("on_train_batch_begin", self._done + batch)

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        self._tell("on_train_batch_end", self._done + batch, logs)

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        if int(self.model.step.numpy()) == (epoch + 1) * self._run.steps_per_epoch:
            self._logs = dict(logs or {})
            self._tell("on_epoch_end", epoch, self._logs)

    def end(self) -> None:
        """Tells them that the training has ended, after its last checkpoint."""
        if self._begun:
            self._tell("on_train_end", self._logs)

    def _tell(self, event: str, *arguments: Any) -> None:
        for each in self._callbacks:
            stopped = self.model.stop_training
            method: Callable[..., None] = getattr(each, event)
            try:
                method(*arguments)
            except OSError as error:
                raise UserError(
                    f"callbacks: {type(each).__name__}.{event}: {first_line(error)}"
                ) from error
            if self.model.stop_training and not stopped:
                self.stopped_by = type(each).__name__

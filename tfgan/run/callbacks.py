"""Callbacks that write pictures, metrics and checkpoints.

Whatever belongs to a step is on disk before the checkpoint of that step. What comes after a
checkpoint can be lost, and is then written again, the same.
"""

import csv
import io
import time
from collections.abc import Callable
from typing import Any

import keras
import numpy as np

from tfgan.ground import pictures
from tfgan.ground.files import write_file
from tfgan.run.checkpointing import Checkpoints, diverged
from tfgan.run.live_grid import fixed_images
from tfgan.run.run import Run
from tfgan.run.stopping import StopSignals
from tfgan.run.workdir import Workdir


class EpochCallback(keras.callbacks.Callback):
    """Calls `on_whole_epoch` where Keras also calls after an epoch that a signal cut short.

    Args:
        run: that it belongs to.
    """

    def __init__(self, run: Run):
        super().__init__()
        self._run = run

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        if int(self.model.step.numpy()) == (epoch + 1) * self._run.steps_per_epoch:
            self.on_whole_epoch(epoch, logs or {})

    def on_whole_epoch(self, epoch: int, logs: dict[str, float]) -> None:
        raise NotImplementedError


class Pictures(EpochCallback):
    """Writes `real.png`, `fake_{epoch}.png` and `fixed_{epoch}.png`, epochs counted from 0.

    The fakes are those of the last step's generator; the fixed latents are drawn by the moving
    average if there is one.
    """

    def on_whole_epoch(self, epoch: int, logs: dict[str, float]) -> None:
        last_step = int(self.model.step.numpy()) - 1
        config, gan = self._run.config, self.model
        if epoch == 0:
            batch = self._run.data.batch_at(config.images_a_step, config.seed, last_step)
            real = batch[: config.batch_size]
            pictures.save_png(self._run.workdir.samples / "real.png", pictures.grid(real))
        z = gan.global_latents(gan.streams[-1], last_step, config.batch_size)
        self._save(f"fake_{epoch}.png", gan.generator(z, training=False).numpy())
        self._save(f"fixed_{epoch}.png", *fixed_images(gan))

    def _save(self, name: str, images: np.ndarray, columns: int = pictures.COLUMNS) -> None:
        grid = pictures.grid(pictures.to_uint8(images), columns)
        pictures.save_png(self._run.workdir.samples / name, grid)


def save_training_gif(workdir: Workdir, most: int = 100) -> None:
    """Writes `training.gif`: the pictures of the fixed latents, at most `most` of them."""
    files = list(workdir.fixed_pictures().values())
    if files:
        frames = [pictures.load_png(files[index]) for index in pictures.spread(len(files), most)]
        pictures.save_gif(workdir.training_gif, frames)


class MetricsCSV(EpochCallback):
    """Writes one row an epoch: epoch (from 0), steps done, and the epoch's means.

    Whatever else callbacks before it put into the epoch's logs gets columns too, with empty cells
    in the epochs that lack it.
    """

    def on_whole_epoch(self, epoch: int, logs: dict[str, float]) -> None:
        # Written whole each time: rows that a killed run left behind its checkpoint fall away.
        rows = self._run.workdir.epochs()[:epoch]
        header = ["epoch", "step", *self.model.metrics_names]
        means = {name: f"{float(logs[name]):.6f}" for name in logs}
        row = {"epoch": str(epoch), "step": str(int(self.model.step.numpy())), **means}
        for each in (*rows, row):
            header += [name for name in each if name and each[name] and name not in header]
        buffer = io.StringIO()
        writer = csv.DictWriter(buffer, header, "", "ignore", lineterminator="\n")
        writer.writeheader()
        writer.writerows([*rows, row])
        write_file(self._run.workdir.metrics, buffer.getvalue().encode())


class FiniteLosses(keras.callbacks.Callback):
    """Ends a run at the first step whose losses are not finite.

    At an epoch's end it looks at the weights too, which the last step may have spoilt: whatever
    draws and scores then comes after it.

    Args:
        checkpoints: the run's checkpoints, to name the newest.
    """

    def __init__(self, checkpoints: Checkpoints):
        super().__init__()
        self._checkpoints = checkpoints

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        wrong = np.argwhere(~np.isfinite(self.model.step_logs))
        if len(wrong):
            row, column = wrong[0]
            step = int(self.model.step.numpy()) - len(self.model.step_logs) + int(row) + 1
            quantity = f"{self.model.metrics_names[column]} is"
            raise diverged(step, quantity, self._checkpoints.newest())

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        self._checkpoints.check_finite()


class CheckpointAndStop(keras.callbacks.Callback):
    """Saves checkpoints when they are due, at the run's end, and when something asks it to stop.

    Inside an epoch that is after a call into TensorFlow; after an epoch's last step, once
    everything else that the epoch leaves is written. All workers stop after the same step; only
    the chief saves.

    Args:
        checkpoints: the run's checkpoints.
        stop: the signals that have come, and what else may end the run.
        run: that it belongs to.
        flush: writes out what is still in memory and belongs before a checkpoint.
    """

    def __init__(
        self,
        checkpoints: Checkpoints,
        stop: StopSignals,
        run: Run,
        flush: Callable[[], None],
    ):
        super().__init__()
        self._checkpoints = checkpoints
        self._stop = stop
        self._run = run
        self._every_steps = run.config.checkpoint_every_steps
        self._every_seconds = 60 * run.config.checkpoint_every_minutes
        self._flush = flush
        self._put_means_back: Callable[[], None] | None = checkpoints.means_keeper()
        self._saved_step = -1
        self._saved_time = time.monotonic()  # which a clock set back does not move

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        step = int(self.model.step.numpy())
        if self._saved_step < 0:
            self._saved_step = step
        if step % self._run.steps_per_epoch and self._put_means_back:
            self._put_means_back()
        self._put_means_back = None

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        step = int(self.model.step.numpy())
        if self._stop.agree():
            self.model.stop_training = True
        if step % self._run.steps_per_epoch:
            self._save_if_due(step)

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        if self._stop.agree():  # the chief may have scored the epoch
            self.model.stop_training = True
        newest = self._checkpoints.newest()
        first = newest is None or int(newest.name) == 0  # `Workdir.has_progress` counts on it
        self._save_if_due(int(self.model.step.numpy()), first)

    def _save_if_due(self, step: int, first: bool = False) -> None:
        every = self._every_steps
        if (
            self._run.is_chief
            and step != self._saved_step
            and (
                first
                or self._stop.stopping
                or step == self._run.last_step
                or (every and step // every > self._saved_step // every)
                or (
                    self._every_seconds
                    and time.monotonic() > self._saved_time + self._every_seconds
                )
            )
        ):
            self._flush()
            self._checkpoints.save()
            self._saved_step, self._saved_time = step, time.monotonic()

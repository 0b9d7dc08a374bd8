"""What a run writes while it trains: pictures, metrics, TensorBoard, checkpoints.

Each file is written at the end of an epoch, before that epoch's checkpoint: whatever a
checkpoint is followed by can be written again, the same.
"""

import csv
import io
import pathlib
import signal
import threading
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from tensorboard.plugins.hparams import api as hparams

from tfgan import images as pictures
from tfgan import noise, pipeline
from tfgan.checkpointing import Checkpoints
from tfgan.config import TrainConfig
from tfgan.noise import Stream
from tfgan.workdir import Workdir, write_file

FIXED_LATENTS = 64


class EpochCallback(keras.callbacks.Callback):
    """Calls `on_whole_epoch` where Keras also calls after an epoch that a signal cut short."""

    def __init__(self, steps_per_epoch: int):
        super().__init__()
        self._steps_per_epoch = steps_per_epoch

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        if int(self.model.step.numpy()) == (epoch + 1) * self._steps_per_epoch:
            self.on_whole_epoch(epoch, logs or {})

    def on_whole_epoch(self, epoch: int, logs: dict[str, float]) -> None:
        raise NotImplementedError


class Pictures(EpochCallback):
    """Writes `real.png`, `fake_{epoch}.png` and `fixed_{epoch}.png`, epochs counted from 0.

    Args:
        folder: where to.
        images: the training set, uint8.
        config: the run's options.
        steps_per_epoch: steps of an epoch.
    """

    def __init__(
        self, folder: pathlib.Path, images: np.ndarray, config: TrainConfig, steps_per_epoch: int
    ):
        super().__init__(steps_per_epoch)
        self._folder = folder
        self._images = images
        self._config = config

    def on_whole_epoch(self, epoch: int, logs: dict[str, float]) -> None:
        last_step = int(self.model.step.numpy()) - 1
        seed, batch_size = self._config.seed, self._config.batch_size
        if epoch == 0:
            real = pipeline.batch_at(self._images, batch_size, seed, last_step)
            pictures.save_png(self._folder / "real.png", pictures.grid(real))
        self._save("fake", epoch, Stream.GENERATOR_LATENTS, last_step, batch_size)
        self._save("fixed", epoch, Stream.FIXED_LATENTS, 0, FIXED_LATENTS)

    def _save(self, name: str, epoch: int, stream: Stream, step: int, count: int) -> None:
        gan = self.model
        z = noise.latents(gan.seed, stream, step, count, gan.latent_size, gan.variable_dtype)
        fakes = pictures.to_uint8(gan.generator(z, training=False).numpy())
        pictures.save_png(self._folder / f"{name}_{epoch}.png", pictures.grid(fakes))


def save_training_gif(folder: pathlib.Path, most: int = 100) -> None:
    """Writes `training.gif`: the pictures of the fixed latents, at most `most` of them."""
    files = sorted(folder.glob("fixed_*.png"), key=lambda file: int(file.stem.split("_")[1]))
    chosen = np.unique(np.linspace(0, len(files) - 1, most).round().astype(int))
    frames = [pictures.load_png(files[index]) for index in chosen]
    pictures.save_gif(folder / "training.gif", frames)


class MetricsCSV(EpochCallback):
    """Writes one row an epoch: epoch (from 0), steps done, and the epoch's means."""

    def __init__(self, path: pathlib.Path, steps_per_epoch: int):
        super().__init__(steps_per_epoch)
        self._path = path

    def on_whole_epoch(self, epoch: int, logs: dict[str, float]) -> None:
        # Written whole each time: rows that a killed run left behind its checkpoint fall away.
        header = ["epoch", "step", *self.model.metrics_names]
        rows = []
        if self._path.exists():
            with open(self._path, newline="") as file:
                rows = [row for row in csv.reader(file) if row[0] != "epoch"][:epoch]
        means = [f"{float(logs[name]):.6f}" for name in self.model.metrics_names]
        rows.append([str(epoch), str(int(self.model.step.numpy())), *means])
        buffer = io.StringIO()
        csv.writer(buffer, lineterminator="\n").writerows([header, *rows])
        write_file(self._path, buffer.getvalue().encode())


class TensorBoard(EpochCallback):
    """Writes what TensorBoard shows.

    By step: the four quantities of the last step of each call into TensorFlow. By epoch: their
    means, both learning rates, the picture of the fixed latents, and on demand histograms of
    weights and gradients. Once: the options as text and HParams, and the graph of the step.

    Args:
        workdir: where to, and where the pictures are.
        images: the training set, uint8.
        config: the run's options.
        steps_per_epoch: steps of an epoch.
    """

    def __init__(
        self, workdir: Workdir, images: np.ndarray, config: TrainConfig, steps_per_epoch: int
    ):
        super().__init__(steps_per_epoch)
        self._workdir = workdir
        self._images = images
        self._config = config
        self._writer: Any = None

    def on_train_begin(self, logs: Any = None) -> None:
        if self._writer is not None:
            return
        step = int(self.model.step.numpy())
        remove_events_after(self._workdir.tensorboard, step, step // self._steps_per_epoch)
        self._writer = tf.summary.create_file_writer(str(self._workdir.tensorboard))
        options = self._config.to_dict()
        with self._writer.as_default(step=0):
            if step == 0:
                table = ["| flag | value |", "|---|---|"]
                table += [f"| {name} | {value} |" for name, value in options.items()]
                tf.summary.text("flags", "\n".join(table))
                hparams.hparams(options, trial_id=str(self._workdir.path))
                tf.summary.graph(self._step_graph())

    def _step_graph(self) -> tf.Graph:
        """The graph of `GAN.update`, plain, as one replica without XLA would run it."""
        gan, batch = self.model, self._config.batch_size
        real = tf.TensorSpec((batch, *gan.discriminator.input_shape[1:]), gan.variable_dtype, "x")
        z_d, z_g = (
            tf.TensorSpec((batch, gan.latent_size), gan.variable_dtype, name)
            for name in ("z_d", "z_g")
        )
        step = tf.function(gan.update, autograph=False)
        with tf.distribute.get_strategy().scope():
            return step.get_concrete_function(real, z_d, z_g).graph

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        with self._writer.as_default(step=int(self.model.step.numpy())):
            for name, value in zip(self.model.metrics_names, self.model.step_logs[-1], strict=True):
                tf.summary.scalar(f"step/{name}", value)

    def on_whole_epoch(self, epoch: int, logs: dict[str, float]) -> None:
        gan = self.model
        with self._writer.as_default(step=epoch):
            for name in gan.metrics_names:
                tf.summary.scalar(f"epoch/{name}", float(logs[name]))
            tf.summary.scalar("learning_rate/D", gan.d_optimizer.learning_rate)
            tf.summary.scalar("learning_rate/G", gan.g_optimizer.learning_rate)
            picture = pictures.load_png(self._workdir.samples / f"fixed_{epoch}.png")
            tf.summary.image("fixed_latents", picture[np.newaxis])
            every = self._config.histograms_every
            if every and epoch % every == 0:
                self._histograms()
        self._writer.flush()

    def _histograms(self) -> None:
        gan, last_step = self.model, int(self.model.step.numpy()) - 1
        batch_size, seed = self._config.batch_size, self._config.seed
        real = pipeline.to_unit(pipeline.batch_at(self._images, batch_size, seed, last_step))
        z_d, z_g = (
            noise.latents(seed, stream, last_step, batch_size, gan.latent_size, gan.variable_dtype)
            for stream in (Stream.DISCRIMINATOR_LATENTS, Stream.GENERATOR_LATENTS)
        )
        for network, gradients in (
            (gan.discriminator, gan.discriminator_gradients(real, z_d)[0]),
            (gan.generator, gan.generator_gradients(z_g)[0]),
        ):
            for weight, gradient in zip(network.trainable_variables, gradients, strict=True):
                tf.summary.histogram(f"{network.name}/{weight.path}", weight)
                tf.summary.histogram(f"{network.name}/{weight.path}/gradient", gradient)

    def close(self) -> None:
        """Writes what is still in memory."""
        if self._writer is not None:
            self._writer.close()


def remove_events_after(folder: pathlib.Path, step: int, epochs: int) -> None:
    """Removes the events that a killed run wrote after its newest checkpoint.

    Args:
        folder: the event files'.
        step: steps that the checkpoint has done; tags below "step/" count these.
        epochs: whole epochs that it has done; all other tags count these from 0, but for the
            flags and HParams, which are written once.
    """

    def stays(tag: str, at: int) -> bool:
        if tag.startswith("step/"):
            return at <= step
        return at < epochs or tag.startswith(("flags", "_hparams_"))

    for file in folder.glob("events.out.tfevents.*"):
        kept = []
        try:
            for record in tf.data.TFRecordDataset(str(file)).as_numpy_iterator():
                event = tf.compat.v1.Event.FromString(record)
                if all(stays(value.tag, event.step) for value in event.summary.value):
                    kept.append(record)
        except tf.errors.DataLossError:
            pass  # the last record of a killed run may be cut off
        beside = file.with_name(f".{file.name}.part")
        with tf.io.TFRecordWriter(str(beside)) as writer:
            for record in kept:
                writer.write(record)
        beside.replace(file)


class CheckpointAndStop(keras.callbacks.Callback):
    """Saves a checkpoint after each epoch, and when a signal asks the run to stop.

    Args:
        checkpoints: the run's checkpoints.
        stop: the signals that have come.
        steps_per_epoch: steps of an epoch.
    """

    def __init__(self, checkpoints: Checkpoints, stop: "StopSignals", steps_per_epoch: int):
        super().__init__()
        self._checkpoints = checkpoints
        self._stop = stop
        self._steps_per_epoch = steps_per_epoch
        self._put_means_back: Callable[[], None] | None = checkpoints.means_keeper()

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        if int(self.model.step.numpy()) % self._steps_per_epoch and self._put_means_back:
            self._put_means_back()
        self._put_means_back = None

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        if self._stop.received is not None:
            self.model.stop_training = True

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        self._checkpoints.save()


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

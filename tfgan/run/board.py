"""What TensorBoard shows of a run."""

import contextlib
import pathlib
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import tensorflow as tf
from PIL import Image
from tensorboard.plugins.custom_scalar import layout_pb2
from tensorboard.plugins.custom_scalar import summary as custom_scalar
from tensorboard.plugins.hparams import api as hparams
from tensorboard.plugins.image import metadata as image_metadata

from tfgan.datasets import pipeline
from tfgan.ground.files import disk_errors
from tfgan.run.callbacks import EpochCallback
from tfgan.run.run import Run

_SECONDS_BETWEEN_WRITES = 10  # of the curves by step; an epoch's are written at once


class TensorBoard(EpochCallback):
    """Writes what TensorBoard shows.

    By step: the four quantities of the last step of each call into TensorFlow. By epoch: their
    means, both learning rates, the picture of the fixed latents, and on demand histograms of
    weights and gradients, what the monitors see, and what `--evaluate_every` found. Once: the
    options as text and HParams, and the graph of the step.

    Args:
        run: that it belongs to.
    """

    def __init__(self, run: Run):
        super().__init__(run)
        self._writer: Any = None
        self._steps: list[tuple[int, np.ndarray]] = []  # not yet written
        self._steps_written = time.monotonic()

    def on_train_begin(self, logs: Any = None) -> None:
        if self._writer is not None:
            return
        step = int(self.model.step.numpy())
        with disk_errors(self._run.workdir.tensorboard):
            remove_events_after(
                self._run.workdir.tensorboard, step, step // self._run.steps_per_epoch
            )
            self._writer = tf.summary.create_file_writer(str(self._run.workdir.tensorboard))
        if step == 0:
            table = ["| flag | value |", "|---|---|"]
            table += [f"| {name} | {value} |" for name, value in self._run.config.to_dict().items()]
            graph = self._step_graph()
            with self._writing(0):
                tf.summary.text("flags", "\n".join(table))
                hparams.hparams(self._run.config.deciding(), trial_id=str(self._run.workdir.path))
                tf.summary.graph(graph)

    @contextlib.contextmanager
    def _writing(self, step: int | tf.Tensor) -> Iterator[None]:
        # TensorFlow calls a file that cannot grow "out of range", which to Keras means the end
        # of the data: it must not get that far.
        with disk_errors(self._run.workdir.tensorboard), self._writer.as_default(step=step):
            yield

    def _step_graph(self) -> tf.Graph:
        """The graph of `GAN.train_step`, plain, as one replica without XLA would run it."""
        gan = self.model
        shape = (self._run.config.batch_size, *gan.discriminator.input_shape[1:])
        step = tf.function(gan.train_step, autograph=False)
        return step.get_concrete_function(tf.TensorSpec(shape, gan.variable_dtype, "x")).graph

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        self._steps.append((int(self.model.step.numpy()), self.model.step_logs[-1]))
        if time.monotonic() > self._steps_written + _SECONDS_BETWEEN_WRITES:
            self._write_steps()

    def _write_steps(self) -> None:
        """Writes what has come since the last time: call by call, it took a percent of a run."""
        if self._steps:
            steps, values = zip(*self._steps, strict=True)
            with self._writing(steps[-1]):
                self._write_scalars(np.array(steps), np.array(values, np.float32))
            self._steps.clear()
        self._steps_written = time.monotonic()

    @tf.function(
        input_signature=[tf.TensorSpec([None], tf.int64), tf.TensorSpec([None, None], tf.float32)]
    )
    def _write_scalars(self, steps: tf.Tensor, values: tf.Tensor) -> None:
        for i in tf.range(tf.shape(steps)[0]):
            with tf.name_scope(""):  # the loop's would be part of the tag
                for column, name in enumerate(self.model.metrics_names):
                    tf.summary.scalar(f"step/{name}", values[i, column], step=steps[i])

    def on_whole_epoch(self, epoch: int, logs: dict[str, float]) -> None:
        gan = self.model
        with self._writing(epoch):
            for name, value in logs.items():
                kind = "epoch" if name in gan.metrics_names else "evaluation"
                tf.summary.scalar(f"{kind}/{name}", float(value))
            tf.summary.scalar("learning_rate/D", gan.d_optimizer.learning_rate)
            tf.summary.scalar("learning_rate/G", gan.g_optimizer.learning_rate)
            self._write_picture(self._run.workdir.samples / f"fixed_{epoch}.png")
            every = self._run.config.histograms_every
            if every and epoch % every == 0:
                self._histograms()
            self._writer.flush()

    def _write_picture(self, path: pathlib.Path) -> None:
        """What `tf.summary.image` does, which would decode the file and encode it again."""
        with Image.open(path) as picture:
            sides = [str(side).encode() for side in picture.size]
        metadata = image_metadata.create_summary_metadata(None, None)
        tf.summary.write("fixed_latents", [*sides, path.read_bytes()], metadata=metadata)

    def write_monitors(self, epoch: int, curves: dict[str, float], charts: dict[str, str]) -> None:
        """Writes what the monitors saw, and the charts that draw several curves as one.

        Args:
            epoch: counted from 0.
            curves: values by tag.
            charts: by title, a regular expression for the tags of its curves.
        """
        layout = layout_pb2.Layout(
            category=[
                layout_pb2.Category(
                    title="theory",
                    chart=[
                        layout_pb2.Chart(
                            title=title, multiline=layout_pb2.MultilineChartContent(tag=[tags])
                        )
                        for title, tags in charts.items()
                    ],
                )
            ]
        )
        with self._writing(epoch):
            tf.summary.experimental.write_raw_pb(
                custom_scalar.pb(layout).SerializeToString(deterministic=True), step=epoch
            )
            for tag, value in curves.items():
                tf.summary.scalar(tag, value)
        self.flush()

    def flush(self) -> None:
        """Writes what is still in memory.

        Raises:
            OSError: if it cannot be written.
        """
        self._write_steps()
        with disk_errors(self._run.workdir.tensorboard):
            self._writer.flush()

    def _histograms(self) -> None:
        gan, last_step = self.model, int(self.model.step.numpy()) - 1
        batch_size, seed = self._run.config.batch_size, self._run.config.seed
        real = pipeline.to_unit(self._run.data.batch_at(batch_size, seed, last_step))
        z = [gan.global_latents(stream, last_step, batch_size) for stream in gan.streams]
        with gan.statistics_kept():
            d_gradients, _ = gan.discriminator_gradients(real, z[0])
            g_gradients, _ = gan.generator_gradients(real, z[-1])
        for network, gradients in (
            (gan.discriminator, d_gradients),
            (gan.generator, g_gradients),
        ):
            weights = network.trainable_variables
            for weight, gradient in zip(weights, gan.of_whole_batch(gradients), strict=True):
                tf.summary.histogram(f"{network.name}/{weight.path}", weight)
                tf.summary.histogram(f"{network.name}/{weight.path}/gradient", gradient)

    def close(self) -> None:
        """Lets go of the event file."""
        if self._writer is not None:
            # `flush` has told of a full disk.
            with contextlib.suppress(tf.errors.OpError, OSError):
                self._write_steps()
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

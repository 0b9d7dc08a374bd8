"""TensorBoard's content."""

import contextlib
import functools
import pathlib
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import tensorflow as tf
from PIL import Image
from tensorboard.plugins.custom_scalar import layout_pb2
from tensorboard.plugins.custom_scalar import summary as custom_scalar
from tensorboard.plugins.hparams import api as hparams
from tensorboard.plugins.image import metadata as image_metadata
from tensorboard.plugins.scalar import metadata as scalar_metadata

from tfgan import optimizers
from tfgan.ground.files import disk_errors
from tfgan.run.callbacks import EpochCallback
from tfgan.run.run import Run

_SECONDS_BETWEEN_WRITES = 10  # of the curves by step; an epoch's are written at once

# What draws several curves as one: by category and title, the regular expressions of their tags.
_CHARTS = {
    "training": {
        "losses, means of each epoch": [r"epoch/[DG]_loss"],
        "D(x) and D(G(z)), means of each epoch": ["epoch/D_x", "epoch/D_G_z"],
        "losses of single steps": [r"step/[DG]_loss"],
        "D(x) and D(G(z)) of single steps": ["step/D_x", "step/D_G_z"],
    }
}
_MONITORS_CHARTS = {
    "theory": {
        "V(D, G) in nats": [r"monitors/value_.*"],
        "Jensen-Shannon divergence in nats, at least": [r"monitors/divergence_.*"],
    }
}
# By the end of a tag.
_DESCRIPTIONS = {
    "D_loss": "What the discriminator minimises, without penalties.",
    "G_loss": "What the generator minimises.",
    "D_x": "D(x), D's probability for real images; 1/2 if it cannot tell real from fake.",
    "D_G_z": "D(G(z)), D's probability for generated images; 1/2 if it cannot tell real from fake.",
    "learning_rate/D": "Of the discriminator, after the epoch.",
    "learning_rate/G": "Of the generator, after the epoch.",
    "pictures/fixed_latents": "The same latents after each epoch, drawn by the generator or its "
    "moving average; a row for each class of a conditional run.",
    "pictures/real": "A batch of the training set.",
    "monitors/value_limit": "-log 4: V(D, G) if D cannot tell.",
    "monitors/divergence_limit": "log 2: the divergence if p_g and p_data do not overlap.",
    "evaluation/fcd": "The Fréchet distance in a classifier's features: lower is better.",
    "evaluation/fsd": "The Fréchet distance in features learnt without labels: lower is better.",
    "evaluation/validation_fcd": "FCD against the validation images: lower is better.",
    "evaluation/validation_fsd": "FSD against the validation images: lower is better.",
    "evaluation/validation_coverage": "Of the validation images: higher is better.",
    "evaluation/validation_parzen": "Log-likelihood of the validation images under Gaussian "
    "windows around samples, in nats: higher is better.",
    "evaluation/best_step": "Step of the best generator so far.",
    "evaluation/swd": "The sliced Wasserstein distance of patches: lower is better.",
}
_HPARAMS_METRICS = {
    "epoch/D_loss": "D_loss",
    "epoch/G_loss": "G_loss",
    "epoch/D_x": "D(x)",
    "epoch/D_G_z": "D(G(z))",
    "evaluation/fcd": "FCD",
    "evaluation/fsd": "FSD",
}


class TensorBoard(EpochCallback):
    """Writes what TensorBoard shows, by training step.

    After each call into TensorFlow: the four logged quantities of its last step. After each epoch:
    their means, both learning rates, the picture of the fixed latents and, if requested,
    histograms of weights and gradients, the monitors' values and the scores of
    `--evaluate_every`. Once: the charts that combine several curves, real images, the options as
    text and HParams, and the graph of the step.

    Args:
        run: the run that it belongs to.
    """

    def __init__(self, run: Run):
        super().__init__(run)
        self._writer: Any = None
        self._steps: list[tuple[int, float, np.ndarray]] = []  # not yet written, with their time
        self._steps_written = time.monotonic()

    def on_train_begin(self, logs: Any = None) -> None:
        if self._writer is not None:
            return
        step = int(self.model.step.numpy())
        with disk_errors(self._run.workdir.tensorboard):
            remove_events_after(self._run.workdir.tensorboard, step)
            self._writer = tf.summary.create_file_writer(str(self._run.workdir.tensorboard))
        if step == 0:
            table = ["| flag | value |", "|---|---|"]
            for name, value in self._run.config.to_dict().items():
                table.append(f"| {name} | {str(value).replace('|', chr(92) + '|')} |")
            with self._writing(0):
                tf.summary.text("flags", "\n".join(table))
                deciding = self._run.config.deciding()
                hparams.hparams_config(
                    hparams=[hparams.HParam(name) for name in deciding],
                    metrics=[
                        hparams.Metric(tag, display_name=name)
                        for tag, name in _HPARAMS_METRICS.items()
                    ],
                )
                hparams.hparams(deciding, trial_id=self._run.workdir.path.resolve().name)
                layout = _layout(
                    _CHARTS | (_MONITORS_CHARTS if self._run.config.monitor_every else {})
                )
                tf.summary.experimental.write_raw_pb(
                    custom_scalar.pb(layout).SerializeToString(deterministic=True)
                )

    @contextlib.contextmanager
    def _writing(self, step: int | tf.Tensor) -> Iterator[None]:
        # TensorFlow calls a file that cannot grow "out of range", which to Keras means the end
        # of the data: it must not get that far.
        with disk_errors(self._run.workdir.tensorboard), self._writer.as_default(step=step):
            yield

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        gan = self.model
        step = int(gan.step.numpy())
        if step == len(gan.step_logs) and gan.step_graph:  # the run's first call
            with self._writing(0):
                tf.summary.graph(gan.step_graph)
        self._steps.append((step, time.time(), gan.step_logs[-1]))
        if time.monotonic() > self._steps_written + _SECONDS_BETWEEN_WRITES:
            self._write_steps()

    def _write_steps(self) -> None:
        """Writes the values since the last time; one call at a time took a percent of a run.

        It writes complete events, because `tf.summary.scalar` would give all of them the same time.
        """
        with disk_errors(self._run.workdir.tensorboard):
            for step, wall_time, values in self._steps:
                event = tf.compat.v1.Event(step=step, wall_time=wall_time)
                for name, value in zip(self.model.metrics_names, values, strict=True):
                    added = event.summary.value.add(
                        tag=_tag("step", name), tensor=tf.make_tensor_proto(value, tf.float32)
                    )
                    added.metadata.CopyFrom(_scalar_metadata(_tag("step", name)))
                tf.raw_ops.ImportEvent(
                    writer=self._writer._resource, event=event.SerializeToString()
                )
        self._steps.clear()
        self._steps_written = time.monotonic()

    def on_whole_epoch(self, epoch: int, logs: dict[str, float]) -> None:
        gan = self.model
        with self._writing(int(gan.step.numpy())):
            for name, value in logs.items():
                kind = "epoch" if name in gan.metrics_names else "evaluation"
                _scalar(_tag(kind, name), float(value))
            _scalar("learning_rate/D", gan.d_optimizer.learning_rate)
            _scalar("learning_rate/G", gan.g_optimizer.learning_rate)
            samples = self._run.workdir.samples
            if epoch == 0:
                self._write_picture("pictures/real", samples / "real.png")
            self._write_picture("pictures/fixed_latents", samples / f"fixed_{epoch}.png")
            every = self._run.config.histograms_every
            if every and epoch % every == 0:
                self._histograms()
            self._writer.flush()

    def _write_picture(self, tag: str, path: pathlib.Path) -> None:
        """Like `tf.summary.image`, which would decode the file and encode it again."""
        with Image.open(path) as picture:
            sides = [str(side).encode() for side in picture.size]
        metadata = image_metadata.create_summary_metadata(tag, _DESCRIPTIONS[tag])
        tf.summary.write(tag, [*sides, path.read_bytes()], metadata=metadata)

    def write_monitors(self, curves: dict[str, float]) -> None:
        """Writes the monitors' values of the epoch that has just ended, by tag."""
        with self._writing(int(self.model.step.numpy())):
            for tag, value in curves.items():
                _scalar(tag, value)
        self.flush()

    def flush(self) -> None:
        """Writes the values that are still in memory.

        Raises:
            OSError: if it cannot be written.
        """
        self._write_steps()
        with disk_errors(self._run.workdir.tensorboard):
            self._writer.flush()

    @functools.cached_property
    def _gradients(self) -> list[Callable[[Any, Any], Any]]:
        """Those of D and of G, as graphs: eagerly, resnet's has oneDNN log an error of int32."""
        both = (self.model.discriminator_gradients, self.model.generator_gradients)
        return [tf.function(each, autograph=False) for each in both]

    def _histograms(self) -> None:
        gan, last_step = self.model, int(self.model.step.numpy()) - 1
        count, seed = self._run.config.images_a_step, self._run.config.seed
        real = next(iter(self._run.data.batches(count, seed, last_step)))
        drawn = (gan.global_latents(stream, last_step, count) for stream in gan.streams)
        z = gan.matched(tuple(drawn), real)
        with gan.statistics_kept():
            of_discriminator, of_generator = self._gradients
            d_gradients, _ = of_discriminator(real, z[0])
            g_gradients, _ = of_generator(real, z[-1])
        for network, optimizer, gradients in (
            (gan.discriminator, gan.d_optimizer, d_gradients),
            (gan.generator, gan.g_optimizer, g_gradients),
        ):
            weights = network.trainable_variables
            gradients = optimizers.unscaled(optimizer, gan.of_whole_batch(gradients))
            for weight, gradient in zip(weights, gradients, strict=True):
                tf.summary.histogram(f"{network.name}/{weight.path}", weight)
                tf.summary.histogram(f"{network.name}/{weight.path}/gradient", gradient)

    def close(self) -> None:
        """Closes the event file."""
        if self._writer is not None:
            # `flush` has told of a full disk.
            with contextlib.suppress(tf.errors.OpError, OSError):
                self._write_steps()
                self._writer.close()


def _tag(kind: str, name: str) -> str:
    """ "epoch/D_G_z" of "D(G(z))": a custom chart draws nothing where a tag has parentheses."""
    return f"{kind}/{name}".replace("(", "_").replace(")", "")


def _description(tag: str) -> str | None:
    return _DESCRIPTIONS.get(tag, _DESCRIPTIONS.get(tag.rpartition("/")[2]))


def _scalar(tag: str, value: Any) -> None:
    tf.summary.scalar(tag, value, description=_description(tag))


@functools.cache
def _scalar_metadata(tag: str) -> tf.compat.v1.SummaryMetadata:
    metadata = scalar_metadata.create_summary_metadata(None, _description(tag))
    return tf.compat.v1.SummaryMetadata.FromString(metadata.SerializeToString())


def _layout(categories: dict[str, dict[str, list[str]]]) -> layout_pb2.Layout:
    return layout_pb2.Layout(
        category=[
            layout_pb2.Category(
                title=category,
                chart=[
                    layout_pb2.Chart(
                        title=title, multiline=layout_pb2.MultilineChartContent(tag=tags)
                    )
                    for title, tags in charts.items()
                ],
            )
            for category, charts in categories.items()
        ]
    )


def remove_events_after(folder: pathlib.Path, step: int) -> None:
    """Removes the events that a killed run wrote after its newest checkpoint.

    Args:
        folder: the folder of the event files.
        step: the checkpoint's training step.
    """
    for file in folder.glob("events.out.tfevents.*"):
        if not step:  # all is written again, what has no step too
            file.unlink()
            continue
        kept = []
        try:
            for record in tf.data.TFRecordDataset(str(file)).as_numpy_iterator():
                event = tf.compat.v1.Event.FromString(record)
                if event.step <= step or not event.summary.value:  # the graph
                    kept.append(record)
        except tf.errors.DataLossError:
            pass  # the last record of a killed run may be cut off
        beside = file.with_name(f".{file.name}.part")
        with tf.io.TFRecordWriter(str(beside)) as writer:
            for record in kept:
                writer.write(record)
        beside.replace(file)

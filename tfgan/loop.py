"""The loop that `fit` calls, and what a GAN shares with its replicas.

Stock Keras 3.15 cannot run several steps a call under `MirroredStrategy` (keras issue 19246), nor
any under several workers (issue 20585). This loop works everywhere.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tfgan import noise
from tfgan.noise import Stream

Logs = dict[str, tf.Tensor]
Latents = tuple[tf.Tensor, ...]  # one `(batch, latent_size)` for each of `TrainingLoop.streams`


class TrainingLoop(keras.Model):
    """Takes training steps for `fit`, several a call, on one replica or on many.

    A subclass defines a step, `update(real, z)`, and sets `take_step`, `streams` and
    `in_one_program` when it is compiled.

    Args:
        quantities: names of what each step logs.
        latent_size: length of z.
        seed: decides every latent; see `tfgan.noise`.
        distribution: of the latents; see `tfgan.noise.latents`.

    Attributes:
        step: int64 scalar weight, the number of training steps taken.
        step_logs: float `(steps_per_execution, quantities)`, what was logged at each step of the
            last call into TensorFlow.
        take_step: what each step does with its real images and latents: `update`, or another
            order of it.
        streams: what a step draws latents for; the last are those of G's own update.
        in_one_program: whether XLA compiles all steps of a call to one program.
    """

    take_step: Callable[[Any, Latents], Logs]
    streams: tuple[Stream, ...]
    in_one_program: bool

    def __init__(
        self,
        quantities: Sequence[str],
        latent_size: int,
        seed: int,
        distribution: str,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.latent_size = latent_size
        self.seed = seed
        self.distribution = distribution
        self.step = self.add_weight(
            name="step",
            shape=(),
            dtype="int64",
            initializer="zeros",
            trainable=False,
            aggregation="only_first_replica",
        )
        self.train_function: Callable[[Any], Logs] | None = None
        self._means = [Mean(name) for name in quantities]
        self.step_logs = np.zeros((0, len(quantities)))
        self.built = True

    def update(self, real: tf.Tensor, z: Latents) -> Logs:
        """One training step."""
        raise NotImplementedError

    def train_step(self, data: Any) -> Logs:
        """One training step on a batch of real images, alone or first in a tuple."""
        return self.take_step(*self.draw(data))

    def draw(self, data: Any) -> tuple[tf.Tensor, Latents]:
        """The real images of a batch, and latents of the current step for them."""
        real = images(data)
        return real, self.latents(self.step.value, real)

    def latents(self, step: tf.Tensor, real: tf.Tensor) -> Latents:
        """This replica's slices of the global draws of z: as many as there are real images."""
        context = tf.distribute.get_replica_context()
        batch = real.shape[0] or tf.shape(real)[0]
        start, count = batch * context.replica_id_in_sync_group, context.num_replicas_in_sync
        draws = (self.global_latents(stream, step, batch * count) for stream in self.streams)
        return tuple(z[start : start + batch] for z in draws)

    def global_latents(
        self, stream: Stream, step: tf.Tensor | int, count: tf.Tensor | int
    ) -> tf.Tensor:
        """`(count, latent_size)`: what all replicas together draw for a step."""
        return noise.latents(
            self.seed, stream, step, count, self.latent_size, self.variable_dtype, self.distribution
        )

    def share_of_mean(self, values: tf.Tensor) -> tf.Tensor:
        """This replica's share of the mean over the global batch; shares add up to the mean."""
        return tf.reduce_mean(values) / self.distribute_strategy.num_replicas_in_sync

    def of_whole_batch(self, gradients: Sequence[tf.Tensor]) -> list[tf.Tensor]:
        """Gradients of the mean itself, from those that one replica found without others."""
        replicas = self.distribute_strategy.num_replicas_in_sync
        return [gradient * replicas for gradient in gradients]

    # What Keras needs to know.

    @property
    def metrics(self) -> list[keras.metrics.Metric]:
        return self._means

    def make_train_function(self, force: bool = False) -> Callable[[Any], Logs]:
        """Builds what `fit` calls with an iterator over batches."""
        if self.train_function is None or force:
            self.train_function = _train_function(self)
        return self.train_function


def _train_function(gan: TrainingLoop) -> Callable[[Any], Logs]:
    names = gan.metrics_names
    strategy = gan.distribute_strategy

    def as_row(logs: Logs) -> tf.Tensor:
        return tf.stack([logs[name] for name in names])

    @tf.autograph.experimental.do_not_convert
    def train_step(data: Any) -> tf.Tensor:
        return as_row(gan.train_step(data))

    @tf.function(jit_compile=True, autograph=False)
    def in_one_program(real: tf.Tensor, z: Latents) -> tf.Tensor:
        def take_step(drawn: tuple[tf.Tensor, Latents]) -> tf.Tensor:
            return as_row(gan.take_step(*drawn))

        return tf.map_fn(take_step, (real, z), fn_output_signature=gan.variable_dtype)

    @tf.autograph.experimental.do_not_convert
    def compiled_steps(iterator: Any) -> tf.Tensor:
        # Drawn outside of XLA, which has another generator of random numbers.
        steps = gan.step.value + tf.range(gan.steps_per_execution, dtype="int64")
        real = tf.map_fn(
            lambda step: images(next(iterator)),
            steps,
            parallel_iterations=1,
            fn_output_signature=images(iterator.element_spec).dtype,
        )
        z = tf.map_fn(
            lambda step: gan.latents(step, real[0]),
            steps,
            fn_output_signature=(gan.variable_dtype,) * len(gan.streams),
        )
        return in_one_program(real, z)

    def steps_on_replicas(iterator: Any) -> tf.Tensor:
        steps = gan.steps_per_execution
        history = tf.TensorArray(gan.variable_dtype, steps, element_shape=(len(names),))
        for i in tf.range(steps):
            shares = strategy.run(train_step, args=(next(iterator),))
            history = history.write(i, strategy.reduce("SUM", shares, axis=None))
        return history.stack()

    take_steps = compiled_steps if gan.in_one_program else steps_on_replicas

    def train_steps(iterator: Any) -> tuple[tf.Tensor, Logs]:
        step_logs = take_steps(iterator)
        for metric, values in zip(gan.metrics, tf.unstack(step_logs, axis=1), strict=True):
            metric.update_state(values)
        return step_logs, gan.get_metrics_result()

    if not gan.run_eagerly:
        train_steps = tf.function(train_steps)

    def call(iterator: Iterable[Any]) -> Logs:
        if not isinstance(iterator, (tf.data.Iterator, tf.distribute.DistributedIterator)):
            iterator = iter(tf.data.Dataset.from_tensors(next(iter(iterator))))
        step_logs, means = train_steps(iterator)
        gan.step_logs = step_logs.numpy()
        return means

    return call


class Mean(keras.metrics.Mean):
    """The mean of values that all replicas agree on, kept as weights are.

    Keras' own keeps parts of it on each replica, which only all workers together can read.
    """

    def add_variable(
        self,
        shape: Any,
        initializer: Any,
        dtype: Any = None,
        aggregation: str = "only_first_replica",
        name: str | None = None,
    ) -> keras.Variable:
        return keras.Variable(
            keras.initializers.get(initializer),
            shape=shape,
            dtype=dtype,
            trainable=False,
            aggregation="only_first_replica",
            name=name,
        )


def images(data: Any) -> tf.Tensor:
    """The images of a batch that may come with labels."""
    return keras.utils.unpack_x_y_sample_weight(data)[0]

"""The loop that `fit` calls: `steps_per_execution` training steps at a time.

Stock Keras 3.15 cannot run several steps at a time under `MirroredStrategy` (keras issue
19246), nor any under several workers (issue 20585). This loop works everywhere.
"""

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

import keras
import tensorflow as tf

from tfgan.noise import Stream

if TYPE_CHECKING:
    from tfgan.gan import GAN

Logs = dict[str, tf.Tensor]
Drawn = tuple[tf.Tensor, dict[Stream, tf.Tensor]]  # real images, and latents by purpose


def train_function(gan: "GAN") -> Callable[[Any], Logs]:
    """What `fit` calls with an iterator over batches; sets `gan.step_logs`."""
    names = gan.metrics_names
    strategy = gan.distribute_strategy

    @tf.autograph.experimental.do_not_convert
    def train_step(data: Any) -> tf.Tensor:
        logs = gan.train_step(data)
        return tf.stack([logs[name] for name in names])

    @tf.function(jit_compile=True, autograph=False)
    def in_one_program(drawn: Drawn) -> tf.Tensor:
        def one(drawn: Drawn) -> tf.Tensor:
            real, latents = drawn
            with gan.drawn(latents):
                return train_step(real)

        return tf.map_fn(one, drawn, fn_output_signature=gan.variable_dtype)

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
        latents = tf.map_fn(
            lambda step: {stream: gan.draw(stream, step, real[0]) for stream in gan.streams},
            steps,
            fn_output_signature=dict.fromkeys(gan.streams, gan.variable_dtype),
        )
        return in_one_program((real, latents))

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

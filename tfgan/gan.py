"""`GAN`: two networks, two objectives, two optimizers, and the step that alternates them."""

from collections.abc import Callable, Iterable
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tfgan import losses, noise
from tfgan.noise import Stream

Logs = dict[str, tf.Tensor]
Drawn = tuple[tf.Tensor, dict[Stream, tf.Tensor]]  # real images, and latents by purpose


@keras.saving.register_keras_serializable("tfgan")
class GAN(keras.Model):
    """A generative adversarial network that trains with `fit`.

    Args:
        generator: built model from latents `(batch, latent_size)` to images in [-1, 1].
        discriminator: built model from such images to logits `(batch, 1)`.
        latent_size: length of z.
        seed: decides every latent; see `tfgan.noise`.

    Example:
        >>> gan = tfgan.GAN(generator, discriminator, latent_size=64)
        >>> gan.compile(d_optimizer=tfgan.Adam(2e-4), g_optimizer=tfgan.Adam(2e-4))
        >>> gan.fit(dataset, epochs=20)  # batches of images in [-1, 1]

    Under several replicas all batches must have one size (`drop_remainder=True`).

    `fit` reports, over each epoch, the means of
        D_loss: -log D(x) - log(1 - D(G(z))), in nats;
        G_loss: the generator's objective, in nats;
        D(x): probability that D gives to real images, before D's update;
        D(G(z)): probability that D gives to fakes, after D's update and before G's.

    Attributes:
        step: int64 scalar weight, the number of training steps taken.
        step_logs: float `(steps_per_execution, 4)`, these quantities, in this order, at each
            step of the last call into TensorFlow.

    Reference:
        Goodfellow et al., Generative Adversarial Networks, NIPS 2014, algorithm 1.
    """

    def __init__(
        self,
        generator: keras.Model,
        discriminator: keras.Model,
        latent_size: int,
        seed: int = 777,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.generator = generator
        self.discriminator = discriminator
        self.latent_size = latent_size
        self.seed = seed
        self.step = self.add_weight(
            name="step",
            shape=(),
            dtype="int64",
            initializer="zeros",
            trainable=False,
            aggregation="only_first_replica",
        )
        self.train_function: Callable[[Any], Logs] | None = None
        self._means = [_Mean(name) for name in ("D_loss", "G_loss", "D(x)", "D(G(z))")]
        self.step_logs = np.zeros((0, len(self._means)))
        self._drawn: dict[Stream, tf.Tensor] = {}  # latents of the step that XLA compiles
        self.built = True

    def compile(
        self,
        d_optimizer: keras.optimizers.Optimizer | str,
        g_optimizer: keras.optimizers.Optimizer | str,
        loss: str = "non_saturating",
        jit_compile: bool = True,
        steps_per_execution: int = 1,
        run_eagerly: bool = False,
    ) -> None:
        """Sets how the two networks learn.

        Args:
            d_optimizer: the discriminator's optimizer.
            g_optimizer: the generator's; Keras' own callbacks know it as `gan.optimizer`.
            loss: "non_saturating" or "minimax", G's objective.
            jit_compile: whether XLA compiles these steps to one program, where there is one
                replica: an all-reduce cannot be inside.
            steps_per_execution: steps a call into TensorFlow; must divide those of an epoch.
                XLA's program needs batches of one size, and memory for that many.
            run_eagerly: runs the step op by op, for debugging.

        Raises:
            ValueError: if the loss is unknown.
        """
        self.objective = losses.get(loss)
        super().compile(
            optimizer=g_optimizer,
            jit_compile=False,
            steps_per_execution=steps_per_execution,
            run_eagerly=run_eagerly,
        )
        self.g_optimizer = self.optimizer
        self.d_optimizer = keras.optimizers.get(d_optimizer)
        self.g_optimizer.build(self.generator.trainable_variables)
        self.d_optimizer.build(self.discriminator.trainable_variables)
        self._compile_arguments = {
            "loss": loss,
            "jit_compile": jit_compile,
            "steps_per_execution": steps_per_execution,
            "run_eagerly": run_eagerly,
        }
        one_replica = self.distribute_strategy.num_replicas_in_sync == 1
        self._in_one_program = jit_compile and one_replica and not run_eagerly

    # The algorithm.

    def train_step(self, data: Any) -> Logs:
        """One step of algorithm 1: D's update, then G's, each on latents of its own.

        Args:
            data: real images `(batch, height, width, channels)` in [-1, 1], alone or
                first in a tuple.

        Returns:
            This replica's share of the global batch's mean D_loss, G_loss, D(x), D(G(z)).
        """
        real = _images(data)
        z_d = self.latents(Stream.DISCRIMINATOR_LATENTS, real)
        gradients, d_logs = self.discriminator_gradients(real, z_d)
        self.d_optimizer.apply(gradients, self.discriminator.trainable_variables)
        z_g = self.latents(Stream.GENERATOR_LATENTS, real)
        gradients, g_logs = self.generator_gradients(z_g)
        self.g_optimizer.apply(gradients, self.generator.trainable_variables)
        self.step.assign_add(1)
        return d_logs | g_logs

    def discriminator_gradients(
        self, real: tf.Tensor, z: tf.Tensor
    ) -> tuple[list[tf.Tensor], Logs]:
        """Gradient of -V(D, G) = mean(-log D(x)) + mean(-log(1 - D(G(z)))) in D, G fixed."""
        fake = self.generator(z, training=True)
        with tf.GradientTape() as tape:
            real_logits = self.discriminator(real, training=True)
            fake_logits = self.discriminator(fake, training=True)
            loss = self._mean(self.objective.discriminator(real_logits, fake_logits))
        gradients = tape.gradient(loss, self.discriminator.trainable_variables)
        return gradients, {"D_loss": loss, "D(x)": self._mean(tf.sigmoid(real_logits))}

    def generator_gradients(self, z: tf.Tensor) -> tuple[list[tf.Tensor], Logs]:
        """Gradient of the generator's objective in G, D fixed."""
        with tf.GradientTape() as tape:
            fake_logits = self.discriminator(self.generator(z, training=True), training=True)
            loss = self._mean(self.objective.generator(fake_logits))
        gradients = tape.gradient(loss, self.generator.trainable_variables)
        return gradients, {"G_loss": loss, "D(G(z))": self._mean(tf.sigmoid(fake_logits))}

    def latents(self, stream: Stream, real: tf.Tensor) -> tf.Tensor:
        """This replica's slice of the global draw of z for the current step.

        Returns:
            `(batch, latent_size)`, as many latents as there are real images.
        """
        if self._drawn:
            return self._drawn[stream]
        return self._draw(stream, self.step.value, real)

    def _draw(self, stream: Stream, step: tf.Tensor, real: tf.Tensor) -> tf.Tensor:
        context = tf.distribute.get_replica_context()
        batch = real.shape[0] or tf.shape(real)[0]
        count = batch * context.num_replicas_in_sync
        z = noise.latents(self.seed, stream, step, count, self.latent_size, self.variable_dtype)
        start = batch * context.replica_id_in_sync_group
        return z[start : start + batch]

    def _mean(self, values: tf.Tensor) -> tf.Tensor:
        """This replica's share of the mean over the global batch; shares add up to the mean."""
        replicas = self.distribute_strategy.num_replicas_in_sync
        return tf.reduce_mean(values) / replicas

    def call(self, z: tf.Tensor, training: bool = False) -> tf.Tensor:
        """Images in [-1, 1] from latents `(batch, latent_size)`."""
        return self.generator(z, training=training)

    # What Keras needs to know.

    @property
    def metrics(self) -> list[keras.metrics.Metric]:
        return self._means

    def make_train_function(self, force: bool = False) -> Callable[[Any], Logs]:
        """Builds the loop that `fit` calls: `steps_per_execution` training steps at a time.

        Stock Keras 3.15 cannot run several steps at a time under `MirroredStrategy` (keras
        issue 19246), nor any under several workers (issue 20585). This loop works everywhere.
        """
        if self.train_function is not None and not force:
            return self.train_function
        names = self.metrics_names
        strategy = self.distribute_strategy

        @tf.autograph.experimental.do_not_convert
        def train_step(data: Any) -> tf.Tensor:
            logs = self.train_step(data)
            return tf.stack([logs[name] for name in names])

        @tf.function(jit_compile=True, autograph=False)
        def in_one_program(drawn: Drawn) -> tf.Tensor:
            def one(drawn: Drawn) -> tf.Tensor:
                real, self._drawn = drawn
                try:
                    return train_step(real)
                finally:
                    self._drawn = {}

            return tf.map_fn(one, drawn, fn_output_signature=self.variable_dtype)

        @tf.autograph.experimental.do_not_convert
        def compiled_steps(iterator: Any) -> tf.Tensor:
            # Drawn outside of XLA, which has another generator of random numbers.
            def draw(step: tf.Tensor) -> Drawn:
                real = _images(next(iterator))
                return real, {stream: self._draw(stream, step, real) for stream in streams}

            steps = self.step.value + tf.range(self.steps_per_execution, dtype="int64")
            streams = (Stream.DISCRIMINATOR_LATENTS, Stream.GENERATOR_LATENTS)
            dtypes = dict.fromkeys(streams, self.variable_dtype)
            real_dtype = _images(iterator.element_spec).dtype
            drawn = tf.map_fn(
                draw, steps, parallel_iterations=1, fn_output_signature=(real_dtype, dtypes)
            )
            return in_one_program(drawn)

        def steps_on_replicas(iterator: Any) -> tf.Tensor:
            steps = self.steps_per_execution
            history = tf.TensorArray(self.variable_dtype, steps, element_shape=(len(names),))
            for i in tf.range(steps):
                shares = strategy.run(train_step, args=(next(iterator),))
                history = history.write(i, strategy.reduce("SUM", shares, axis=None))
            return history.stack()

        take_steps = compiled_steps if self._in_one_program else steps_on_replicas

        def train_steps(iterator: Any) -> tuple[tf.Tensor, Logs]:
            step_logs = take_steps(iterator)
            for metric, values in zip(self.metrics, tf.unstack(step_logs, axis=1), strict=True):
                metric.update_state(values)
            return step_logs, self.get_metrics_result()

        if not self.run_eagerly:
            train_steps = tf.function(train_steps)

        def train_function(iterator: Iterable[Any]) -> Logs:
            if not isinstance(iterator, (tf.data.Iterator, tf.distribute.DistributedIterator)):
                iterator = iter(tf.data.Dataset.from_tensors(next(iter(iterator))))
            step_logs, means = train_steps(iterator)
            self.step_logs = step_logs.numpy()
            return means

        self.train_function = train_function
        return train_function

    def get_config(self) -> dict[str, Any]:
        serialize = keras.saving.serialize_keras_object
        return {
            **super().get_config(),
            "generator": serialize(self.generator),
            "discriminator": serialize(self.discriminator),
            "latent_size": self.latent_size,
            "seed": self.seed,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> "GAN":
        deserialize = keras.saving.deserialize_keras_object
        networks = {
            name: deserialize(config[name], custom_objects)
            for name in ("generator", "discriminator")
        }
        return cls(**{**config, **networks})

    def get_compile_config(self) -> dict[str, Any]:
        serialize = keras.saving.serialize_keras_object
        return self._compile_arguments | {
            "d_optimizer": serialize(self.d_optimizer),
            "g_optimizer": serialize(self.g_optimizer),
        }

    def compile_from_config(self, config: dict[str, Any]) -> None:
        self.compile(**keras.saving.deserialize_keras_object(config))


class _Mean(keras.metrics.Mean):
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


def _images(data: Any) -> tf.Tensor:
    """The images of a batch that may come with labels."""
    return keras.utils.unpack_x_y_sample_weight(data)[0]

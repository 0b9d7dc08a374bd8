"""`GAN`: two networks, two objectives, two optimizers, and the step that alternates them."""

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tfgan import ema as moving_average
from tfgan import loop, losses, noise
from tfgan.networks import spectral
from tfgan.networks.dropout import Pass, forward_pass
from tfgan.noise import Stream
from tfgan.penalties import penalised

Logs = dict[str, tf.Tensor]
Gradients = list[tf.Tensor]


@keras.saving.register_keras_serializable("tfgan")
class GAN(keras.Model):
    """A generative adversarial network that trains with `fit`.

    Args:
        generator: built model from latents `(batch, latent_size)` to images in [-1, 1].
        discriminator: built model from such images to logits `(batch, 1)`.
        latent_size: length of z.
        seed: decides every latent; see `tfgan.noise`.
        ema: decay of the generator's moving average, in (0, 1); 0 keeps none.
        distribution: of the latents; see `tfgan.noise.latents`.

    Example:
        >>> gan = tfgan.GAN(generator, discriminator, latent_size=64)
        >>> gan.compile(d_optimizer=tfgan.Adam(2e-4), g_optimizer=tfgan.Adam(2e-4))
        >>> gan.fit(dataset, epochs=20)  # batches of images in [-1, 1]

    Under several replicas all batches must have one size (`drop_remainder=True`).

    `fit` reports, over each epoch, the means of
        D_loss: the discriminator's objective, without penalties; by default
            -log D(x) - log(1 - D(G(z))), in nats;
        G_loss: the generator's objective, by default -log D(G(z)), in nats;
        D(x): probability that D gives to real images, before D's update;
        D(G(z)): probability that D gives to fakes, after D's update and before G's (with
            simultaneous updates: before both).
    What the probability is under another objective, `tfgan.losses` says.

    Attributes:
        step: int64 scalar weight, the number of training steps taken.
        step_logs: float `(steps_per_execution, 4)`, these quantities, in this order, at each
            step of the last call into TensorFlow.
        ema_generator: the moving average of the generator; None without `ema`.
        streams: what a step draws latents for; the last are those of G's own update.

    Reference:
        Goodfellow et al., Generative Adversarial Networks, NIPS 2014, algorithm 1.
    """

    def __init__(
        self,
        generator: keras.Model,
        discriminator: keras.Model,
        latent_size: int,
        seed: int = 777,
        ema: float = 0.0,
        distribution: str = "normal",
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.generator = generator
        self.discriminator = discriminator
        self.latent_size = latent_size
        self.seed = seed
        self.ema = ema
        self.ema_generator = moving_average.clone(generator) if ema else None
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
        self._means = [loop.Mean(name) for name in ("D_loss", "G_loss", "D(x)", "D(G(z))")]
        self.step_logs = np.zeros((0, len(self._means)))
        self._drawn: dict[Stream, tf.Tensor] = {}  # latents of the step that XLA compiles
        self.built = True

    def compile(
        self,
        d_optimizer: keras.optimizers.Optimizer | str,
        g_optimizer: keras.optimizers.Optimizer | str,
        loss: str = "non_saturating",
        label_smoothing: float = 0.0,
        r1: float = 0.0,
        r2: float = 0.0,
        simultaneous: bool = False,
        jit_compile: bool = True,
        steps_per_execution: int = 1,
        run_eagerly: bool = False,
    ) -> None:
        """Sets how the two networks learn.

        Args:
            d_optimizer: the discriminator's optimizer.
            g_optimizer: the generator's; Keras' own callbacks know it as `gan.optimizer`.
            loss: name of the objective, one of `tfgan.losses.OBJECTIVES`.
            label_smoothing: what is taken off the label of real images, in [0, 1).
            r1: weight of the gradient penalty at real images; see `tfgan.penalties`.
            r2: weight of the gradient penalty at fakes.
            simultaneous: whether both networks learn from the same fakes at once, instead of D
                first and then G from fakes of its own.
            jit_compile: whether XLA compiles these steps to one program, where there is one
                replica: an all-reduce cannot be inside.
            steps_per_execution: steps a call into TensorFlow; must divide those of an epoch.
                XLA's program needs batches of one size, and memory for that many.
            run_eagerly: runs the step op by op, for debugging.

        Raises:
            ValueError: if the loss is unknown, or has no labels to smooth.
        """
        self.objective = losses.get(loss, label_smoothing)
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
            "label_smoothing": label_smoothing,
            "r1": r1,
            "r2": r2,
            "simultaneous": simultaneous,
            "jit_compile": jit_compile,
            "steps_per_execution": steps_per_execution,
            "run_eagerly": run_eagerly,
        }
        self.r1, self.r2, self.simultaneous = r1, r2, simultaneous
        both = (Stream.DISCRIMINATOR_LATENTS, Stream.GENERATOR_LATENTS)
        self.streams = both[:1] if simultaneous else both
        one_replica = self.distribute_strategy.num_replicas_in_sync == 1
        self.in_one_program = jit_compile and one_replica and not run_eagerly

    # The algorithm.

    def train_step(self, data: Any) -> Logs:
        """One step of algorithm 1: D's update, then G's, each on latents of its own.

        Args:
            data: real images `(batch, height, width, channels)` in [-1, 1], alone or
                first in a tuple.

        Returns:
            This replica's share of the global batch's mean D_loss, G_loss, D(x), D(G(z)).
        """
        real = loop.images(data)
        z = self.latents(Stream.DISCRIMINATOR_LATENTS, real)
        d_gradients, d_logs = self.discriminator_gradients(real, z)
        if not self.simultaneous:
            self._update_discriminator(d_gradients)
            z = self.latents(Stream.GENERATOR_LATENTS, real)
        g_gradients, g_logs = self.generator_gradients(z, real)
        if self.simultaneous:
            self._update_discriminator(d_gradients)
        self._update_generator(g_gradients)
        self.step.assign_add(1)
        return d_logs | g_logs

    def discriminator_gradients(self, real: tf.Tensor, z: tf.Tensor) -> tuple[Gradients, Logs]:
        """Gradient of D's objective, by default -V(D, G), and of its penalties, G fixed.

        -V(D, G) = mean(-log D(x)) + mean(-log(1 - D(G(z)))).
        """
        fake = self.generator(z, training=True)
        with tf.GradientTape() as tape:
            real_logits, r1 = penalised(self._judge(Pass.REAL), real, self.r1)
            fake_logits, r2 = penalised(self._judge(Pass.FAKE), fake, self.r2)
            loss = self._mean(self.objective.discriminator(real_logits, fake_logits))
            penalties = [self._mean(penalty) for penalty in r1 + r2]
        gradients = tape.gradient([loss, *penalties], self.discriminator.trainable_variables)
        probability = self.objective.probability(real_logits, fake_logits)
        return gradients, {"D_loss": loss, "D(x)": self._mean(probability)}

    def generator_gradients(self, z: tf.Tensor, real: tf.Tensor) -> tuple[Gradients, Logs]:
        """Gradient of G's objective, by default of mean(-log D(G(z))), D fixed."""
        judge_real, judge_fake = (self._judge(which) for which in self._generators_passes)
        real_logits = judge_real(real) if self.objective.paired else None
        with tf.GradientTape() as tape:
            fake_logits = judge_fake(self.generator(z, training=True))
            loss = self._mean(self.objective.generator(fake_logits, real_logits))
        gradients = tape.gradient(loss, self.generator.trainable_variables)
        probability = self.objective.probability(fake_logits, real_logits)
        return gradients, {"G_loss": loss, "D(G(z))": self._mean(probability)}

    def _judge(self, which: Pass) -> Callable[[tf.Tensor], tf.Tensor]:
        def judge(images: tf.Tensor) -> tf.Tensor:
            with forward_pass(self.step.value, which):
                return self.discriminator(images, training=True)

        return judge

    @property
    def _generators_passes(self) -> tuple[Pass, Pass]:
        if self.simultaneous:
            return Pass.REAL, Pass.FAKE  # the very images that D has just judged
        return Pass.REAL_FOR_GENERATOR, Pass.FAKE_FOR_GENERATOR

    def _update_discriminator(self, gradients: Gradients) -> None:
        self.d_optimizer.apply(gradients, self.discriminator.trainable_variables)
        spectral.power_iteration(self.discriminator)

    def _update_generator(self, gradients: Gradients) -> None:
        self.g_optimizer.apply(gradients, self.generator.trainable_variables)
        if self.ema_generator is not None:
            moving_average.update(self.ema_generator, self.generator, self.ema, self.step.value)

    def _mean(self, values: tf.Tensor) -> tf.Tensor:
        """This replica's share of the mean over the global batch; shares add up to the mean."""
        replicas = self.distribute_strategy.num_replicas_in_sync
        return tf.reduce_mean(values) / replicas

    # Latents and images.

    def latents(self, stream: Stream, real: tf.Tensor) -> tf.Tensor:
        """This replica's slice of the global draw of z for the current step.

        Returns:
            `(batch, latent_size)`, as many latents as there are real images.
        """
        if self._drawn:
            return self._drawn[stream]
        return self.draw(stream, self.step.value, real)

    @contextlib.contextmanager
    def drawn(self, latents: dict[Stream, tf.Tensor]) -> Iterator[None]:
        """Lets `latents` give what was drawn before, while a step is traced for XLA."""
        self._drawn = latents
        try:
            yield
        finally:
            self._drawn = {}

    def draw(self, stream: Stream, step: tf.Tensor, real: tf.Tensor) -> tf.Tensor:
        """This replica's slice of the global draw of z for a step."""
        context = tf.distribute.get_replica_context()
        batch = real.shape[0] or tf.shape(real)[0]
        z = self.global_latents(stream, step, batch * context.num_replicas_in_sync)
        start = batch * context.replica_id_in_sync_group
        return z[start : start + batch]

    def global_latents(
        self, stream: Stream, step: tf.Tensor | int, count: tf.Tensor | int
    ) -> tf.Tensor:
        """`(count, latent_size)`: what all replicas together draw for a step."""
        return noise.latents(
            self.seed, stream, step, count, self.latent_size, self.variable_dtype, self.distribution
        )

    @property
    def sampler(self) -> keras.Model:
        """The generator to draw with: the moving average if there is one."""
        return self.generator if self.ema_generator is None else self.ema_generator

    def call(self, z: tf.Tensor, training: bool = False) -> tf.Tensor:
        """Images in [-1, 1] from latents `(batch, latent_size)`, by `sampler`."""
        return self.sampler(z, training=training)

    # What Keras needs to know.

    @property
    def metrics(self) -> list[keras.metrics.Metric]:
        return self._means

    def make_train_function(self, force: bool = False) -> Callable[[Any], Logs]:
        """Builds the loop that `fit` calls; see `tfgan.loop`."""
        if self.train_function is None or force:
            self.train_function = loop.train_function(self)
        return self.train_function

    def get_config(self) -> dict[str, Any]:
        serialize = keras.saving.serialize_keras_object
        return {
            **super().get_config(),
            "generator": serialize(self.generator),
            "discriminator": serialize(self.discriminator),
            "latent_size": self.latent_size,
            "seed": self.seed,
            "ema": self.ema,
            "distribution": self.distribution,
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

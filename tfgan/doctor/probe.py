"""A fresh discriminator, which bounds how far p_g is from p_data.

See `tfgan.theory.divergence.bound`: any D gives a bound, if it is asked about images that it was
not trained on.
"""

import keras
import numpy as np
import tensorflow as tf

from tfgan import losses, noise
from tfgan.datasets import pipeline
from tfgan.gan import GAN
from tfgan.ground.pictures import to_uint8
from tfgan.noise import Stream
from tfgan.optimizers import Adam

_CHUNK = 1000


def logits(discriminator: keras.Model, images: np.ndarray) -> np.ndarray:
    """Logits `(count,)` of uint8 images, dropout off."""
    parts = [
        discriminator(pipeline.to_unit(images[start : start + _CHUNK]), training=False)
        for start in range(0, len(images), _CHUNK)
    ]
    return np.concatenate([np.asarray(part, np.float64).ravel() for part in parts])


class Probe:
    """A discriminator that starts anew and sees one frozen G only.

    The run's own D lags behind G and may know its training images by heart; the probe's bound
    has neither fault, and is as tight as its few hundred steps make it. It is like D, and
    starts at the weights that D started at if those come from seeds, as all of tfgan's do. Dropout
    is off, and batch normalisation stays at its start.

    Args:
        discriminator: model to be like.
        steps: its training steps.
        batch_size: real images a step, and as many fakes.
        learning_rate: Adam's.
    """

    _PER_CALL = 25

    def __init__(
        self,
        discriminator: keras.Model,
        steps: int = 500,
        batch_size: int = 100,
        learning_rate: float = 1e-3,
    ):
        self.discriminator = keras.models.clone_model(discriminator)
        self._optimizer = Adam(learning_rate, name="probe_adam")
        self._optimizer.build(self.discriminator.trainable_variables)
        self._steps, self._batch_size = steps, batch_size
        self._variables = [*self.discriminator.variables, *self._optimizer.variables]
        self._start = [variable.numpy() for variable in self._variables]

    def train(self, gan: GAN, images: np.ndarray) -> keras.Model:
        """Trains from the start; the seed and step of the GAN decide all random numbers.

        Args:
            gan: whose G is frozen.
            images: uint8 real ones to train on.

        Returns:
            The discriminator, until the next call.
        """
        for variable, start in zip(self._variables, self._start, strict=True):
            variable.assign(start)
        count, step = self._batch_size, int(gan.step.numpy())
        rounds = -(-self._steps * count // len(images))  # ceiling
        order = noise.permutation(gan.seed, Stream.PROBE_ORDER, step, rounds * len(images)).numpy()
        order %= len(images)
        z = gan.global_latents(Stream.PROBE_LATENTS, step, self._steps * count)
        for first in range(0, self._steps, self._PER_CALL):
            several = slice(first * count, min(first + self._PER_CALL, self._steps) * count)
            self._take_steps(
                tf.constant(images[order[several]].reshape(-1, count, *images.shape[1:])),
                tf.reshape(_generate(gan.generator, z[several]), (-1, count, *images.shape[1:])),
            )
        return self.discriminator

    @tf.function(autograph=False)
    def _take_steps(self, real: tf.Tensor, fake: tf.Tensor) -> None:
        def one(index: tf.Tensor) -> tf.Tensor:
            with tf.GradientTape() as tape:
                real_logits = self.discriminator(pipeline.to_unit(real[index]), training=False)
                fake_logits = self.discriminator(fake[index], training=False)
                loss = tf.reduce_mean(losses.discriminator_loss(real_logits, fake_logits))
            variables = self.discriminator.trainable_variables
            self._optimizer.apply(tape.gradient(loss, variables), variables)
            return index + 1

        tf.while_loop(
            lambda index: index < tf.shape(real)[0], lambda index: (one(index),), (tf.constant(0),)
        )


def _generate(generator: keras.Model, z: tf.Tensor) -> tf.Tensor:
    parts = [
        generator(z[start : start + _CHUNK], training=False) for start in range(0, len(z), _CHUNK)
    ]
    return tf.concat(parts, axis=0)


def fakes(generator: keras.Model, z: tf.Tensor) -> np.ndarray:
    """Images as uint8 `(count, height, width, channels)`, rounded as pictures are."""
    return to_uint8(_generate(generator, z).numpy())

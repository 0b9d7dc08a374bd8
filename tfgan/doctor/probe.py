"""A new discriminator, which gives a lower bound of the divergence of p_g and p_data.

See `tfgan.theory.bounds.bound`: any D gives a bound on images that it was not trained on.
"""

from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tfgan import loop, losses, noise
from tfgan.datasets import pipeline
from tfgan.gan import GAN
from tfgan.ground.pictures import to_uint8
from tfgan.noise import Stream
from tfgan.optimizers import Adam

_CHUNK = 1000


def logits(discriminator: keras.Model, real: Any) -> np.ndarray:
    """Logits `(count,)` of uint8 images, or of images and labels, without dropout."""
    parts = [
        discriminator(to_unit(of_rows(real, slice(start, start + _CHUNK))), training=False)
        for start in range(0, loop.rows(real), _CHUNK)
    ]
    return np.concatenate([np.asarray(part, np.float64).ravel() for part in parts])


def to_unit(real: Any) -> Any:
    """Tensors of images in [-1, 1] from uint8 ones, alone or before labels."""
    if isinstance(real, tuple):
        images, labels = real
        return pipeline.to_unit(images), tf.convert_to_tensor(labels)
    return pipeline.to_unit(real)


def of_rows(data: Any, rows: Any) -> Any:
    """Some rows of images or latents, alone or before labels."""
    return tf.nest.map_structure(lambda part: part[rows], data)


class Probe:
    """A new discriminator that is trained on one frozen G only.

    The run's own D lags behind G and may have memorised its training images. The probe's bound
    has neither fault; how tight it is depends on the number of steps. It has the same layers as D,
    and the same initial weights if those come from seeds, like all of tfgan's. There is no dropout,
    and batch normalisation keeps its initial statistics.

    Args:
        discriminator: the model whose layers it has.
        steps: number of training steps.
        batch_size: number of real images a step, and of fakes.
        learning_rate: Adam's learning rate.
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

    def train(self, gan: GAN, real: Any) -> keras.Model:
        """Trains from the initial weights; the seed and step of the GAN decide all random numbers.

        Args:
            gan: the GAN whose G is frozen.
            real: uint8 images to train on, with their labels if the GAN is conditional.

        Returns:
            The discriminator, valid until the next call.
        """
        for variable, start in zip(self._variables, self._start, strict=True):
            variable.assign(start)
        count, step = self._batch_size, int(gan.step.numpy())
        size = loop.rows(real)
        rounds = -(-self._steps * count // size)  # ceiling
        order = noise.permutation(gan.seed, Stream.PROBE_ORDER, step, rounds * size).numpy() % size
        z = gan.global_latents(Stream.PROBE_LATENTS, step, self._steps * count)
        for first in range(0, self._steps, self._PER_CALL):
            several = slice(first * count, min(first + self._PER_CALL, self._steps) * count)
            some = of_rows(z, several)
            self._take_steps(
                _batches(of_rows(real, order[several]), count),
                _batches(beside_labels(_generate(gan.generator, some), some), count),
            )
        return self.discriminator

    @tf.function(autograph=False)
    def _take_steps(self, real: Any, fake: Any) -> None:
        def one(index: tf.Tensor) -> tf.Tensor:
            with tf.GradientTape() as tape:
                real_logits = self.discriminator(to_unit(of_rows(real, index)), training=False)
                fake_logits = self.discriminator(of_rows(fake, index), training=False)
                loss = tf.reduce_mean(losses.discriminator_loss(real_logits, fake_logits))
            variables = self.discriminator.trainable_variables
            self._optimizer.apply(tape.gradient(loss, variables), variables)
            return index + 1

        tf.while_loop(
            lambda index: index < loop.rows(real), lambda index: (one(index),), (tf.constant(0),)
        )


def _batches(data: Any, count: int) -> Any:
    """Tensors of batches `(batches, count, ...)`."""
    return tf.nest.map_structure(lambda part: tf.reshape(part, (-1, count, *part.shape[1:])), data)


def _generate(generator: keras.Model, z: Any) -> tf.Tensor:
    parts = [
        generator(of_rows(z, slice(start, start + _CHUNK)), training=False)
        for start in range(0, loop.rows(z), _CHUNK)
    ]
    return tf.concat(parts, axis=0)


def beside_labels(images: Any, z: Any) -> Any:
    """The images made from z, paired with the labels of z, if it has any: the input of D."""
    return (images, z[1]) if isinstance(z, tuple) else images


def fakes(generator: keras.Model, z: Any) -> np.ndarray:
    """Fakes as uint8 `(count, height, width, channels)`, rounded like image files."""
    return to_uint8(_generate(generator, z).numpy())

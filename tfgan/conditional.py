"""`ConditionalGAN`: the same game, in which both networks get the class.

min over G, max over D of E[log D(x|y)] + E[log(1 - D(G(z|y)|y))].

Reference:
    Mirza & Osindero, Conditional Generative Adversarial Nets, 2014, eq. 2.
"""

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from tfgan import contract, noise
from tfgan.datasets.classes import MOST_ROWS, ROW
from tfgan.gan import GAN
from tfgan.ground.errors import UserError
from tfgan.networks import labelled
from tfgan.networks.dropout import forward_pass
from tfgan.noise import Stream

Pair = tuple[tf.Tensor, tf.Tensor]  # of images or latents, and labels, int64 `(batch,)`


@keras.saving.register_keras_serializable("tfgan")
class ConditionalGAN(GAN):
    """A `GAN` whose x and z are pairs: images and labels, latents and labels.

    Args:
        generator: built model from `(latents, labels)` to images in [-1, 1].
        discriminator: built model from `(images, labels)` to logits `(batch, 1)`.
        latent_size: length of z.
        shares: the probability of each class outside of training; they sum to 1.
        options: of `GAN`.

    `fit` takes batches of `(images, labels)`, with labels as whole numbers from 0. A label out of
    range makes the losses NaN, unless it is found before. The fakes of a step have the labels of
    its real images.

    Raises:
        UserError: if the shares are no distribution, or a network does not take that many classes.

    Reference:
        Mirza & Osindero, Conditional Generative Adversarial Nets, 2014, eq. 2.
    """

    def __init__(
        self,
        generator: keras.Model,
        discriminator: keras.Model,
        latent_size: int,
        shares: Sequence[float],
        *options: Any,
        **named: Any,
    ):
        self.shares = tuple(float(share) for share in shares)
        sums_to_one = abs(sum(self.shares) - 1) < 1e-6
        if len(self.shares) < 2 or min(self.shares) < 0 or not sums_to_one:
            raise UserError("shares: must be two or more numbers, none negative, that sum to 1")
        _check_told("generator", generator, len(self.shares))
        _check_told("discriminator", discriminator, len(self.shares))
        super().__init__(generator, discriminator, latent_size, *options, **named)
        self.classes = len(self.shares)

    def real_of(self, data: Any) -> Pair:
        images, labels, _ = keras.utils.unpack_x_y_sample_weight(data)
        contract.check_labels(labels, self.classes)
        return images, labels

    def global_latents(self, stream: Stream, step: tf.Tensor | int, count: tf.Tensor | int) -> Pair:
        labels = noise.labels(self.seed, stream, step, count, self.shares)
        return super().global_latents(stream, step, count), labels

    def matched(self, z: tuple[Pair, ...], real: Pair) -> tuple[Pair, ...]:
        _, labels = real
        return tuple((latents, labels) for latents, _ in z)

    def generate(self, z: Pair, training: bool = True) -> Pair:
        return super().generate(z, training), z[1]

    def judge(self, pair: Pair, which: int) -> tf.Tensor:
        images, labels = pair
        with forward_pass(self.step.value, which):
            images = self.augment(images, self.step.value, which)
            return self.discriminator((images, labels), training=True)

    def fixed_latents(self) -> tuple[Pair, int]:
        """A row for each of the first classes that have a share, of the same latents."""
        z, _ = self.global_latents(Stream.FIXED_LATENTS, 0, ROW)
        rows = [label for label, share in enumerate(self.shares) if share][:MOST_ROWS]
        labels = tf.repeat(tf.constant(rows, tf.int64), ROW)
        return (tf.tile(z, (len(rows), 1)), labels), ROW

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"shares": self.shares}


def _check_told(name: str, network: keras.Model, classes: int) -> None:
    """Makes sure that a network takes labels, as far as it says what it takes."""
    if len(getattr(network, "inputs", None) or (None, None)) != 2:
        raise UserError(f"{name}: takes no labels; make it with classes={classes}")
    if (known := labelled.classes_of(network)) not in (0, classes):
        raise UserError(f"{name}: knows {known} classes, but shares has {classes}")

"""Packing: D judges several images together, so it notices if they are too similar.

Reference:
    Lin et al., PacGAN: The power of two samples in generative adversarial networks, 2018.
"""

from typing import Any

import keras
import tensorflow as tf


@keras.saving.register_keras_serializable("tfgan")
class Packed(keras.layers.Layer):
    """Joins each `pack` consecutive rows of a batch along their last axis.

    `(batch, ..., n)` becomes `(batch // pack, ..., pack * n)`. Rows that do not fill a pack are
    left out.

    Args:
        pack: number of rows that are joined.
    """

    def __init__(self, pack: int, **kwargs: Any):
        super().__init__(**kwargs)
        self.pack = pack

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        *middle, last = inputs.shape[1:]
        packs = (inputs.shape[0] or tf.shape(inputs)[0]) // self.pack
        apart = tf.reshape(inputs[: packs * self.pack], (packs, self.pack, *middle, last))
        axes = range(2, 2 + len(middle))
        side_by_side = tf.transpose(apart, (0, *axes, 1, 2 + len(middle)))
        return tf.reshape(side_by_side, (packs, *middle, self.pack * last))

    def compute_output_spec(self, inputs: Any) -> keras.KerasTensor:
        batch, *middle, last = inputs.shape
        packs = batch and batch // self.pack
        return keras.KerasTensor((packs, *middle, self.pack * last), self.compute_dtype)

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"pack": self.pack}


def pack_of(discriminator: keras.Model) -> int:
    """The number of images that a discriminator judges together; 1 if it does not pack."""
    layers = discriminator._flatten_layers()
    return next((layer.pack for layer in layers if isinstance(layer, Packed)), 1)

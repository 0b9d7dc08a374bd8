"""Networks that take a class: their layers, and chains of such layers."""

from collections.abc import Callable, Sequence
from typing import Any

import keras
import tensorflow as tf
from keras import ops

from tfgan.networks.layers import BatchNormalization, OfLayers, end_in_full
from tfgan.networks.packing import Packed
from tfgan.noise import Stream, derive_seed

MOST_WIDTH = 64
_EMBEDDING = 99  # which weight of a network, for its seed


@keras.saving.register_keras_serializable("tfgan")
class OneHot(keras.layers.Layer):
    """Labels, integers `(batch,)` in [0, classes), as rows of the identity, `(batch, classes)`.

    Multiplying such a row by a matrix is an embedding with a dense gradient. A label out of range
    gives NaN, on every device and in every format.

    Args:
        classes: how many there are.
    """

    def __init__(self, classes: int, **kwargs: Any):
        super().__init__(**kwargs)
        self.classes = classes

    def call(self, labels: tf.Tensor) -> tf.Tensor:
        labels = labels[:, tf.newaxis]
        known = (labels >= 0) & (labels < self.classes)
        row = tf.cast(labels == tf.range(self.classes, dtype=labels.dtype), self.compute_dtype)
        return tf.where(known, row, tf.constant(float("nan"), self.compute_dtype))

    def compute_output_spec(self, labels: Any) -> keras.KerasTensor:
        return keras.KerasTensor((labels.shape[0], self.classes), self.compute_dtype)

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"classes": self.classes}


class ToldLayer(keras.layers.Layer):
    """A layer of what comes before it, `(batch, ...)`, and of the class, `(batch, classes)`."""

    def compute_output_shape(self, input_shape: Any) -> Any:
        return input_shape[0]


@keras.saving.register_keras_serializable("tfgan")
class Beside(ToldLayer):
    """Concatenates an embedding of the class to a vector: `(batch, n)` to `(batch, n + width)`.

    Args:
        width: length of the embedding; its numbers start from N(0, 1), as PyTorch's do.
        seed: of that start.

    Reference:
        Mirza & Osindero, Conditional Generative Adversarial Nets, 2014, section 3.2.
    """

    def __init__(self, width: int, seed: int = 777, **kwargs: Any):
        super().__init__(**kwargs)
        self.width = width
        self.seed = seed

    def build(self, input_shape: Any) -> None:
        start = keras.initializers.RandomNormal(stddev=1.0, seed=self.seed)
        shape = (input_shape[1][-1], self.width)
        self.embedding = self.add_weight(shape=shape, initializer=start, name="embedding")

    def call(self, inputs: Any) -> Any:
        x, told = inputs
        return ops.concatenate([x, ops.matmul(told, self.embedding)], axis=-1)

    def compute_output_shape(self, input_shape: Any) -> Any:
        *before, size = input_shape[0]
        return (*before, size + self.width)

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"width": self.width, "seed": self.seed}


@keras.saving.register_keras_serializable("tfgan")
class ClassScale(ToldLayer):
    """gamma_y x + beta_y for each channel; it makes a batch normalisation before it conditional.

    Reference:
        Dumoulin et al., A Learned Representation for Artistic Style, 2017, eq. 5.
    """

    def build(self, input_shape: Any) -> None:
        shape = (input_shape[1][-1], input_shape[0][-1])
        self.gamma = self.add_weight(shape=shape, initializer="ones", name="gamma")
        self.beta = self.add_weight(shape=shape, initializer="zeros", name="beta")

    def call(self, inputs: Any) -> Any:
        x, told = inputs
        around = (1,) * (len(x.shape) - 2)
        scale, offset = (
            ops.reshape(ops.matmul(told, each), (-1, *around, x.shape[-1]))
            for each in (self.gamma, self.beta)
        )
        return x * scale + offset


@keras.saving.register_keras_serializable("tfgan")
class Projection(OfLayers, ToldLayer):
    """The logit l(x) + <v_y, x> of features x `(batch, n)`: `(batch, 1)`.

    Args:
        last: the layer l, to one number.
        by_class: a layer without a bias, from the class to n numbers, v_y.

    Reference:
        Miyato & Koyama, cGANs with Projection Discriminator, 2018, eq. 4.
    """

    parts = ("last", "by_class")

    def __init__(self, last: keras.layers.Layer, by_class: keras.layers.Layer, **kwargs: Any):
        super().__init__(**kwargs)
        self.last = last
        self.by_class = by_class

    def build(self, input_shape: Any) -> None:
        for layer, shape in zip((self.last, self.by_class), input_shape, strict=True):
            if not layer.built:  # as it is where it comes from a configuration
                layer.build(shape)

    def call(self, inputs: Any) -> Any:
        x, told = inputs
        return self.last(x) + ops.sum(self.by_class(told) * x, axis=-1, keepdims=True)

    def compute_output_shape(self, input_shape: Any) -> Any:
        return (*input_shape[0][:-1], 1)


def width(classes: int) -> int:
    """Length of an embedding: a number for each class, at most 64; none without classes."""
    return min(classes, MOST_WIDTH)


def beside(classes: int, seed: int, stream: Stream) -> list[keras.layers.Layer]:
    """The layer that puts the class beside a vector; none without classes."""
    return [Beside(width(classes), derive_seed(seed, stream, _EMBEDDING))] if classes else []


def projected(
    last: keras.layers.Layer, classes: int, by_class: Callable[[], keras.layers.Layer]
) -> keras.layers.Layer:
    """The last layer of a discriminator; with classes, a `Projection`."""
    return Projection(last, by_class()) if classes else last


def batch_norm(classes: int, **kwargs: Any) -> list[keras.layers.Layer]:
    """Batch normalisation; with classes, each has a scale and an offset of its own."""
    if not classes:
        return [BatchNormalization(**kwargs)]
    return [BatchNormalization(scale=False, center=False, **kwargs), ClassScale()]


def network(
    inputs: keras.KerasTensor,
    layers: Sequence[keras.layers.Layer],
    classes: int,
    name: str,
    pack: int = 1,
) -> keras.Model:
    """A chain of layers; with classes, a function of the input and of `label`, int64 `(batch,)`.

    Args:
        inputs: from `keras.Input`.
        layers: in order; each `ToldLayer` among them also gets the class.
        classes: how many there are; 0: none of the layers asks.
        name: of the network.
        pack: how many neighbours of a batch are joined to one; see `Packed`.
    """
    end_in_full(layers)
    packed = [Packed(pack)] if pack > 1 else []
    if not classes:
        return keras.Sequential([inputs, *packed, *layers], name=name)
    label = keras.Input((), dtype="int64", name="label")
    x, told = inputs, OneHot(classes)(label)
    for layer in packed:
        x, told = layer(x), layer(told)
    for layer in layers:
        x = layer((x, told)) if isinstance(layer, ToldLayer) else layer(x)
    return keras.Model((inputs, label), x, name=name)


def blend(network: keras.Model, x: tf.Tensor, weights: tf.Tensor) -> tf.Tensor:
    """What a network with classes gives between them, outside of training.

    Args:
        network: from `network`, with classes.
        x: its first input.
        weights: of each class, `(batch, classes)`; a row of the identity is that class.
    """
    for layer in network.layers:
        if isinstance(layer, ToldLayer):
            x = layer((x, weights), training=False)
        elif not isinstance(layer, (keras.layers.InputLayer, OneHot)):
            x = layer(x, training=False)
    return x


def classes_of(network: keras.Model) -> int:
    """How many classes a network knows; 0 if it takes none."""
    return next((each.classes for each in network.layers if isinstance(each, OneHot)), 0)


def latent_size_of(generator: keras.Model) -> int:
    """How long the latents are that a generator takes."""
    return int(generator.inputs[0].shape[-1])

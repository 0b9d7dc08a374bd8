"""Layers that several networks use."""

import itertools
import math
from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf
from keras import ops

from tfgan.networks.dropout import Dropout
from tfgan.networks.spectral import SpectralNorm
from tfgan.noise import Stream, derive_seed


class DoesNotFit(ValueError):  # noqa: N818, what a network says of an image or a size
    """Networks of that kind cannot have the image shape or the hidden size asked for."""


class OfLayers(keras.layers.Layer):
    """A layer made of others, which are its arguments and attributes by the names in `parts`."""

    parts: tuple[str, ...]

    def get_config(self) -> dict[str, Any]:
        serialize = keras.saving.serialize_keras_object
        return super().get_config() | {name: serialize(getattr(self, name)) for name in self.parts}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "OfLayers":
        deserialize = keras.saving.deserialize_keras_object
        return cls(**config | {name: deserialize(config[name]) for name in cls.parts})


def uniform(bound: float, seed: int, stream: Stream, index: int) -> keras.initializers.Initializer:
    """Uniform on [-bound, bound], the `index`-th weight of a stream."""
    return keras.initializers.RandomUniform(-bound, bound, seed=derive_seed(seed, stream, index))


def linear(units: int, fan_in: int, seed: int, stream: Stream, index: int) -> keras.layers.Dense:
    """PyTorch's `Linear`: weights and biases uniform on +-1/sqrt(fan_in)."""
    bound = 1 / math.sqrt(fan_in)
    return keras.layers.Dense(
        units,
        kernel_initializer=uniform(bound, seed, stream, 2 * index),
        bias_initializer=uniform(bound, seed, stream, 2 * index + 1),
    )


@keras.saving.register_keras_serializable("tfgan")
def leaky_relu(x: Any) -> Any:
    """LeakyReLU(0.2): max(x, 0.2 x). Keras' own keeps its slope in float32, even in float64."""
    if x.dtype in (tf.bfloat16, tf.float16):
        return tf.nn.leaky_relu(x, 0.2)  # one operation instead of two, and of seven backwards
    return ops.maximum(x, 0.2 * x)


@keras.saving.register_keras_serializable("tfgan")
def sigmoid_image(x: Any) -> Any:
    """A sigmoid whose [0, 1] is mapped to [-1, 1]: 2 sigmoid(x) - 1 = tanh(x / 2)."""
    return ops.tanh(x / 2)


def pixels() -> keras.layers.Layer:
    """The inverse for a discriminator's input: [-1, 1] to the [0, 1] of pixels, where black is 0.

    What is dropped is then black, and so is what pads a convolution.
    """
    return keras.layers.Rescaling(0.5, offset=0.5, name="pixels")


def dropout(rate: float, seed: int, index: int) -> list[keras.layers.Layer]:
    """The `index`-th dropout layer of a discriminator; none if the rate is 0."""
    return [Dropout(rate, seed, index)] if rate else []


def normalised(layer: keras.layers.Layer, wanted: bool) -> keras.layers.Layer:
    """The layer, under spectral normalisation if that is wanted."""
    return SpectralNorm(layer) if wanted else layer


def end_in_full(layers: Sequence[keras.layers.Layer]) -> None:
    """Has a network's last layer compute in the type of its weights, under mixed precision too.

    Images and logits are what losses and penalties are made of. Where the last layers have no
    weights, they are meant, and not the large product before them.
    """
    policy = keras.config.dtype_policy()
    if policy.compute_dtype == policy.variable_dtype:
        return
    plain = (keras.layers.Activation, keras.layers.Reshape)
    ends = list(itertools.takewhile(lambda layer: isinstance(layer, plain), reversed(layers)))
    for end in ends or layers[-1:]:
        for layer in end._flatten_layers():
            layer.dtype_policy = policy.variable_dtype


@keras.saving.register_keras_serializable("tfgan")
class BatchNormalization(keras.layers.BatchNormalization):
    """Batch normalisation over the global batch, however many replicas share it.

    Keras' own cannot keep its statistics where replicas train.
    """

    def __init__(self, **kwargs: Any):
        replicas = tf.distribute.get_strategy().num_replicas_in_sync
        super().__init__(**{**kwargs, "synchronized": replicas > 1})

    def add_weight(self, *args: Any, **kwargs: Any) -> keras.Variable:
        if not kwargs.get("trainable", True):
            kwargs["aggregation"] = "only_first_replica"  # all have the same
        return super().add_weight(*args, **kwargs)

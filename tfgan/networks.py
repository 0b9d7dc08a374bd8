"""The generator and the discriminator of the tutorial."""

import math
from typing import Any

import keras
from keras import ops

from tfgan.noise import Stream, derive_seed


def _linear(units: int, fan_in: int, seed: int, stream: Stream, index: int) -> keras.layers.Dense:
    """PyTorch's `Linear`: weights and biases uniform on +-1/sqrt(fan_in)."""
    bound = 1 / math.sqrt(fan_in)

    def uniform(which: int) -> keras.initializers.Initializer:
        return keras.initializers.RandomUniform(
            -bound, bound, seed=derive_seed(seed, stream, 2 * index + which)
        )

    return keras.layers.Dense(units, kernel_initializer=uniform(0), bias_initializer=uniform(1))


@keras.saving.register_keras_serializable("tfgan")
def leaky_relu(x: Any) -> Any:
    """LeakyReLU(0.2): max(x, 0.2 x). Keras' own keeps its slope in float32, even in float64."""
    return ops.maximum(x, 0.2 * x)


def mlp_generator(
    latent_size: int = 64,
    hidden_size: int = 256,
    image_shape: tuple[int, ...] = (28, 28, 1),
    seed: int = 777,
) -> keras.Sequential:
    """G: latents `(batch, latent_size)` to images `(batch, *image_shape)` in [-1, 1].

    Two hidden layers with ReLU, tanh at the end; 283,920 parameters by default.
    """
    pixels = math.prod(image_shape)
    stream = Stream.GENERATOR_WEIGHTS
    return keras.Sequential(
        [
            keras.Input((latent_size,), name="z"),
            _linear(hidden_size, latent_size, seed, stream, 0),
            keras.layers.ReLU(),
            _linear(hidden_size, hidden_size, seed, stream, 1),
            keras.layers.ReLU(),
            _linear(pixels, hidden_size, seed, stream, 2),
            keras.layers.Activation("tanh"),
            keras.layers.Reshape(image_shape),
        ],
        name="generator",
    )


def mlp_discriminator(
    hidden_size: int = 256,
    image_shape: tuple[int, ...] = (28, 28, 1),
    seed: int = 777,
) -> keras.Sequential:
    """D: images `(batch, *image_shape)` in [-1, 1] to logits `(batch, 1)`.

    Two hidden layers with LeakyReLU(0.2); D(x) is the sigmoid of the logit. 267,009
    parameters by default.
    """
    pixels = math.prod(image_shape)
    stream = Stream.DISCRIMINATOR_WEIGHTS
    return keras.Sequential(
        [
            keras.Input(image_shape, name="x"),
            keras.layers.Flatten(),
            _linear(hidden_size, pixels, seed, stream, 0),
            keras.layers.Activation(leaky_relu),
            _linear(hidden_size, hidden_size, seed, stream, 1),
            keras.layers.Activation(leaky_relu),
            _linear(1, hidden_size, seed, stream, 2),
        ],
        name="discriminator",
    )

"""The generator and the discriminator of the tutorial."""

import math

import keras

from tfgan.networks import labelled
from tfgan.networks.layers import dropout as dropped
from tfgan.networks.layers import leaky_relu, linear, normalised
from tfgan.noise import Stream


def mlp_generator(
    latent_size: int = 64,
    hidden_size: int = 256,
    image_shape: tuple[int, ...] = (28, 28, 1),
    seed: int = 777,
    classes: int = 0,
) -> keras.Model:
    """G: latents `(batch, latent_size)` to images `(batch, *image_shape)` in [-1, 1].

    Two hidden layers with ReLU, tanh at the end; 283,920 parameters by default.

    Args:
        latent_size: length of z.
        hidden_size: units of each hidden layer.
        image_shape: of one image.
        seed: the run's seed.
        classes: number of classes, whose embedding is concatenated to z; 0: none.
    """
    pixels = math.prod(image_shape)
    stream = Stream.GENERATOR_WEIGHTS
    return labelled.network(
        keras.Input((latent_size,), name="z"),
        [
            *labelled.beside(classes, seed, stream),
            linear(hidden_size, latent_size + labelled.width(classes), seed, stream, 0),
            keras.layers.ReLU(),
            linear(hidden_size, hidden_size, seed, stream, 1),
            keras.layers.ReLU(),
            linear(pixels, hidden_size, seed, stream, 2),
            keras.layers.Activation("tanh"),
            keras.layers.Reshape(image_shape),
        ],
        classes,
        name="generator",
    )


def mlp_discriminator(
    hidden_size: int = 256,
    image_shape: tuple[int, ...] = (28, 28, 1),
    seed: int = 777,
    dropout: float = 0.0,
    input_dropout: float = 0.0,
    spectral_norm: bool = False,
    classes: int = 0,
    pack: int = 1,
) -> keras.Model:
    """D: images `(batch, *image_shape)` in [-1, 1] to logits `(batch, 1)`.

    Two hidden layers with LeakyReLU(0.2); D(x) is the sigmoid of the logit. 267,009
    parameters by default.

    Args:
        hidden_size: units of each hidden layer.
        image_shape: of one image.
        seed: the run's seed.
        dropout: dropout rate of the hidden layers.
        input_dropout: dropout rate of the image.
        spectral_norm: whether to use spectral normalisation in each layer.
        classes: number of classes, whose embedding is concatenated to the image; 0: none.
        pack: how many images are judged together, stacked as channels.
    """
    inputs = pack * math.prod(image_shape) + labelled.width(pack * classes)
    stream = Stream.DISCRIMINATOR_WEIGHTS
    return labelled.network(
        keras.Input(image_shape, name="x"),
        [
            keras.layers.Flatten(data_format="channels_last"),
            *dropped(input_dropout, seed, 0),
            *labelled.beside(pack * classes, seed, stream),
            normalised(linear(hidden_size, inputs, seed, stream, 0), spectral_norm),
            keras.layers.Activation(leaky_relu),
            *dropped(dropout, seed, 1),
            normalised(linear(hidden_size, hidden_size, seed, stream, 1), spectral_norm),
            keras.layers.Activation(leaky_relu),
            *dropped(dropout, seed, 2),
            normalised(linear(1, hidden_size, seed, stream, 2), spectral_norm),
        ],
        classes,
        name="discriminator",
        pack=pack,
    )

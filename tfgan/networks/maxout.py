"""The networks of the paper's own experiments: github.com/goodfeli/adversarial, mnist.yaml."""

import math
from typing import Any

import keras
import numpy as np
from keras import ops

from tfgan.networks import labelled
from tfgan.networks.layers import DoesNotFit, normalised, pixels, sigmoid_image, uniform
from tfgan.networks.layers import dropout as dropped
from tfgan.noise import Stream

PIECES = 5


@keras.saving.register_keras_serializable("tfgan")
class Maxout(keras.layers.Layer):
    """The largest of each `pieces` neighbours: `(batch, n)` to `(batch, n / pieces)`.

    Reference:
        Goodfellow et al., Maxout Networks, 2013.
    """

    def __init__(self, pieces: int = PIECES, **kwargs: Any):
        super().__init__(**kwargs)
        self.pieces = pieces

    def call(self, inputs: Any) -> Any:
        units = inputs.shape[-1] // self.pieces
        return ops.max(ops.reshape(inputs, (-1, units, self.pieces)), axis=-1)

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"pieces": self.pieces}


def _dense(units: int, bound: float, seed: int, stream: Stream, index: int) -> keras.layers.Dense:
    return keras.layers.Dense(units, kernel_initializer=uniform(bound, seed, stream, index))


def maxout_generator(
    latent_size: int = 100,
    hidden_size: int = 1200,
    image_shape: tuple[int, ...] = (28, 28, 1),
    seed: int = 777,
    mean_image: np.ndarray | None = None,
    classes: int = 0,
) -> keras.Model:
    """G: latents `(batch, latent_size)` to images `(batch, *image_shape)` in [-1, 1].

    Two hidden layers with ReLU, a sigmoid at the end whose range is mapped to [-1, 1]. Weights
    start uniform on +-0.05, biases at 0.

    Args:
        latent_size: length of z.
        hidden_size: units of each hidden layer.
        image_shape: of one image.
        seed: the run's seed.
        mean_image: mean of the training set, in [0, 1]; the last bias starts so that the sigmoid
            returns it.
        classes: number of classes, whose embedding is concatenated to z; 0: none.
    """
    stream = Stream.GENERATOR_WEIGHTS
    generator = labelled.network(
        keras.Input((latent_size,), name="z"),
        [
            *labelled.beside(classes, seed, stream),
            _dense(hidden_size, 0.05, seed, stream, 0),
            keras.layers.ReLU(),
            _dense(hidden_size, 0.05, seed, stream, 1),
            keras.layers.ReLU(),
            last := _dense(math.prod(image_shape), 0.05, seed, stream, 2),
            keras.layers.Activation(sigmoid_image),
            keras.layers.Reshape(image_shape),
        ],
        classes,
        name="generator",
    )
    if mean_image is not None:
        mean = np.clip(np.asarray(mean_image, np.float64).ravel(), 1e-7, 1 - 1e-7)
        last.bias.assign(np.log(mean / (1 - mean)))
    return generator


def maxout_discriminator(
    hidden_size: int = 1200,
    image_shape: tuple[int, ...] = (28, 28, 1),
    seed: int = 777,
    dropout: float = 0.0,
    input_dropout: float = 0.0,
    spectral_norm: bool = False,
    classes: int = 0,
    pack: int = 1,
) -> keras.Model:
    """D: images `(batch, *image_shape)` in [-1, 1] to logits `(batch, 1)`.

    Pixels in [0, 1], then two hidden layers of hidden_size / 5 maxout units of 5 pieces. Weights
    start uniform on +-0.005, biases at 0. The paper uses dropout 0.5, and 0.2 on the input.

    Args:
        hidden_size: linear pieces of each hidden layer, over all units; at least 5.
        image_shape: of one image.
        seed: the run's seed.
        dropout: dropout rate of the hidden layers.
        input_dropout: dropout rate of the image.
        spectral_norm: whether to use spectral normalisation in each layer.
        classes: number of classes, whose embedding is concatenated to the image; 0: none.
        pack: how many images are judged together, stacked as channels.

    Raises:
        DoesNotFit: if there are too few pieces for one unit.
    """
    if hidden_size < PIECES:
        raise DoesNotFit(f"needs a hidden_size of at least {PIECES}, one maxout unit")
    stream = Stream.DISCRIMINATOR_WEIGHTS
    linear_pieces = hidden_size // PIECES * PIECES
    return labelled.network(
        keras.Input(image_shape, name="x"),
        [
            pixels(),
            keras.layers.Flatten(data_format="channels_last"),
            *dropped(input_dropout, seed, 0),
            *labelled.beside(pack * classes, seed, stream),
            normalised(_dense(linear_pieces, 0.005, seed, stream, 0), spectral_norm),
            Maxout(),
            *dropped(dropout, seed, 1),
            normalised(_dense(linear_pieces, 0.005, seed, stream, 1), spectral_norm),
            Maxout(),
            *dropped(dropout, seed, 2),
            normalised(_dense(1, 0.005, seed, stream, 2), spectral_norm),
        ],
        classes,
        name="discriminator",
        pack=pack,
    )

"""InfoGAN's convolutional networks, as google/compare_gan builds and measures them.

Chen et al., InfoGAN, 2016; Lucic et al., Are GANs Created Equal?, 2018.
"""

import math
from typing import Any

import keras

from tfgan.networks import labelled
from tfgan.networks.layers import (
    DoesNotFit,
    leaky_relu,
    normalised,
    pixels,
    sigmoid_image,
)
from tfgan.networks.layers import dropout as dropped
from tfgan.networks.strided import StridedConv, StridedConvTranspose
from tfgan.noise import Stream, derive_seed

# Said, since a user's keras.json may say otherwise of what it leaves open.
CHANNELS_LAST: dict[str, Any] = {"data_format": "channels_last"}


def channels(hidden_size: int, image_shape: tuple[int, ...]) -> int:
    """Channels of the wider convolution, 128 in the paper.

    Raises:
        DoesNotFit: if there would be none, or the image cannot be halved twice.
    """
    height, width = image_shape[:2]
    if height % 4 or width % 4:
        raise DoesNotFit(f"needs image sides that are multiples of 4, not {height} x {width}")
    if hidden_size < 16:
        raise DoesNotFit("needs a hidden_size of at least 16, for one channel in each layer")
    return hidden_size // 16 * 2


def _normal(
    seed: int, stream: Stream, index: int, truncated: bool = False
) -> dict[str, keras.initializers.Initializer]:
    kind: Any = keras.initializers.TruncatedNormal if truncated else keras.initializers.RandomNormal
    return {"kernel_initializer": kind(stddev=0.02, seed=derive_seed(seed, stream, index))}


def _batch_norm(momentum: float, classes: int = 0) -> list[keras.layers.Layer]:
    return labelled.batch_norm(classes, momentum=momentum, epsilon=0.001)


def infogan_generator(
    latent_size: int = 64,
    hidden_size: int = 1024,
    image_shape: tuple[int, ...] = (28, 28, 1),
    seed: int = 777,
    classes: int = 0,
    momentum: float = 0.999,
) -> keras.Model:
    """G: latents `(batch, latent_size)` to images `(batch, *image_shape)` in [-1, 1].

    Dense 1024, dense 128 channels at a quarter of the size, transposed convolutions to 64
    channels and to the image, 4 x 4, stride 2; batch normalisation and LeakyReLU(0.2) between,
    a sigmoid at the end whose range is mapped to [-1, 1].

    Args:
        latent_size: length of z.
        hidden_size: units of the first layer; the convolutions have 1/8 and 1/16 as many channels.
        image_shape: of one image; its sides multiples of 4.
        seed: the run's seed.
        classes: number of classes; each normalisation has a scale and an offset per class; 0:
            none.
        momentum: of the running statistics of batch normalisation, which G uses outside of
            training: they average over about 1 / (1 - momentum) steps.

    Raises:
        DoesNotFit: if the image or the hidden size does not fit.
    """
    wide = channels(hidden_size, image_shape)
    height, width, depth = image_shape
    small = (height // 4, width // 4, wide)
    stream = Stream.GENERATOR_WEIGHTS
    return labelled.network(
        keras.Input((latent_size,), name="z"),
        [
            keras.layers.Dense(hidden_size, **_normal(seed, stream, 0)),
            *_batch_norm(momentum, classes),
            keras.layers.Activation(leaky_relu),
            keras.layers.Dense(math.prod(small), **_normal(seed, stream, 1)),
            *_batch_norm(momentum, classes),
            keras.layers.Activation(leaky_relu),
            keras.layers.Reshape(small),
            StridedConvTranspose(wide // 2, **_normal(seed, stream, 2)),
            *_batch_norm(momentum, classes),
            keras.layers.Activation(leaky_relu),
            StridedConvTranspose(depth, **_normal(seed, stream, 3)),
            keras.layers.Activation(sigmoid_image),
        ],
        classes,
        name="generator",
    )


def infogan_discriminator(
    hidden_size: int = 1024,
    image_shape: tuple[int, ...] = (28, 28, 1),
    seed: int = 777,
    dropout: float = 0.0,
    input_dropout: float = 0.0,
    spectral_norm: bool = False,
    input_range: tuple[int, int] = (0, 1),
    classes: int = 0,
    pack: int = 1,
    momentum: float = 0.999,
) -> keras.Model:
    """D: images `(batch, *image_shape)` in [-1, 1] to logits `(batch, 1)`.

    Convolutions to 64 and 128 channels, 4 x 4, stride 2, then dense 1024; LeakyReLU(0.2)
    after each, and batch normalisation before it in the latter two.

    Args:
        hidden_size: units of the dense layer; the convolutions have 1/16 and 1/8 as many channels.
        image_shape: of one image; its sides multiples of 4.
        seed: the run's seed.
        dropout: dropout rate of the hidden layers.
        input_dropout: dropout rate of the image.
        spectral_norm: whether to use spectral normalisation in each layer.
        input_range: what the image's [-1, 1] is mapped to before the first layer: (0, 1), as
            compare_gan has it, or (-1, 1).
        classes: number of classes, used by projection; 0: none.
        pack: how many images are judged together, stacked as channels.
        momentum: see `infogan_generator`.

    Raises:
        DoesNotFit: if the image or the hidden size does not fit.
    """
    wide = channels(hidden_size, image_shape)
    stream = Stream.DISCRIMINATOR_WEIGHTS

    def conv(channels: int, index: int) -> keras.layers.Layer:
        layer = StridedConv(channels, **_normal(seed, stream, index, True))
        return normalised(layer, spectral_norm)

    def dense(units: int, index: int, use_bias: bool = True) -> keras.layers.Layer:
        start = _normal(seed, stream, index)
        return normalised(keras.layers.Dense(units, use_bias=use_bias, **start), spectral_norm)

    return labelled.network(
        keras.Input(image_shape, name="x"),
        [
            *([pixels()] if input_range == (0, 1) else []),
            *dropped(input_dropout, seed, 0),
            conv(wide // 2, 0),
            keras.layers.Activation(leaky_relu),
            *dropped(dropout, seed, 1),
            conv(wide, 1),
            *_batch_norm(momentum),
            keras.layers.Activation(leaky_relu),
            keras.layers.Flatten(**CHANNELS_LAST),
            *dropped(dropout, seed, 2),
            dense(hidden_size, 2),
            *_batch_norm(momentum),
            keras.layers.Activation(leaky_relu),
            *dropped(dropout, seed, 3),
            labelled.projected(dense(1, 3), classes, lambda: dense(hidden_size, 4, False)),
        ],
        classes,
        name="discriminator",
        pack=pack,
    )

"""InfoGAN's convolutional networks, as in google/compare_gan.

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
    """The number of channels of the wider convolution, 128 in the paper.

    Raises:
        DoesNotFit: if it would be 0, or the image cannot be halved twice.
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


def _batch_norm(
    momentum: float, classes: int = 0, modulation: labelled.Modulation | None = None
) -> list[keras.layers.Layer]:
    return labelled.batch_norm(classes, modulation, momentum=momentum, epsilon=0.001)


def infogan_generator(
    latent_size: int = 64,
    hidden_size: int = 1024,
    image_shape: tuple[int, ...] = (28, 28, 1),
    seed: int = 777,
    classes: int = 0,
    momentum: float = 0.999,
    modulated: bool = False,
) -> keras.Model:
    """G: latents `(batch, latent_size)` to images `(batch, *image_shape)` in [-1, 1].

    Dense 1024, dense 128 channels at a quarter of the size, transposed convolutions to 64
    channels and to the image, 4 x 4, stride 2; batch normalisation and LeakyReLU(0.2) between
    them; at the end a sigmoid, mapped to [-1, 1].

    Args:
        latent_size: length of z.
        hidden_size: units of the first layer; the channels are 1/8 and 1/16 of it.
        image_shape: `(height, width, channels)`; both sides multiples of 4.
        seed: the run's seed.
        classes: number of classes; each batch normalisation has a scale and an offset for each
            class. 0 for none.
        momentum: momentum of batch normalisation's running statistics, which G uses outside of
            training. They average over about 1 / (1 - momentum) steps.
        modulated: whether the scale and the offset after each batch normalisation also depend on
            z; see `labelled.Modulation`.

    Raises:
        DoesNotFit: if the image or the hidden size does not fit.
    """
    wide = channels(hidden_size, image_shape)
    height, width, depth = image_shape
    small = (height // 4, width // 4, wide)
    stream = Stream.GENERATOR_WEIGHTS

    def norm(index: int) -> list[keras.layers.Layer]:
        modulation = None
        if modulated:
            modulation = labelled.Modulation(latent_size, derive_seed(seed, stream, 4 + index))
        return _batch_norm(momentum, classes, modulation)

    return labelled.network(
        keras.Input((latent_size,), name="z"),
        [
            keras.layers.Dense(hidden_size, **_normal(seed, stream, 0)),
            *norm(0),
            keras.layers.Activation(leaky_relu),
            keras.layers.Dense(math.prod(small), **_normal(seed, stream, 1)),
            # By channels, a modulation of the second has a tenth of the parameters.
            *([keras.layers.Reshape(small), *norm(1)] if modulated else norm(1)),
            keras.layers.Activation(leaky_relu),
            *([] if modulated else [keras.layers.Reshape(small)]),
            StridedConvTranspose(wide // 2, **_normal(seed, stream, 2)),
            *norm(2),
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
    batch_norm: bool = True,
) -> keras.Model:
    """D: images `(batch, *image_shape)` in [-1, 1] to logits `(batch, 1)`.

    Convolutions to 64 and 128 channels, 4 x 4, stride 2, then dense 1024; LeakyReLU(0.2)
    after each, and batch normalisation before it in the latter two. Without batch normalisation
    the initial kernels are larger, with variance 2 / inputs (He et al. 2015, eq. 10), so that the
    logits still depend on the image.

    Args:
        hidden_size: units of the dense layer; the channels are 1/16 and 1/8 of it.
        image_shape: `(height, width, channels)`; both sides multiples of 4.
        seed: the run's seed.
        dropout: share of each hidden layer's outputs that is dropped in training, in [0, 1).
        input_dropout: share of the image's numbers that is dropped in training, in [0, 1).
        spectral_norm: whether each layer has spectral normalisation.
        input_range: the range to which [-1, 1] is mapped before the first layer: (0, 1), as in
            compare_gan, or (-1, 1).
        classes: number of classes, which D gets by projection; 0 for none.
        pack: number of images that D judges together, joined along their channels.
        momentum: see `infogan_generator`.
        batch_norm: whether it has batch normalisation.

    Raises:
        DoesNotFit: if the image or the hidden size does not fit.
    """
    wide = channels(hidden_size, image_shape)
    stream = Stream.DISCRIMINATOR_WEIGHTS

    def start(index: int, truncated: bool = False) -> dict[str, keras.initializers.Initializer]:
        if batch_norm:
            return _normal(seed, stream, index, truncated)
        he = keras.initializers.HeNormal(derive_seed(seed, stream, index))
        return {"kernel_initializer": he}

    def conv(channels: int, index: int) -> keras.layers.Layer:
        return normalised(StridedConv(channels, **start(index, True)), spectral_norm)

    def dense(units: int, index: int, use_bias: bool = True) -> keras.layers.Layer:
        layer = keras.layers.Dense(units, use_bias=use_bias, **start(index))
        return normalised(layer, spectral_norm)

    def norm() -> list[keras.layers.Layer]:
        return _batch_norm(momentum) if batch_norm else []

    return labelled.network(
        keras.Input(image_shape, name="x"),
        [
            *([pixels()] if input_range == (0, 1) else []),
            *dropped(input_dropout, seed, 0),
            conv(wide // 2, 0),
            keras.layers.Activation(leaky_relu),
            *dropped(dropout, seed, 1),
            conv(wide, 1),
            *norm(),
            keras.layers.Activation(leaky_relu),
            keras.layers.Flatten(**CHANNELS_LAST),
            *dropped(dropout, seed, 2),
            dense(hidden_size, 2),
            *norm(),
            keras.layers.Activation(leaky_relu),
            *dropped(dropout, seed, 3),
            labelled.projected(dense(1, 3), classes, lambda: dense(hidden_size, 4, False)),
        ],
        classes,
        name="discriminator",
        pack=pack,
    )

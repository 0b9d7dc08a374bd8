"""Residual convolutional networks that follow the image's size: one block for each halving.

Without normalisation, as R3GAN has them (Huang et al., The GAN is dead; long live the GAN!, 2024);
blocks as small as a halving can be.
"""

import math
from typing import Any

import keras

from tfgan.networks import labelled
from tfgan.networks.infogan import CHANNELS_LAST
from tfgan.networks.layers import DoesNotFit, OfLayers, leaky_relu, normalised
from tfgan.networks.layers import dropout as dropped
from tfgan.noise import Stream, derive_seed

SMALLEST = 4  # a side that is halved more than once ends here or above


@keras.saving.register_keras_serializable("tfgan")
class Residual(OfLayers):
    """The sum of two chains of layers with the same input, a short way for gradients.

    Args:
        branch: the learnt chain.
        shortcut: the way around it, without an activation.
    """

    parts = ("branch", "shortcut")

    def __init__(self, branch: keras.Sequential, shortcut: keras.Sequential, **kwargs: Any):
        super().__init__(**kwargs)
        self.branch = branch
        self.shortcut = shortcut

    def build(self, input_shape: Any) -> None:
        self.branch.build(input_shape)
        self.shortcut.build(input_shape)

    # One bias is enough, and not right before the sum: TensorFlow's graph optimizer would join it
    # with the sum and the next activation, find that the next shortcut reads the sum, and complain.

    def call(self, inputs: Any, training: bool = False) -> Any:
        return self.branch(inputs, training=training) + self.shortcut(inputs, training=training)

    def compute_output_shape(self, input_shape: Any) -> Any:
        return self.branch.compute_output_shape(input_shape)


def halvings(hidden_size: int, image_shape: tuple[int, ...]) -> int:
    """How often the image's sides are halved: once, and then as often as they stay whole and large.

    Raises:
        DoesNotFit: if a side is no multiple of 4, or there would be no channel.
    """
    height, width = image_shape[:2]
    if height % 4 or width % 4:
        raise DoesNotFit(f"needs image sides that are multiples of 4, not {height} x {width}")
    if hidden_size < 16:
        raise DoesNotFit("needs a hidden_size of at least 16, for one channel")

    def fits(times: int) -> bool:
        return all(
            side % 2**times == 0 and side // 2**times >= SMALLEST for side in (height, width)
        )

    count = 1
    while fits(count + 1):
        count += 1
    return count


def _normal(seed: int, stream: Stream, index: int, variance: float) -> dict[str, Any]:
    """A kernel's start: normal, of a variance."""
    start = keras.initializers.RandomNormal(
        stddev=math.sqrt(variance), seed=derive_seed(seed, stream, index)
    )
    return {"kernel_initializer": start}


def resnet_generator(
    latent_size: int = 64,
    hidden_size: int = 256,
    image_shape: tuple[int, ...] = (28, 28, 1),
    seed: int = 777,
    classes: int = 0,
) -> keras.Model:
    """G: latents `(batch, latent_size)` to images `(batch, *image_shape)` in [-1, 1].

    A dense layer to the smallest size (7 x 7 for 28, 4 x 4 for powers of 2); then, while the size
    is below half the image's, a residual block that doubles it and halves the channels:
    LeakyReLU(0.2), pixels repeated, convolution 3 x 3, in parallel with convolution 1 x 1, pixels
    repeated; finally the former three to the image, and tanh. (A transposed convolution would leave
    a checkerboard pattern.)

    Args:
        latent_size: length of z.
        hidden_size: 16 times the channels at half the image's size; there are twice as many
            channels at a quarter, and so on.
        image_shape: of one image; its sides multiples of 4.
        seed: the run's seed.
        classes: number of classes, whose embedding is concatenated to z, since there is no
            normalisation to condition; 0: none.

    Raises:
        DoesNotFit: if the image or the hidden size does not fit.
    """
    count = halvings(hidden_size, image_shape)
    height, width, depth = image_shape
    stream = Stream.GENERATOR_WEIGHTS
    inputs = latent_size + labelled.width(classes)
    channels = hidden_size // 16 * 2 ** (count - 1)
    small = (height // 2**count, width // 2**count, channels)

    def repeated(halvings: int, channels: int) -> list[keras.layers.Layer]:
        # TensorFlow loses the size when it repeats pixels, and LiteRT wants to know it.
        size = (height // 2**halvings, width // 2**halvings, channels)
        return [keras.layers.UpSampling2D(2, **CHANNELS_LAST), keras.layers.Reshape(size)]

    def doubled(
        halvings: int, inputs: int, outputs: int, index: int, use_bias: bool = False
    ) -> list[keras.layers.Layer]:
        return [
            keras.layers.Activation(leaky_relu),
            *repeated(halvings, inputs),
            keras.layers.Conv2D(
                outputs,
                3,
                padding="same",
                use_bias=use_bias,
                **CHANNELS_LAST,
                **_normal(seed, stream, index, 0.5 / (9 * inputs)),
            ),
        ]

    blocks = []
    for index in range(1, count):
        halved = channels // 2
        around = keras.layers.Conv2D(
            halved, 1, **CHANNELS_LAST, **_normal(seed, stream, 2 * index + 1, 1 / channels)
        )
        branch = doubled(count - index, channels, halved, 2 * index)
        shortcut = [around, *repeated(count - index, halved)]
        blocks.append(Residual(keras.Sequential(branch), keras.Sequential(shortcut)))
        channels = halved
    return labelled.network(
        keras.Input((latent_size,), name="z"),
        [
            *labelled.beside(classes, seed, stream),
            keras.layers.Dense(math.prod(small), **_normal(seed, stream, 0, 1 / inputs)),
            keras.layers.Reshape(small),
            *blocks,
            *doubled(0, channels, depth, 1, use_bias=True),
            keras.layers.Activation("tanh"),
        ],
        classes,
        name="generator",
    )


def resnet_discriminator(
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

    The reverse: a convolution 4 x 4, stride 2, without a bias, then residual blocks that halve
    the size and double the channels: LeakyReLU(0.2), such a convolution, in parallel with a
    convolution 1 x 1 and means of 2 x 2 pixels; finally LeakyReLU(0.2) and a dense layer, twice.

    Args:
        hidden_size: units of the first dense layer, and 16 times the channels at half the image's
            size; there are twice as many channels at a quarter, and so on.
        image_shape: of one image; its sides multiples of 4.
        seed: the run's seed.
        dropout: dropout rate of the hidden layers.
        input_dropout: dropout rate of the image.
        spectral_norm: whether to use spectral normalisation in each layer.
        classes: number of classes, used by projection; 0: none.
        pack: how many images are judged together, stacked as channels.

    Raises:
        DoesNotFit: if the image or the hidden size does not fit.
    """
    count = halvings(hidden_size, image_shape)
    height, width, depth = image_shape
    stream = Stream.DISCRIMINATOR_WEIGHTS
    channels = hidden_size // 16

    def halve(outputs: int, inputs: int, index: int, variance: float) -> keras.layers.Layer:
        layer = keras.layers.Conv2D(
            outputs,
            4,
            strides=2,
            padding="same",
            use_bias=False,
            **CHANNELS_LAST,
            **_normal(seed, stream, index, variance / (16 * inputs)),
        )
        return normalised(layer, spectral_norm)

    blocks = []
    for index in range(1, count):
        branch = [
            keras.layers.Activation(leaky_relu),
            halve(2 * channels, channels, 2 * index, 0.5),
        ]
        around = keras.layers.Conv2D(
            2 * channels,
            1,
            **CHANNELS_LAST,
            **_normal(seed, stream, 2 * index + 1, 2 / channels),
        )
        shortcut = [
            normalised(around, spectral_norm),
            keras.layers.AveragePooling2D(2, **CHANNELS_LAST),
        ]
        blocks += dropped(dropout, seed, index)
        blocks.append(Residual(keras.Sequential(branch), keras.Sequential(shortcut)))
        channels *= 2
    features = math.prod((height // 2**count, width // 2**count, channels))
    hidden = keras.layers.Dense(hidden_size, **_normal(seed, stream, 1, 2 / features))
    last = keras.layers.Dense(1, **_normal(seed, stream, 2 * count, 1 / hidden_size))

    def by_class() -> keras.layers.Layer:
        start = _normal(seed, stream, 2 * count + 1, 1 / hidden_size)
        return normalised(keras.layers.Dense(hidden_size, use_bias=False, **start), spectral_norm)

    return labelled.network(
        keras.Input(image_shape, name="x"),
        [
            *dropped(input_dropout, seed, 0),
            halve(channels // 2 ** (count - 1), pack * depth, 0, 2),
            *blocks,
            keras.layers.Activation(leaky_relu),
            keras.layers.Flatten(**CHANNELS_LAST),
            *dropped(dropout, seed, count),
            normalised(hidden, spectral_norm),
            keras.layers.Activation(leaky_relu),
            *dropped(dropout, seed, count + 1),
            labelled.projected(normalised(last, spectral_norm), classes, by_class),
        ],
        classes,
        name="discriminator",
        pack=pack,
    )

"""Differentiable augmentation: random changes to all images that D judges, real and fake.

It keeps D from memorising a small set, and G's gradients pass through the change. Functions and
ranges are those of github.com/mit-han-lab/data-efficient-gans, DiffAugment_tf.py.

Reference:
    Zhao et al., Differentiable Augmentation for Data-Efficient GAN Training, 2020.
"""

import enum
from collections.abc import Callable

import tensorflow as tf

from tfgan import noise
from tfgan.cluster import replicas
from tfgan.noise import Stream


class Number(enum.IntEnum):
    """The random numbers of an image; none depends on which others are drawn."""

    BRIGHTNESS = 0
    SATURATION = 1
    CONTRAST = 2
    DOWN = 3
    RIGHT = 4
    ROW = 5
    COLUMN = 6


Draw = Callable[[Number], tf.Tensor]  # to float64 `(batch,)` in [0, 1)
Change = Callable[[tf.Tensor, Draw], tf.Tensor]
Augment = Callable[[tf.Tensor, tf.Tensor | int, int], tf.Tensor]


def brightness(images: tf.Tensor, draw: Draw) -> tf.Tensor:
    """x + b, b in [-0.5, 0.5)."""
    return images + _each(draw(Number.BRIGHTNESS) - 0.5, images)


def saturation(images: tf.Tensor, draw: Draw) -> tf.Tensor:
    """m + s (x - m), s in [0, 2), m the mean of a pixel's channels. Grey images stay."""
    if images.shape[-1] == 1:
        return images
    mean = tf.reduce_mean(images, axis=3, keepdims=True)
    return mean + _each(2 * draw(Number.SATURATION), images) * (images - mean)


def contrast(images: tf.Tensor, draw: Draw) -> tf.Tensor:
    """m + c (x - m), c in [0.5, 1.5), m the mean of the image.

    The mean that the authors' code for TensorFlow takes is right for 256 x 256 x 3 only.
    """
    mean = tf.reduce_mean(images, axis=(1, 2, 3), keepdims=True)
    return mean + _each(draw(Number.CONTRAST) + 0.5, images) * (images - mean)


def translation(images: tf.Tensor, draw: Draw) -> tf.Tensor:
    """Moves each image by whole pixels, up to an eighth of its side either way.

    What comes in is 0, the grey in the middle of [-1, 1], as in the authors' code.
    """
    most_down, most_right = (_rounded(size / 8) for size in images.shape[1:3])
    down = _whole(draw(Number.DOWN), -most_down, most_down)
    right = _whole(draw(Number.RIGHT), -most_right, most_right)
    return moved(images, down, right)


def cutout(images: tf.Tensor, draw: Draw) -> tf.Tensor:
    """Sets a square of half the image's sides to 0, the middle of [-1, 1].

    Its middle lies anywhere in the image, so that a part of it may lie outside.
    """
    height, width = images.shape[1:3]
    rows = _hole(draw(Number.ROW), height)
    columns = _hole(draw(Number.COLUMN), width)
    inside = rows[:, :, tf.newaxis, tf.newaxis] & columns[:, tf.newaxis, :, tf.newaxis]
    return tf.where(inside, tf.zeros_like(images), images)


AUGMENTATIONS: dict[str, tuple[Change, ...]] = {
    "color": (brightness, saturation, contrast),
    "translation": (translation,),
    "cutout": (cutout,),
}


def get(policy: str, seed: int) -> Augment:
    """Augmentation by names of `AUGMENTATIONS` with commas between, done in that order.

    An image's random numbers are a pure function of the seed, the step, the pass and its place in
    the *global* batch, as dropout's masks are. The same with XLA and without, in float32 and in
    float64.

    Args:
        policy: the names; "" gives the images back as they are.
        seed: the run's seed.

    Returns:
        A function of images `(batch, height, width, channels)`, of the step and of the `Pass`.

    Raises:
        ValueError: if a name is unknown.
    """
    names = policy.split(",") if policy else []
    for name in names:
        if name not in AUGMENTATIONS:
            raise ValueError(f"unknown augmentation {name!r}; known: {', '.join(AUGMENTATIONS)}")
    changes = [change for name in names for change in AUGMENTATIONS[name]]

    def augment(images: tf.Tensor, step: tf.Tensor | int, which: int) -> tf.Tensor:
        def draw(number: Number) -> tf.Tensor:
            key = noise.derive_seed(seed, Stream.AUGMENTATION, number)
            bits = noise.hashed_bits(key, step, int(which), places)
            return tf.cast(bits, tf.float64) / 2**32

        if changes:
            places = replicas.places(tf.shape(images)[0])
        for change in changes:
            if change in AUGMENTATIONS["color"] and images.shape[-1] == 4:  # the 4th: transparency
                images = tf.concat([change(images[..., :3], draw), images[..., 3:]], axis=-1)
            else:
                images = change(images, draw)
        return images

    return augment


def moved(images: tf.Tensor, down: tf.Tensor, right: tf.Tensor) -> tf.Tensor:
    """Each image moved by its own whole numbers of pixels, int32 `(batch,)`; 0 comes in.

    The gradient is that of a linear map: the same move backwards.
    """
    height, width, channels = images.shape[1:]
    rows = tf.range(height) - down[:, tf.newaxis]
    columns = tf.range(width) - right[:, tf.newaxis]
    there = ((rows >= 0) & (rows < height))[:, :, tf.newaxis]
    there &= ((columns >= 0) & (columns < width))[:, tf.newaxis, :]
    source = rows[:, :, tf.newaxis] * width + columns[:, tf.newaxis, :]

    @tf.custom_gradient
    def move(x: tf.Tensor) -> tuple[tf.Tensor, Callable[[tf.Tensor], tf.Tensor]]:
        pixels = tf.reshape(x, (-1, height * width, channels))
        found = tf.gather(pixels, tf.where(there, source, 0), axis=1, batch_dims=1)
        kept = tf.where(there[..., tf.newaxis], found, tf.zeros_like(found))
        return kept, lambda upstream: moved(upstream, -down, -right)

    return move(images)


def _hole(unit: tf.Tensor, size: int) -> tf.Tensor:
    """Which of `size` places lie within half of them around a random one, bool `(batch, size)`."""
    length = _rounded(size / 2)
    first = _whole(unit, 0, size - length % 2) - length // 2
    place = tf.range(size) - first[:, tf.newaxis]
    return (place >= 0) & (place < length)


def _each(values: tf.Tensor, images: tf.Tensor) -> tf.Tensor:
    """One number for each image, to multiply or add."""
    return tf.cast(values, images.dtype)[:, tf.newaxis, tf.newaxis, tf.newaxis]


def _whole(unit: tf.Tensor, low: int, high: int) -> tf.Tensor:
    """A whole number from low to high, each as likely, of one in [0, 1)."""
    return low + tf.cast(unit * (high - low + 1), tf.int32)


def _rounded(size: float) -> int:
    return int(size + 0.5)

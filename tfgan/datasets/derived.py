"""Image sets that are made in memory from another set."""

import itertools
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from tfgan import noise
from tfgan.noise import Stream

_SEED = 0


class Derived(NamedTuple):
    """How a set is made.

    Attributes:
        base: TFDS name of the base set.
        make: a function from images `(size, height, width, channels)` and labels `(size,)` of a
            split of the base to those of the derived set.
        names: a function from the names of the base's classes to those of the derived set.
    """

    base: str
    make: Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]
    names: Callable[[tuple[str, ...]], tuple[str, ...]]


def stack(images: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Stacked MNIST: three digits as the channels of one image, 1,000 modes (Metz et al. 2017).

    Channel c of the images is a permutation of the digits that depends only on c. So every digit
    occurs once in each channel, and the set has as many images as MNIST.

    Args:
        images: uint8 `(size, height, width, 1)`.
        labels: digits, `(size,)` in [0, 10).

    Returns:
        uint8 `(size, height, width, 3)`, and labels in [0, 1000): 100 a + 10 b + c.
    """
    orders = [
        noise.permutation(_SEED, Stream.STACKED_ORDER, channel, len(images)).numpy()
        for channel in range(3)
    ]
    stacked = np.concatenate([images[order] for order in orders], axis=-1)
    digits = [labels[order] for order in orders]
    return stacked, 100 * digits[0] + 10 * digits[1] + digits[2]


def stacked_names(names: tuple[str, ...]) -> tuple[str, ...]:
    """ "000" to "999"."""
    return tuple("".join(three) for three in itertools.product(names, repeat=3))


SETS = {"stacked_mnist": Derived("mnist", stack, stacked_names)}

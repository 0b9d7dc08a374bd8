"""Sources of samples: an exported generator, or one in training.

Samples are always drawn in parts of 1,000, each with its own seed. So they are the same during
training and after export, and `--quick` uses the first 10,000 of the 50,000. A conditional
generator draws classes by their shares.
"""

import functools
from collections.abc import Sequence
from typing import Protocol

import numpy as np
import tensorflow as tf

from tfgan import noise
from tfgan.conditional import ConditionalGAN
from tfgan.datasets.classes import Classes
from tfgan.evaluation.protocol import SEED
from tfgan.exports import loading, sampling
from tfgan.exports.loading import Loaded
from tfgan.gan import GAN
from tfgan.ground import pictures
from tfgan.ground.errors import UserError
from tfgan.networks import precision
from tfgan.noise import Stream

_PART = 1000
_CHECKED = 64  # drawn before the work


class Source(Protocol):
    """A source of samples."""

    def check(self, count: int, shape: tuple[int, ...]) -> tuple[int, ...]:
        """Makes sure in advance that `count` samples are available, as far as possible.

        Args:
            count: number of samples.
            shape: shape of the images that they imitate, which tells the layout of an array.

        Returns:
            The shape of a sample, `(height, width, channels)`.

        Raises:
            UserError: if they are not available.
        """
        ...

    def draw(self, count: int) -> np.ndarray:
        """Samples, uint8 `(count, height, width, channels)`; call `check` first.

        Raises:
            UserError: if they are not available.
        """
        ...

    def classes(self) -> Classes | None:
        """The requested classes, see `labels`; None if no class is requested.

        Raises:
            UserError: if they cannot be known.
        """
        ...


class FromModel:
    """Draws from a SavedModel with the signature `sample`, or `generate` if it is conditional.

    Args:
        model: its folder.
        named: its name in messages, if it is not the value of `--model`.
        truncation: threshold for its latents, see `tfgan.noise.truncated`; None for none.
    """

    def __init__(self, model: str, named: str = "", truncation: float | None = None):
        self._model, self._named, self._truncation = model, named, truncation

    @functools.cached_property
    def _loaded(self) -> Loaded:
        return loading.load(self._model, self._named)

    def check(self, count: int, shape: tuple[int, ...]) -> tuple[int, ...]:
        """Loads it and draws a few; see `Source`."""
        self._loaded.truncate(np.zeros(1), self._truncation)
        return sampling.draw(self._loaded, _CHECKED, SEED).shape[1:]

    def draw(self, count: int) -> np.ndarray:
        """See `Source`."""
        loaded, classes = self._loaded, self.classes()
        if classes is None and self._truncation is None:
            parts = [sampling.draw(loaded, _PART, SEED + part) for part in _parts(count)]
            return np.concatenate(parts)[:count]
        parts = []
        for part in _parts(count):
            z = _latents(part, loaded.latent_size, loaded.distribution).numpy()
            labels = _labels(part, classes.shares).numpy() if classes else None
            images = loaded.generate(loaded.truncate(z, self._truncation), labels)
            parts.append(pictures.unit_to_uint8(images))
        return np.concatenate(parts)[:count]

    def classes(self) -> Classes | None:
        """The classes that the export records; see `Source`."""
        if not self._loaded.conditional:
            return None
        if self._loaded.recorded is None:
            raise UserError(
                f"{self._loaded.named}: is conditional, but its trained_on.json does not list the "
                "classes; export it again"
            )
        return self._loaded.recorded


def from_gan(gan: GAN, count: int, stream: Stream = Stream.SAMPLES) -> np.ndarray:
    """Draws the samples of a model in training that its export would draw; see `FromModel`.

    Args:
        gan: the model.
        count: number of samples.
        stream: stream of their latents; another one for scores that choose a generator.
    """
    parts, generator = [], precision.in_float32(gan.sampler)
    for part in _parts(count):
        z = _latents(part, gan.latent_size, gan.distribution, stream)
        told = (z, _labels(part, gan.shares, stream)) if isinstance(gan, ConditionalGAN) else z
        parts.append(pictures.to_uint8(generator(told, training=False).numpy()))
    return np.concatenate(parts)[:count]


def labels(count: int, shares: Sequence[float]) -> np.ndarray:
    """The classes of the first samples of a conditional generator, int64 `(count,)`.

    Args:
        count: number of samples.
        shares: probability of each class.
    """
    parts = [_labels(part, shares).numpy() for part in _parts(count)]
    return np.concatenate(parts)[:count]


def _latents(part: int, size: int, distribution: str, stream: Stream = Stream.SAMPLES) -> tf.Tensor:
    return noise.latents(0, stream, SEED + part, _PART, size, distribution=distribution)


def _labels(part: int, shares: Sequence[float], stream: Stream = Stream.SAMPLES) -> tf.Tensor:
    return noise.labels(0, stream, SEED + part, _PART, shares)


def _parts(count: int) -> range:
    return range(-(-count // _PART))

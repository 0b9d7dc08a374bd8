"""Where the samples come from: an exported generator, or one in training.

Generators draw them in parts of 1,000, each with a seed of its own, whatever is asked at once:
the samples are the same ones in training and after export, and the first 10,000 of 50,000 are
those that `--quick` looks at. A conditional generator is asked for classes by their shares.
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
from tfgan.noise import Stream

_PART = 1000
_CHECKED = 64  # drawn before the work


class Source(Protocol):
    """Gives samples."""

    def check(self, count: int, shape: tuple[int, ...]) -> tuple[int, ...]:
        """Makes sure, before the work, that `count` samples can be had.

        Args:
            count: how many.
            shape: of the images that they imitate, which tells how those of a file lie.

        Returns:
            The shape of one, `(height, width, channels)`.

        Raises:
            UserError: if they cannot be had, as far as can be known.
        """
        ...

    def draw(self, count: int) -> np.ndarray:
        """Samples, uint8 `(count, height, width, channels)`, once they are checked.

        Raises:
            UserError: if they cannot be had.
        """
        ...

    def classes(self) -> Classes | None:
        """The classes that are asked for, see `labels`; None for samples of whatever comes.

        Raises:
            UserError: if they cannot be known.
        """
        ...


class FromModel:
    """Draws from a SavedModel with the signature `sample`, or `generate` if it is conditional.

    Args:
        model: its folder.
        named: what messages call it, if it is not the value of `--model`.
        truncation: of its latents, see `tfgan.noise.truncated`; None for latents as they are.
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
        """Those that the export records; see `Source`."""
        if not self._loaded.conditional:
            return None
        if self._loaded.recorded is None:
            raise UserError(
                f"{self._loaded.named}: is conditional, but its trained_on.json does not list the "
                "classes; export it again"
            )
        return self._loaded.recorded


def from_gan(gan: GAN, count: int, stream: Stream = Stream.SAMPLES) -> np.ndarray:
    """Draws from a model in training what its export would draw; see `FromModel`.

    Args:
        gan: the model.
        count: of samples.
        stream: of their latents; another than usual for samples that nothing else is scored by.
    """
    parts = []
    for part in _parts(count):
        z = _latents(part, gan.latent_size, gan.distribution, stream)
        told = (z, _labels(part, gan.shares, stream)) if isinstance(gan, ConditionalGAN) else z
        parts.append(pictures.to_uint8(gan.sampler(told, training=False).numpy()))
    return np.concatenate(parts)[:count]


def labels(count: int, shares: Sequence[float]) -> np.ndarray:
    """The classes, int64 `(count,)`, that the first samples of a conditional generator are of.

    Args:
        count: of samples.
        shares: how probable each class is.
    """
    parts = [_labels(part, shares).numpy() for part in _parts(count)]
    return np.concatenate(parts)[:count]


def _latents(part: int, size: int, distribution: str, stream: Stream = Stream.SAMPLES) -> tf.Tensor:
    return noise.latents(0, stream, SEED + part, _PART, size, distribution=distribution)


def _labels(part: int, shares: Sequence[float], stream: Stream = Stream.SAMPLES) -> tf.Tensor:
    return noise.labels(0, stream, SEED + part, _PART, shares)


def _parts(count: int) -> range:
    return range(-(-count // _PART))

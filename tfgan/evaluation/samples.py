"""Where the samples come from: an exported generator, one in training, or a file.

Generators draw them in parts of 1,000, each with a seed of its own, whatever is asked at once:
the samples are the same ones in training and after export, and the first 10,000 of 50,000 are
those that `--quick` looks at. A conditional generator is asked for classes by their shares.
"""

import functools
import pathlib
import zipfile
from collections.abc import Sequence
from typing import Protocol

import numpy as np
import tensorflow as tf

from tfgan import noise
from tfgan.conditional import ConditionalGAN
from tfgan.datasets.classes import Classes
from tfgan.evaluation.protocol import SEED
from tfgan.exports import class_names, sampling, saved_model
from tfgan.gan import GAN
from tfgan.ground import pictures
from tfgan.ground.errors import UserError
from tfgan.ground.files import user_path
from tfgan.noise import Stream

_PART = 1000
_CHECKED = 64  # drawn before the work


class Source(Protocol):
    """Gives samples."""

    def check(self, count: int) -> tuple[int, ...]:
        """Makes sure, in a second and before the work, that `count` samples can be had.

        Returns:
            The shape of one, `(height, width, channels)`.

        Raises:
            UserError: if they cannot be had, as far as can be known.
        """
        ...

    def draw(self, count: int) -> np.ndarray:
        """Samples, uint8 `(count, height, width, channels)`.

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
    """

    def __init__(self, model: str, named: str = ""):
        self._model, self._named = model, named

    @functools.cached_property
    def _loaded(self) -> sampling.Loaded:
        return sampling.load(self._model, self._named)

    def check(self, count: int) -> tuple[int, ...]:
        """Loads it and draws a few; see `Source`."""
        return sampling.draw(self._loaded, _CHECKED, SEED).shape[1:]

    def draw(self, count: int) -> np.ndarray:
        """See `Source`."""
        loaded, classes = self._loaded, self.classes()
        if classes is None:
            parts = [sampling.draw(loaded, _PART, SEED + part) for part in _parts(count)]
            return np.concatenate(parts)[:count]
        size, distribution = loaded.latent_size(), saved_model.distribution(self._path)
        parts = []
        for part in _parts(count):
            z = _latents(part, size, distribution).numpy()
            images = loaded.generate(z, _labels(part, classes.shares).numpy())
            parts.append(pictures.unit_to_uint8(images))
        return np.concatenate(parts)[:count]

    def classes(self) -> Classes | None:
        """Those that the export records; see `Source`."""
        if not self._loaded.conditional:
            return None
        recorded = class_names.recorded_classes(self._path)
        if recorded is None:
            raise UserError(
                f"{self._loaded.named}: draws the class that it is told, but its trained_on.json "
                f"does not say which there are; export it again"
            )
        return recorded

    @property
    def _path(self) -> pathlib.Path:
        return user_path(self._model, "--model")


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


class FromFile:
    """Reads the first images of a uint8 .npy file, which may lack the channel of grey images.

    Args:
        path: the value of `--samples`.
    """

    def __init__(self, path: str):
        self._path = path

    def check(self, count: int) -> tuple[int, ...]:
        """Looks at the file's head; see `Source`."""
        images = self._open()
        if len(images) < count:
            raise UserError(
                f"--samples={self._path}: has {len(images):,} images; the protocol needs {count:,}"
            )
        return images.shape[1:]

    def draw(self, count: int) -> np.ndarray:
        """See `Source`."""
        self.check(count)
        return np.array(self._open()[:count])

    def classes(self) -> None:
        """A file does not say; see `Source`."""

    def _open(self) -> np.ndarray:
        path = self._path
        try:
            images = np.load(user_path(path, "--samples"), mmap_mode="r", allow_pickle=False)
        except OSError as error:
            raise UserError(f"--samples={path}: {error.strerror or 'cannot be read'}") from None
        except (ValueError, EOFError, zipfile.BadZipFile):
            raise UserError(f"--samples={path}: is no .npy file of numbers") from None
        known = isinstance(images, np.ndarray) and images.dtype == np.uint8
        if not known or images.ndim not in (3, 4):
            raise UserError(
                f"--samples={path}: must be a .npy file of uint8 (count, height, width, channels)"
            )
        return images[..., np.newaxis] if images.ndim == 3 else images

"""Where the samples come from: an exported generator, one in training, or a file.

Generators draw them in parts of 1,000, each with a seed of its own, whatever is asked at once:
the samples are the same ones in training and after export, and the first 10,000 of 50,000 are
those that `--quick` looks at.
"""

import functools
import zipfile
from typing import Protocol

import numpy as np

from tfgan import noise
from tfgan.evaluation.protocol import SEED
from tfgan.exports import sampling
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


class FromModel:
    """Draws from a SavedModel with the signature `sample`; counts are multiples of 1,000.

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
        return np.concatenate(
            [sampling.draw(self._loaded, _PART, SEED + part) for part in range(count // _PART)]
        )


def from_gan(gan: GAN, count: int) -> np.ndarray:
    """Draws from a model in training what its export would draw; see `FromModel`."""
    size, distribution = gan.latent_size, gan.distribution
    parts = []
    for part in range(count // _PART):
        z = noise.latents(0, Stream.SAMPLES, SEED + part, _PART, size, distribution=distribution)
        parts.append(pictures.to_uint8(gan.sampler(z, training=False).numpy()))
    return np.concatenate(parts)


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

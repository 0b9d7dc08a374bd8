"""Where the samples come from: an exported generator, one in training, or a file.

Generators draw them in parts of 1,000, each with a seed of its own, whatever is asked at once:
the samples are the same ones in training and after export, and the first 10,000 of 50,000 are
those that `--quick` looks at.
"""

import zipfile

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


def from_model(model: str, count: int) -> np.ndarray:
    """Draws from a SavedModel with the signature `sample`.

    Args:
        model: its folder.
        count: how many, a multiple of 1,000.

    Returns:
        uint8 `(count, height, width, channels)`.

    Raises:
        UserError: if it cannot be loaded.
    """
    loaded = sampling.load(model)
    return np.concatenate(
        [sampling.draw(loaded, _PART, SEED + part) for part in range(count // _PART)]
    )


def from_gan(gan: GAN, count: int) -> np.ndarray:
    """Draws from a model in training what its export would draw; see `from_model`."""
    size, distribution = gan.latent_size, gan.distribution
    parts = []
    for part in range(count // _PART):
        z = noise.latents(0, Stream.SAMPLES, SEED + part, _PART, size, distribution=distribution)
        parts.append(pictures.to_uint8(gan.sampler(z, training=False).numpy()))
    return np.concatenate(parts)


def from_file(path: str, count: int) -> np.ndarray:
    """Reads the first `count` images of a uint8 .npy file.

    Returns:
        uint8 `(count, height, width, channels)`; the file may lack the channel of grey images.

    Raises:
        UserError: if the file is something else, or holds fewer.
    """
    try:
        images = np.load(user_path(path, "--samples"), mmap_mode="r", allow_pickle=False)
    except OSError as error:
        raise UserError(f"--samples={path}: {error.strerror or 'cannot be read'}") from None
    except (ValueError, EOFError, zipfile.BadZipFile):
        raise UserError(f"--samples={path}: is no .npy file of numbers") from None
    if not isinstance(images, np.ndarray) or images.dtype != np.uint8 or images.ndim not in (3, 4):
        raise UserError(
            f"--samples={path}: must be a .npy file of uint8 (count, height, width, channels)"
        )
    if len(images) < count:
        raise UserError(
            f"--samples={path}: has {len(images):,} images; the protocol needs {count:,}"
        )
    images = np.array(images[:count])
    return images[..., np.newaxis] if images.ndim == 3 else images

"""The sliced Wasserstein distance of patches, which needs no network (Karras et al. 2018).

Each image becomes a Laplacian pyramid: details of one size, of twice that size, ..., and the
rest at 16 pixels or more. At each level the patches of two sets are compared along random lines.
"""

import numpy as np
import scipy.ndimage

from tfgan.noise import Stream, derive_seed

SIDE = 7  # of a patch
SMALLEST = 16  # side of the coarsest level
PATCHES = 16_384  # of a set at a level, about, from as many images as there are
MOST_AN_IMAGE = 64
LINES = 256
_LEAST_SCALE = 1e-3  # of a channel that is the same everywhere
_CHUNK = 500
_KERNEL = np.array([1, 4, 6, 4, 1], np.float32) / 16


def levels(side: int) -> list[int]:
    """The sides of a pyramid's levels from fine to coarse, for an image with this shorter side.

    Each level has half the side of the one before, as long as that is at least 16.
    """
    found = [side]
    while -(-found[-1] // 2) >= SMALLEST:
        found.append(-(-found[-1] // 2))
    return found


def pyramid(images: np.ndarray, depth: int) -> list[np.ndarray]:
    """Laplacian pyramids of images.

    Args:
        images: float32 `(count, height, width, channels)`.
        depth: number of levels.

    Returns:
        The details of each level, from fine to coarse, and last the rest. Their sum, after
        `enlarged`, is the images.
    """
    found = []
    for _ in range(depth - 1):
        smaller = _blurred(images)[:, ::2, ::2]
        found.append(images - enlarged(smaller, images.shape))
        images = smaller
    return [*found, images]


def enlarged(images: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Images smoothly enlarged to twice their size; `shape` tells whether a side is odd."""
    wide = np.zeros((len(images), *shape[1:]), np.float32)
    wide[:, ::2, ::2] = images
    return 4 * _blurred(wide)


def _blurred(images: np.ndarray) -> np.ndarray:
    for axis in (1, 2):
        images = scipy.ndimage.correlate1d(images, _KERNEL, axis=axis, mode="mirror")
    return images


def descriptors(images: np.ndarray) -> list[np.ndarray]:
    """Patches of 7 x 7 from each level, at places that depend only on the image's index.

    Args:
        images: uint8 `(count, height, width, channels)`.

    Returns:
        For each level float32 `(patches, 49, channels)` in units of [0, 255], with the same number
        of patches from each image.
    """
    depth = len(levels(min(images.shape[1:3])))
    each = max(1, min(MOST_AN_IMAGE, PATCHES // len(images)))
    parts: list[list[np.ndarray]] = [[] for _ in range(depth)]
    rngs = [np.random.default_rng(derive_seed(0, Stream.PATCHES, level)) for level in range(depth)]
    for start in range(0, len(images), _CHUNK):
        chunk = images[start : start + _CHUNK].astype(np.float32)
        for level, details in enumerate(pyramid(chunk, depth)):
            windows = np.lib.stride_tricks.sliding_window_view(details, (SIDE, SIDE), (1, 2))
            size = (len(chunk), each)
            y, x = (rngs[level].integers(0, count, size) for count in windows.shape[1:3])
            found = windows[np.arange(len(chunk))[:, np.newaxis], y, x]
            found = found.reshape(size[0] * each, -1, SIDE * SIDE)
            parts[level].append(found.transpose(0, 2, 1))
    return [np.concatenate(part) for part in parts]


class Reference:
    """The real images' patches, sorted along every line.

    Args:
        images: uint8 `(count, height, width, channels)`.
    """

    def __init__(self, images: np.ndarray):
        self._levels = []
        for level, patches in enumerate(descriptors(images)):
            mean = patches.mean(axis=(0, 1), dtype=np.float64)
            scale = np.maximum(patches.std(axis=(0, 1), dtype=np.float64), _LEAST_SCALE)
            rng = np.random.default_rng(derive_seed(1, Stream.PATCHES, level))
            lines = rng.standard_normal((LINES, patches[0].size))
            lines /= np.linalg.norm(lines, axis=1, keepdims=True)
            self._levels.append((mean, scale, lines.astype(np.float32)))
        self._sorted = self._places(images)

    def _places(self, images: np.ndarray) -> list[np.ndarray]:
        """Sorted positions of the images' patches along each line, `(lines, patches)`."""
        found = []
        for patches, (mean, scale, lines) in zip(descriptors(images), self._levels, strict=True):
            standard = ((patches - mean) / scale).astype(np.float32)
            found.append(np.sort(lines @ standard.reshape(len(standard), -1).T, axis=1))
        return found

    def distances(self, images: np.ndarray) -> list[float]:
        """The sliced Wasserstein distance of each level, from fine to coarse, times 1,000.

        It is the mean over 256 random lines of the mean distance of patches, after both sets are
        sorted along the line. The unit is the standard deviation of the real patches, for each
        channel.

        Args:
            images: uint8 samples, as many as real images.
        """
        return [
            1000 * float(np.abs(real - fake).mean(dtype=np.float64))
            for real, fake in zip(self._sorted, self._places(images), strict=True)
        ]

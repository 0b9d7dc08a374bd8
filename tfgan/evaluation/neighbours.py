"""What nearest neighbours tell of fidelity, variety and copying."""

from typing import NamedTuple

import numpy as np
import scipy.spatial.distance

K = 5
_CHUNK = 500


class Manifolds(NamedTuple):
    """Fidelity and variety, each in [0, 1], but for the density, which can exceed 1.

    Attributes:
        precision: share of samples near enough to a real image (Kynkaanniemi et al. 2019).
        recall: share of real images near enough to a sample (the same).
        density: how many real images' neighbourhoods hold a sample, over k (Naeem et al. 2020).
        coverage: share of real images whose neighbourhood holds a sample (the same).
    """

    precision: float
    recall: float
    density: float
    coverage: float


def radii(features: np.ndarray, k: int = K) -> np.ndarray:
    """Squared distance `(count,)` of each row to its k-th nearest other row."""
    k = min(k, len(features) - 1)
    found = []
    for start in range(0, len(features), _CHUNK):
        squares = squared_distances(features[start : start + _CHUNK], features)
        found.append(np.partition(squares, k, axis=1)[:, k])  # at 0 is the row itself, or a copy
    return np.concatenate(found)


def manifolds(
    real: np.ndarray, fake: np.ndarray, real_radii: np.ndarray | None = None, k: int = K
) -> Manifolds:
    """Precision, recall, density and coverage: balls around each row, out to its k-th neighbour.

    Args:
        real: float64 features `(count, features)`.
        fake: float64 features `(count, features)`.
        real_radii: `radii(real)`, if they are known already.
        k: which neighbour.
    """
    real_radii = radii(real, k) if real_radii is None else real_radii
    fake_radii = radii(fake, k)
    in_real = np.zeros(len(fake), np.int64)
    recalled = covered = 0
    for start in range(0, len(real), _CHUNK):
        rows = slice(start, start + _CHUNK)
        squares = squared_distances(real[rows], fake)
        near = squares < real_radii[rows, np.newaxis]
        in_real += near.sum(axis=0)
        covered += int(near.any(axis=1).sum())
        recalled += int((squares < fake_radii).any(axis=1).sum())
    return Manifolds(
        precision=float(np.mean(in_real > 0)),
        recall=recalled / len(real),
        density=float(np.mean(in_real) / k),
        coverage=covered / len(real),
    )


def squared_distances(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Squared Euclidean distances `(len(x), len(y))` of rows.

    A distance depends on its two rows alone, to the bit, and is 0 between copies. A matrix product
    would be faster, but rounds by where a row stands: a tie or a copy would fall on either side.
    """
    return scipy.spatial.distance.cdist(x, y, "sqeuclidean")


def nearest(queries: np.ndarray, images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The nearest image of each query, by the Euclidean distance of their pixels.

    It is looked for in float32; the distance that is returned is exact.

    Args:
        queries: uint8 `(count, ...)`.
        images: uint8 `(size, ...)`.

    Returns:
        int64 indices `(count,)`; float64 distances `(count,)` of pixels in [0, 255].
    """
    points = _rows(images)
    halves = np.einsum("ij,ij->i", points, points) / 2
    indices, distances = [], []
    for start in range(0, len(queries), _CHUNK):
        rows = _rows(queries[start : start + _CHUNK])
        found = np.argmax(rows @ points.T - halves, axis=1)
        indices.append(found)
        distances.append(np.linalg.norm((rows - points[found]).astype(np.float64), axis=1))
    return np.concatenate(indices), np.concatenate(distances)


def _rows(images: np.ndarray) -> np.ndarray:
    return images.reshape(len(images), -1).astype(np.float32)

"""What nearest neighbours tell of fidelity, variety and copying."""

from typing import NamedTuple

import numpy as np

K = 5
_CHUNK = 500
_ROUNDING = 1e-12


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
    found = np.empty(len(features))
    for start in range(0, len(features), _CHUNK):
        rows = np.arange(start, min(start + _CHUNK, len(features)))
        squares = squared_distances(features[rows], features)
        squares[rows - start, rows] = np.inf  # itself
        found[rows] = np.partition(squares, k - 1, axis=1)[:, k - 1]
    return found


def manifolds(
    real: np.ndarray, fake: np.ndarray, real_radii: np.ndarray | None = None, k: int = K
) -> Manifolds:
    """Precision, recall, density and coverage: balls around each row, out to its k-th neighbour.

    A ball is open: what lies as far away as the k-th neighbour is outside, and so are copies of a
    row that has k of them. Distances that differ by rounding alone count as equal.

    Args:
        real: float64 features `(count, features)`.
        fake: float64 features `(count, features)`.
        real_radii: `radii(real)`, if they are known already.
        k: which neighbour.
    """
    real_radii = radii(real, k) if real_radii is None else real_radii
    fake_radii = radii(fake, k)
    # Rounding of `squared_distances` is below this: it grows with the squares of the lengths.
    slack = _ROUNDING * max(np.square(rows).sum(axis=1).max() for rows in (real, fake))
    in_real = np.zeros(len(fake), np.int64)
    recalled = covered = 0
    for start in range(0, len(real), _CHUNK):
        rows = slice(start, start + _CHUNK)
        squares = squared_distances(real[rows], fake)
        near = squares < real_radii[rows, np.newaxis] - slack
        in_real += near.sum(axis=0)
        covered += int(near.any(axis=1).sum())
        recalled += int((squares < fake_radii - slack).any(axis=1).sum())
    return Manifolds(
        precision=float(np.mean(in_real > 0)),
        recall=recalled / len(real),
        density=float(np.mean(in_real) / k),
        coverage=covered / len(real),
    )


def squared_distances(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Squared Euclidean distances `(len(x), len(y))` of rows, as one matrix product."""
    squares = x @ y.T
    squares *= -2
    squares += np.einsum("ij,ij->i", x, x)[:, np.newaxis]
    squares += np.einsum("ij,ij->i", y, y)
    return np.maximum(squares, 0, out=squares)


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

"""Fidelity, variety and copying, measured by nearest neighbours."""

from typing import NamedTuple

import numpy as np
import scipy.spatial.distance

from tfgan.evaluation.threads import in_threads

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

    def of_chunk(rows: np.ndarray) -> np.ndarray:
        squares = Squares(rows, features)
        least = np.partition(squares.rough, k, axis=1)[:, k, np.newaxis]
        # Whatever rounding did, the k-th nearest is among these.
        i, j = np.nonzero(squares.rough <= least + 2 * squares.error)
        exact = squares.exact(i, j)
        order = np.lexsort((exact, i))  # row by row, the nearest first: the row itself, or a copy
        first = np.searchsorted(i[order], np.arange(len(rows)))
        return exact[order][first + k]

    return np.concatenate(in_threads(of_chunk, chunks(features)))


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

    def of_chunk(chunk: tuple[np.ndarray, np.ndarray]) -> tuple[np.ndarray, int, int]:
        rows, limits = chunk
        squares = Squares(rows, fake)
        near = squares.below(limits[:, np.newaxis])
        recalled = squares.below(fake_radii).any(axis=1)
        return near.sum(axis=0), int(near.any(axis=1).sum()), int(recalled.sum())

    parts = zip(chunks(real), chunks(real_radii), strict=True)
    found = zip(*in_threads(of_chunk, parts), strict=True)
    in_real, covered, recalled = (sum(each) for each in found)
    return Manifolds(
        precision=float(np.mean(in_real > 0)),
        recall=recalled / len(real),
        density=float(np.mean(in_real) / k),
        coverage=covered / len(real),
    )


def chunks(rows: np.ndarray) -> list[np.ndarray]:
    """Rows in parts, of which each may be compared with thousands of others in memory."""
    return [rows[start : start + _CHUNK] for start in range(0, len(rows), _CHUNK)]


class Squares:
    """Squared Euclidean distances of rows, as `squared_distances` has them, to the bit.

    A matrix product is ten times as fast, but rounds by where a row stands: a tie or a copy would
    fall on either side. So it decides only what it can, and the few pairs left are computed.

    Args:
        x: float64 `(count, features)`.
        y: float64 `(others, features)`.

    Attributes:
        rough: `(count, others)`, by a matrix product.
        error: how far from the truth those can be, at most.
    """

    def __init__(self, x: np.ndarray, y: np.ndarray):
        self._x, self._y = x, y
        lengths = [np.einsum("ij,ij->i", rows, rows) for rows in (x, y)]
        self.rough = x @ y.T
        self.rough *= -2
        self.rough += lengths[0][:, np.newaxis]
        self.rough += lengths[1]
        # Of sums of products (Higham 2002, section 3.1), for both lengths and the product.
        terms = 4 * (x.shape[1] + 2) * np.finfo(np.float64).eps
        self.error = float(terms * (lengths[0].max() + lengths[1].max()))

    def exact(self, i: np.ndarray, j: np.ndarray) -> np.ndarray:
        """The distances themselves, `(pairs,)`, of some rows i of x to rows j of y."""
        if len(i) > self.rough.size // 8:
            return squared_distances(self._x, self._y)[i, j]
        total = np.zeros(len(i))
        for column in range(self._x.shape[1]):
            total += (self._x[i, column] - self._y[j, column]) ** 2
        return total

    def below(self, limits: np.ndarray) -> np.ndarray:
        """Which distances are below their limits: bool `(count, others)`.

        Args:
            limits: anything that broadcasts to that.
        """
        limits = np.broadcast_to(limits, self.rough.shape)
        found = self.rough < limits
        i, j = np.nonzero(abs(self.rough - limits) <= self.error)
        found[i, j] = self.exact(i, j) < limits[i, j]
        return found


def squared_distances(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Squared Euclidean distances `(len(x), len(y))` of rows.

    A distance depends on its two rows alone, to the bit, and is 0 between copies.
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

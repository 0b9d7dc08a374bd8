"""Metrics of fidelity, variety and copying by nearest neighbours."""

from typing import NamedTuple

import numpy as np
import scipy.spatial.distance

from tfgan.evaluation.threads import in_threads

K = 5
_CHUNK = 125  # rows, so that what is compared stays near a core
_QUERIES = 500
_FLOAT32 = 1e-25, 1e35  # squared lengths that float32 has room for, with what becomes of them


class Manifolds(NamedTuple):
    """Fidelity and variety, each in [0, 1], except the density, which can exceed 1.

    Attributes:
        precision: share of samples in the ball of a real image (Kynkaanniemi et al. 2019).
        recall: share of real images in the ball of a sample (the same).
        density: mean number of real balls that contain a sample, over k (Naeem et al. 2020).
        coverage: share of real images whose ball contains a sample (the same).
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
        i, j = where(squares.rough <= least + least.dtype.type(2 * squares.error))
        exact = squares.exact(i, j)
        order = np.lexsort((exact, i))  # row by row, the nearest first: the row itself, or a copy
        first = np.searchsorted(i[order], np.arange(len(rows)))
        return exact[order][first + k]

    return np.concatenate(in_threads(of_chunk, chunks(features)))


def manifolds(
    real: np.ndarray, fake: np.ndarray, real_radii: np.ndarray | None = None, k: int = K
) -> Manifolds:
    """Precision, recall, density and coverage, by balls around each row up to its k-th neighbour.

    Args:
        real: float64 features `(count, features)`.
        fake: float64 features `(count, features)`.
        real_radii: `radii(real)`, if they are already known.
        k: the number of the neighbour that sets the radius.
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
    """Parts of the rows that are small enough to be compared with thousands of others at once."""
    return [rows[start : start + _CHUNK] for start in range(0, len(rows), _CHUNK)]


class Squares:
    """Squared Euclidean distances of rows, equal to `squared_distances` to the bit.

    A matrix product in float32 is twenty times as fast, but it rounds, so a tie or a copy could
    fall on either side. So it decides only the clear cases, and the few other pairs are computed
    exactly.

    Args:
        x: float64 `(count, features)`.
        y: float64 `(others, features)`.

    Attributes:
        rough: distances `(count, others)` by a matrix product, or the exact ones if float32 has no
            room for them.
        error: the largest possible error of those.
    """

    def __init__(self, x: np.ndarray, y: np.ndarray):
        self._x, self._y = x, y
        lengths = [np.einsum("ij,ij->i", rows, rows) for rows in (x, y)]
        longest = max(each.max() for each in lengths)
        if not _FLOAT32[0] < longest < _FLOAT32[1]:
            self.rough, self.error = squared_distances(x, y), 0.0
            return
        self.rough = x.astype(np.float32) @ (-2 * y.astype(np.float32).T)
        self.rough += lengths[0][:, np.newaxis].astype(np.float32)
        self.rough += lengths[1].astype(np.float32)
        # Of sums of products (Higham 2002, section 3.1), for both lengths and the product.
        terms = 4 * (x.shape[1] + 2) * np.finfo(np.float32).eps
        self.error = float(terms * 2 * longest)

    def exact(self, i: np.ndarray, j: np.ndarray) -> np.ndarray:
        """The exact distances `(pairs,)` of some rows i of x to rows j of y."""
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
        above = self.rough - limits.astype(self.rough.dtype)
        found = above < 0
        error = self.error + np.finfo(self.rough.dtype).eps * float(limits.max())
        i, j = where(np.abs(above, out=above) <= error)
        found[i, j] = self.exact(i, j) < np.broadcast_to(limits, found.shape)[i, j]
        return found


def where(mask: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """`np.nonzero` of a matrix, several times as fast where little is true."""
    i, j = np.divmod(np.flatnonzero(mask), mask.shape[1])
    return i, j


def squared_distances(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Squared Euclidean distances `(len(x), len(y))` of rows.

    A distance depends only on its two rows, to the bit, and is 0 between copies.
    """
    return scipy.spatial.distance.cdist(x, y, "sqeuclidean")


def nearest(queries: np.ndarray, images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The nearest image of each query, by the Euclidean distance of their pixels.

    The search is in float32; the returned distance is exact.

    Args:
        queries: uint8 `(count, ...)`.
        images: uint8 `(size, ...)`.

    Returns:
        int64 indices `(count,)`; float64 distances `(count,)` of pixels in [0, 255].
    """
    points = _rows(images)
    halves = np.einsum("ij,ij->i", points, points) / 2
    indices, distances = [], []
    for start in range(0, len(queries), _QUERIES):
        rows = _rows(queries[start : start + _QUERIES])
        found = np.argmax(rows @ points.T - halves, axis=1)
        indices.append(found)
        distances.append(np.linalg.norm((rows - points[found]).astype(np.float64), axis=1))
    return np.concatenate(indices), np.concatenate(distances)


def _rows(images: np.ndarray) -> np.ndarray:
    return images.reshape(len(images), -1).astype(np.float32)

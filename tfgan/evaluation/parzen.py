"""The Parzen window log-likelihood of 2014: a historical check, never the headline.

It follows `parzen_ll.py` of goodfeli/adversarial. Theis et al. 2015 (arXiv 1511.01844) advise
against it: it rewards blur, and k-means centroids beat real images.
"""

from typing import NamedTuple

import numpy as np
from sklearn.cluster import KMeans

from tfgan.evaluation.neighbours import Squares, chunks
from tfgan.evaluation.threads import in_threads

SIGMAS = np.logspace(-1, 0, 10)
VALIDATION = 1000
_ITERATIONS = 5


class LogLikelihood(NamedTuple):
    """A log-likelihood, in nats.

    Attributes:
        mean: mean over the test images.
        error: standard deviation over the test images, divided by the root of their number.
        sigma: the width of the windows, chosen on the validation images, in units of [0, 1] pixels.
    """

    mean: float
    error: float
    sigma: float


def log_densities(points: np.ndarray, centres: np.ndarray, sigmas: np.ndarray) -> np.ndarray:
    """The log of the mean of Gaussians N(centre, sigma^2 I), in nats.

    Args:
        points: float64 `(count, pixels)`.
        centres: float64 `(centres, pixels)`.
        sigmas: `(widths,)`.

    Returns:
        float64 `(widths, count)`.
    """

    origin = centres.mean(axis=0)  # near all of them, so that float32 loses least

    def of_chunk(rows: np.ndarray) -> np.ndarray:
        squares = np.maximum(Squares(rows - origin, centres - origin).rough, 0)
        least = squares.min(axis=1)
        squares -= least[:, np.newaxis]
        return np.stack([_log_sum(squares, sigma) - least / (2 * sigma**2) for sigma in sigmas])

    densities = np.concatenate(in_threads(of_chunk, chunks(points)), axis=1)
    constant = np.log(len(centres)) + points.shape[1] / 2 * np.log(2 * np.pi * sigmas**2)
    return densities - constant[:, np.newaxis]


def _log_sum(squares: np.ndarray, sigma: float) -> np.ndarray:
    """log sum exp(-squares / 2 sigma^2) of each row, float64; the least square of each is 0."""
    return np.log(np.exp(squares * np.float32(-1 / (2 * sigma**2))).sum(axis=1).astype(np.float64))


def log_likelihood(centres: np.ndarray, validation: np.ndarray, test: np.ndarray) -> LogLikelihood:
    """Log-likelihood of the test images under Gaussian windows around samples.

    Args:
        centres: samples, uint8 or float in [0, 255], `(count, ...)`.
        validation: uint8 `(count, ...)`; the first 1,000 choose sigma from `SIGMAS`.
        test: uint8 `(count, ...)`.
    """
    centres, validation, test = (_unit(part) for part in (centres, validation[:VALIDATION], test))
    sigma = SIGMAS[log_densities(validation, centres, SIGMAS).mean(axis=1).argmax()]
    densities = log_densities(test, centres, np.array([sigma]))[0]
    error = densities.std() / np.sqrt(len(densities))
    return LogLikelihood(float(densities.mean()), float(error), float(sigma))


def centroids(images: np.ndarray, count: int) -> np.ndarray:
    """k-means centroids of images, the control that Theis et al. 2015 propose.

    Five iterations of Lloyd's algorithm from the first `count` images.

    Args:
        images: uint8 `(size, ...)`.
        count: number of centroids.

    Returns:
        float32 `(count, pixels)` in [0, 255].
    """
    pixels = images.reshape(len(images), -1).astype(np.float32)
    means = KMeans(count, init=pixels[:count], n_init=1, max_iter=_ITERATIONS, tol=0)
    return means.fit(pixels).cluster_centers_


def _unit(images: np.ndarray) -> np.ndarray:
    return images.reshape(len(images), -1).astype(np.float64) / 255

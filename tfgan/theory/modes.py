"""The number of modes that a generator covers, by VEEGAN's rule (Srivastava et al. 2017)."""

from typing import NamedTuple

import numpy as np

from tfgan.theory.densities import GaussianMixture

SAMPLES = 2500  # as published
REACH = 3  # standard deviations


class Coverage(NamedTuple):
    """The number of modes with a high-quality sample, and the share of such samples."""

    covered: int
    high_quality: float


def coverage(p: GaussianMixture, samples: np.ndarray) -> Coverage:
    """Counts samples `(count, dim)` within 3 standard deviations of their nearest mode.

    Samples of p itself in two dimensions have a share of 1 - exp(-9 / 2) = 0.989.
    """
    distances = np.linalg.norm(samples[:, np.newaxis] - p.means, axis=-1)
    nearest = np.argmin(distances, axis=1)
    good = distances[np.arange(len(samples)), nearest] <= REACH * p.scales[nearest]
    return Coverage(len(np.unique(nearest[good])), float(np.mean(good)))

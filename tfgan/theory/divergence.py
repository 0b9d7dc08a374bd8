"""What the paper proves about D and V, for known densities (section 4).

All in nats. A logit is log D - log(1 - D).
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy import integrate, spatial, special

from tfgan.theory.bounds import LOG_2
from tfgan.theory.densities import GaussianMixture


class Estimate(NamedTuple):
    """A mean over samples and its standard error."""

    value: float
    error: float


def optimal_logit(p: GaussianMixture, q: GaussianMixture, x: np.ndarray) -> np.ndarray:
    """log p - log q at points `(count, dim)`: the logit of D* = p / (p + q) (proposition 1)."""
    return p.log_density(x) - q.log_density(x)


def value(real_logits: np.ndarray, fake_logits: np.ndarray) -> float:
    """V(D, G) = E[log D(x)] + E[log(1 - D(G(z)))], equation 1, as means over samples."""
    real, fake = np.asarray(real_logits, np.float64), np.asarray(fake_logits, np.float64)
    return float(np.mean(special.log_expit(real)) + np.mean(special.log_expit(-fake)))


def jsd_bound(real_logits: np.ndarray, fake_logits: np.ndarray) -> float:
    """log 2 + V(D, G) / 2, in nats: at most JSD(p_data, p_g) for any D, and equal to it for D*.

    On samples that D was trained on, it can exceed the divergence.
    """
    return LOG_2 + value(real_logits, fake_logits) / 2


def jsd(p: GaussianMixture, q: GaussianMixture) -> float:
    """JSD(p, q), in [0, log 2] nats, by quadrature on the line; accurate to about 1e-9.

    Raises:
        ValueError: if they are not densities on the line.
    """
    if p.dim != 1 or q.dim != 1:
        raise ValueError("quadrature is for one-dimensional densities; use jsd_monte_carlo")
    means = np.concatenate([p.means[:, 0], q.means[:, 0]])
    reach = 12 * np.concatenate([p.scales, q.scales])

    def integrand(at: float) -> float:
        x = np.array([[at]])
        logit = optimal_logit(p, q, x)
        log_2 = np.log(2)
        real = np.exp(p.log_density(x)) * (log_2 + special.log_expit(logit))
        fake = np.exp(q.log_density(x)) * (log_2 + special.log_expit(-logit))
        return (real + fake)[0] / 2

    low, high = np.min(means - reach), np.max(means + reach)
    points = np.unique(means)
    return integrate.quad(integrand, low, high, points=points, limit=1000, epsabs=1e-10)[0]


def conditional_jsd(p: GaussianMixture, of_classes: Sequence[GaussianMixture]) -> float:
    """The mean over classes of JSD(p(x|y), p_g(x|y)), by quadrature, where each mode is a class.

    It is the JSD of the pairs (x, y) if their classes have the same shares. So it is the largest
    bound that a D which gets the class can give.

    Args:
        p: the density of the data.
        of_classes: the generator's density for each class.
    """
    return sum(
        weight * jsd(p.of_mode(mode), drawn)
        for mode, (weight, drawn) in enumerate(zip(p.weights, of_classes, strict=True))
    )


def jsd_monte_carlo(p: GaussianMixture, q: GaussianMixture, count: int, seed: int) -> Estimate:
    """JSD(p, q) in any dimension, from `count` samples of each.

    It is log 2 + V(D*) / 2, so its error is half of that of V.
    """
    first, second = np.random.SeedSequence(seed).generate_state(2)
    x, y = p.sample(count, first), q.sample(count, second)
    real = special.log_expit(optimal_logit(p, q, x))
    fake = special.log_expit(-optimal_logit(p, q, y))
    variance = (np.var(real, ddof=1) + np.var(fake, ddof=1)) / count
    return Estimate(
        float(np.log(2) + (real.mean() + fake.mean()) / 2), float(np.sqrt(variance) / 2)
    )


def binned_jsd(p: GaussianMixture, samples: np.ndarray, edges: np.ndarray) -> float:
    """JSD between p and the density of samples, both reduced to a grid of cells, in nats.

    The reduction can only lower it (data processing inequality). Counting samples raises it, by
    about occupied cells / (8 count).

    Args:
        p: the known density.
        samples: `(count, dim)`.
        edges: edges of the cells, as in `GaussianMixture.cell_probabilities`; everything outside
            is one more cell.
    """
    expected = p.cell_probabilities(edges).ravel()
    expected[expected < np.finfo(float).tiny] = 0  # half of a denormal is 0, and its log no number
    counts = np.histogramdd(samples, bins=[edges] * p.dim)[0].ravel()
    seen = counts / len(samples)
    both = [np.append(cells, max(0.0, 1 - cells.sum())) for cells in (expected, seen)]
    return float(spatial.distance.jensenshannon(*both) ** 2)

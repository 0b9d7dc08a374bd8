"""Densities that are known in closed form and that a GAN can learn."""

import dataclasses
import itertools

import numpy as np
from scipy import special, stats


@dataclasses.dataclass(frozen=True, eq=False)
class GaussianMixture:
    """A mixture of round normals in one or two dimensions; of one, a normal.

    Attributes:
        means: `(modes, dim)`.
        scales: `(modes,)`, the standard deviation of each, the same in every direction.
        weights: `(modes,)`, their probabilities.
    """

    means: np.ndarray
    scales: np.ndarray
    weights: np.ndarray

    @property
    def dim(self) -> int:
        """Length of a point."""
        return self.means.shape[1]

    def log_density(self, x: np.ndarray) -> np.ndarray:
        """log p(x), in nats, for points `(count, dim)`; returns `(count,)`."""
        along_axes = stats.norm.logpdf(x[:, np.newaxis], self.means, self.scales[:, np.newaxis])
        return special.logsumexp(along_axes.sum(axis=-1), b=self.weights, axis=1)

    def sample(self, count: int, seed: int) -> np.ndarray:
        """Draws `(count, dim)` points; the same seed, the same points."""
        return self.sample_with_modes(count, seed)[0]

    def sample_with_modes(self, count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
        """The points of `sample`, and the mode that each comes from, int64 `(count,)`."""
        rng = np.random.default_rng(seed)
        mode = rng.choice(len(self.weights), count, p=self.weights)
        shape = (count, self.dim)
        points = stats.norm.rvs(
            self.means[mode], self.scales[mode, np.newaxis], size=shape, random_state=rng
        )
        return points, mode

    def of_mode(self, mode: int) -> "GaussianMixture":
        """One mode alone: p(x|y), where each mode is a class."""
        only = slice(mode, mode + 1)
        return GaussianMixture(self.means[only], self.scales[only], np.ones(1))

    def cell_probabilities(self, edges: np.ndarray) -> np.ndarray:
        """The probability of each cell of a grid, exactly.

        Args:
            edges: `(cells + 1,)`, rising; the same along every axis.

        Returns:
            `(cells,) * dim`, which sums to 1 less what lies outside.
        """
        below = stats.norm.cdf(edges, self.means[..., np.newaxis], self.scales[:, None, None])
        inside = np.diff(below)  # (modes, dim, cells)
        axes = "abcd"[: self.dim]
        operands = [inside[:, axis] for axis in range(self.dim)]
        terms = ",".join(f"m{axis}" for axis in axes)
        return np.einsum(f"m,{terms}->{axes}", self.weights, *operands)


def mixture(means: np.ndarray, scale: float, weights: np.ndarray | None = None) -> GaussianMixture:
    """A mixture whose modes have one scale and, unless said otherwise, one weight."""
    means = np.asarray(means, float)
    if weights is None:
        weights = np.full(len(means), 1 / len(means))
    return GaussianMixture(means, np.full(len(means), float(scale)), np.asarray(weights, float))


def normal(mean: float = 0.0, scale: float = 1.0) -> GaussianMixture:
    """N(mean, scale^2) on the line."""
    return mixture(np.array([[mean]]), scale)


def ring(modes: int = 8, radius: float = 1.0, scale: float = 0.01) -> GaussianMixture:
    """Modes on a circle; the defaults are VEEGAN's ring (Srivastava et al. 2017, section 4)."""
    angles = 2 * np.pi * np.arange(modes) / modes
    return mixture(radius * np.stack([np.cos(angles), np.sin(angles)], axis=1), scale)


def grid(side: int = 5, spacing: float = 2.0, scale: float = 0.05) -> GaussianMixture:
    """`side` by `side` modes around 0; the defaults are VEEGAN's grid of 25."""
    along = spacing * (np.arange(side) - (side - 1) / 2)
    return mixture(np.array(list(itertools.product(along, along))), scale)

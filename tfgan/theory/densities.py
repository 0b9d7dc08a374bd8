"""Densities in closed form, on which a GAN can be trained."""

import dataclasses
import itertools

import numpy as np
from scipy import special, stats


@dataclasses.dataclass(frozen=True, eq=False)
class GaussianMixture:
    """A mixture of isotropic normals in one or two dimensions.

    Attributes:
        means: `(modes, dim)`.
        scales: `(modes,)`, the standard deviation of each mode, the same in every direction.
        weights: `(modes,)`, the probability of each mode.
    """

    means: np.ndarray
    scales: np.ndarray
    weights: np.ndarray

    @property
    def dim(self) -> int:
        """The dimension of the points."""
        return self.means.shape[1]

    def log_density(self, x: np.ndarray) -> np.ndarray:
        """log p(x), in nats, for points `(count, dim)`; returns `(count,)`."""
        along_axes = stats.norm.logpdf(x[:, np.newaxis], self.means, self.scales[:, np.newaxis])
        return special.logsumexp(along_axes.sum(axis=-1), b=self.weights, axis=1)

    def sample(self, count: int, seed: int) -> np.ndarray:
        """Draws points `(count, dim)`, a pure function of the seed."""
        return self.sample_with_modes(count, seed)[0]

    def sample_with_modes(self, count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
        """The points of `sample`, and the mode of each point, int64 `(count,)`."""
        rng = np.random.default_rng(seed)
        mode = rng.choice(len(self.weights), count, p=self.weights)
        shape = (count, self.dim)
        points = stats.norm.rvs(
            self.means[mode], self.scales[mode, np.newaxis], size=shape, random_state=rng
        )
        return points, mode

    def of_mode(self, mode: int) -> "GaussianMixture":
        """The density of a single mode: p(x|y), if each mode is a class."""
        only = slice(mode, mode + 1)
        return GaussianMixture(self.means[only], self.scales[only], np.ones(1))

    def cell_probabilities(self, edges: np.ndarray) -> np.ndarray:
        """The probability of each cell of a grid, exactly.

        Args:
            edges: `(cells + 1,)`, ascending; the same along every axis.

        Returns:
            `(cells,) * dim`; the sum is 1 minus the probability outside of the grid.
        """
        below = stats.norm.cdf(edges, self.means[..., np.newaxis], self.scales[:, None, None])
        inside = np.diff(below)  # (modes, dim, cells)
        axes = "abcd"[: self.dim]
        operands = [inside[:, axis] for axis in range(self.dim)]
        terms = ",".join(f"m{axis}" for axis in axes)
        return np.einsum(f"m,{terms}->{axes}", self.weights, *operands)


def mixture(means: np.ndarray, scale: float, weights: np.ndarray | None = None) -> GaussianMixture:
    """A mixture whose modes have the same scale and, by default, the same weight."""
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

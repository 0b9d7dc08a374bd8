"""Observations of a GAN that learns a known density."""

import dataclasses

import numpy as np
import tensorflow as tf
from scipy import optimize, special

from tfgan import noise
from tfgan.gan import GAN
from tfgan.ground.errors import UserError
from tfgan.noise import Stream
from tfgan.theory import divergence, modes
from tfgan.theory.densities import GaussianMixture
from tfgan.theory.modes import Coverage

SAMPLES = 20_000
_CELLS = 200  # along each axis
_ARROWS = 150
_FEWEST = 5  # fakes in a cell, to call their share a density
_PLOT_POINTS = {1: 401, 2: 121}  # along each axis, by dimension


@dataclasses.dataclass(frozen=True, eq=False)
class Observation:
    """A look at both networks after some step.

    Attributes:
        step: training steps done.
        value: V(D, G), in nats, on points and latents that were not trained on.
        bound: log 2 + V / 2, which the divergence exceeds or equals but for noise.
        jsd: JSD(p_data, p_g), in nats, by `divergence.binned_jsd`.
        coverage: modes covered, high-quality share.
        latents: `(SAMPLES, latent_size)`, the same in each look.
        fakes: `(SAMPLES, dim)`, their G(z).
        probability: D(x) on the plot's grid, `(points,) * dim`; axis 0 is the first coordinate.
        pushes: `(arrows, dim)`, minus the gradient of G's loss at the first fakes: where G is
            told to move them.
    """

    step: int
    value: float
    bound: float
    jsd: float
    coverage: Coverage
    latents: np.ndarray
    fakes: np.ndarray
    probability: np.ndarray
    pushes: np.ndarray


def limits(p: GaussianMixture) -> tuple[float, float]:
    """Where plots begin and end, along every axis."""
    margin = 4 * p.scales[:, np.newaxis] + 0.15 * np.ptp(p.means)
    return float(np.min(p.means - margin)), float(np.max(p.means + margin))


def plot_points(p: GaussianMixture) -> np.ndarray:
    """Coordinates of the plot's grid along each axis."""
    return np.linspace(*limits(p), _PLOT_POINTS[p.dim])


def cell_edges(p: GaussianMixture) -> np.ndarray:
    """Edges of the cells that fakes are counted in."""
    return np.linspace(*limits(p), _CELLS + 1)


def check_finite(gan: GAN, fakes: np.ndarray) -> None:
    """Makes sure that a run has not diverged.

    Raises:
        UserError: if some fakes are not finite.
    """
    if not np.isfinite(fakes).all():
        raise UserError(
            f"step {int(gan.step.numpy()):,}: the generator's points are not finite: the run has "
            "diverged; try another --seed or --loss"
        )


def optimal_in_cells(p: GaussianMixture, fakes: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """D* in each cell of the line, p_g as the fakes have it.

    Returns:
        `(cells,)`; NaN where there are too few fakes and points to say.
    """
    data, counts = p.cell_probabilities(edges), np.histogram(fakes, edges)[0]
    enough = (counts >= _FEWEST) | (data * len(fakes) >= _FEWEST)
    unknown = np.full(len(data), np.nan)
    return np.divide(data, data + counts / len(fakes), where=enough, out=unknown)


class Observer:
    """Looks at a GAN always from the same latents and real points.

    Args:
        gan: compiled; its generator makes points of p's dimension.
        p: the density that it is to learn.
    """

    def __init__(self, gan: GAN, p: GaussianMixture):
        self._gan, self._p = gan, p
        self._real = p.sample(SAMPLES, noise.derive_seed(gan.seed, Stream.HELD_OUT_POINTS))
        self._latents = noise.latents(gan.seed, Stream.FIXED_LATENTS, 0, SAMPLES, gan.latent_size)
        axes = np.meshgrid(*[plot_points(p)] * p.dim, indexing="ij")
        self._grid = np.stack(axes, axis=-1)

    def look(self) -> Observation:
        """Measures and samples; changes nothing.

        Raises:
            UserError: if the run has diverged.
        """
        gan, p = self._gan, self._p
        fakes = gan(self._latents).numpy()
        check_finite(gan, fakes)
        real_logits, fake_logits = self._logits(self._real), self._logits(fakes)
        offset = _offset(real_logits, fake_logits) if gan.objective.up_to_constant else 0.0
        real_logits, fake_logits = real_logits + offset, fake_logits + offset
        grid_logits = self._logits(self._grid.reshape(-1, p.dim))
        return Observation(
            step=int(gan.step.numpy()),
            value=divergence.value(real_logits, fake_logits),
            bound=divergence.jsd_bound(real_logits, fake_logits),
            jsd=divergence.binned_jsd(p, fakes, cell_edges(p)),
            coverage=modes.coverage(p, fakes[: modes.SAMPLES]),
            latents=self._latents.numpy(),
            fakes=fakes,
            probability=special.expit(grid_logits + offset).reshape(self._grid.shape[:-1]),
            pushes=self._pushes(fakes[:_ARROWS]),
        )

    def _logits(self, points: np.ndarray) -> np.ndarray:
        return self._gan.discriminator(tf.cast(points, tf.float32)).numpy()[:, 0]

    def _pushes(self, fakes: np.ndarray) -> np.ndarray:
        points = tf.constant(fakes)
        real = tf.constant(self._real[: len(fakes)], tf.float32)
        real_logits = self._gan.discriminator(real)
        with tf.GradientTape() as tape:
            tape.watch(points)
            fake_logits = self._gan.discriminator(points)
            losses = self._gan.objective.generator(fake_logits, real_logits)
        return -tape.gradient(losses, points).numpy()


def _offset(real_logits: np.ndarray, fake_logits: np.ndarray) -> float:
    """The constant to add to a relativistic D's scores, which leave it open: the best for V."""
    found = optimize.minimize_scalar(
        lambda offset: -divergence.value(real_logits + offset, fake_logits + offset)
    )
    return float(found.x)

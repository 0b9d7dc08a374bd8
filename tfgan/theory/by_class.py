"""Observations of a conditional GAN that learns a mixture whose modes are classes."""

import dataclasses

import numpy as np
import tensorflow as tf
from scipy import special

from tfgan import noise
from tfgan.conditional import ConditionalGAN
from tfgan.noise import Stream
from tfgan.theory import divergence, observation
from tfgan.theory.densities import GaussianMixture
from tfgan.theory.modes import REACH, Coverage
from tfgan.theory.observation import SAMPLES, Observation


@dataclasses.dataclass(frozen=True, eq=False)
class ClassObservation(Observation):
    """A look at both networks, class by class; see `Observation`.

    `jsd` is that of the pairs (x, y), `probability` D(x|y), `(classes, points)`, and a fake is good
    within 3 standard deviations of its own class's mean.

    Attributes:
        labels: of the fakes, `(SAMPLES,)`.
        marginal_jsd: JSD(p(x), p_g(x)), in nats, which does not see whether classes are swapped.
    """

    labels: np.ndarray
    marginal_jsd: float


class ClassObserver:
    """Looks at a conditional GAN always from the same pairs; see `observation.Observer`.

    Args:
        gan: compiled; its generator makes points on the line.
        p: the density that it is to learn, each mode a class.
    """

    def __init__(self, gan: ConditionalGAN, p: GaussianMixture):
        self._gan, self._p = gan, p
        seed = noise.derive_seed(gan.seed, Stream.HELD_OUT_POINTS)
        self._real, self._real_labels = p.sample_with_modes(SAMPLES, seed)
        self._latents = gan.global_latents(Stream.FIXED_LATENTS, 0, SAMPLES)

    def look(self) -> ClassObservation:
        """Measures and samples; changes nothing.

        Raises:
            UserError: if the run has diverged.
        """
        gan, p, (z, labels) = self._gan, self._p, self._latents
        labels, fakes = labels.numpy(), gan(self._latents).numpy()
        observation.check_finite(gan, fakes)
        real_logits = self._logits(self._real, self._real_labels)
        fake_logits = self._logits(fakes, labels)
        edges, points = observation.cell_edges(p), observation.plot_points(p)
        logits = [self._logits(points[:, None], label) for label in range(len(p.weights))]
        return ClassObservation(
            step=int(gan.step.numpy()),
            value=divergence.value(real_logits, fake_logits),
            bound=divergence.jsd_bound(real_logits, fake_logits),
            jsd=self._jsd(fakes, labels, edges),
            coverage=self._coverage(fakes, labels),
            latents=z.numpy(),
            fakes=fakes,
            probability=special.expit(logits),
            pushes=np.zeros((0, p.dim)),
            labels=labels,
            marginal_jsd=divergence.binned_jsd(p, fakes, edges),
        )

    def _logits(self, points: np.ndarray, labels: np.ndarray | int) -> np.ndarray:
        labels = np.broadcast_to(labels, len(points))
        pair = tf.cast(points, tf.float32), tf.constant(labels, tf.int64)
        return self._gan.discriminator(pair).numpy()[:, 0]

    def _jsd(self, fakes: np.ndarray, labels: np.ndarray, edges: np.ndarray) -> float:
        p = self._p
        of_classes = [
            divergence.binned_jsd(p.of_mode(label), fakes[labels == label], edges)
            for label in range(len(p.weights))
        ]
        return float(p.weights @ of_classes)

    def _coverage(self, fakes: np.ndarray, labels: np.ndarray) -> Coverage:
        p = self._p
        good = np.abs(fakes - p.means[labels])[:, 0] <= REACH * p.scales[labels]
        return Coverage(len(np.unique(labels[good])), float(np.mean(good)))


def optimal_probability(look: ClassObservation, p: GaussianMixture, label: int) -> np.ndarray:
    """D*(x|y) = p(x|y) / (p(x|y) + p_g(x|y)) in each cell, p_g as the fakes have it.

    Returns:
        `(cells,)`; NaN where there are too few fakes and points to say.
    """
    edges = observation.cell_edges(p)
    fakes = look.fakes[look.labels == label]
    return observation.optimal_in_cells(p.of_mode(label), fakes, edges)

"""Stacked MNIST: the number of its 1,000 modes that a generator covers, and how evenly.

VEEGAN's protocol (Srivastava et al. 2017; Lin et al. 2018): 26,000 samples, whose mode is the
three digits that the MNIST classifier reads in their channels.
"""

import dataclasses
from collections.abc import Callable

import numpy as np

from tfgan.datasets.image_set import ImageSet
from tfgan.evaluation import classifier, metrics, splits
from tfgan.evaluation.classifier import Classifier
from tfgan.evaluation.protocol import Metric, Row, alone
from tfgan.noise import Stream, derive_seed

SAMPLES = 26_000
MODES = 1000

METRICS = {
    "modes": Metric("modes", 1),
    "mode_kl": Metric("mode KL", 4),
}


def load(
    image_set: ImageSet, say: Callable[[str], None] = print
) -> tuple[Classifier, np.ndarray, dict[str, Row]]:
    """The classifier of digits, the true shares of the modes, and the reference rows.

    Returns:
        The classifier; float64 `(1000,)`, products of the digits' shares in MNIST's training
        images; and the rows "floor", triples of MNIST's test images, and "ideal", the means of a
        perfect sampler.
    """
    mnist = dataclasses.replace(image_set, name="mnist")
    splits.check(mnist, fewest=1)
    judge = classifier.load(mnist, say)
    labels = np.concatenate([splits.load(mnist, part)[1] for part in ("fit", "validation")])
    digits = np.bincount(labels, minlength=10) / len(labels)
    shares = np.einsum("a,b,c->abc", digits, digits, digits).ravel()
    images, _ = splits.load(mnist, "test")
    rng = np.random.default_rng(derive_seed(0, Stream.EVALUATION))
    triples = judge.probabilities(images).argmax(axis=1)[
        rng.integers(len(images), size=(SAMPLES, 3))
    ]
    rows = {"floor": alone(score(triples @ (100, 10, 1), shares)), "ideal": alone(ideal(shares))}
    return judge, shares, rows


def modes(images: np.ndarray, judge: Classifier) -> np.ndarray:
    """The mode of each image, 100 a + 10 b + c, int64 `(count,)` of uint8 `(count, h, w, 3)`."""
    digits = [
        judge.probabilities(images[..., channel, np.newaxis]).argmax(axis=1) for channel in range(3)
    ]
    return 100 * digits[0] + 10 * digits[1] + digits[2]


def score(found: np.ndarray, shares: np.ndarray) -> dict[str, float]:
    """The number of modes among samples, and KL(their histogram || shares) in nats.

    Args:
        found: the mode of each sample, in 0 ... 999, `(count,)`.
        shares: of the modes in the data, `(1000,)`, with sum 1.
    """
    counts = np.bincount(found, minlength=MODES)
    return {
        "modes": float((counts > 0).sum()),
        "mode_kl": metrics.kl_divergence(counts / len(found), shares),
    }


def ideal(shares: np.ndarray) -> dict[str, float]:
    """The means of a perfect sampler's scores: 1,000 of 1,000, and 0.0194 nats.

    Args:
        shares: of the modes in the data, `(1000,)`, with sum 1.
    """
    return {
        "modes": float((1 - (1 - shares) ** SAMPLES).sum()),
        "mode_kl": metrics.expected_kl(shares, SAMPLES),
    }

"""The rows of `tfgan-eval-v2`: the scores of a set of samples."""

import dataclasses
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from tfgan.datasets.image_set import ImageSet
from tfgan.evaluation import classifier, kept, metrics, neighbours, parzen, splits
from tfgan.evaluation.classifier import Classifier
from tfgan.ground.errors import UserError

SET_SIZE, SETS = 10_000, 5
FEWEST = neighbours.K + 1  # real images of a kind: each needs a K-th neighbour
SEED = 14062661  # of the samples, where a generator draws them


class Metric(NamedTuple):
    """How a metric is shown.

    Attributes:
        label: its name in tables.
        decimals: number of decimals.
        quick: whether `--quick` computes it.
    """

    label: str
    decimals: int
    quick: bool = True


METRICS = {
    "fcd": Metric("FCD", 2),
    "kid": Metric("KID", 4),
    "precision": Metric("precision", 3),
    "recall": Metric("recall", 3),
    "density": Metric("density", 3),
    "coverage": Metric("coverage", 3),
    "classifier_score": Metric("class score", 3),
    "class_kl": Metric("class KL", 5),
    "class_error": Metric("class error", 3),
    "classes": Metric("classes", 1),
    "c2st": Metric("C2ST", 3),
    "nn_ratio_median": Metric("NN ratio", 3, quick=False),
    "nn_ratio_p01": Metric("NN ratio, 1 %", 3, quick=False),
    "parzen": Metric("Parzen", 1, quick=False),
}

Row = dict[str, dict[str, float | None]]
Seen = tuple[np.ndarray, np.ndarray]  # a classifier's features and probabilities of images


@dataclasses.dataclass(frozen=True)
class Reference:
    """The real images that samples are compared with, and the classifier's output for them.

    Attributes:
        image_set: their set.
        classifier: the set's.
        images: uint8 `(count, height, width, channels)`, at most 10,000.
        labels: their classes, int64 `(count,)`.
        features: float64 `(count, 128)`.
        probabilities: float64 `(count, classes)`.
        radii: `neighbours.radii` of the features.
    """

    image_set: ImageSet
    classifier: Classifier
    images: np.ndarray
    labels: np.ndarray
    features: np.ndarray
    probabilities: np.ndarray
    radii: np.ndarray

    @classmethod
    def load(
        cls,
        image_set: ImageSet,
        say: Callable[[str], None] = print,
        part: str = "test",
    ) -> "Reference":
        """Loads the images and the classifier, which is trained if there is none yet.

        Args:
            image_set: the set; its split is ignored.
            say: called with each line of output.
            part: the part of the set, see `splits.name`; use "validation" to choose a recipe.

        Raises:
            UserError: if the set is not available, or has no labels, no test split, or too few
                images.
        """
        splits.check(image_set, FEWEST)
        images, labels = splits.load(image_set, part)
        judge = classifier.load(image_set, say)
        if images.shape[1:] != judge.image_shape:
            raise UserError(
                f"--dataset={image_set.name}: has images {images.shape[1:]}, but its classifier "
                f"takes {judge.image_shape}"
            )
        seen = kept.seen(image_set, judge, judge.sha256, images)
        return cls(image_set, judge, images, labels, *seen)

    @property
    def shares(self) -> np.ndarray:
        """The share `(classes,)` of test images in each class, by the classifier."""
        return metrics.class_shares(self.probabilities)


@dataclasses.dataclass(frozen=True)
class RealImages:
    """The images that only the full protocol uses.

    Attributes:
        fit: uint8 `train[:50000]`, which a generator may have copied.
        validation: uint8 `train[50000:]`.
        median: median of the distances of the test images to the nearest in `fit`.
        p01: 1st percentile of those distances.
    """

    fit: np.ndarray
    validation: np.ndarray
    median: float
    p01: float


def score(
    images: np.ndarray, seen: Seen, reference: Reference, real: RealImages | None = None
) -> dict[str, float]:
    """Every metric of one set of samples; without `real`, only the fast ones.

    Args:
        images: uint8 `(count, height, width, channels)`.
        seen: their features `(count, features)` and probabilities `(count, classes)`, by the
            reference's classifier.
        reference: the real images.
        real: the images for the slow metrics; None leaves those out.

    Returns:
        Values by the names of `METRICS`. "fcd_error", "kid_error" and "parzen_error" are
        standard errors, and "parzen_sigma" is a width in units of [0, 1] pixels.
    """
    features, probabilities = seen
    kid, kid_error = metrics.kernel_distance(reference.features, features)
    manifolds = neighbours.manifolds(reference.features, features, reference.radii)
    shares = metrics.class_shares(probabilities)
    found = {
        "fcd": metrics.frechet_distance(reference.features, features),
        "fcd_error": metrics.frechet_error(reference.features, features),
        "kid": kid,
        "kid_error": kid_error,
        **manifolds._asdict(),
        "classifier_score": metrics.classifier_score(probabilities)[0],
        "class_kl": metrics.kl_divergence(shares, reference.shares),
        "class_error": metrics.class_error(shares, reference.shares),
        "classes": float(metrics.classes_present(shares)),
        "c2st": metrics.two_sample_accuracy(reference.features, features),
    }
    if real is None:
        return found
    likelihood = parzen.log_likelihood(images, real.validation, reference.images)
    return found | {
        **copying(images, real),
        "parzen": likelihood.mean,
        "parzen_error": likelihood.error,
        "parzen_sigma": likelihood.sigma,
    }


def copying(images: np.ndarray, real: RealImages) -> dict[str, float]:
    """Distances of samples to the training images, divided by those of test images.

    The ratio is about 1 if samples are as far from them as new images are, and 0 for copies. It is
    a smoke test, not a proof.
    """
    _, distances = neighbours.nearest(images, real.fit)
    with np.errstate(divide="ignore", invalid="ignore"):  # test images that are in `fit` too
        return {
            "nn_ratio_median": float(np.median(distances) / np.float64(real.median)),
            "nn_ratio_p01": float(np.percentile(distances, 1) / np.float64(real.p01)),
        }


def row(
    images: np.ndarray, seen: Seen, reference: Reference, real: RealImages | None = None
) -> Row:
    """Scores disjoint sets of 10,000 separately.

    Args:
        images: uint8 `(sets * 10000, height, width, channels)`.
        seen: what the reference's classifier sees in them; see `score`.
        reference: the real images.
        real: the images for the slow metrics; None leaves those out.

    Returns:
        Mean and standard deviation over the sets; the latter is None for one set. For the
        classifier score, both are over splits of 1,000 of all images.
    """
    features, probabilities = seen
    starts = range(0, len(images), SET_SIZE)
    parts = [slice(start, start + SET_SIZE) for start in starts]
    scores = [
        score(images[part], (features[part], probabilities[part]), reference, real)
        for part in parts
    ]
    found = over_sets(scores)
    mean, std = metrics.classifier_score(probabilities)
    return found | {"classifier_score": {"mean": mean, "std": std}}


def over_sets(scores: list[dict[str, float]]) -> Row:
    """Mean and standard deviation of each metric over sets of samples."""
    if len(scores) == 1:
        return alone(scores[0])
    values = {name: [each[name] for each in scores] for name in scores[0]}
    return {
        name: {"mean": float(np.mean(each)), "std": float(np.std(each, ddof=1))}
        for name, each in values.items()
    }


def alone(values: dict[str, float]) -> Row:
    """A row of single values, without deviations."""
    return {name: {"mean": value, "std": None} for name, value in values.items()}

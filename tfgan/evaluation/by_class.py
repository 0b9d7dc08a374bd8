"""Additional scores of a conditional generator: label accuracy, and scores within each class.

Distances within a class use the same number of samples and of reference images, because they
depend on that number.
"""

import dataclasses
import re
from collections.abc import Sequence

import numpy as np
from sklearn.metrics import confusion_matrix

from tfgan.evaluation import metrics, neighbours
from tfgan.evaluation.protocol import FEWEST, Metric, Row, over_sets

ACCURACY = {"label_accuracy": Metric("label accuracy", 4)}
METRICS = {
    "accuracy": Metric("accuracy", 3),
    "fcd": Metric("FCD", 2),
    "recall": Metric("recall", 3),
    "coverage": Metric("coverage", 3),
}
_NO_TAG = re.compile(r"[^\w.-]+")


@dataclasses.dataclass(frozen=True)
class Labelled:
    """Images with known classes, and the classifier's features and probabilities.

    Attributes:
        labels: int64 `(count,)` in [0, classes).
        features: float64 `(count, features)`.
        probabilities: float64 `(count, classes)`.
    """

    labels: np.ndarray
    features: np.ndarray
    probabilities: np.ndarray

    @property
    def confusion(self) -> np.ndarray:
        """Counts by true class (row) and recognised class (column), int64 `(classes, classes)`."""
        classes = np.arange(self.probabilities.shape[1])
        return confusion_matrix(self.labels, self.probabilities.argmax(axis=1), labels=classes)

    @property
    def accuracy(self) -> float:
        """The share of images, in [0, 1], that are recognised as their class."""
        return float(np.mean(self.probabilities.argmax(axis=1) == self.labels))

    @property
    def accuracies(self) -> np.ndarray:
        """The accuracy within each class, `(classes,)`; NaN for a class without images."""
        found = self.confusion
        with np.errstate(invalid="ignore"):
            return found.diagonal() / found.sum(axis=1)

    @property
    def counts(self) -> np.ndarray:
        """The number of images of each class, `(classes,)`."""
        return np.bincount(self.labels, minlength=self.probabilities.shape[1])

    def sets(self, size: int) -> list["Labelled"]:
        """Disjoint sets of `size` images."""
        parts = [slice(start, start + size) for start in range(0, len(self.labels), size)]
        return [
            Labelled(self.labels[part], self.features[part], self.probabilities[part])
            for part in parts
        ]


def accuracy(sets: Sequence[Labelled]) -> Row:
    """The row of `ACCURACY`: mean and standard deviation over sets of samples."""
    return over_sets([{"label_accuracy": each.accuracy} for each in sets])


def compared(
    sets: Sequence[Labelled], floor: Labelled, real: Labelled
) -> tuple[list[int], list[Row], list[Row]]:
    """Scores of each class by `METRICS`, against the real images of that class.

    Args:
        sets: sets of samples.
        floor: as many real images, which are scored like samples.
        real: real images that both are compared with; its accuracies are reported as the floor's.

    Returns:
        The number of images of each class that are scored: the smallest number of any set and of
        `floor`. The rows of the samples and of real images, in the order of the classes; NaN for
        classes with too few images.
    """
    sizes = np.min([each.counts for each in (*sets, floor)], axis=0)
    wholes = [real.features[real.labels == label] for label in range(len(sizes))]
    balls = [neighbours.radii(whole) if len(whole) else None for whole in wholes]
    references = list(zip(wholes, balls, strict=True))
    scores = [_distances(each, references, sizes) for each in (*sets, floor)]
    accuracies = [each.accuracies for each in (*sets, real)]
    rows = [
        [{"accuracy": float(seen[label]), **found[label]} for label in range(len(sizes))]
        for seen, found in zip(accuracies, scores, strict=True)
    ]
    *samples, beside = rows
    of_classes = [over_sets(list(each)) for each in zip(*samples, strict=True)]
    return sizes.tolist(), of_classes, [over_sets([each]) for each in beside]


def _distances(
    images: Labelled, references: Sequence[tuple[np.ndarray, np.ndarray | None]], sizes: np.ndarray
) -> list[dict[str, float]]:
    """FCD, recall and coverage of the first images of each class, in given numbers.

    Args:
        images: what is scored.
        references: the features of the real images of each class, and their `neighbours.radii`.
        sizes: how many images of each class are scored.
    """
    found = []
    for label, ((whole, balls), size) in enumerate(zip(references, sizes, strict=True)):
        if min(len(whole), size) < FEWEST:
            found.append(dict.fromkeys(("fcd", "recall", "coverage"), float("nan")))
            continue
        features = images.features[images.labels == label][:size]
        manifolds = neighbours.manifolds(whole, features, balls)
        distance = metrics.frechet_distance(whole, features)
        found.append({"fcd": distance, "recall": manifolds.recall, "coverage": manifolds.coverage})
    return found


def columns(names: Sequence[str]) -> list[str]:
    """The names of the classes' accuracies in `metrics.csv` and in TensorBoard.

    Class names may be any text. Characters that a tag cannot have become "_". If two names would be
    equal, all contain their number.
    """
    plain = [_NO_TAG.sub("_", name) for name in names]
    if len(set(plain)) < len(plain) or not all(plain):
        plain = [f"{label}_{name}" for label, name in enumerate(plain)]
    return [f"accuracy_of_{name}" for name in plain]

"""Scores of a conditional generator by class: label accuracy, and the quality of each class.

Distances within a class are taken of as many samples as of real images that stand beside them:
both depend on how many there are.
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
    """Images of which it is known what they should show, as the classifier sees them.

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
        """How many images of each class, a row, are seen as each, int64 `(classes, classes)`."""
        classes = np.arange(self.probabilities.shape[1])
        return confusion_matrix(self.labels, self.probabilities.argmax(axis=1), labels=classes)

    @property
    def accuracy(self) -> float:
        """The share of images, in [0, 1], that are seen as what they should show."""
        return float(np.mean(self.probabilities.argmax(axis=1) == self.labels))

    @property
    def accuracies(self) -> np.ndarray:
        """The same of each class, `(classes,)`; NaN for a class without images."""
        found = self.confusion
        with np.errstate(invalid="ignore"):
            return found.diagonal() / found.sum(axis=1)

    @property
    def counts(self) -> np.ndarray:
        """How many images there are of each class, `(classes,)`."""
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
        sets: of samples.
        floor: real images that are scored as samples are, and as many of them.
        real: what both are compared with; `floor` has its accuracies.

    Returns:
        How many images of each class are scored, of each set and of `floor`: as many as the least
        of them has. The rows of the samples, and those of real images, in the order of the
        classes. A class that lacks the images has NaN.
    """
    sizes = np.min([each.counts for each in (*sets, floor)], axis=0)
    wholes = [real.features[real.labels == label] for label in range(len(sizes))]
    scores = [_distances(each, wholes, sizes) for each in (*sets, floor)]
    accuracies = [each.accuracies for each in (*sets, real)]
    rows = [
        [{"accuracy": float(seen[label]), **found[label]} for label in range(len(sizes))]
        for seen, found in zip(accuracies, scores, strict=True)
    ]
    *samples, beside = rows
    of_classes = [over_sets(list(each)) for each in zip(*samples, strict=True)]
    return sizes.tolist(), of_classes, [over_sets([each]) for each in beside]


def _distances(
    images: Labelled, wholes: Sequence[np.ndarray], sizes: np.ndarray
) -> list[dict[str, float]]:
    """FCD, recall and coverage of the first so many images of each class."""
    found = []
    for label, (whole, size) in enumerate(zip(wholes, sizes, strict=True)):
        if min(len(whole), size) < FEWEST:
            found.append(dict.fromkeys(("fcd", "recall", "coverage"), float("nan")))
            continue
        features = images.features[images.labels == label][:size]
        manifolds = neighbours.manifolds(whole, features)
        distance = metrics.frechet_distance(whole, features)
        found.append({"fcd": distance, "recall": manifolds.recall, "coverage": manifolds.coverage})
    return found


def columns(names: Sequence[str]) -> list[str]:
    """What the accuracy of each class is called in `metrics.csv` and in TensorBoard.

    Names of classes may be any text: what a tag cannot have becomes "_", and where two would be
    alike all have their number too.
    """
    plain = [_NO_TAG.sub("_", name) for name in names]
    if len(set(plain)) < len(plain) or not all(plain):
        plain = [f"{label}_{name}" for label, name in enumerate(plain)]
    return [f"accuracy_of_{name}" for name in plain]

"""The doctor's evidence of a conditional GAN: are classes right, and does each class vary?"""

from typing import Any

import numpy as np

from tfgan.evaluation import neighbours
from tfgan.evaluation.classifier import Classifier

FEWEST = 10  # images of a class whose variety says something


class ClassExaminer:
    """Takes the part of the evidence that only a conditional GAN has.

    Args:
        train: uint8 images and their labels `(count,)`.
        heldout: the same, that the GAN never sees.
        classes: how many there are.
        classifier: tells them; None where there is none for the set. Then an image is of the
            class whose mean training image is nearest.
    """

    def __init__(
        self,
        train: tuple[np.ndarray, np.ndarray],
        heldout: tuple[np.ndarray, np.ndarray],
        classes: int,
        classifier: Classifier | None,
    ):
        self._classes = classes
        self._classifier = classifier
        if not classifier:
            images, labels = train
            self._labels = np.unique(labels)
            means = [images[labels == label].mean(axis=0) for label in self._labels]
            self._means = np.rint(means).astype(np.uint8)
        images, labels = heldout
        points, told = self._see(images)
        self._accuracy = float(np.mean(told == labels))
        self._spreads = self._within(points, labels)

    def look(self, fakes: np.ndarray, labels: Any) -> dict[str, Any]:
        """Evidence by the names of `Evidence`.

        Args:
            fakes: uint8 images.
            labels: the classes that were asked for.
        """
        labels = np.asarray(labels)
        points, told = self._see(fakes)
        asked, seen = (
            np.bincount(each, minlength=self._classes) / len(fakes) for each in (labels, told)
        )
        pairs = zip(self._within(points, labels), self._spreads, strict=True)
        return {
            "label_accuracy": float(np.mean(told == labels)),
            "label_accuracy_chance": float(asked @ seen),
            "label_accuracy_heldout": self._accuracy,
            "class_diversity": tuple(
                mine / real if mine is not None and real else None for mine, real in pairs
            ),
        }

    def _see(self, images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """What spreads are taken of, and the class that each image is seen as."""
        if self._classifier:
            features, probabilities = self._classifier(images)
            return features, probabilities.argmax(axis=1)
        nearest, _ = neighbours.nearest(images, self._means)
        return images, self._labels[nearest]

    def _within(self, points: np.ndarray, labels: np.ndarray) -> list[float | None]:
        """The spread within each class; None where there are fewer than 10."""
        each = [points[labels == label] for label in range(self._classes)]
        return [spread(part) if len(part) >= FEWEST else None for part in each]


def spread(values: np.ndarray) -> float:
    """Root of the trace of the covariance of `(count, ...)`."""
    flat = np.asarray(values, np.float64).reshape(len(values), -1)
    return float(np.sqrt(flat.var(axis=0).sum()))

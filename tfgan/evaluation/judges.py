"""Who scores the samples of a set: by `tfgan-eval-v2`, or by the modes of Stacked MNIST."""

import functools
import pathlib
from collections.abc import Callable

import numpy as np

from tfgan.datasets import pipeline, sources
from tfgan.datasets.image_set import ImageSet
from tfgan.evaluation import figures, floors, metrics, modes, protocol, splits
from tfgan.evaluation.protocol import SET_SIZE, SETS, RealImages, Reference, Row
from tfgan.ground import pictures


class SampleQuality:
    """Scores by every metric of `tfgan-eval-v2`.

    Args:
        image_set: that the samples imitate, whatever its split.
        quick: one set of 10,000, without the slow metrics.
        say: takes each line.

    Attributes:
        metrics: how each is shown.
        count: how many samples it wants.
        image_shape: of the samples, `(height, width, channels)`.
        classifier: SHA-256 of the classifier's weights.
    """

    def __init__(self, image_set: ImageSet, quick: bool, say: Callable[[str], None]):
        self.metrics = {
            name: metric for name, metric in protocol.METRICS.items() if metric.quick or not quick
        }
        self.count = self.wanted(quick)
        self._reference = Reference.load(image_set, say)
        self.image_shape = self._reference.classifier.image_shape
        self.classifier = self._reference.classifier.sha256
        self._load_floors = lambda: floors.load(self._reference, quick, say)
        self._quick = quick

    @staticmethod
    def wanted(quick: bool) -> int:
        """How many samples it wants."""
        return SET_SIZE if quick else SET_SIZE * SETS

    @staticmethod
    def shape(image_set: ImageSet) -> tuple[int, ...]:
        """Of the samples, `(height, width, channels)`."""
        return pipeline.image_shape(sources.prepare(image_set, lambda line: None))

    @functools.cached_property
    def _floors(self) -> tuple[dict[str, Row], RealImages | None]:
        return self._load_floors()

    @property
    def reference_rows(self) -> dict[str, Row]:
        """Rows that stand beside every score; computed on first use, and kept beside the data."""
        return self._floors[0]

    def row(self, images: np.ndarray) -> Row:
        """Scores uint8 `(self.count, *self.image_shape)`."""
        return protocol.row(images, self._reference, None if self._quick else self._floors[1])

    def collapsed(self, row: Row) -> bool:
        """Whether a class that the test images have is missing: has less than 1 %, of ten."""
        present = row["classes"]["mean"] or 0
        return present < metrics.classes_present(self._reference.shares)

    def draw(self, folder: pathlib.Path, images: np.ndarray, rows: dict[str, Row]) -> str:
        """Writes pictures into a folder; returns what is missing for one of them, or nothing.

        Args:
            folder: where to.
            images: samples, uint8.
            rows: the rows of precision and recall to show, `reference_rows` among them.
        """
        fit, _ = splits.load(self._reference.image_set, "fit")
        figures.save_neighbours(folder / "neighbours.png", images, fit)
        shares = metrics.class_shares(self._reference.classifier.probabilities(images[:SET_SIZE]))
        return figures.save_plots(folder, shares, self._reference.shares, rows)


class ModeCoverage:
    """Scores samples of Stacked MNIST by the modes that they cover; see `SampleQuality`."""

    def __init__(self, image_set: ImageSet, quick: bool, say: Callable[[str], None]):
        self.metrics = modes.METRICS
        self.count = self.wanted(quick)
        self._judge, self._shares, self.reference_rows = modes.load(image_set, say)
        self.image_shape = self.shape(image_set)
        self.classifier = self._judge.sha256

    @staticmethod
    def wanted(quick: bool) -> int:
        """How many samples it wants."""
        return modes.SAMPLES

    @staticmethod
    def shape(image_set: ImageSet) -> tuple[int, ...]:
        """Of the samples, `(height, width, channels)`."""
        return (*SampleQuality.shape(image_set)[:2], 3)

    def row(self, images: np.ndarray) -> Row:
        """Scores uint8 `(self.count, *self.image_shape)`."""
        return protocol.alone(modes.score(modes.modes(images, self._judge), self._shares))

    def collapsed(self, row: Row) -> bool:
        """Never said: the number of modes says it."""
        return False

    def draw(self, folder: pathlib.Path, images: np.ndarray, rows: dict[str, Row]) -> str:
        """Writes a grid of samples into a folder."""
        pictures.save_png(folder / "samples.png", pictures.grid(images[:64]))
        return ""


Judge = SampleQuality | ModeCoverage

JUDGES: dict[str, type[SampleQuality] | type[ModeCoverage]] = {"stacked_mnist": ModeCoverage}


def judge(image_set: ImageSet, quick: bool = False, say: Callable[[str], None] = print) -> Judge:
    """The judge of a set.

    Raises:
        UserError: if the set cannot be had, or has no labels or no test split.
    """
    return kind(image_set)(image_set, quick, say)


def kind(image_set: ImageSet) -> type[SampleQuality] | type[ModeCoverage]:
    """The kind of judge that a set has, which knows what it wants before it can judge."""
    return JUDGES.get(image_set.name, SampleQuality)

"""The judges of samples: by classes, by modes of Stacked MNIST, or as pictures."""

import functools
import pathlib
from collections.abc import Callable

import numpy as np

from tfgan.datasets import pipeline, sources
from tfgan.datasets.image_set import ImageSet
from tfgan.evaluation import (
    PICTURES_PROTOCOL,
    PROTOCOL,
    by_class,
    figures,
    floors,
    kept,
    metrics,
    modes,
    picture_parts,
    picture_protocol,
    protocol,
    splits,
)
from tfgan.evaluation.by_class import Labelled
from tfgan.evaluation.protocol import SET_SIZE, SETS, Metric, RealImages, Reference, Row, Seen
from tfgan.ground import pictures

UNTOLD = "label accuracy is not scored, because it needs a classifier"


def _shown(metrics: dict[str, Metric], quick: bool) -> dict[str, Metric]:
    return {name: metric for name, metric in metrics.items() if metric.quick or not quick}


class SampleQuality:
    """Scores samples by every metric of `tfgan-eval-v2`.

    Args:
        image_set: that the samples imitate, whatever its split.
        quick: whether to score one set of 10,000, without the slow metrics.
        say: called with each line of output.

    Attributes:
        metrics: how each metric is shown.
        count: number of samples that it needs.
        image_shape: shape of the samples, `(height, width, channels)`.
        sha256: SHA-256 of the weights of its `eyes`; scores with different ones cannot be compared.
    """

    protocol = PROTOCOL
    eyes = "classifier"
    collapse = "some classes are missing from its samples"
    warnings = staticmethod(splits.warnings)

    def __init__(self, image_set: ImageSet, quick: bool, say: Callable[[str], None]):
        self.metrics = _shown(protocol.METRICS, quick)
        self.count = self.wanted(image_set, quick)
        self._reference = Reference.load(image_set, say)
        self.image_shape = self._reference.classifier.image_shape
        self.sha256 = self._reference.classifier.sha256
        self._load_floors = lambda: floors.load(self._reference, quick, say)
        self._quick = quick

    @staticmethod
    def wanted(image_set: ImageSet, quick: bool) -> int:
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

    def look(self, images: np.ndarray) -> Seen:
        """What the classifier sees in uint8 `(self.count, *self.image_shape)`."""
        return self._reference.classifier(images)

    def row(self, images: np.ndarray, seen: Seen) -> Row:
        """Scores images, at which it has looked."""
        real = None if self._quick else self._floors[1]
        return protocol.row(images, seen, self._reference, real)

    def labelled_row(
        self, images: np.ndarray, seen: Seen, labels: np.ndarray
    ) -> tuple[Row, list[Labelled]]:
        """Scores images with requested classes, int64 `(self.count,)`.

        Returns:
            The row, including `by_class.ACCURACY`; and the classifier's output for each set.
        """
        sets = Labelled(labels, *seen).sets(SET_SIZE)
        return self.row(images, seen) | by_class.accuracy(sets), sets

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the classes."""
        return pipeline.class_names(
            sources.prepare(self._reference.image_set, lambda line: None), self._reference.image_set
        )

    @property
    def real(self) -> Labelled:
        """The test images, with the classifier's output."""
        reference = self._reference
        return Labelled(reference.labels, reference.features, reference.probabilities)

    @functools.cached_property
    def floor(self) -> Labelled:
        """As many validation images as a set has samples, with the classifier's output."""
        reference = self._reference
        images, labels = splits.load(reference.image_set, "validation")
        judge = reference.classifier
        seen = kept.seen(reference.image_set, judge, judge.sha256, images[:SET_SIZE])
        return Labelled(labels[:SET_SIZE], seen.features, seen.probabilities)

    def collapsed(self, row: Row) -> bool:
        """Whether a class has less than a tenth of an equal share: 1 % for ten classes."""
        present = row["classes"]["mean"] or 0
        return present < metrics.classes_present(self._reference.shares)

    def draw(
        self, folder: pathlib.Path, images: np.ndarray, seen: Seen, rows: dict[str, Row]
    ) -> str:
        """Writes pictures to a folder; returns a line if a package is missing for some of them.

        Args:
            folder: the folder.
            images: samples, uint8.
            seen: what it sees in them.
            rows: the rows whose precision and recall are shown, including `reference_rows`.
        """
        fit, _ = splits.load(self._reference.image_set, "fit")
        figures.save_neighbours(folder / "neighbours.png", images, fit)
        shares = metrics.class_shares(seen[1][:SET_SIZE])
        return figures.save_plots(folder, shares, self._reference.shares, rows)


class ModeCoverage:
    """Scores samples of Stacked MNIST by the modes that they cover; see `SampleQuality`."""

    protocol = PROTOCOL
    eyes = "classifier"
    collapse = ""
    warnings = staticmethod(splits.warnings)

    def __init__(self, image_set: ImageSet, quick: bool, say: Callable[[str], None]):
        self.metrics = modes.METRICS
        self.count = self.wanted(image_set, quick)
        self._judge, self._shares, self.reference_rows = modes.load(image_set, say)
        self.image_shape = self.shape(image_set)
        self.sha256 = self._judge.sha256

    @staticmethod
    def wanted(image_set: ImageSet, quick: bool) -> int:
        """How many samples it wants."""
        return modes.SAMPLES

    @staticmethod
    def shape(image_set: ImageSet) -> tuple[int, ...]:
        """Of the samples, `(height, width, channels)`."""
        return (*SampleQuality.shape(image_set)[:2], 3)

    def look(self, images: np.ndarray) -> np.ndarray:
        """The mode of each of uint8 `(self.count, *self.image_shape)`."""
        return modes.modes(images, self._judge)

    def row(self, images: np.ndarray, seen: np.ndarray) -> Row:
        """Scores images, at which it has looked."""
        return protocol.alone(modes.score(seen, self._shares))

    def collapsed(self, row: Row) -> bool:
        """Always false: the number of modes shows it."""
        return False

    def draw(
        self, folder: pathlib.Path, images: np.ndarray, seen: np.ndarray, rows: dict[str, Row]
    ) -> str:
        """Writes a grid of samples into a folder."""
        pictures.save_png(folder / "samples.png", pictures.grid(images[:64]))
        return ""


class PictureQuality:
    """Scores by every metric of `tfgan-eval-pictures-v1`; see `SampleQuality`."""

    protocol = PICTURES_PROTOCOL
    eyes = "features"
    collapse = "most of its samples are nearly identical"
    warnings = staticmethod(picture_parts.warnings)

    def __init__(self, image_set: ImageSet, quick: bool, say: Callable[[str], None]):
        self.metrics = _shown(picture_protocol.METRICS, quick)
        self.count = self.wanted(image_set, quick)
        self._reference = picture_protocol.Reference.load(image_set, say)
        self.image_shape = self.shape(image_set)
        self.sha256 = self._reference.features.sha256
        self._quick, self._say = quick, say

    @staticmethod
    def wanted(image_set: ImageSet, quick: bool) -> int:
        """How many samples it wants."""
        return picture_parts.parts(image_set).size * (1 if quick else picture_protocol.SETS)

    shape = staticmethod(SampleQuality.shape)

    @functools.cached_property
    def reference_rows(self) -> dict[str, Row]:
        """Rows that stand beside every score; computed on first use, and kept beside the data."""
        return picture_protocol.floors(self._reference, self._quick, self._say)

    def look(self, images: np.ndarray) -> np.ndarray:
        """The features of uint8 `(self.count, *self.image_shape)`."""
        return self._reference.features(images)

    def row(self, images: np.ndarray, seen: np.ndarray) -> Row:
        """Scores images, at which it has looked."""
        return picture_protocol.row(images, seen, self._reference, self._quick)

    def collapsed(self, row: Row) -> bool:
        """Whether most samples are near copies of each other."""
        return (row["repeats"]["mean"] or 0) > 0.5

    def draw(
        self, folder: pathlib.Path, images: np.ndarray, seen: np.ndarray, rows: dict[str, Row]
    ) -> str:
        """Writes pictures into a folder; see `SampleQuality`."""
        fit = picture_parts.load(self._reference.image_set, self._reference.parts.fit)
        figures.save_neighbours(folder / "neighbours.png", images, fit, picture_protocol.small)
        return figures.save_manifolds(folder, rows)


Judge = SampleQuality | ModeCoverage | PictureQuality
Kind = type[SampleQuality] | type[ModeCoverage] | type[PictureQuality]

JUDGES: dict[str, Kind] = {"stacked_mnist": ModeCoverage}


def judge(image_set: ImageSet, quick: bool = False, say: Callable[[str], None] = print) -> Judge:
    """The judge of a set.

    Raises:
        UserError: if the set is not available, or has too few images.
    """
    return kind(image_set)(image_set, quick, say)


def kind(image_set: ImageSet) -> Kind:
    """The class of a set's judge, which knows the number and shape of samples in advance."""
    usual = PictureQuality if picture_parts.is_for(image_set) else SampleQuality
    return JUDGES.get(image_set.name, usual)

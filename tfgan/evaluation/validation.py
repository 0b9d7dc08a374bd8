"""`--keep_best`: one score of samples on validation images, which training and test never use."""

import dataclasses
import functools
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from tfgan.datasets import pipeline, sources
from tfgan.datasets.image_set import ImageSet
from tfgan.evaluation import (
    classifier,
    features,
    judges,
    metrics,
    neighbours,
    parzen,
    picture_parts,
    picture_protocol,
    protocol,
    splits,
)
from tfgan.evaluation.judges import PictureQuality, SampleQuality
from tfgan.evaluation.protocol import Metric
from tfgan.ground.errors import UserError

Eyes = Callable[[np.ndarray], np.ndarray]  # uint8 images to features, float64 (count, features)


@dataclasses.dataclass(frozen=True)
class Real:
    """The validation images.

    Attributes:
        images: uint8 `(count, height, width, channels)`.
        eyes: what sees features of images.
    """

    images: np.ndarray
    eyes: Eyes

    @functools.cached_property
    def seen(self) -> np.ndarray:
        """Their features."""
        return self.eyes(self.images)

    @functools.cached_property
    def radii(self) -> np.ndarray:
        """`neighbours.radii` of the features."""
        return neighbours.radii(self.seen)


def _frechet(samples: np.ndarray, real: Real) -> float:
    return metrics.frechet_distance(real.seen, real.eyes(samples))


def _coverage(samples: np.ndarray, real: Real) -> float:
    return neighbours.manifolds(real.seen, real.eyes(samples), real.radii).coverage


def _parzen(samples: np.ndarray, real: Real) -> float:
    return parzen.log_likelihood(samples, real.images, real.images).mean


class Score(NamedTuple):
    """One score of samples.

    Attributes:
        shown: how it is shown.
        of: from samples, uint8 as many as are wanted, and validation images.
        by: the kinds of judges whose sets it is for.
    """

    shown: Metric
    of: Callable[[np.ndarray, Real], float]
    by: tuple[type, ...]


METRICS = {
    "fcd": Score(protocol.METRICS["fcd"], _frechet, (SampleQuality,)),
    "fsd": Score(picture_protocol.METRICS["fsd"], _frechet, (PictureQuality,)),
    "coverage": Score(protocol.METRICS["coverage"], _coverage, (SampleQuality, PictureQuality)),
    "parzen": Score(protocol.METRICS["parzen"], _parzen, (SampleQuality, PictureQuality)),
}


class Validation:
    """Scores samples of a set by one metric, against its validation images.

    Args:
        image_set: that the run trains on.
        name: of the metric.
        say: takes each line.

    Attributes:
        column: what the score is called in logs.
        shown: how it is shown.
        split: the validation images, as a split.
        count: how many samples it wants.

    Raises:
        UserError: if the metric is not for that set, the run trains on validation images, or the
            set cannot be had or has too few images.
    """

    def __init__(self, image_set: ImageSet, name: str, say: Callable[[str], None]):
        kind = judges.kind(image_set)
        self.column, self.shown = f"validation_{name}", METRICS[name].shown
        self._score = METRICS[name].of
        fitting = [other for other, score in METRICS.items() if kind in score.by]
        if name not in fitting:
            instead = f"use {' or '.join(fitting)}" if fitting else "no other score does"
            raise UserError(f"--keep_best={name}: does not suit {image_set.name}; {instead}")
        if kind is SampleQuality:
            splits.check(image_set, protocol.FEWEST)
            self.split, rest = splits.validation(image_set)
        else:
            parts = picture_parts.parts(image_set)
            self.split, rest = parts.floor, parts.rest
        held_out = image_set.with_split(self.split)
        builder = sources.prepare(image_set, lambda line: None)
        if seen := pipeline.in_common(builder, image_set, held_out):
            raise UserError(
                f"--keep_best={name}: --split={image_set.split} trains on {seen:,} of the "
                f"validation images, {self.split}; use --split={rest}"
            )
        self.count = kind.wanted(image_set, quick=True)
        images = pipeline.load_images(held_out, lambda line: None)
        self._real = Real(images, self._eyes(image_set, name, kind, say))

    def _eyes(
        self, image_set: ImageSet, name: str, kind: judges.Kind, say: Callable[[str], None]
    ) -> Eyes:
        if name == "parzen":
            return lambda images: images.reshape(len(images), -1)
        if kind is PictureQuality:
            return features.load(image_set, picture_parts.parts(image_set).fit, say)
        judge = classifier.load(image_set, say)
        return lambda images: judge(images)[0]

    def score(self, samples: np.ndarray) -> float:
        """The score of uint8 `(self.count, height, width, channels)`, a pure function of them."""
        return self._score(samples, self._real)

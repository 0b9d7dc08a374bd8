"""The doctor in a run: examines it at intervals, records and plots the evidence, and reports."""

import dataclasses
import math
from typing import Any

from tfgan import loop
from tfgan.datasets import pipeline, sources
from tfgan.doctor import diagnoses, record
from tfgan.doctor.evidence import Evidence
from tfgan.doctor.examiner import LOOKED_AT, MOST_IMAGES, Examiner
from tfgan.evaluation import classifier
from tfgan.evaluation.classifier import Classifier
from tfgan.gan import GAN
from tfgan.ground.console import say
from tfgan.ground.errors import UserError
from tfgan.run.board import TensorBoard
from tfgan.run.callbacks import EpochCallback
from tfgan.run.config import TrainConfig
from tfgan.run.run import Run
from tfgan.theory.bounds import LOG_2, LOG_4, bound

_MOST_BYTES = 2**28
_HELD_OUT = "test"
_SIDES = ("train", "heldout", "probe")


class Monitors(EpochCallback):
    """Collects evidence after every N epochs; must come after the board.

    Args:
        run: the run that it belongs to.
        board: plots the curves.
    """

    def __init__(self, run: Run, board: TensorBoard):
        super().__init__(run)
        self._board = board
        self._examiner: Examiner | None = None
        self._said: set[str] = set()

    def on_train_begin(self, logs: Any = None) -> None:
        if self._examiner is None:
            self._examiner = examiner_of(self.model, self._run.config)

    def on_whole_epoch(self, epoch: int, logs: dict[str, float]) -> None:
        every = self._run.config.monitor_every
        if self._examiner is None or (epoch + 1) % every:
            return
        evidence = self._examiner.look()
        record.append(self._run.workdir, evidence)
        self._board.write_monitors(curves(evidence))
        for finding in diagnoses.diagnose(record.read(self._run.workdir)):
            if finding.title not in self._said:
                self._said.add(finding.title)
                say(f"Doctor: {finding}")


def curves(evidence: Evidence) -> dict[str, float]:
    """The values for TensorBoard by tag: V and the bounds with their limits, and the others.

    All are in one group, which comes after the run's own curves.
    """
    row = dataclasses.asdict(evidence)
    values = {side: row.pop(f"value_{side}") for side in _SIDES}
    shown = {f"value_{side}": value for side, value in values.items()}
    shown["value_limit"] = -LOG_4
    shown |= {f"divergence_{side}": bound(value) for side, value in values.items()}
    shown["divergence_limit"] = LOG_2
    for index, share in enumerate(row.pop("classes") or ()):
        shown[f"share_of_class_{index}"] = share
    for index, spread in enumerate(row.pop("class_diversity") or ()):
        if spread is not None:
            shown[f"diversity_of_class_{index}"] = spread
    del row["step"]
    shown |= {name: value for name, value in row.items() if value is not None}
    return {f"monitors/{name}": value for name, value in shown.items()}


def check(config: TrainConfig) -> None:
    """Makes sure that a run can be examined.

    Raises:
        UserError: if there is no test split that it does not train on, with images that differ.
    """
    _heldout(config, LOOKED_AT)


def examiner_of(gan: GAN, config: TrainConfig) -> Examiner:
    """Prepares the images for the examination of a run's model.

    The held-out images are the first 10,000 of the set's test split, which the run does not train
    on. The training images are the first ones in the order of TFDS, in the same number. Large
    images are limited to 256 MiB.

    Raises:
        UserError: if there is no test split that the run does not train on, with images that
            differ.
    """
    count = min(MOST_IMAGES, _MOST_BYTES // math.prod(gan.generator.output_shape[1:]))
    train = _first(config, config.split, count)
    return Examiner(gan, train, _heldout(config, count), _classifier(config))


def _classifier(config: TrainConfig) -> Classifier | None:
    """The package's classifier for the set; None if one would have to be trained."""
    if config.image_set.family not in classifier.PINNED:
        return None
    return classifier.load(config.image_set)


def _heldout(config: TrainConfig, count: int) -> Any:
    builder = sources.prepare(config.image_set, lambda line: None)
    if _HELD_OUT not in builder.info.splits:
        raise UserError(
            f"--dataset={config.dataset}: --monitor_every and the doctor need a test split, and it "
            f"has {', '.join(builder.info.splits)}"
        )
    kept = config.image_set.with_split(_HELD_OUT)
    if seen := pipeline.in_common(builder, config.image_set, kept):
        raise UserError(
            f"--split={config.split}: trains on the test split ({seen:,} images of it), which "
            "--monitor_every and the doctor need held out; use train"
        )
    found = _first(config, _HELD_OUT, count)
    images = loop.images(found)
    if not (images != images[0]).any():
        raise UserError(
            f"--dataset={config.dataset}: --monitor_every and the doctor need at least 2 images in "
            f"its test split that differ, and there is {len(images)}"
            if len(images) == 1
            else f"--dataset={config.dataset}: --monitor_every and the doctor need images in its "
            f"test split that differ, and the {len(images)} first are alike"
        )
    return found


def _first(config: TrainConfig, split: str, count: int) -> Any:
    """The first images of a split; of a conditional run, with their labels."""
    image_set = config.image_set.with_split(split)
    if config.conditional:
        return pipeline.first_labelled(image_set, count)
    return pipeline.first_images(image_set, count)

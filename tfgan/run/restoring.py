"""The model of a run's newest checkpoint, without its data."""

import pathlib
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from tfgan.datasets.classes import Classes
from tfgan.gan import GAN
from tfgan.ground.errors import UserError
from tfgan.ground.files import without_patterns
from tfgan.run import building, own_networks
from tfgan.run.best import Best
from tfgan.run.checkpointing import Checkpoints
from tfgan.run.config import TrainConfig
from tfgan.run.recipe import OWN_NETWORKS
from tfgan.run.workdir import Workdir


class Restored(NamedTuple):
    """A run's model at its newest whole checkpoint.

    Attributes:
        gan: the compiled model; `gan.step` is the checkpoint's.
        config: the run's options.
        checkpoint: the checkpoint's folder.
        best: the best generator so far, if the run keeps it.
    """

    gan: GAN
    config: TrainConfig
    checkpoint: pathlib.Path
    best: Best | None


def recorded_config(workdir: Workdir) -> TrainConfig:
    """The options of the run in a folder.

    Raises:
        UserError: if there is no run, or its options make no sense.
    """
    recorded = workdir.existing_run()["config"]
    try:
        return TrainConfig.from_recorded(recorded)
    except UserError as error:
        raise UserError(f"{workdir.config}: {error}") from None


def restore(workdir: Workdir, say: Callable[[str], None]) -> Restored:
    """The newest whole checkpoint of the run in a folder; it may still be training.

    Args:
        workdir: the run's folder.
        say: takes each line.

    Raises:
        UserError: if there is no run or no checkpoint.
    """
    config = recorded_config(workdir)
    shape = _image_shape(workdir)
    start = np.full(shape, 0.5)  # of weights that the checkpoint holds
    classes = recorded_classes(workdir) if config.conditional else None
    own = None
    if config.network == OWN_NETWORKS:
        networks = workdir.existing_run()["environment"].get("networks")
        own = own_networks.remake(networks, str(workdir.config))
    gan = building.build(
        config, shape, steps_per_execution=1, mean_image=start, classes=classes, own=own
    )
    best = Best(gan, config.keep_best) if config.keep_best else None
    newest = Checkpoints(workdir.checkpoints, gan, best=best).restore_newest(say)
    if newest is None:
        raise UserError(f"{workdir.named}: has no checkpoint yet; wait for the first one")
    return Restored(gan, config, newest, best)


def recorded_classes(workdir: Workdir) -> Classes:
    """The classes of the set that a conditional run trains on.

    Raises:
        UserError: if the run's record does not say.
    """
    try:
        return Classes.from_dict(workdir.existing_run()["environment"]["data"]["classes"])
    except (LookupError, TypeError, ValueError):
        raise UserError(
            f"{workdir.config}: belongs to a conditional run but does not list its classes; use "
            "--overwrite to start over"
        ) from None


def _image_shape(workdir: Workdir) -> tuple[int, ...]:
    """Height, width, channels; older runs did not record it, but their SavedModel has it."""
    shape = workdir.existing_run()["environment"].get("image_shape")
    if isinstance(shape, list) and len(shape) == 3 and all(type(n) is int for n in shape):
        return tuple(shape)
    try:
        with without_patterns(workdir.generator) as plain:
            generate = tf.saved_model.load(str(plain)).signatures["generate"]
    except OSError:
        raise UserError(
            f"{workdir.config}: does not record the image shape; let the run end first"
        ) from None
    return tuple(generate.structured_outputs["images"].shape[1:])

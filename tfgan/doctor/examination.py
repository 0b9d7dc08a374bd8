"""A run as it is now: what it recorded, and its newest checkpoint looked at."""

import dataclasses

import numpy as np

from tfgan import building, checkpointing, monitors, pipeline
from tfgan.checkpointing import Checkpoints
from tfgan.config import TrainConfig
from tfgan.doctor import record
from tfgan.doctor.record import History
from tfgan.errors import UserError
from tfgan.workdir import Workdir


def history(path: str) -> History:
    """All that can be known of the run in a folder; see `tfgan.doctor.diagnose`.

    Raises:
        UserError: if there is no run, nothing in it yet to look at, or something is damaged.
    """
    workdir = Workdir(path)
    recorded = workdir.recorded()
    if recorded is None:
        raise UserError(f"--workdir={path}: holds no run; give the folder of one")
    config = TrainConfig.from_recorded(recorded["config"])
    found = record.read(workdir)
    newest = checkpointing.newest(workdir.checkpoints)
    if newest is None and found.diverged is None:
        raise UserError(f"--workdir={path}: has no checkpoint yet; wait for the first, or train")
    if newest is None or int(newest.name) in {each.step for each in found.evidence}:
        return found
    shape = pipeline.first_images(
        config.dataset, 1, config.data_dir, config.manual_dir, config.split
    ).shape
    start = np.full(shape[1:], 0.5)  # of weights that the checkpoint holds
    gan = building.build(config, shape[1:], 1, mean_image=start)
    Checkpoints(workdir.checkpoints, gan).restore_newest(lambda line: None)
    now = monitors.examiner(gan, config).look()
    earlier = tuple(each for each in found.evidence if each.step < now.step)
    return dataclasses.replace(found, evidence=(*earlier, now))

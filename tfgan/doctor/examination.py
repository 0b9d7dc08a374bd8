"""Examines a run: its records and its newest checkpoint."""

import dataclasses

from tfgan.datasets import sources
from tfgan.doctor import record
from tfgan.doctor.monitors import examiner_of
from tfgan.doctor.record import History
from tfgan.run import checkpointing
from tfgan.run.config import TrainConfig
from tfgan.run.restoring import recorded_config, restore
from tfgan.run.workdir import Workdir


def history(path: str) -> History:
    """All that can be known of the run in a folder; see `tfgan.doctor.diagnose`.

    Raises:
        UserError: if there is no run, nothing in it yet to look at, or something is damaged.
    """
    workdir = Workdir(path)
    config = recorded_config(workdir)
    found = _looked_at(workdir, config, record.read(workdir))
    if not found.evidence:
        return found
    scores = record.evaluation(workdir, found.evidence[-1].step)
    return dataclasses.replace(found, collapsed=record.collapsed(scores))


def _looked_at(workdir: Workdir, config: TrainConfig, found: History) -> History:
    """The same, with evidence of the newest checkpoint."""
    newest = checkpointing.newest(workdir.checkpoints)
    if newest is None and found.diverged is not None:
        return found
    if newest is not None and int(newest.name) in {each.step for each in found.evidence}:
        return found
    gan = restore(workdir, lambda line: None).gan
    image_set = sources.where_prepared(config.image_set)
    config = dataclasses.replace(config, data_dir=image_set.data_dir, manual_dir="")
    now = examiner_of(gan, config).look()
    earlier = tuple(each for each in found.evidence if each.step < now.step)
    return dataclasses.replace(found, evidence=(*earlier, now))

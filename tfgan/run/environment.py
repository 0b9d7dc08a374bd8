"""The environment of a run: CPU threads, which affect its last bits, versions and devices."""

from typing import Any

import tensorflow as tf

from tfgan.cluster import strategies
from tfgan.ground.console import say
from tfgan.ground.errors import UserError
from tfgan.ground.machine import cores
from tfgan.ground.version import versions
from tfgan.run.config import MOST_THREADS, TrainConfig


def set_threads(config: TrainConfig, recorded: dict[str, Any] | None) -> None:
    """Sets the requested number of CPU threads, else the recorded one, for the same bits."""
    before = recorded["environment"].get("intra_op_threads") if recorded else None
    if type(before) is not int or not 1 <= before <= MOST_THREADS:
        before = threads()  # a new run, or an edited file
    asked = config.threads or before
    if asked == threads():
        return
    try:
        tf.config.threading.set_intra_op_parallelism_threads(asked)
    except RuntimeError:
        problem = f"TensorFlow already runs in this process with {threads()} threads"
        if config.threads:
            raise UserError(f"--threads={asked}: {problem}; set it earlier") from None
        say(f"Warning: the run had {asked} threads, but {problem}; the last bits may differ")
    else:
        if not config.threads:
            say(f"CPU threads: {asked}, as before, so that results stay the same to the bit")


def threads() -> int:
    """The number of CPU threads of one operation."""
    return tf.config.threading.get_intra_op_parallelism_threads() or cores()


def versions_and_devices(strategy: tf.distribute.Strategy) -> dict[str, Any]:
    """The environment that `config.json` records with the settings."""
    return {
        **versions(),
        "devices": strategies.describe(strategy),
        "replicas": strategy.num_replicas_in_sync,
        "intra_op_threads": threads(),
        "inter_op_threads": tf.config.threading.get_inter_op_parallelism_threads(),
    }

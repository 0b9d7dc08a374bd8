"""What a checkpoint of the tutorial's networks costs.

python benchmarks/checkpoint_cost.py
"""

import pathlib
import statistics
import tempfile
import time

import tensorflow as tf

from tfgan import TrainConfig
from tfgan.run import building
from tfgan.run.checkpointing import Checkpoints

SAVES = 12


def main() -> None:
    """Prints the time of each of twelve checkpoints, their median, and the size of one."""
    gan = building.build(TrainConfig(), (28, 28, 1), steps_per_execution=1)
    gan.fit(tf.zeros((100, 28, 28, 1)), batch_size=100, verbose=0)
    seconds = []
    with tempfile.TemporaryDirectory() as folder:
        checkpoints = Checkpoints(pathlib.Path(folder), gan)
        for step in range(SAVES):
            gan.step.assign(step)
            start = time.perf_counter()
            path = checkpoints.save()
            seconds.append(time.perf_counter() - start)
        size = sum(file.stat().st_size for file in path.iterdir())
    print(", ".join(f"{1000 * value:.0f}" for value in seconds), "ms")
    print(f"median {1000 * statistics.median(seconds):.0f} ms, {size:,} bytes")


if __name__ == "__main__":
    main()

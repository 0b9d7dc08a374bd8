"""How the cost of a step grows with the batch, the networks, the data set and the epochs.

python -m benchmarks.growth

Each point is a process of its own. Beside it are the matrix products that a step of that size
cannot avoid. The batch and hidden sizes that are not varied are the tutorial's.
"""

import importlib.util
import json
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import time

from absl import app, flags

from benchmarks import contestants, race, report

BATCH_SIZE, HIDDEN_SIZE = 100, 256

_SIZES = {
    "batch_size": flags.DEFINE_list(
        "batch_sizes", [2**n for n in range(5, 13)], "Real images a step."
    ),
    "hidden_size": flags.DEFINE_list(
        "hidden_sizes", [2**n for n in range(6, 13)], "Units in each hidden layer."
    ),
    "size": flags.DEFINE_list(
        "dataset_sizes", [6_000, 60_000, 600_000], "Images of the set, repeated."
    ),
}
_EPOCHS = flags.DEFINE_integer("epochs", 6, "Epochs of the real run.", 1)
_OUTPUT = flags.DEFINE_string("output", "runs/benchmark", "Folder for growth.{json,md,png}.")
_DATA_DIR = flags.DEFINE_string("data_dir", "", "Where MNIST is prepared; empty: TFDS's own.")


def _python(*arguments: object) -> str:
    """Runs `python -m ...` and returns the last line it printed."""
    done = subprocess.run(
        [sys.executable, "-m", *map(str, arguments)],
        cwd=race.ROOT,
        env=os.environ | race.ENVIRONMENT,
        stdout=subprocess.PIPE,
        check=True,
        text=True,
    )
    return done.stdout.rstrip().rpartition("\n")[2]


def _sweep(varied: str, values: list, images: pathlib.Path) -> list[dict]:
    """Points of one sweep: what `benchmarks.point` says, and the floor's ms a step."""
    points = []
    for value in map(int, values):
        sizes = {"batch_size": BATCH_SIZE, "hidden_size": HIDDEN_SIZE, "size": 60_000}
        sizes[varied] = value
        ours, floor = (
            json.loads(_python("benchmarks.point", what, images, *sizes.values()))
            for what in ("tfgan", "floor")
        )
        points.append({varied: value, **ours, "floor_ms": floor["ms"]})
        print(f"{varied} {value}: {ours['ms']:.2f} ms a step, floor {floor['ms']:.2f}", flush=True)
    return points


def _epochs(folder: pathlib.Path, steps: int, floor_ms: float) -> list[dict]:
    """Seconds and peak memory of each epoch but the first of `python -m tfgan.train`."""
    fit = next(each for each in contestants.ALL if each.name == contestants.FIT)
    command = fit.command(
        folder=folder,
        steps=steps,
        dataset="mnist",
        data_dir=_DATA_DIR.value,
        batch_size=BATCH_SIZE if steps > 1 else 20,
        hidden_size=HIDDEN_SIZE,
    )
    points = []
    with race.runner(command, folder / "stderr.txt") as run:
        run.wait_for(fit.epoch)  # holds the compilation
        for epoch in range(2, _EPOCHS.value + 1):
            start = time.perf_counter()
            run.wait_for(fit.epoch)
            seconds = time.perf_counter() - start
            points.append(
                {
                    "epoch": epoch,
                    "ms": 1000 * seconds / steps,
                    "peak_mb": run.peak_mb(),
                    "floor_ms": floor_ms,
                }
            )
    return points

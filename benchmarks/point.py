"""One point of `benchmarks.growth`, in a process of its own, for its peak memory.

python -m benchmarks.point tfgan IMAGES BATCH_SIZE HIDDEN_SIZE SIZE
python -m benchmarks.point floor IMAGES BATCH_SIZE HIDDEN_SIZE SIZE

IMAGES is an .npy file, cut or repeated to SIZE images. The last line printed is JSON.
"""

import importlib.util
import json
import resource
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.contestants import floor, harness

ROUNDS, WINDOWS, SECONDS = 3, 2, 0.1
STEPS_PER_CALL = 5


def ms_a_step(call: Callable[[], Any], steps: int) -> list[float]:
    """The best of a few windows of at least 0.1 s, several times.

    Args:
        call: takes `steps` steps, warm already.
        steps: steps a call.
    """
    best = []
    for _ in range(ROUNDS):
        windows = []
        for _ in range(WINDOWS):
            calls, start = 0, time.perf_counter()
            while (seconds := time.perf_counter() - start) < SECONDS:
                call()
                calls += 1
            windows.append(1000 * seconds / (calls * steps))
        best.append(min(windows))
    return best


def measure_tfgan(images: np.ndarray, batch_size: int, hidden_size: int) -> dict[str, Any]:
    """ms a step of the bare train function, and what comes before the first one."""
    from tfgan import TrainConfig
    from tfgan.datasets import pipeline
    from tfgan.run import building

    start = time.perf_counter()
    config = TrainConfig(batch_size=batch_size, hidden_size=hidden_size)
    gan = building.build(config, images.shape[1:], STEPS_PER_CALL)
    batches = pipeline.batches(images, batch_size, config.seed)
    iterator = iter(batches)
    train_function = gan.make_train_function()
    train_function(iterator)
    start_s = time.perf_counter() - start
    values = {"ms": ms_a_step(lambda: train_function(iterator), STEPS_PER_CALL)}
    # The first batch of an epoch waits for the epoch's order.
    start = time.perf_counter()
    next(iter(batches))
    return values | {"start_s": start_s, "first_batch_s": time.perf_counter() - start}


def measure_floor(images: np.ndarray, batch_size: int, hidden_size: int) -> dict[str, Any]:
    """ms of the matrix products of a step alone."""
    library = "torch" if importlib.util.find_spec("torch") else "numpy"
    pixels = int(np.prod(images.shape[1:]))
    products = floor.step_products(batch_size, harness.LATENT_SIZE, hidden_size, pixels)
    step = floor.STEPS[library](products)
    step()
    return {"ms": ms_a_step(step, 1)}


def main() -> None:
    """Entry point of the process."""
    what, path, batch_size, hidden_size, size = sys.argv[1:]
    images = np.load(path)
    if int(size) != len(images):
        images = np.resize(images, (int(size), *images.shape[1:]))
    measure = {"tfgan": measure_tfgan, "floor": measure_floor}[what]
    values = measure(images, int(batch_size), int(hidden_size))
    values["ms"] = statistics.median(values["ms"])
    values["peak_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6
    print(json.dumps(values))


if __name__ == "__main__":
    main()

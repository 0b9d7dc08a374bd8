"""What each training option costs: milliseconds a step of the train function alone.

python -m benchmarks.option_cost

One process; in each round every variant takes as many steps, in turns, so that a slow minute of
the machine meets all alike. Images are random: their values do not change the work.
"""

import argparse
import statistics
import time
from typing import Any

import numpy as np

from tfgan import TrainConfig
from tfgan.datasets import pipeline
from tfgan.run import building

VARIANTS: dict[str, dict[str, Any]] = {
    "no option": {},
    "--ema=0.999": {"ema": 0.999},
    "--d_dropout=0.3": {"d_dropout": 0.3},
    "--r1=1": {"r1": 1.0},
    "--r1=1 --r2=1": {"r1": 1.0, "r2": 1.0},
    "--loss=relativistic": {"loss": "relativistic"},
    "--spectral_norm": {"spectral_norm": True},
    "--updates=simultaneous": {"updates": "simultaneous"},
    "--augment=color,translation,cutout": {"augment": "color,translation,cutout"},
}


def main() -> None:
    """Prints a table: the median of each variant, and its ratio to no option."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--calls", type=int, default=8, help="calls of 25 steps in each round")
    parser.add_argument("--hidden_size", type=int, default=256)
    flags = parser.parse_args()
    images = np.random.default_rng(0).integers(0, 256, (2500, 28, 28, 1), np.uint8)
    calls = {}
    for name, options in VARIANTS.items():
        config = TrainConfig(hidden_size=flags.hidden_size, **options)
        gan = building.build(config, images.shape[1:], 25, steps_per_epoch=25)
        batches = iter(pipeline.batches(images, config.images_a_step, config.seed))
        calls[name] = (gan.make_train_function(), batches)
        calls[name][0](batches)  # compiles
    ms: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(flags.rounds):
        for name, (train_function, batches) in calls.items():
            start = time.perf_counter()
            for _ in range(flags.calls):
                train_function(batches)
            ms[name].append((time.perf_counter() - start) / flags.calls / 25 * 1000)
    print("| option | ms a step | ratio |\n|---|---|---|")
    plain = ms["no option"]
    for name, values in ms.items():
        ratio = statistics.median(a / b for a, b in zip(values, plain, strict=True))
        print(f"| `{name}` | {statistics.median(values):.2f} | {ratio:.2f} |")


if __name__ == "__main__":
    main()

"""What networks that follow the image's size have and cost: parameters, milliseconds a step.

python -m benchmarks.sizes

One process; in each round every network takes as many steps, in turns, so that a slow minute of
the machine meets all alike. Images are random: their values do not change the work.
"""

import argparse
import itertools
import time

import numpy as np

from tfgan import TrainConfig
from tfgan.datasets import pipeline
from tfgan.run import building


def main() -> None:
    """Prints a table: each network at each size, the least of its rounds."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--networks", nargs="+", default=["conv", "resnet"])
    parser.add_argument("--sides", nargs="+", type=int, default=[32, 64, 128])
    parser.add_argument("--channels", type=int, default=3)
    parser.add_argument("--hidden_size", type=int, default=256)
    parser.add_argument("--batch_size", type=int, default=64)
    parser.add_argument("--r1", type=float, default=0.0)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--steps", type=int, default=4, help="in each round")
    flags = parser.parse_args()
    gans, calls = {}, {}
    for side, network in itertools.product(flags.sides, flags.networks):
        config = TrainConfig(
            network=network,
            hidden_size=flags.hidden_size,
            batch_size=flags.batch_size,
            r1=flags.r1,
        )
        shape = (side, side, flags.channels)
        images = np.random.default_rng(0).integers(0, 256, (flags.batch_size, *shape), np.uint8)
        gan = building.build(config, shape, 1)
        batches = iter(pipeline.batches(images, config.batch_size, config.seed))
        gans[side, network], calls[side, network] = gan, (gan.make_train_function(), batches)
        calls[side, network][0](batches)  # compiles
    ms: dict[tuple[int, str], list[float]] = {key: [] for key in calls}
    for _ in range(flags.rounds):
        for key, (train_function, batches) in calls.items():
            start = time.perf_counter()
            for _ in range(flags.steps):
                train_function(batches)
            ms[key].append((time.perf_counter() - start) / flags.steps * 1000)
    print("| image | network | parameters of G | of D | ms a step | images/s |")
    print("|---|---|---|---|---|---|")
    for (side, network), values in ms.items():
        gan, least = gans[side, network], min(values)
        print(
            f"| {side} x {side} x {flags.channels} | `{network}` "
            f"| {gan.generator.count_params():,} | {gan.discriminator.count_params():,} "
            f"| {least:.0f} | {flags.batch_size / least * 1000:.0f} |"
        )


if __name__ == "__main__":
    main()

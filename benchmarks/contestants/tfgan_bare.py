"""tfgan's train function alone, without `fit` and what fit's callbacks do."""

import numpy as np

from benchmarks.contestants import harness
from tfgan import TrainConfig
from tfgan.datasets import pipeline
from tfgan.run import building

# What flags/best.flags has.
BEST = {
    "network": "conv",
    "epochs": 40,
    "r1": 1.0,
    "d_learning_rate": 0.002,
    "g_learning_rate": 0.002,
    "lr_schedule": "cosine",
    "beta_1": 0.5,
    "ema": 0.999,
}


def main() -> None:
    """Trains without end."""
    flags = harness.flags().parse_args()
    images = np.load(flags.images)
    sizes = {"batch_size": flags.batch_size, "hidden_size": flags.hidden_size}
    config = TrainConfig(**sizes, **(BEST if flags.recipe == "best" else {}))
    steps_per_epoch = len(images) // config.batch_size
    steps_per_call = building.steps_per_execution(config, images.shape)
    gan = building.build(config, images.shape[1:], steps_per_call, steps_per_epoch)
    iterator = iter(pipeline.batches(images, config.batch_size, config.seed))
    train_function = gan.make_train_function()
    report = harness.Reporter(steps_per_epoch)
    while True:
        train_function(iterator)
        report.done(steps_per_call)


if __name__ == "__main__":
    main()

"""tfgan's train function alone, without `fit` and what fit's callbacks do."""

import numpy as np

from benchmarks.contestants import harness
from tfgan import TrainConfig
from tfgan.datasets import pipeline
from tfgan.run import building


def main() -> None:
    """Trains without end."""
    flags = harness.flags().parse_args()
    images = np.load(flags.images)
    config = TrainConfig(batch_size=flags.batch_size, hidden_size=flags.hidden_size)
    steps_per_epoch = len(images) // config.batch_size
    steps_per_call = building.steps_per_execution(config, images.shape)
    gan = building.build(config, images.shape[1:], steps_per_call)
    iterator = iter(pipeline.batches(images, config.batch_size, config.seed))
    train_function = gan.make_train_function()
    report = harness.Reporter(steps_per_epoch)
    while True:
        train_function(iterator)
        report.done(steps_per_call)


if __name__ == "__main__":
    main()

"""tfgan's train function alone, without `fit` and what fit's callbacks do."""

import numpy as np
from absl import flags as absl_flags

from benchmarks.contestants import harness
from benchmarks.race import ROOT
from tfgan.datasets import pipeline
from tfgan.run import building
from tfgan.run import config as config_module


def main() -> None:
    """Trains without end."""
    flags = harness.flags().parse_args()
    images = np.load(flags.images)
    config_module.define_flags()
    absl_flags.FLAGS(
        [
            "",
            f"--flagfile={ROOT / 'flags' / flags.recipe}.flags",
            f"--batch_size={flags.batch_size}",
            f"--hidden_size={flags.hidden_size}",
        ]
    )
    config = config_module.from_flags()
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

"""`Run`: what every part of a training run needs to know."""

import dataclasses

import tensorflow as tf

from tfgan.cluster import strategies
from tfgan.datasets.training_set import InMemory, Streamed
from tfgan.run.config import TrainConfig
from tfgan.run.workdir import Workdir


@dataclasses.dataclass(frozen=True)
class Run:
    """A training run, before and while it trains.

    Attributes:
        config: its options.
        workdir: its folder.
        data: the training set.
        strategy: where the work goes.
    """

    config: TrainConfig
    workdir: Workdir
    data: InMemory | Streamed
    strategy: tf.distribute.Strategy

    @property
    def steps_per_epoch(self) -> int:
        """Whole batches in the training set."""
        return self.data.shape[0] // self.config.images_a_step

    @property
    def last_step(self) -> int:
        """Steps of the whole run."""
        return self.config.epochs * self.steps_per_epoch

    @property
    def is_chief(self) -> bool:
        """Whether this process writes the run's folder."""
        return strategies.is_chief(self.strategy)

    def batches(self, first_step: int) -> tf.distribute.DistributedDataset:
        """The batches from a step on: to each device its part of them."""
        config = self.config
        return self.strategy.distribute_datasets_from_function(
            lambda context: self.data.batches(
                config.images_a_step, config.seed, first_step, strategies.share(context)
            )
        )

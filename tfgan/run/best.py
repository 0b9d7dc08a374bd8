"""The generator that scored best so far."""

import math
from typing import Any

import tensorflow as tf

from tfgan import ema
from tfgan.gan import GAN

LOWER = ("fcd", "fsd")  # scores that are better if they are lower


class Best:
    """The best generator of a run with `--keep_best`, which is part of every checkpoint.

    So a run that resumes from any checkpoint has the same best generator as an uninterrupted one.

    Args:
        gan: the model that is scored.
        metric: name of the metric.

    Attributes:
        metric: name of the metric.
        generator: the `gan.sampler` that scored best; meaningless before the first scoring.
        variables: what a checkpoint contains in addition to that generator.
    """

    def __init__(self, gan: GAN, metric: str):
        self.metric = metric
        self._gan = gan
        self.generator = ema.clone(gan.sampler, "the best of the run", "keep_best=''")
        self._score = tf.Variable(math.nan, dtype=tf.float64)
        self._step = tf.Variable(0, dtype=tf.int64)
        self._since = tf.Variable(0, dtype=tf.int64)
        self.variables = [self._score, self._step, self._since]

    @property
    def score(self) -> float:
        """Its score; NaN before the first."""
        return float(self._score.numpy())

    @property
    def step(self) -> int:
        """The training step after which it scored so; 0 before the first scoring."""
        return int(self._step.numpy())

    @property
    def since(self) -> int:
        """The number of scorings since then, none of which was better."""
        return int(self._since.numpy())

    def offer(self, score: float) -> bool:
        """Keeps the current generator if its score is better; not if it is equal."""
        sign = -1 if self.metric in LOWER else 1
        better = math.isfinite(score) and not sign * score <= sign * self.score
        if better:
            self.generator.set_weights(self._gan.sampler.get_weights())
            self._score.assign(score)
            self._step.assign(self._gan.step.numpy())
        self._since.assign(0 if better else self._since + 1)
        return better

    def record(self) -> dict[str, Any]:
        """Its record in `config.json`."""
        return {"metric": self.metric, "score": self.score, "step": self.step}

    def in_words(self) -> str:
        """Which generator it is, as the end of a sentence."""
        return (
            f"after step {self.step:,}, the best by {self.metric} on the validation images: "
            f"{self.score:.6g}"
        )

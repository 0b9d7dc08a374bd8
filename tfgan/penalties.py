"""Gradient penalties: D is kept smooth where the data are (R1) and where the fakes are (R2)."""

from collections.abc import Callable
from typing import Any

import tensorflow as tf

Judge = Callable[..., tf.Tensor]  # images, and what else it needs, to logits `(batch, 1)`
Penalty = Callable[..., tuple[tf.Tensor, tf.Tensor]]


def gradient_penalty(gamma: float) -> Penalty:
    """gamma / 2 ||dl/dx||^2, where l is the logit of D(x).

    Args:
        gamma: weight of the penalty; 0 for none.

    Returns:
        A function of D, of images `(batch, ...)`, alone or first in a tuple, and of what else D
        takes, to the logits `(batch, 1)` and the penalty `(batch,)`: both from one pass through D.
        The gradient is that in the images.

    Reference:
        Mescheder et al., Which Training Methods for GANs do actually Converge?, 2018, eq. 9.
    """

    def penalised(judge: Judge, x: Any, *more: Any) -> tuple[tf.Tensor, tf.Tensor]:
        images = tf.nest.flatten(x)[0]
        with tf.GradientTape() as tape:
            tape.watch(images)
            logits = judge(x, *more)
        gradient = tape.gradient(logits, images)
        squared_norm = tf.reduce_sum(tf.square(gradient), axis=range(1, len(gradient.shape)))
        return logits, tf.cast(gamma / 2 * squared_norm, logits.dtype)

    def unpenalised(judge: Judge, x: Any, *more: Any) -> tuple[tf.Tensor, tf.Tensor]:
        logits = judge(x, *more)
        return logits, tf.zeros_like(logits)[..., 0]

    return penalised if gamma else unpenalised

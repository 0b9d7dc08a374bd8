"""Gradient penalties: D is kept smooth where the data are (R1) and where the fakes are (R2)."""

from collections.abc import Callable

import tensorflow as tf


def penalised(
    judge: Callable[[tf.Tensor], tf.Tensor], images: tf.Tensor, gamma: float
) -> tuple[tf.Tensor, list[tf.Tensor]]:
    """Logits of images, and gamma / 2 ||grad_x D(x)||^2 at each of them.

    Args:
        judge: from images to logits `(batch, 1)`.
        images: `(batch, ...)`.
        gamma: weight of the penalty.

    Returns:
        The logits, and a list with the penalty `(batch,)`; an empty one if gamma is 0.

    Reference:
        Mescheder et al., Which Training Methods for GANs do actually Converge?, 2018, eq. 9.
    """
    if not gamma:
        return judge(images), []
    with tf.GradientTape() as tape:
        tape.watch(images)
        logits = judge(images)
    gradient = tape.gradient(logits, images)
    squared_norm = tf.reduce_sum(tf.square(gradient), axis=range(1, len(gradient.shape)))
    return logits, [gamma / 2 * squared_norm]

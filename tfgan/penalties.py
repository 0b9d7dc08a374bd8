"""Gradient penalties: at real images (R1), at fakes (R2), and at points between them (WGAN-GP).

Where D judges packs of images (`tfgan.networks.packing`), the gradient is that in all of a pack.
"""

from collections.abc import Callable
from typing import Any

import tensorflow as tf

from tfgan import noise
from tfgan.cluster import replicas
from tfgan.noise import Stream

Judge = Callable[..., tf.Tensor]  # images, and what else it needs, to logits `(batch, 1)`
Penalty = Callable[..., tuple[tf.Tensor, tf.Tensor]]
PenaltyBetween = Callable[[Judge, Any, Any, tf.Tensor, int], tf.Tensor]


def gradient_penalty(gamma: float) -> Penalty:
    """gamma / 2 ||dl/dx||^2, where l is the logit of D(x).

    Args:
        gamma: weight of the penalty; 0 for none.

    Returns:
        A function of D, of images `(batch, ...)`, alone or first in a tuple, and of what else D
        takes, to the logits `(batch, 1)` and the penalty `(batch,)`: both from one pass through D.
        The gradient is that in the images. The batch of both is that of packs.

    Reference:
        Mescheder et al., Which Training Methods for GANs do actually Converge?, 2018, eq. 9.
    """

    def penalised(judge: Judge, x: Any, *more: Any) -> tuple[tf.Tensor, tf.Tensor]:
        logits, squared_norm = _with_squared_norm(judge, x, *more)
        return logits, tf.cast(gamma / 2 * squared_norm, logits.dtype)

    def unpenalised(judge: Judge, x: Any, *more: Any) -> tuple[tf.Tensor, tf.Tensor]:
        logits = judge(x, *more)
        return logits, tf.zeros_like(logits)[..., 0]

    return penalised if gamma else unpenalised


def penalty_between(weight: float, seed: int, pack: int = 1) -> PenaltyBetween:
    """weight (||dl/dx|| - 1)^2 at points x on the straight lines from real images to fakes.

    Where on its line, uniform in [0, 1), is a pure function of the seed, the step, the pass and the
    place in the *global* batch. The images of a pack are equally far along theirs.

    Args:
        weight: of the penalty; 0 for none. 10 in the paper.
        seed: the run's seed.
        pack: how many images D judges together.

    Returns:
        A function of D, of real images and of fakes `(batch, ...)`, alone or first in tuples whose
        other parts they share, of the step and of the `Pass`, to the penalty `(batch / pack,)`.

    Reference:
        Gulrajani et al., Improved Training of Wasserstein GANs, 2017, eq. 3.
    """

    def penalised(judge: Judge, real: Any, fake: Any, step: tf.Tensor, which: int) -> tf.Tensor:
        a, b = (tf.nest.flatten(x)[0] for x in (real, fake))
        a = tf.cast(a, b.dtype)
        key = noise.derive_seed(seed, Stream.INTERPOLATION)
        bits = noise.hashed_bits(key, step, which, replicas.places(tf.shape(a)[0]) // pack)
        way = tf.cast(tf.cast(bits, tf.float64) / 2**32, a.dtype)
        way = tf.reshape(way, (-1, *(1 for _ in a.shape[1:])))
        between = tf.nest.pack_sequence_as(fake, [a + way * (b - a), *tf.nest.flatten(fake)[1:]])
        logits, squared_norm = _with_squared_norm(judge, between, which)
        some = squared_norm > 0  # a square root has no gradient at 0
        norm = tf.where(some, tf.sqrt(tf.where(some, squared_norm, 1)), 0)
        return tf.cast(weight * tf.square(norm - 1), logits.dtype)

    def unpenalised(judge: Judge, real: Any, fake: Any, step: tf.Tensor, which: int) -> tf.Tensor:
        return tf.zeros((1,), tf.nest.flatten(fake)[0].dtype)

    return penalised if weight else unpenalised


def _with_squared_norm(judge: Judge, x: Any, *more: Any) -> tuple[tf.Tensor, tf.Tensor]:
    """Logits `(batch, 1)`, and |dl/dx|^2, `(batch,)`, of all that each logit judges."""
    images = tf.nest.flatten(x)[0]
    with tf.GradientTape() as tape:
        tape.watch(images)
        logits = judge(x, *more)
    gradient = tape.gradient(logits, images)
    each = tf.reshape(gradient, (tf.shape(logits)[0], -1))
    return logits, tf.reduce_sum(tf.square(each), axis=1)

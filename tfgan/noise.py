"""All randomness, as a pure function of the run's seed and of the step.

There is no generator state anywhere: a resumed run needs only its step to draw
what an unbroken one would have drawn, and replicas that share a batch take
slices of one global draw.
"""

import enum

import numpy as np
import tensorflow as tf


class Stream(enum.IntEnum):
    """What random numbers are for; no two streams of a seed share numbers."""

    GENERATOR_WEIGHTS = 0
    DISCRIMINATOR_WEIGHTS = 1
    DATA_ORDER = 2
    DISCRIMINATOR_LATENTS = 3
    GENERATOR_LATENTS = 4
    FIXED_LATENTS = 5
    SAMPLES = 6
    SHARD_ORDER = 7
    WINDOW_ORDER = 8


def derive_seed(seed: int, stream: Stream, index: int = 0) -> int:
    """A seed in [0, 2^31) for one stream, decorrelated by numpy's `SeedSequence`."""
    return int(np.random.SeedSequence((seed, stream, index)).generate_state(1)[0] >> 1)


def latents(
    seed: int,
    stream: Stream,
    step: tf.Tensor | int,
    count: tf.Tensor | int,
    latent_size: int,
    dtype: str = "float32",
) -> tf.Tensor:
    """Draws z ~ N(0, I) for one step.

    Args:
        seed: the run's seed.
        stream: what the latents are for.
        step: index of the training step, an integer scalar.
        count: number of latents, the global batch size.
        latent_size: length of each.
        dtype: floating-point type; each type has numbers of its own.

    Returns:
        `(count, latent_size)`, the same on every device (Philox, not XLA's own generator).
    """
    key = tf.stack([tf.constant(derive_seed(seed, stream), tf.int64), tf.cast(step, tf.int64)])
    shape = tf.stack([count, latent_size])
    z = tf.random.stateless_normal(shape, seed=key, dtype=dtype, alg="philox")
    return tf.ensure_shape(z, (count if isinstance(count, int) else None, latent_size))


def permutation(
    seed: int, stream: Stream, index: tf.Tensor | int, size: tf.Tensor | int
) -> tf.Tensor:
    """The `index`-th permutation of a stream.

    Returns:
        int64 `(size,)`, a permutation of 0 ... size - 1.
    """
    key = tf.stack([tf.constant(derive_seed(seed, stream), tf.int64), tf.cast(index, tf.int64)])
    return tf.random.experimental.stateless_shuffle(
        tf.range(tf.cast(size, tf.int64)), seed=key, alg="philox"
    )


def epoch_order(seed: int, epoch: tf.Tensor | int, size: int) -> tf.Tensor:
    """The order in which an epoch visits a set of `size` examples, int64 `(size,)`."""
    return permutation(seed, Stream.DATA_ORDER, epoch, size)

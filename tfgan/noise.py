"""All randomness, as a pure function of the run's seed and of the step.

There is no generator state: from its step alone, a resumed run draws the same
numbers as an uninterrupted one, and replicas that share a batch take slices of
one global draw.
"""

import enum
import math
from collections.abc import Callable, Sequence

import numpy as np
import tensorflow as tf


class Stream(enum.IntEnum):
    """The purpose of random numbers; no two streams of a seed share numbers."""

    GENERATOR_WEIGHTS = 0
    DISCRIMINATOR_WEIGHTS = 1
    DATA_ORDER = 2
    DISCRIMINATOR_LATENTS = 3
    GENERATOR_LATENTS = 4
    FIXED_LATENTS = 5
    SAMPLES = 6
    SHARD_ORDER = 7
    WINDOW_ORDER = 8
    DROPOUT = 9
    VALIDATION_LATENTS = 10
    AUGMENTATION = 11
    INTERPOLATION = 12
    CLASSIFIER_WEIGHTS = 20  # from here on: tfgan.evaluation
    CLASSIFIER_ORDER = 21
    EVALUATION = 22
    STACKED_ORDER = 23
    FEATURES = 24
    PATCHES = 25
    SELECTION = 26
    MONITOR_LATENTS = 30  # from here on: tfgan.doctor
    PROBE_LATENTS = 31
    PROBE_ORDER = 32
    REAL_POINTS = 40  # from here on: tfgan.theory
    HELD_OUT_POINTS = 41
    PROJECTION_LATENTS = 50  # tfgan.exports


def derive_seed(seed: int, stream: Stream, index: int = 0) -> int:
    """A seed in [0, 2^31) for one stream, decorrelated by numpy's `SeedSequence`."""
    return int(np.random.SeedSequence((seed, stream, index)).generate_state(1)[0] >> 1)


def _uniform(half_width: float) -> Callable[..., tf.Tensor]:
    def draw(shape: tf.Tensor, seed: tf.Tensor, dtype: str, alg: str) -> tf.Tensor:
        unit = tf.random.stateless_uniform(shape, seed, dtype=dtype, alg=alg)
        return (2 * unit - 1) * half_width

    return draw


_NUMBERS_A_COUNT = 4  # that Philox makes of one value of its counter, in float32
_HALF_WIDTHS = {"uniform": 1.0, "uniform_sqrt3": math.sqrt(3.0)}
DISTRIBUTIONS: dict[str, Callable[..., tf.Tensor]] = {
    "normal": tf.random.stateless_normal,
    **{name: _uniform(half_width) for name, half_width in _HALF_WIDTHS.items()},
}

IN_WORDS = {
    "normal": "N(0, I)",
    "uniform": "the uniform distribution on [-1, 1]",
    "uniform_sqrt3": "the uniform distribution on [-√3, √3]",
}


def latents(
    seed: int,
    stream: Stream,
    step: tf.Tensor | int,
    count: tf.Tensor | int,
    latent_size: int,
    dtype: str = "float32",
    distribution: str = "normal",
) -> tf.Tensor:
    """Draws the latents of one step.

    Args:
        seed: the run's seed.
        stream: what the latents are for.
        step: index of the training step, an integer scalar.
        count: number of latents, the global batch size.
        latent_size: length of each.
        dtype: floating-point type; each type has different numbers.
        distribution: of each number: "normal", N(0, 1); "uniform" on [-1, 1]; "uniform_sqrt3"
            on [-sqrt(3), sqrt(3)], which has variance 1.

    Returns:
        `(count, latent_size)`, the same on every device (Philox, not XLA's own generator).
    """
    key = tf.stack([tf.constant(derive_seed(seed, stream), tf.int64), tf.cast(step, tf.int64)])
    shape = tf.stack([count, latent_size])
    z = DISTRIBUTIONS[distribution](shape, seed=key, dtype=dtype, alg="philox")
    return tf.ensure_shape(z, (count if isinstance(count, int) else None, latent_size))


def latents_from(
    start: int,
    seed: int,
    stream: Stream,
    step: int,
    count: int,
    latent_size: int,
    distribution: str = "normal",
) -> tf.Tensor:
    """Rows `start` ... `start + count - 1` of `latents`, without the rows before them.

    They are the same whatever the count of `latents` is, as long as it has them: Philox computes
    the four numbers of any value of its counter by themselves (Salmon et al., Parallel Random
    Numbers: As Easy as 1, 2, 3, 2011).

    Args:
        start: the first row.
        seed: see `latents`, as for all that follow.
        stream: what the latents are for.
        step: index of the training step.
        count: number of rows.
        latent_size: length of each.
        distribution: of each number.

    Returns:
        float32 `(count, latent_size)`.
    """
    counter_steps, before = divmod(start * latent_size, _NUMBERS_A_COUNT)
    seeds = tf.constant([derive_seed(seed, stream), step], tf.int64)
    key, counter = tf.raw_ops.StatelessRandomGetKeyCounter(seed=seeds)
    ops = tf.raw_ops
    op = ops.StatelessRandomNormalV2 if distribution == "normal" else ops.StatelessRandomUniformV2
    numbers = op(
        shape=[before + count * latent_size],
        key=key,
        counter=counter + tf.constant([counter_steps, 0], tf.uint64),
        alg=tf.random.Algorithm.PHILOX.value,
        dtype=tf.float32,
    )
    z = tf.reshape(numbers[before:], (count, latent_size))
    return z if distribution == "normal" else (2 * z - 1) * _HALF_WIDTHS[distribution]


def truncated(z: np.ndarray, threshold: float) -> np.ndarray:
    """Latents of N(0, I) as latents whose numbers are of N(0, 1), truncated to [-t, t].

    Truncation trades variety for quality (Brock et al., Large Scale GAN Training for High Fidelity
    Natural Image Synthesis, 2019, section 3.1). They draw a number again while it lies outside;
    here each number is moved by the inverse of the truncated distribution function,

        z' = Phi^-1(Phi(-t) + Phi(z) (Phi(t) - Phi(-t))),

    which has the same distribution, is increasing and odd, and draws nothing: a seed's images
    stay alike from one threshold to the next.

    Args:
        z: of any shape, finite.
        threshold: t, above 0.

    Returns:
        Of the shape and type of `z`, computed in float64; in [-t, t], where t is rounded to that
        type.
    """
    import scipy.special  # no run waits for it

    low = -np.abs(np.asarray(z, np.float64))  # the tail in which Phi loses no digits
    below, inside = scipy.special.ndtr(-threshold), math.erf(threshold / math.sqrt(2))
    moved = scipy.special.ndtri(below + scipy.special.ndtr(low) * inside)
    return np.copysign(np.clip(moved, -threshold, 0), z).astype(z.dtype)


def labels(
    seed: int,
    stream: Stream,
    step: tf.Tensor | int,
    count: tf.Tensor | int,
    shares: Sequence[float],
) -> tf.Tensor:
    """Draws a class for each of the latents of one step.

    Args:
        seed: the run's seed.
        stream: that of the latents.
        step: index of the training step, an integer scalar.
        count: number of labels.
        shares: the probability of each class; they sum to 1.

    Returns:
        int64 `(count,)` in [0, classes), the same on every device.
    """
    key = tf.stack([tf.constant(derive_seed(seed, stream, 1), tf.int64), tf.cast(step, tf.int64)])
    shape = tf.reshape(count, (1,))
    unit = tf.random.stateless_uniform(shape, key, dtype=tf.float64, alg="philox")
    return tf.ensure_shape(by_share(unit, shares), (count if isinstance(count, int) else None,))


def by_share(unit: tf.Tensor, shares: Sequence[float]) -> tf.Tensor:
    """The class that each number in [0, 1) falls to, if classes get their shares of it in order.

    None falls to a class with no share.

    Returns:
        int64, of the shape of `unit`.
    """
    ends = tf.constant(ends_of(shares), unit.dtype)
    return tf.reduce_sum(tf.cast(unit[..., tf.newaxis] >= ends, tf.int64), axis=-1)


def ends_of(shares: Sequence[float]) -> np.ndarray:
    """Where the share of each class but the last ends, float64 `(classes - 1,)`, in order."""
    ends = np.cumsum(shares)
    return ends[:-1] / ends[-1]  # the last that has a share ends at 1


def unit_of(z: tf.Tensor) -> tf.Tensor:
    """A number in [0, 1) for each of latents `(count, size)`, float32 `(count,)`, a hash of them.

    In small whole numbers, none below 0, so that every runtime gets the same ones: ONNX Runtime
    rounds the quotient of a negative one towards 0.
    """
    steps = tf.floor(tf.cast(z, tf.float32) * 4096)
    parts = tf.cast(steps - 4096 * tf.floor(steps / 4096), tf.int32)
    odd = 2 * tf.range(tf.shape(z)[1]) + 1
    factors = tf.math.floormod(40503 * odd, 2**16)  # 2^16 / 1.618: even a few spread out
    turns = tf.reduce_sum(tf.math.floormod(parts * factors, 2**16), axis=1)
    return tf.cast(tf.math.floormod(turns, 2**16), tf.float32) / 2**16


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


def hashed_bits(key: int, step: tf.Tensor | int, draw: int, index: tf.Tensor) -> tf.Tensor:
    """32 random bits for each index, the same with XLA and without.

    XLA has a generator of its own, so this is a hash, in integers: pcg4d of Jarzynski & Olano,
    Hash Functions for GPU Rendering, 2020.

    Args:
        key: from `derive_seed`.
        step: index of the training step.
        draw: which draw of the step.
        index: integers in [0, 2^32).

    Returns:
        uint32, of the shape of `index`.
    """
    words = (index, step, tf.constant(draw, tf.uint32), tf.constant(key, tf.uint32))
    x, y, z, w = (1664525 * tf.cast(word, tf.uint32) + 1013904223 for word in words)
    x += y * w
    y += z * x
    z += x * y
    w += y * z
    x, y, z, w = (tf.bitwise.bitwise_xor(v, tf.bitwise.right_shift(v, 16)) for v in (x, y, z, w))
    x += y * w
    y += z * x
    z += x * y
    return w + y * z

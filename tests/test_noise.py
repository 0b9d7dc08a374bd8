import math

import numpy as np
import pytest
import scipy.stats
import tensorflow as tf

from tfgan import noise
from tfgan.noise import Stream
from tfgan.run import recipe

PINNED = [
    [-0.8540694117546082, -1.4182569980621338],
    [-0.7246554493904114, -2.2495505809783936],
]


def draw(seed=777, stream=Stream.GENERATOR_LATENTS, step=0, count=4, size=3):
    return noise.latents(seed, stream, step, count, size).numpy()


def test_latents_are_pinned():
    # These numbers are what makes an old run resumable: they may not change.
    np.testing.assert_allclose(draw(count=2, size=2), PINNED, rtol=1e-6)


def test_latents_are_a_pure_function():
    np.testing.assert_array_equal(draw(), draw())
    in_graph = tf.function(lambda step: noise.latents(777, Stream.GENERATOR_LATENTS, step, 4, 3))
    np.testing.assert_array_equal(in_graph(tf.constant(5, tf.int64)), draw(step=5))


@pytest.mark.parametrize(
    "other", [{"seed": 778}, {"step": 1}, {"stream": Stream.DISCRIMINATOR_LATENTS}]
)
def test_latents_differ_by(other):
    assert not np.isin(draw(), draw(**other)).any()


def test_latents_are_standard_normal():
    z = draw(count=1000, size=64)
    # Standard errors with 64,000 numbers: 0.004 of the mean, 0.003 of the deviation.
    assert abs(z.mean()) < 0.02
    assert z.std() == pytest.approx(1, abs=0.015)
    assert abs(np.corrcoef(z[:-1].ravel(), z[1:].ravel())[0, 1]) < 0.02


def test_streams_have_seeds_of_their_own():
    seeds = {noise.derive_seed(s, stream, i) for s in (0, 1) for stream in Stream for i in (0, 1)}
    assert len(seeds) == 2 * len(Stream) * 2
    assert all(0 <= seed < 2**31 for seed in seeds)


def test_epoch_order_is_a_permutation_of_its_own():
    first, second = (noise.epoch_order(1, epoch, 100).numpy() for epoch in (0, 1))
    np.testing.assert_array_equal(np.sort(first), np.arange(100))
    assert (first == second).mean() < 0.2
    assert (first == np.arange(100)).mean() < 0.2
    np.testing.assert_array_equal(first, noise.epoch_order(1, tf.constant(0, tf.int64), 100))


def test_uniform_latents_fill_their_range():
    for name, bound in (("uniform", 1), ("uniform_sqrt3", 3**0.5)):
        z = noise.latents(1, Stream.SAMPLES, 0, 1000, 64, distribution=name).numpy()
        assert np.abs(z).max() <= bound
        # Variance b^2 / 3; 64,000 numbers come within 1e-3 of either end.
        assert z.std() == pytest.approx(bound / 3**0.5, rel=0.01)
        assert z.min() < -0.99 * bound
        assert z.max() > 0.99 * bound
    assert set(noise.DISTRIBUTIONS) == set(noise.IN_WORDS) == set(recipe.LATENTS)


def pcg4d(*words: int) -> int:
    """The paper's listing, in Python's own integers; the last of its four words."""
    bits = 2**32 - 1
    x, y, z, w = ((word * 1664525 + 1013904223) & bits for word in words)
    for mixed in (False, True):
        if mixed:
            x, y, z, w = (v ^ (v >> 16) for v in (x, y, z, w))
        x = (x + y * w) & bits
        y = (y + z * x) & bits
        z = (z + x * y) & bits
        w = (w + y * z) & bits
    return w


@pytest.mark.parametrize("jit_compile", [False, True])
def test_hashed_bits_are_pcg4d(jit_compile):
    index = [0, 1, 2, 77, 2**31 - 1]
    hashed = tf.function(
        lambda step: noise.hashed_bits(123456789, step, 3, tf.constant(index)),
        jit_compile=jit_compile,
    )
    for step in (0, 1, 120_000):
        found = hashed(tf.constant(step, tf.int64)).numpy().tolist()
        assert found == [pcg4d(i, step, 3, 123456789) for i in index]


def test_hashed_bits_look_random():
    index = tf.range(100_000)
    draws = [
        noise.hashed_bits(noise.derive_seed(seed, Stream.DROPOUT), step, draw, index).numpy()
        for seed, step, draw in ((1, 0, 0), (1, 0, 1), (1, 1, 0), (2, 0, 0))
    ]
    unit = np.array(draws) / 2**32
    # Standard errors: 0.0009 of a mean, 0.003 of a correlation.
    assert np.abs(unit.mean(axis=1) - 0.5).max() < 0.005
    between = np.corrcoef(unit) - np.eye(4)
    along = [np.corrcoef(row[:-lag], row[lag:])[0, 1] for row in unit for lag in (1, 16, 256)]
    assert max(np.abs(between).max(), np.abs(along).max()) < 0.015
    # Each of the 32 bits is set half of the time.
    bits = (draws[0][:, None] >> np.arange(32, dtype=np.uint32)) & 1
    assert np.abs(bits.mean(axis=0) - 0.5).max() < 0.008


@pytest.mark.parametrize("size", [1, 2, 64])
def test_a_latents_class_is_a_hash_in_whole_numbers(size):
    z = noise.latents(0, Stream.SAMPLES, 3, 10_000, size)
    unit = noise.unit_of(z).numpy()
    for row, found in zip(z.numpy()[:200].tolist(), unit, strict=False):
        parts = [math.floor(value * 4096) % 4096 for value in row]  # exact: a power of two
        factors = [40503 * (2 * place + 1) for place in range(size)]
        whole = sum(part * factor for part, factor in zip(parts, factors, strict=True))
        assert found == whole % 65536 / 65536
    shares = (0.1, 0.0, 0.2, 0.7)
    counts = np.bincount(noise.by_share(unit, shares), minlength=4)
    # 3.9 standard deviations of a count of 10,000 draws: 46 at a share of 0.5.
    np.testing.assert_allclose(counts / 10_000, shares, atol=0.018)
    assert not counts[1]


PINNED_LABELS = [2, 4, 3, 9, 3]
SHARES = (0.0, 0.5, 0.0, 0.3, 0.2, 0.0)


def draw_labels(seed=777, stream=Stream.GENERATOR_LATENTS, step=0, count=5, shares=(0.1,) * 10):
    return noise.labels(seed, stream, step, count, shares).numpy()


def test_labels_are_pinned():
    # As the latents: a conditional run that was begun depends on them.
    np.testing.assert_array_equal(draw_labels(), PINNED_LABELS)


def test_labels_are_a_pure_function():
    labels = draw_labels(count=100)
    assert labels.dtype == np.int64
    np.testing.assert_array_equal(labels, draw_labels(count=100))
    in_graph = tf.function(
        lambda step, count: noise.labels(777, Stream.SAMPLES, step, count, (0.25,) * 4)
    )
    found = in_graph(tf.constant(5, tf.int64), tf.constant(40))
    expected = draw_labels(stream=Stream.SAMPLES, step=5, count=40, shares=(0.25,) * 4)
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize(
    "other", [{"seed": 778}, {"step": 1}, {"stream": Stream.DISCRIMINATOR_LATENTS}]
)
def test_labels_differ_by(other):
    # Of ten classes, a tenth of 1,000 agree by chance, with a standard error of 0.01.
    assert (draw_labels(count=1000) == draw_labels(count=1000, **other)).mean() < 0.15


def test_labels_have_their_shares():
    labels = np.concatenate([draw_labels(step=at, count=1000, shares=SHARES) for at in range(20)])
    # Standard errors with 20,000: at most 0.0035.
    np.testing.assert_allclose(np.bincount(labels, minlength=6) / 20_000, SHARES, atol=0.015)
    assert set(labels) == {1, 3, 4}


def test_labels_are_not_those_of_the_latents():
    z, labels = draw(count=1000, size=1)[:, 0], draw_labels(count=1000)
    assert abs(np.corrcoef(z, labels)[0, 1]) < 0.12  # standard error 0.032


def test_share_by_hand():
    unit = tf.constant([0.0, 0.49, 0.5, 0.79, 0.81, 1 - 2**-24], tf.float32)
    np.testing.assert_array_equal(noise.by_share(unit, SHARES), [1, 1, 3, 3, 4, 4])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_no_number_falls_to_a_class_without_a_share(dtype):
    # Ten times 0.1 adds up to 1 - 2^-53.
    largest = np.nextafter(np.array(1, dtype), 0, dtype=dtype)
    assert int(noise.by_share(tf.constant([largest]), (*(0.1,) * 10, 0.0))[0]) == 9


@pytest.mark.parametrize("size", [1, 2, 3, 64, 1000])
@pytest.mark.parametrize("distribution", noise.DISTRIBUTIONS)
def test_a_hash_of_latents_is_even(size, distribution):
    z = noise.latents(1, Stream.SAMPLES, 0, 10_000, size, distribution=distribution)
    unit = noise.unit_of(z).numpy()
    assert 0 <= unit.min() < unit.max() < 1
    # Standard errors of a tenth: 0.003.
    np.testing.assert_allclose(np.histogram(unit, 10, (0, 1))[0] / 10_000, 0.1, atol=0.015)


def test_a_hash_of_latents_does_not_depend_on_the_others():
    z = noise.latents(1, Stream.SAMPLES, 0, 20, 5)
    np.testing.assert_array_equal(noise.unit_of(z)[7:8], noise.unit_of(z[7:8]))
    in_xla = tf.function(noise.unit_of, jit_compile=True)(z)
    np.testing.assert_array_equal(in_xla, noise.unit_of(z))


@pytest.mark.parametrize("size", [1, 3, 64])
@pytest.mark.parametrize("distribution", noise.DISTRIBUTIONS)
def test_latents_from_the_middle_are_those_of_the_whole(size, distribution):
    whole = noise.latents(7, Stream.SAMPLES, 2**62, 2000, size, distribution=distribution).numpy()
    for start, count in ((0, 5), (1, 1), (64, 64), (1003, 100), (1999, 1)):
        part = noise.latents_from(
            start, 7, Stream.SAMPLES, 2**62, count, size, distribution=distribution
        )
        np.testing.assert_array_equal(part, whole[start : start + count])


def test_truncated_by_hand():
    # t = 1: Phi(1) = 0.841345, so [-1, 1] has 0.682689. z = 1 lies at 0.158655 + 0.841345 *
    # 0.682689 = 0.733033, and Phi(0.6220) = 0.733033. z = 0.5: 0.158655 + 0.691462 * 0.682689 =
    # 0.630709 = Phi(0.3337).
    z = np.array([0, 0.5, 1, -1, 50, -50, np.inf])
    found = noise.truncated(z, 1)
    np.testing.assert_allclose(found, [0, 0.3337, 0.6220, -0.6220, 1, -1, 1], atol=1e-4)


@pytest.mark.parametrize("threshold", [1e-3, 0.3, 0.7, 1, 2, 5])
def test_truncated_by_scipy(threshold):
    z = np.linspace(-6, 6, 1001)
    expected = scipy.stats.truncnorm.ppf(scipy.stats.norm.cdf(z), -threshold, threshold)
    np.testing.assert_allclose(noise.truncated(z, threshold), expected, rtol=1e-9, atol=1e-12)
    drawn = noise.truncated(draw(count=1000, size=20), threshold)
    assert drawn.dtype == np.float32
    assert np.abs(drawn).max() <= threshold
    same = scipy.stats.kstest(drawn.ravel(), scipy.stats.truncnorm(-threshold, threshold).cdf)
    assert same.pvalue > 1e-3


@pytest.mark.parametrize("threshold", [1e-300, 1e-9, 0.5, 3, 39, 1e300])
def test_truncated_is_increasing_odd_and_bounded(threshold):
    z = np.concatenate([np.linspace(0, 7, 999), [30, 1e30]])
    found = noise.truncated(z, threshold)
    assert (np.diff(found) >= 0).all()
    assert 0 <= found.min() <= found.max() <= threshold
    np.testing.assert_array_equal(noise.truncated(-z, threshold), -found)
    if threshold >= 39:  # nothing is left to cut off
        np.testing.assert_allclose(found[:999], z[:999], rtol=1e-12, atol=1e-15)

import math

import numpy as np
import pytest
import tensorflow as tf

from tfgan import networks


def test_parameter_counts():
    # 64*256+256 + 256*256+256 + 256*784+784 and 784*256+256 + 256*256+256 + 256+1.
    assert networks.mlp_generator().count_params() == 283_920
    assert networks.mlp_discriminator().count_params() == 267_009


@pytest.mark.parametrize("make", [networks.mlp_generator, networks.mlp_discriminator])
def test_weights_are_uniform_on_one_over_root_fan_in(make):
    for layer in make().layers:
        if not layer.weights:
            continue
        kernel, bias = layer.get_weights()
        bound = 1 / math.sqrt(kernel.shape[0])
        assert np.abs(kernel).max() <= bound
        assert np.abs(bias).max() <= bound
        if kernel.size > 10_000:
            # A uniform variable on [-b, b] has standard deviation b / sqrt(3).
            assert kernel.std() == pytest.approx(bound / math.sqrt(3), rel=0.02)
            assert abs(kernel.mean()) < 0.02 * bound
            assert bias.std() == pytest.approx(bound / math.sqrt(3), rel=0.15)


def test_seed_decides_every_weight():
    first, again, other = (networks.mlp_generator(seed=seed) for seed in (1, 1, 2))
    for a, b, c in zip(first.get_weights(), again.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
        assert not np.array_equal(a, c)


def test_no_two_weights_share_their_numbers():
    generator = networks.mlp_generator(latent_size=32, hidden_size=32, image_shape=(4, 8, 1))
    discriminator = networks.mlp_discriminator(hidden_size=32, image_shape=(4, 8, 1))
    kernels = [w for w in generator.get_weights() + discriminator.get_weights() if w.size == 1024]
    starts = {round(float(kernel[0, 0]), 7) for kernel in kernels}
    assert len(kernels) == len(starts) == 5


@pytest.mark.parametrize("shape", [(28, 28, 1), (32, 32, 3)])
def test_shapes_and_ranges(shape):
    generator = networks.mlp_generator(5, 16, shape)
    images = generator(100 * tf.random.stateless_normal((7, 5), [0, 0]))
    assert images.shape == (7, *shape)
    assert np.abs(images).max() <= 1
    logits = networks.mlp_discriminator(16, shape)(1000 * images)
    assert logits.shape == (7, 1)
    assert np.abs(logits).max() > 1, "D ends in a logit, not in a probability"


def test_leaky_relu_keeps_its_slope_in_float64():
    x = tf.constant([-3.0, 0.0, 2.0], tf.float64)
    np.testing.assert_array_equal(networks.leaky_relu(x), [0.2 * -3.0, 0, 2])

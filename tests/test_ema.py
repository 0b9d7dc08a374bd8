import keras
import numpy as np
import pytest
import tensorflow as tf

from tfgan import UserError, ema
from tfgan.networks.layers import BatchNormalization


def make():
    return keras.Sequential([keras.Input((1,)), keras.layers.Dense(1), BatchNormalization()])


def test_weights_by_hand_and_statistics_copied():
    network = make()
    average = ema.clone(network)
    start = [0.0, 0.0, 0.0, 0.0, 0.0, 0.0]
    for weight, value in zip(average.weights, start, strict=True):
        weight.assign(tf.fill(weight.shape, value))
    for weight in network.weights:
        weight.assign(tf.ones(weight.shape))
    expected = 0.0
    # d = (1 + t) / (10 + t) = 1/10, 2/11, 3/12 until it passes 0.2, the decay.
    for step, d in enumerate([1 / 10, 2 / 11, 0.2, 0.2]):
        ema.update(average, network, 0.2, tf.constant(step, tf.int64))
        expected = d * expected + (1 - d)
    for weight in average.weights:
        wanted = expected if weight.trainable else 1.0
        np.testing.assert_allclose(weight.numpy().ravel(), [wanted], rtol=1e-6)
    assert {weight.name for weight in average.weights if not weight.trainable} == {
        "moving_mean",
        "moving_variance",
    }


def test_clone_has_the_same_numbers_in_other_variables():
    network = make()
    average = ema.clone(network)
    before = average.get_weights()
    network.layers[0].kernel.assign([[7.0]])
    for a, b in zip(average.get_weights(), before, strict=True):
        np.testing.assert_array_equal(a, b)
    assert average.get_weights()[0] != 7


@pytest.mark.parametrize(
    "layer",
    [
        lambda: keras.layers.Lambda(lambda x: 2 * x),
        lambda: keras.layers.Dense(1, activation=lambda x: 2 * x),
    ],
)
def test_network_that_cannot_be_cloned_is_one_line(layer):
    network = keras.Sequential([keras.Input((1,)), layer()], name="mine")
    with pytest.raises(UserError, match=r"^mine: cannot be cloned for its .*ema=0$"):
        ema.clone(network)

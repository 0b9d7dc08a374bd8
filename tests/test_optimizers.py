import gc
import math
import weakref

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfgan import TrainConfig, optimizers
from tfgan.optimizers import SGD, Adam
from tfgan.run import building, recipe


def algorithm_1(gradients, start, rate, beta_1, beta_2, epsilon):
    """Kingma & Ba 2015, algorithm 1, line by line."""
    theta, m, v = start, 0.0, 0.0
    for t, g in enumerate(gradients, start=1):
        m = beta_1 * m + (1 - beta_1) * g
        v = beta_2 * v + (1 - beta_2) * g**2
        m_hat = m / (1 - beta_1**t)
        v_hat = v / (1 - beta_2**t)
        theta = theta - rate * m_hat / (np.sqrt(v_hat) + epsilon)
    return theta


GRADIENTS = [np.array([3.0, -0.1]), np.array([-1.0, 0.2]), np.array([0.5, 0.0])]


def run(optimizer):
    variable = keras.Variable(np.array([1.0, -2.0]), dtype="float64")
    for gradient in GRADIENTS:
        optimizer.apply([keras.ops.convert_to_tensor(gradient, "float64")], [variable])
    return variable.numpy()


# With a large epsilon its place decides the result.
@pytest.mark.parametrize("epsilon", [1e-8, 0.5])
def test_equals_algorithm_1(float64, epsilon):
    ours = run(Adam(0.1, epsilon=epsilon))
    expected = algorithm_1(GRADIENTS, np.array([1.0, -2.0]), 0.1, 0.9, 0.999, epsilon)
    np.testing.assert_allclose(ours, expected, rtol=1e-14)


def test_differs_from_the_form_of_keras(float64):
    ours, theirs = run(Adam(0.1, epsilon=0.5)), run(keras.optimizers.Adam(0.1, epsilon=0.5))
    assert np.abs(ours - theirs).max() > 0.01


def test_config_round_trips():
    optimizer = Adam(0.003, beta_1=0.5, epsilon=1e-6)
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(optimizer))
    assert isinstance(again, Adam)
    assert again.get_config() == optimizer.get_config()


def test_amsgrad_is_refused():
    with pytest.raises(ValueError, match="amsgrad"):
        Adam(amsgrad=True)


def test_momentum_grows_by_hand(float64):
    # m = 0.5, 0.6, 0.7, as it grows to 0.7 within two steps; v <- m v - 0.1 g, w <- w + v.
    v, w = np.zeros(2), np.array([1.0, -2.0])
    for m, g in zip([0.5, 0.6, 0.7], GRADIENTS, strict=True):
        v = m * v - 0.1 * g
        w = w + v
    ours = run(SGD(0.1, momentum=0.5, final_momentum=0.7, growth_steps=2))
    np.testing.assert_allclose(ours, w, rtol=1e-14)
    # From none at all: m = 0, 0.35, 0.7.
    v, w = np.zeros(2), np.array([1.0, -2.0])
    for m, g in zip([0.0, 0.35, 0.7], GRADIENTS, strict=True):
        v = m * v - 0.1 * g
        w = w + v
    ours = run(SGD(0.1, final_momentum=0.7, growth_steps=2))
    np.testing.assert_allclose(ours, w, rtol=1e-14)


def test_without_growth_it_is_keras_own(float64):
    ours, theirs = run(SGD(0.1, 0.5, 0.9, 0)), run(keras.optimizers.SGD(0.1, momentum=0.5))
    np.testing.assert_array_equal(ours, theirs)


def test_made_from_options():
    adam = building.optimizer(TrainConfig(beta_1=0.5, beta_2=0.99), 0.25, "d", 10)
    assert (adam.beta_1, adam.beta_2, float(adam.learning_rate)) == (0.5, 0.99, 0.25)
    config = TrainConfig(
        optimizer="sgd",
        momentum=0.5,
        final_momentum=0.7,
        momentum_epochs=3,
        epochs=4,
        lr_schedule="linear",
    )
    sgd = building.optimizer(config, 0.25, "g", 10)
    assert (sgd.momentum, sgd.final_momentum, sgd.growth_steps) == (0.5, 0.7, 30)
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(sgd))
    assert again.get_config() == sgd.get_config()
    assert sgd.get_config()["learning_rate"]["config"]["decay_steps"] == 40
    assert tuple(building.OPTIMIZERS) == ("adam", "sgd")


@pytest.mark.parametrize("optimizer", [Adam(0.1), SGD(0.1, 0.5)])
def test_what_has_trained_is_let_go(optimizer):
    # Keras' own sum over one replica enters the graph in a registry that never forgets.
    weight = keras.Variable([1.0])

    def graph():
        @tf.function
        def step():
            optimizer.apply([weight * 2.0], [weight])

        return weakref.ref(step.get_concrete_function().graph)

    kept = graph()
    gc.collect()
    assert kept() is None


def test_gradient_that_is_none_is_told_as_keras_does():
    with pytest.raises(ValueError, match="No gradients provided"):
        Adam(0.1).apply([None], [keras.Variable([1.0])])


def rates(name, steps=4, rate=0.2, end=0.1, divisor=1.0):
    made = optimizers.learning_rate(name, rate, end, steps, divisor)
    return [float(made(step)) for step in range(6)]


def test_constant_is_a_number():
    assert optimizers.learning_rate("constant", 0.2, 0.1, 4, 1.0) == 0.2


def test_linear_by_hand():
    # A quarter of the way from 0.2 to 0.1 each step, then no further.
    np.testing.assert_allclose(rates("linear"), [0.2, 0.175, 0.15, 0.125, 0.1, 0.1], rtol=1e-6)


def test_cosine_by_hand():
    # 0.1 + 0.1 (1 + cos(pi t / 4)) / 2: cos = 1, sqrt 1/2, 0, -sqrt 1/2, -1.
    wave = [1, math.sqrt(0.5), 0, -math.sqrt(0.5), -1, -1]
    expected = [0.1 + 0.1 * (1 + value) / 2 for value in wave]
    np.testing.assert_allclose(rates("cosine"), expected, rtol=1e-6)


def test_exponential_by_hand():
    # 0.2, 0.1, 0.05, then held at 0.04.
    found = rates("exponential", end=0.04, divisor=2.0)
    # 2 is out of the flag's range but makes the arithmetic plain.
    np.testing.assert_allclose(found, [0.2, 0.1, 0.05, 0.04, 0.04, 0.04], rtol=1e-6)


def test_slow_decay_is_exact_in_float32():
    # 1.000004^-500000 = exp(-500000 log 1.000004) = 0.13533...; repeated division in float32
    # would be off by percents.
    made = optimizers.learning_rate("exponential", 0.1, 1e-6, 1, 1.000004)
    assert float(made(500_000)) == pytest.approx(0.1 * 1.000004**-500_000, rel=1e-5)


def test_every_name_is_offered_and_round_trips():
    assert tuple(optimizers.SCHEDULES) == recipe.SCHEDULES
    for name in recipe.SCHEDULES[1:]:
        made = optimizers.learning_rate(name, 0.2, 0.1, 4, 1.5)
        again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(made))
        assert again.get_config() == made.get_config()

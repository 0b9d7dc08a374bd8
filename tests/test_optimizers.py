import keras
import numpy as np
import pytest

from tfgan.optimizers import Adam


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

import math

import keras
import numpy as np
import pytest

from tfgan import schedules
from tfgan.run import recipe


def rates(name, steps=4, rate=0.2, end=0.1, divisor=1.0):
    made = schedules.make(name, rate, end, steps, divisor)
    return [float(made(step)) for step in range(6)]


def test_constant_is_a_number():
    assert schedules.make("constant", 0.2, 0.1, 4, 1.0) == 0.2


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
    made = schedules.make("exponential", 0.1, 1e-6, 1, 1.000004)
    assert float(made(500_000)) == pytest.approx(0.1 * 1.000004**-500_000, rel=1e-5)


def test_every_name_is_offered_and_round_trips():
    assert tuple(schedules.SCHEDULES) == recipe.SCHEDULES
    for name in recipe.SCHEDULES[1:]:
        made = schedules.make(name, 0.2, 0.1, 4, 1.5)
        again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(made))
        assert again.get_config() == made.get_config()

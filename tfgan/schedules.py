"""How the learning rate goes from its first value on."""

import math
from collections.abc import Callable
from typing import Any

import keras
from keras import ops

Rate = Any  # a number or a schedule of Keras'


@keras.saving.register_keras_serializable("tfgan")
class ExponentialDecay(keras.optimizers.schedules.LearningRateSchedule):
    """rate / divisor^t after t steps, and never less than `end`.

    Args:
        rate: the first learning rate.
        divisor: what each step divides it by.
        end: the least.
    """

    def __init__(self, rate: float, divisor: float, end: float = 0.0):
        self.rate = rate
        self.divisor = divisor
        self.end = end

    def __call__(self, step: Any) -> Any:
        # By its logarithm: float32 would keep two digits of the 4e-6 in 1.000004.
        t = ops.cast(step, keras.config.floatx())
        return ops.maximum(self.rate * ops.exp(-math.log(self.divisor) * t), self.end)

    def get_config(self) -> dict[str, Any]:
        return {"rate": self.rate, "divisor": self.divisor, "end": self.end}


def _linear(rate: float, end: float, steps: int, divisor: float) -> Rate:
    return keras.optimizers.schedules.PolynomialDecay(rate, steps, end)


def _cosine(rate: float, end: float, steps: int, divisor: float) -> Rate:
    return keras.optimizers.schedules.CosineDecay(rate, steps, alpha=end / rate)


def _exponential(rate: float, end: float, steps: int, divisor: float) -> Rate:
    return ExponentialDecay(rate, divisor, end)


SCHEDULES: dict[str, Callable[[float, float, int, float], Rate]] = {
    "constant": lambda rate, end, steps, divisor: rate,
    "linear": _linear,
    "cosine": _cosine,
    "exponential": _exponential,
}


def make(name: str, rate: float, end: float, steps: int, divisor: float) -> Rate:
    """The learning rate of a run.

    Args:
        name: "constant"; "linear" or "cosine", to `end` at the run's last step; "exponential".
        rate: the first.
        end: the last, or the least.
        steps: of the whole run.
        divisor: what each step divides an exponential one by.
    """
    return SCHEDULES[name](rate, end, steps, divisor)

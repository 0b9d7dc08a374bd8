"""Optimizers, with epsilon where the paper and PyTorch have it, and learning-rate schedules."""

import math
from collections.abc import Callable, Sequence
from typing import Any

import keras
import tensorflow as tf
from keras import ops

from tfgan.networks import precision


class _WithoutNeedlessReduce:
    """Sums no gradients over a single replica.

    Keras does, and TensorFlow then keeps the whole graph of the step, for good: it enters the
    gradient of the sum, which refers to the graph, in a registry of the process.
    """

    def _all_reduce_sum_gradients(self, grads_and_vars: Any) -> list[tuple[Any, Any]]:
        pairs = list(grads_and_vars)
        alone = tf.distribute.get_strategy().num_replicas_in_sync == 1
        if alone and all(gradient is not None for gradient, _ in pairs):
            return pairs
        return super()._all_reduce_sum_gradients(pairs)  # type: ignore[misc]


@keras.saving.register_keras_serializable("tfgan")
class Adam(_WithoutNeedlessReduce, keras.optimizers.Adam):
    """Adam in the form of Kingma & Ba 2015, algorithm 1: m_hat / (sqrt(v_hat) + epsilon).

    Keras adds epsilon before the bias correction ("epsilon hat" in the paper's section 2),
    which makes the first steps smaller. `amsgrad` is not supported.
    """

    def __init__(self, learning_rate: float = 0.001, epsilon: float = 1e-8, **kwargs: Any):
        super().__init__(learning_rate=learning_rate, epsilon=epsilon, **kwargs)
        if self.amsgrad:
            raise ValueError("tfgan.Adam does not support amsgrad")

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        # Not ops.cast: it would round a Python float to float32 on the way to float64.
        beta_1 = ops.convert_to_tensor(self.beta_1, variable.dtype)
        beta_2 = ops.convert_to_tensor(self.beta_2, variable.dtype)
        t = ops.cast(self.iterations + 1, variable.dtype)
        index = self._get_variable_index(variable)
        m, v = self._momentums[index], self._velocities[index]
        self.assign_add(m, (gradient - m) * (1 - beta_1))
        self.assign_add(v, (ops.square(gradient) - v) * (1 - beta_2))
        step_size = ops.cast(learning_rate, variable.dtype) / (1 - ops.power(beta_1, t))
        sqrt_v_hat = ops.sqrt(v) / ops.sqrt(1 - ops.power(beta_2, t))
        self.assign_sub(variable, step_size * m / (sqrt_v_hat + self.epsilon))


@keras.saving.register_keras_serializable("tfgan")
class SGD(_WithoutNeedlessReduce, keras.optimizers.SGD):
    """Stochastic gradient descent whose momentum can increase.

    v <- m v - rate g and w <- w + v, where m increases linearly from `momentum` to
    `final_momentum` over `growth_steps` steps, and then stays constant.

    Args:
        learning_rate: a number or a schedule.
        momentum: m at the first step, in [0, 1).
        final_momentum: m after `growth_steps` steps.
        growth_steps: number of steps; 0 keeps m constant.
    """

    momentum: float

    def __init__(
        self,
        learning_rate: Any = 0.01,
        momentum: float = 0.0,
        final_momentum: float = 0.0,
        growth_steps: int = 0,
        **kwargs: Any,
    ):
        super().__init__(learning_rate=learning_rate, momentum=momentum, **kwargs)
        self.final_momentum = final_momentum
        self.growth_steps = growth_steps

    def build(self, variables: Any) -> None:
        first = self.momentum
        self.momentum = first or self.final_momentum
        super().build(variables)  # makes room for v only where there is momentum
        self.momentum = first

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        if not self.growth_steps:
            super().update_step(gradient, variable, learning_rate)
            return
        share = ops.minimum(ops.cast(self.iterations, variable.dtype) / self.growth_steps, 1)
        momentum = self.momentum + (self.final_momentum - self.momentum) * share
        v = self.momentums[self._get_variable_index(variable)]
        self.assign(v, momentum * v - ops.cast(learning_rate, variable.dtype) * gradient)
        self.assign_add(variable, v)

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {
            "final_momentum": self.final_momentum,
            "growth_steps": self.growth_steps,
        }


@keras.saving.register_keras_serializable("tfgan")
class LossScale(keras.optimizers.LossScaleOptimizer):
    """Keras' dynamic loss scaling, under which all replicas skip a step if one of them overflows.

    Keras looks at the first replica's gradients alone, and takes those of the others as they are.
    """

    def check_finite(self, grads: Any) -> tf.Tensor:
        finite = super().check_finite(grads)
        context = tf.distribute.get_replica_context()
        if context.num_replicas_in_sync == 1:
            return finite
        overflows = context.all_reduce("SUM", tf.cast(tf.logical_not(finite), tf.float32))
        return tf.equal(overflows, 0)


def applying(
    optimizer: keras.optimizers.Optimizer, network: keras.Model, compiled: bool
) -> Callable[[Sequence[tf.Tensor]], None]:
    """What takes an optimizer's step, given the gradients of a network's trainable variables.

    Args:
        optimizer: built for the network.
        network: what it moves.
        compiled: whether XLA compiles the step to a program of its own, which goes through memory
            once, and not once for each of Adam's operations.
    """

    def apply(gradients: Sequence[tf.Tensor]) -> None:
        optimizer.apply(gradients, network.trainable_variables)

    return tf.function(apply, jit_compile=True, autograph=False) if compiled else apply


def loss_scaled(
    optimizer: keras.optimizers.Optimizer, *networks: keras.Model
) -> keras.optimizers.Optimizer:
    """An optimizer, in a `LossScale` if a network computes in float16 or it is in Keras' own."""
    if isinstance(optimizer, LossScale):
        return optimizer
    if isinstance(optimizer, keras.optimizers.LossScaleOptimizer):
        options = (optimizer.initial_scale, optimizer.dynamic_growth_steps)
        return LossScale(optimizer.inner_optimizer, *options, name=optimizer.name)
    if "float16" in precision.compute_dtypes(*networks):
        return LossScale(optimizer, name=f"{optimizer.name}_loss_scale")
    return optimizer


def unscaled(
    optimizer: keras.optimizers.Optimizer, gradients: Sequence[tf.Tensor]
) -> list[tf.Tensor]:
    """Gradients of a loss from those of `optimizer.scale_loss(loss)`."""
    scale = optimizer.scale_loss(tf.ones((), gradients[0].dtype))
    return [gradient / scale for gradient in gradients]


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


def learning_rate(name: str, rate: float, end: float, steps: int, divisor: float) -> Rate:
    """The learning rate of a run.

    Args:
        name: "constant"; "linear" or "cosine", to `end` at the run's last step; "exponential".
        rate: the first.
        end: the last, or the least.
        steps: of the whole run.
        divisor: what each step divides an exponential one by.
    """
    return SCHEDULES[name](rate, end, steps, divisor)

"""Adam with its epsilon where the paper, and PyTorch, put it."""

from typing import Any

import keras
from keras import ops


@keras.saving.register_keras_serializable("tfgan")
class Adam(keras.optimizers.Adam):
    """Adam in the form of Kingma & Ba 2015, algorithm 1: m_hat / (sqrt(v_hat) + epsilon).

    Keras adds epsilon before the bias correction ("epsilon hat" in the paper's section 2),
    which makes the first steps smaller. `amsgrad` is not supported.
    """

    def __init__(self, learning_rate: float = 0.001, epsilon: float = 1e-8, **kwargs: Any):
        super().__init__(learning_rate=learning_rate, epsilon=epsilon, **kwargs)
        if self.amsgrad:
            raise ValueError("tfgan.Adam has no amsgrad form")

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

"""Spectral normalisation, which bounds how much each layer of D can stretch its input."""

from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tfgan.cluster import replicas


@keras.saving.register_keras_serializable("tfgan")
class SpectralNorm(keras.layers.Wrapper):
    """A layer whose kernel is divided by an estimate of its largest singular value.

    The kernel W stays as it is: what is used is W / sigma, with sigma = u' W v, and the gradient
    goes through sigma too. A call changes nothing; u and v, which start exact, follow W by one
    `power_iteration` a training step. (Keras' own layer overwrites the kernel in each call that
    trains, and D has three a step.)

    Args:
        layer: a Dense or Conv2D layer without activation.

    Reference:
        Miyato et al., Spectral Normalization for Generative Adversarial Networks, 2018.
    """

    def build(self, input_shape: Any) -> None:
        super().build(input_shape)
        rows, columns = self._matrix().shape
        with tf.init_scope():
            u, _, v = np.linalg.svd(self._matrix().numpy(), full_matrices=False)
        self.u = self._vector("u", rows, u[:, 0])
        self.v = self._vector("v", columns, v[0])

    def _vector(self, name: str, size: int, value: np.ndarray) -> keras.Variable:
        def start(shape: Any, dtype: Any) -> tf.Tensor:
            return tf.constant(value, dtype)

        return self.add_weight(shape=(size,), initializer=start, trainable=False, name=name)

    def _matrix(self) -> tf.Tensor:
        """The kernel as `(inputs of one output, outputs)`."""
        kernel = tf.convert_to_tensor(self.layer.kernel)
        return tf.reshape(kernel, (-1, kernel.shape[-1]))

    def power_iteration(self) -> tuple[tf.Tensor, tf.Tensor]:
        """The next u `(rows,)` and v `(columns,)` of the kernel as a matrix, of length 1."""
        matrix = self._matrix()
        v = tf.linalg.l2_normalize(tf.linalg.matvec(matrix, self.u.value, transpose_a=True))
        return tf.linalg.l2_normalize(tf.linalg.matvec(matrix, v)), v

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        v = tf.linalg.matvec(self._matrix(), self.v.value)
        sigma = tf.reduce_sum(self.u.value * v)
        bias = tf.convert_to_tensor(self.layer.bias) if self.layer.use_bias else 0
        return (self.layer(inputs) - bias) / sigma + bias


def layers(network: keras.Model) -> list[SpectralNorm]:
    """The layers of a network, and of models inside it, that are normalised."""
    return [layer for layer in network._flatten_layers() if isinstance(layer, SpectralNorm)]


def power_iteration(network: keras.Model) -> None:
    """Lets u and v of each such layer of a network follow its kernel by one iteration."""
    for layer in layers(network):
        replicas.assign_alike((layer.u, layer.v), layer.power_iteration())

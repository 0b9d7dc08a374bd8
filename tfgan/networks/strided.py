"""Convolutions 4 x 4 of stride 2 that can be computed as matrix products.

XLA compiles matrix products well for CPUs, and convolutions and their gradients badly. With blocks
of 2 x 2 pixels as channels (space to depth), such a convolution is one of 2 x 2 taps and
stride 1, that is, a matrix product and four shifted copies of its input or of its output,
whichever is smaller. A transposed convolution is its adjoint. First and second derivatives
are products, too.
"""

from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf

SIZE, STRIDE = 4, 2
_TAPS = ((0, 0), (0, 1), (1, 0), (1, 1))  # rows and columns of blocks, 2 x 2 pixels each


def _is_narrow(kernel: tf.Tensor) -> bool:
    """Whether the image's side of a kernel `(4, 4, image, other)` has the smaller copies."""
    image, other = kernel.shape[2:]
    return SIZE * image <= other


def _matrix(kernel: tf.Tensor) -> tf.Tensor:
    """A kernel `(4, 4, image, other)` for blocks of the image, with its taps on one of both sides.

    Returns:
        `(taps * block * image, other)` where the image's side is narrow, else
        `(block * image, taps * other)`; there are 4 taps, and 4 pixels in a block.
    """
    image, other = kernel.shape[2:]
    split = tf.reshape(
        kernel, (2, 2, 2, 2, image, other)
    )  # tap, block in rows; the same in columns
    if _is_narrow(kernel):
        return tf.reshape(tf.transpose(split, (0, 2, 1, 3, 4, 5)), (-1, other))
    return tf.reshape(tf.transpose(split, (1, 3, 4, 0, 2, 5)), (4 * image, -1))


def convolve(x: tf.Tensor, kernel: tf.Tensor) -> tf.Tensor:
    """`tf.nn.conv2d(x, kernel, strides=2, padding="SAME")` of a kernel 4 x 4, up to rounding.

    Args:
        x: images `(batch, height, width, channels)`, of even height and width.
        kernel: `(4, 4, channels, filters)`.

    Returns:
        `(batch, height / 2, width / 2, filters)`.
    """
    height, width = x.shape[1] // 2, x.shape[2] // 2
    blocks = tf.nn.space_to_depth(tf.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0))), STRIDE)

    def at(tap: tuple[int, int], values: tf.Tensor) -> tf.Tensor:
        row, column = tap
        return values[:, row : row + height, column : column + width]

    if _is_narrow(kernel):
        return _product(tf.concat([at(tap, blocks) for tap in _TAPS], axis=-1), _matrix(kernel))
    products = tf.split(_product(blocks, _matrix(kernel)), len(_TAPS), axis=-1)
    return tf.add_n([at(tap, each) for tap, each in zip(_TAPS, products, strict=True)])


def convolve_transposed(x: tf.Tensor, kernel: tf.Tensor) -> tf.Tensor:
    """`tf.nn.conv2d_transpose` to twice the size, the adjoint of `convolve`, up to rounding.

    Args:
        x: `(batch, height, width, channels)`.
        kernel: `(4, 4, filters, channels)`.

    Returns:
        `(batch, 2 height, 2 width, filters)`.
    """

    def at(tap: tuple[int, int], values: tf.Tensor) -> tf.Tensor:
        row, column = tap
        return tf.pad(values, ((0, 0), (row, 1 - row), (column, 1 - column), (0, 0)))

    transposed = tf.transpose(_matrix(kernel))
    if _is_narrow(kernel):
        products = tf.split(_product(x, transposed), len(_TAPS), axis=-1)
        blocks = tf.add_n([at(tap, each) for tap, each in zip(_TAPS, products, strict=True)])
    else:
        blocks = _product(tf.concat([at(tap, x) for tap in _TAPS], axis=-1), transposed)
    return tf.nn.depth_to_space(blocks, STRIDE)[:, 1:-1, 1:-1]


def _product(x: tf.Tensor, matrix: tf.Tensor) -> tf.Tensor:
    """The last axis of `x`, `(..., n)`, times a matrix `(n, m)`."""
    flat = tf.matmul(tf.reshape(x, (-1, x.shape[-1])), matrix)
    return tf.reshape(flat, (-1, *x.shape[1:-1], matrix.shape[1]))


class _Strided(keras.layers.Layer):
    """What both kinds share: size, stride, and how they are computed in training.

    Attributes:
        as_products: whether they are matrix products in training. Outside of training they are
            always ordinary convolutions, so that exports contain those.
        of_even_sides: whether only images of even height and width can be.
    """

    as_products = False
    of_even_sides = False
    product: Callable[[tf.Tensor, tf.Tensor], tf.Tensor]
    kernel: Any
    bias: Any
    use_bias: bool

    def __init__(self, filters: int, kernel_size: Any = SIZE, **options: Any):
        # The layout is said, since a user's keras.json may say otherwise of what is left open.
        fixed = {"strides": STRIDE, "padding": "same", "data_format": "channels_last"}
        super().__init__(filters, kernel_size, **options | fixed)

    def call(self, inputs: tf.Tensor, training: bool = False) -> tf.Tensor:
        if not (training and self.as_products and self._is_product_of(inputs.shape[1:3])):
            return super().call(inputs)
        outputs = self.product(inputs, tf.convert_to_tensor(self.kernel))
        outputs = outputs + tf.convert_to_tensor(self.bias) if self.use_bias else outputs
        return self.activation(outputs)

    def _is_product_of(self, sides: tuple[int | None, ...]) -> bool:
        """Whether `product` computes this layer for images of these sides."""
        plain = {"kernel_size": (SIZE, SIZE), "dilation_rate": (1, 1), "groups": 1}
        if any(getattr(self, name, value) != value for name, value in plain.items()):
            return False
        if getattr(self, "output_padding", None) is not None:
            return False
        return all(side and not (self.of_even_sides and side % STRIDE) for side in sides)


@keras.saving.register_keras_serializable("tfgan")
class StridedConv(_Strided, keras.layers.Conv2D):
    """A convolution 4 x 4 of stride 2, to half the size."""

    of_even_sides = True
    product = staticmethod(convolve)


@keras.saving.register_keras_serializable("tfgan")
class StridedConvTranspose(_Strided, keras.layers.Conv2DTranspose):
    """A transposed convolution 4 x 4 of stride 2, to twice the size."""

    product = staticmethod(convolve_transposed)


def take_as_products(wanted: bool, *networks: keras.Model) -> None:
    """Sets how these layers of networks are computed in training."""
    for network in networks:
        for layer in network._flatten_layers():
            if isinstance(layer, _Strided):
                layer.as_products = wanted

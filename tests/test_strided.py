"""Convolutions of stride 2 as matrix products: the same function, with its derivatives."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfgan import GAN, Adam, networks
from tfgan.networks import strided

RNG = np.random.default_rng(0)


def conv(x, kernel):
    return tf.nn.conv2d(x, kernel, strides=2, padding="SAME")


def conv_transposed(x, kernel):
    height, width = x.shape[1:3]
    shape = (x.shape[0], 2 * height, 2 * width, kernel.shape[2])
    return tf.nn.conv2d_transpose(x, kernel, shape, strides=2, padding="SAME")


def derivatives(function, x, kernel):
    """The value, its gradients in both, and the gradient of a penalty on that in x, as R1's."""
    with tf.GradientTape() as outer:
        outer.watch(kernel)
        with tf.GradientTape(persistent=True) as inner:
            inner.watch((x, kernel))
            y = function(x, kernel)
            loss = tf.reduce_sum(tf.sin(y))
        in_x = inner.gradient(loss, x)
        penalty = tf.reduce_sum(tf.square(in_x))
    return y, in_x, inner.gradient(loss, kernel), outer.gradient(penalty, kernel)


# Of images with one channel and more, and of both ways to put the taps.
@pytest.mark.parametrize(
    ("side", "channels", "filters", "jit_compile"),
    [
        (8, 1, 4, False),
        (8, 1, 4, True),
        (8, 3, 12, False),
        (4, 2, 4, False),
        (4, 2, 4, True),
        (6, 5, 3, False),
    ],
)
@pytest.mark.parametrize("transposed", [False, True])
def test_products_are_the_convolution_and_so_are_their_derivatives(
    side, channels, filters, transposed, jit_compile
):
    kernel = tf.constant(RNG.normal(size=(4, 4, channels, filters)))
    shape = (2, side, side + 2, filters if transposed else channels)
    x = tf.constant(RNG.normal(size=shape))
    ours = strided.convolve_transposed if transposed else strided.convolve
    compiled = tf.function(derivatives, jit_compile=jit_compile, autograph=False)
    found = compiled(ours, x, kernel)
    expected = derivatives(conv_transposed if transposed else conv, x, kernel)
    for value, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(value, other, rtol=1e-9, atol=1e-9)


def test_layers_are_products_in_training_alone_and_only_where_xla_compiles_them():
    g = networks.infogan_generator(4, 32, (8, 8, 1), seed=1)
    d = networks.infogan_discriminator(32, (8, 8, 1), seed=1)
    gan = GAN(g, d, latent_size=4)
    kinds = (keras.layers.Conv2D, keras.layers.Conv2DTranspose)
    layers = [each for each in (*g.layers, *d.layers) if isinstance(each, kinds)]
    assert len(layers) == 4

    def operations(training: bool) -> set[str]:
        forward = tf.function(lambda z: d(g(z, training=training), training=training))
        graph = forward.get_concrete_function(tf.TensorSpec((2, 4))).graph
        return {operation.type for operation in graph.get_operations()}

    for jit_compile, products in ((True, True), (False, False)):
        gan.compile(Adam(), Adam(), jit_compile=jit_compile)
        assert [each.as_products for each in layers] == [products] * 4
        assert ("Conv2D" in operations(training=True)) != products
        assert {"Conv2D", "Conv2DBackpropInput"} <= operations(training=False)


def test_gradients_are_the_same_either_way_but_for_rounding():
    g = networks.infogan_generator(4, 32, (8, 8, 1), seed=1)
    d = networks.infogan_discriminator(32, (8, 8, 1), seed=1)
    gan = GAN(g, d, latent_size=4)
    real = tf.constant(RNG.uniform(-1, 1, (6, 8, 8, 1)), tf.float32)
    z = tf.constant(RNG.normal(size=(6, 4)), tf.float32)
    found = []
    for jit_compile in (True, False):
        gan.compile(Adam(), Adam(), jit_compile=jit_compile, r1=1.0)
        found.append(gan.discriminator_gradients(real, z)[0] + gan.generator_gradients(real, z)[0])
    for ours, other in zip(*found, strict=True):
        np.testing.assert_allclose(ours, other, rtol=1e-3, atol=1e-5)


def test_layer_keeps_its_options():
    layer = strided.StridedConv(3, use_bias=False, name="other")
    again = strided.StridedConv.from_config(layer.get_config())
    assert (again.filters, again.use_bias, again.strides, again.name) == (3, False, (2, 2), "other")


@pytest.mark.parametrize(
    ("kind", "options", "sides"),
    [
        (strided.StridedConv, {"activation": "relu"}, (8, 8)),
        (strided.StridedConvTranspose, {"activation": "relu"}, (4, 4)),
        (strided.StridedConvTranspose, {}, (3, 5)),
        # Not products:
        (strided.StridedConv, {"kernel_size": 3}, (8, 8)),
        (strided.StridedConv, {"groups": 2}, (8, 8)),
        (strided.StridedConv, {}, (7, 8)),
        (strided.StridedConv, {}, (None, None)),
        (strided.StridedConvTranspose, {"kernel_size": 5}, (4, 4)),
        (strided.StridedConvTranspose, {}, (None, 4)),
    ],
)
def test_layer_is_the_same_function_in_training_whatever_its_options(kind, options, sides):
    layer = kind(4, **options)
    network = keras.Sequential([keras.Input((*sides, 2)), layer])
    strided.take_as_products(True, network)
    x = RNG.normal(size=(3, *(side or 6 for side in sides), 2)).astype("float32")
    for call in (network, tf.function(network)):
        outputs = [call(tf.constant(x), training=training) for training in (True, False)]
        np.testing.assert_allclose(*outputs, rtol=1e-4, atol=1e-5)

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfgan import GAN, Adam, networks
from tfgan.networks import spectral
from tfgan.networks.spectral import SpectralNorm


def largest(kernel: np.ndarray) -> float:
    return np.linalg.svd(kernel.reshape(-1, kernel.shape[-1]), compute_uv=False)[0]


@pytest.mark.parametrize(
    ("layer", "shape"),
    [(keras.layers.Dense(4), (6,)), (keras.layers.Conv2D(3, 2, strides=2), (4, 4, 2))],
)
def test_acts_as_the_layer_with_its_kernel_divided(layer, shape):
    normalised = keras.Sequential([keras.Input(shape), SpectralNorm(layer)])
    layer.bias.assign(np.arange(layer.bias.shape[0]))
    x = tf.random.stateless_normal((5, *shape), (1, 2))
    found = normalised(x, training=True)
    before = layer.kernel.numpy()
    layer.kernel.assign(before / largest(before))
    np.testing.assert_allclose(found, layer(x), rtol=1e-4, atol=1e-5)


def test_gradient_goes_through_sigma():
    # One input, one output: W / sigma = sign W, whatever W is, so its gradient is 0.
    network = keras.Sequential([keras.Input((1,)), SpectralNorm(keras.layers.Dense(1))])
    kernel = network.layers[0].layer.kernel
    kernel.assign([[-3.0]])
    spectral.power_iteration(network)
    with tf.GradientTape() as tape:
        y = network(tf.ones((1, 1)))
    np.testing.assert_allclose(y, [[-1]])
    np.testing.assert_allclose(tape.gradient(y, kernel), [[0]], atol=1e-7)


def test_sigma_stays_about_one_while_d_learns():
    shape = (4, 4, 1)
    discriminator = networks.mlp_discriminator(8, shape, spectral_norm=True)
    gan = GAN(networks.mlp_generator(3, 8, shape), discriminator, latent_size=3)
    gan.compile(Adam(0.01), Adam(0.01), jit_compile=False)
    real = np.random.default_rng(0).uniform(-1, 1, (30, 5, *shape)).astype("float32")
    first = [layer.layer.kernel.numpy() for layer in spectral.layers(discriminator)]
    gan.fit(tf.data.Dataset.from_tensor_slices(real), verbose=0)
    for layer, before in zip(spectral.layers(discriminator), first, strict=True):
        kernel = layer.layer.kernel.numpy()
        assert np.abs(kernel - before).max() > 0.1, "it has learned"
        sigma = layer.u.numpy() @ kernel @ layer.v.numpy()
        assert largest(kernel / sigma) == pytest.approx(1, abs=0.03)
        assert largest(kernel) != pytest.approx(1, abs=0.03), "the kernel itself is free"

import math

import keras
import numpy as np
import pytest
import tensorflow as tf
from conftest import make_images

from tfgan import GAN, losses, networks
from tfgan.doctor import probe
from tfgan.doctor.probe import Probe
from tfgan.theory import divergence
from tfgan.theory.bounds import LOG_2, LOG_4, bound


def test_value_of_three_logits():
    # D = 3/4 on a real image, 1/2 on one fake and 1/4 on another:
    # V = log 3/4 + (log 1/2 + log 3/4) / 2.
    v = divergence.value(np.log([3.0]), np.array([0.0, -math.log(3)]))
    assert v == pytest.approx(math.log(3 / 4) + (math.log(1 / 2) + math.log(3 / 4)) / 2)


def test_value_is_minus_the_loss_of_d():
    real, fake = np.random.default_rng(0).normal(size=(2, 50, 1))
    loss = losses.discriminator_loss(tf.constant(real), tf.constant(fake))
    assert divergence.value(real, fake) == pytest.approx(-loss.numpy().mean(), rel=1e-12)


@pytest.mark.parametrize(
    ("v", "expected"), [(0.0, math.log(2)), (-math.log(4), 0.0), (-30.0, 0.0), (-LOG_2, LOG_2 / 2)]
)
def test_bound_at_its_limits(v, expected):
    assert bound(v) == pytest.approx(expected, abs=1e-15)


def test_bound_is_tight_at_the_optimal_discriminator():
    # p = N(1, 1), q = N(-1, 1): the logit of D* is 2x, and JSD = 0.33683 nats (quadrature).
    rng = np.random.default_rng(0)
    p, q = rng.normal(1, 1, 400_000), rng.normal(-1, 1, 400_000)
    best = bound(divergence.value(2 * p, 2 * q))
    assert best == pytest.approx(0.33683, abs=0.002)
    for scale in (1, 4):  # any other D gives less
        assert bound(divergence.value(scale * p, scale * q)) < best - 0.01


def constant_generator(pixel: float) -> keras.Model:
    z = keras.Input((4,))
    flat = keras.layers.Dense(784, kernel_initializer="zeros")(z)
    image = keras.layers.Reshape((28, 28, 1))(keras.layers.Activation("tanh")(flat))
    model = keras.Model(z, image)
    model.layers[1].bias.assign(np.full(784, np.arctanh(pixel), np.float32))
    return model


def test_probe_tells_what_can_be_told_and_no_more():
    discriminator = networks.mlp_discriminator(16)
    grey = np.full((40, 28, 28, 1), 51, np.uint8)  # 51 / 127.5 - 1 = -0.6
    fresh = Probe(discriminator, steps=200, batch_size=10)
    values = {}
    for pixel in (-0.6, 0.6):
        gan = GAN(constant_generator(pixel), discriminator, latent_size=4)
        trained = fresh.train(gan, grey)
        fakes = probe.fakes(gan.generator, tf.zeros((40, 4)))
        values[pixel] = divergence.value(probe.logits(trained, grey), probe.logits(trained, fakes))
    assert values[-0.6] == pytest.approx(-LOG_4, abs=1e-3)
    assert -0.01 < values[0.6] <= 0


def test_probe_is_a_pure_function_of_seed_and_step():
    discriminator = networks.mlp_discriminator(8)
    generator = networks.mlp_generator(4, 8)
    images = make_images(20)

    def weights(probe, seed, step):
        gan = GAN(generator, discriminator, latent_size=4, seed=seed)
        gan.step.assign(step)
        return np.concatenate([w.ravel() for w in probe.train(gan, images).get_weights()])

    probe = Probe(discriminator, steps=30, batch_size=10)
    first = weights(probe, 1, 600)
    assert not np.array_equal(weights(probe, 1, 1200), first)
    assert not np.array_equal(weights(probe, 2, 600), first)
    np.testing.assert_array_equal(weights(probe, 1, 600), first)
    discriminator.layers[1].kernel.assign(tf.zeros_like(discriminator.layers[1].kernel))
    np.testing.assert_array_equal(weights(probe, 1, 600), first)


def test_logits_do_not_depend_on_chunks(monkeypatch):
    discriminator = networks.mlp_discriminator(8)
    images = make_images(25)
    whole = probe.logits(discriminator, images)
    monkeypatch.setattr(probe, "_CHUNK", 10)
    np.testing.assert_allclose(probe.logits(discriminator, images), whole, rtol=1e-5)
    assert whole.shape == (25,)

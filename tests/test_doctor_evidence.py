"""The doctor's measurements, against hand-made networks and images."""

import functools

import keras
import numpy as np
import pytest
from conftest import make_images

from tfgan import GAN, networks
from tfgan.datasets import pipeline
from tfgan.datasets.image_set import ImageSet
from tfgan.doctor import diagnoses, examiner, probe
from tfgan.doctor.record import History


def test_dead_units_of_dense_layers():
    model = keras.Sequential(
        [
            keras.Input((2,)),
            keras.layers.Dense(4),
            keras.layers.ReLU(),
            keras.layers.Dense(2, activation="tanh"),
            keras.layers.Dense(3),
            keras.layers.Activation("tanh"),  # the output, whose pixels may well be constant
            keras.layers.Reshape((3, 1, 1)),
        ]
    )
    # For inputs in [0, 1]^2: x, y, a unit that is always below 0, and one that never moves.
    kernel = np.array([[1, 0, -1, 0], [0, 1, -1, 0]], np.float32)
    model.layers[0].set_weights([kernel, np.array([0, 0, -0.1, 5], np.float32)])
    # One sum of x and y, and one that the bias keeps at tanh(50) = 1.
    kernel = np.array([[1, 1], [1, 1], [0, 0], [0, 0]], np.float32)
    model.layers[2].set_weights([kernel, np.array([0, 50], np.float32)])
    inputs = np.random.default_rng(0).uniform(size=(100, 2)).astype(np.float32)
    assert examiner.dead_units(model, inputs) == pytest.approx(3 / 6)


def test_dead_units_of_convolutions_are_channels():
    model = keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            keras.layers.Conv2D(4, 3, activation="relu", kernel_initializer="ones"),
            keras.layers.Flatten(),
            keras.layers.Dense(1),
        ]
    )
    model.layers[0].bias.assign([0, 0, 0, -100])
    inputs = np.random.default_rng(0).uniform(size=(10, 8, 8, 1)).astype(np.float32)
    assert examiner.dead_units(model, inputs) == pytest.approx(1 / 4)


def test_network_without_hidden_layers_has_no_dead_units():
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    assert examiner.dead_units(model, np.zeros((3, 2), np.float32)) == 0


def test_copies_are_told_from_new_draws():
    rng = np.random.default_rng(0)
    train, heldout, new = rng.integers(0, 256, (3, 200, 28, 28, 1)).astype(np.uint8)
    noisy = np.clip(train.astype(int) + rng.integers(-9, 10, train.shape), 0, 255).astype(np.uint8)
    assert examiner.copied(noisy, train, heldout) == (1.0, 200)
    assert examiner.copied(heldout, train, heldout) == (0.0, 200)
    share, neighbours = examiner.copied(new, train, heldout)
    assert abs(share - 0.5) < 4 * 0.5 / neighbours**0.5


def test_many_fakes_of_one_shape_are_one_neighbour():
    train, heldout = make_images(50, seed=1), make_images(40, seed=2)
    blob = np.repeat(train[:1], 30, axis=0)
    assert examiner.copied(blob, train, heldout) == (1.0, 1)
    # Cut to one size: what lies beyond the 40th does not count.
    assert examiner.copied(np.repeat(train[45:46], 30, axis=0), train, heldout)[1] == 1


def test_image_that_a_set_repeats_is_one_image():
    train, heldout, fakes = make_images(20, seed=1), make_images(200, seed=2), make_images(99)
    once = examiner.copied(fakes, train, heldout)
    assert examiner.copied(fakes, np.tile(train, (10, 1, 1, 1)), heldout) == once
    assert examiner.copied(fakes, train, np.repeat(heldout, 2, axis=0)) == once


@pytest.mark.parametrize("loss", [pytest.param("relativistic", marks=pytest.mark.slow), "hinge"])
def test_a_look_changes_nothing(loss, monkeypatch):
    """Also where there are batch normalisation, dropout, and fewer held-out images."""
    monkeypatch.setattr(examiner, "Probe", functools.partial(probe.Probe, steps=2))
    gan = GAN(
        networks.infogan_generator(8, 16, (28, 28, 1)),
        networks.infogan_discriminator(16, (28, 28, 1), dropout=0.5),
        latent_size=8,
    )
    gan.compile(d_optimizer="sgd", g_optimizer="sgd", loss=loss)
    gan.train_step(pipeline.to_unit(make_images(4)))
    before = gan.get_weights()
    doctor = examiner.Examiner(gan, make_images(12, seed=1), make_images(7, seed=2), None)
    seen = doctor.look()
    for one, other in zip(before, gan.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    assert seen == doctor.look()
    assert doctor._gradients.experimental_get_tracing_count() == 1, "each look would take longer"
    assert np.isfinite([seen.value_heldout, seen.value_probe, seen.g_gradient]).all()


def test_generator_that_copies():
    """A generator that looks its images up, as one that had learnt them by heart would."""
    train, heldout = (
        pipeline.first_images(ImageSet("mnist", part), 200) for part in ("train", "test")
    )
    which = keras.layers.Dense(200, activation="softmax", use_bias=False)
    pixels = keras.layers.Dense(784, activation="tanh", use_bias=False)
    generator = keras.Sequential(
        [keras.Input((64,)), which, pixels, keras.layers.Reshape((28, 28, 1))]
    )
    which.kernel.assign(20 * np.random.default_rng(0).normal(size=(64, 200)))
    pixels.kernel.assign(6 * (train.reshape(200, 784) / 127.5 - 1))
    gan = GAN(generator, networks.mlp_discriminator(8), latent_size=64)
    gan.compile(d_optimizer="sgd", g_optimizer="sgd")
    seen = examiner.Examiner(gan, train, heldout, None).look()
    assert seen.copied > 0.9
    assert diagnoses.memorisation(History((seen,))).title == "memorisation"

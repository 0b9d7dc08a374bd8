"""examples/own_networks.py: what it writes is what its GAN has learned to draw."""

import keras
import numpy as np
import pytest

from examples import own_networks
from tfgan import GAN
from tfgan.ground import pictures


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """The GAN after six epochs, and the picture that the example wrote."""
    output = tmp_path_factory.mktemp("example") / "discs.png"
    return own_networks.main(str(output), epochs=6), output


def test_the_images_are_one_bright_disc_each_at_places_of_their_own():
    real = own_networks.discs(500)
    assert real.shape == (500, 16, 16, 1)
    assert (real.min(), real.max()) == (-1, 1)
    assert not real[:, 0].max() > -1  # no disc is cut off
    bright = (real > 0).sum((1, 2, 3))
    assert bright.mean() == pytest.approx(np.pi * 3.5**2, rel=0.01)  # the radius of the edge
    assert len(np.unique(real, axis=0)) == 500


def test_picture_shows_real_images_above_drawn_ones(trained):
    picture = pictures.load_png(trained[1])
    assert picture.shape == (4 * 18 + 2, 8 * 18 + 2, 1)  # four rows of eight, 2 pixels around each
    real = pictures.grid(pictures.to_uint8(own_networks.discs(64 * 64)[:8]))
    np.testing.assert_array_equal(picture[:20], real)


def test_it_has_learned_something(trained):
    drawn = trained[0].predict(np.random.default_rng(2).normal(size=(200, 8)), verbose=0)
    real = own_networks.discs(200)
    assert (drawn > 0).sum((1, 2, 3)).mean() == pytest.approx(
        (real > 0).sum((1, 2, 3)).mean(), rel=0.2
    )
    # At places of their own: a pixel varies among drawn images about as it does among real ones.
    assert drawn.std(axis=0).mean() == pytest.approx(real.std(axis=0).mean(), rel=0.3)


def test_saved_model_draws_the_same(trained):
    gan, output = trained
    again = keras.saving.load_model(output.with_suffix(".keras"))
    assert isinstance(again, GAN)
    assert int(again.step) == int(gan.step) == 6 * 64
    z = np.random.default_rng(3).normal(size=(5, 8))
    np.testing.assert_array_equal(again.predict(z, verbose=0), gan.predict(z, verbose=0))

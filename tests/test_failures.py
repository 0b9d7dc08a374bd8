"""The gallery's faults are what they say, and each is in docs/failures.md."""

import numpy as np
import pytest
import tensorflow as tf
from conftest import ROOT, make_images

from examples import failures
from tfgan import GAN, Adam, networks
from tfgan.conditional import ConditionalGAN
from tfgan.datasets import pipeline

REAL = pipeline.to_unit(make_images(6))
LABELS = tf.constant([0, 1, 1, 0, 1, 0], tf.int64)


def compiled(gan_class: type[GAN]) -> GAN:
    told = {"classes": 2} if issubclass(gan_class, ConditionalGAN) else {}
    shares = {"shares": (0.5, 0.5)} if told else {}
    networks_of = networks.mlp_generator(4, 8, **told), networks.mlp_discriminator(8, **told)
    gan = gan_class(*networks_of, latent_size=4, **shares)
    gan.compile(d_optimizer=Adam(1e-3), g_optimizer=Adam(1e-3))
    return gan


def weights_after_a_step(gan: GAN) -> list[np.ndarray]:
    gan.train_step((REAL, LABELS))
    return [*gan.generator.get_weights(), *gan.discriminator.get_weights()]


def changed(one: list[np.ndarray], other: list[np.ndarray]) -> bool:
    return any(not np.array_equal(a, b) for a, b in zip(one, other, strict=True))


@pytest.mark.parametrize("fault", [fault for fault in failures.FAULTS if fault != "none"])
def test_each_fault_differs_from_the_recipe_but_one(fault):
    gan_class, options = failures.FAULTS[fault]
    plain = ConditionalGAN if issubclass(gan_class, ConditionalGAN) else GAN
    if gan_class is plain:
        assert options
        return
    differs = changed(
        weights_after_a_step(compiled(gan_class)), weights_after_a_step(compiled(plain))
    )
    assert differs == (fault != "no_stop_gradient")


def test_swapped_labels():
    z = tf.ones((6, 4))
    gan = compiled(failures.SwappedLabels)
    real, fake = (tf.sigmoid(gan.discriminator(x)) for x in (REAL, gan.generator(z)))
    _, logs = gan.discriminator_gradients(REAL, z)
    expected = -np.log(fake).mean() - np.log(1 - real).mean()
    assert float(logs["D_loss"]) == pytest.approx(expected, rel=1e-5)


def given(gan_class: type[GAN], monkeypatch) -> tuple[tf.Tensor, tf.Tensor]:
    """What the step of a faulty conditional GAN is given instead of `(REAL, LABELS)`."""
    seen = []
    monkeypatch.setattr(ConditionalGAN, "update", lambda self, real, z: seen.append(real))
    compiled(gan_class).update((REAL, LABELS), ())
    return seen[0]


def test_shuffled_labels(monkeypatch):
    images, labels = given(failures.ShuffledLabels, monkeypatch)
    np.testing.assert_array_equal(images, REAL)
    assert labels.numpy().tolist() == [0, 1, 0, 1, 1, 0]


def test_one_image_of_a_class(monkeypatch):
    images, labels = given(failures.OneImageOfAClass, monkeypatch)
    np.testing.assert_array_equal(labels, LABELS)
    np.testing.assert_array_equal(images.numpy()[labels == 0], REAL.numpy()[labels == 0])
    first, *others = images.numpy()[labels == 1]
    assert first.sum() == 2 * 20 * 4 - 784  # a stroke of 20 x 4 white pixels
    assert all((other == first).all() for other in others)


def test_shared_latents(monkeypatch):
    drawn = []
    for name in ("discriminator_gradients", "generator_gradients"):
        as_it_is = getattr(GAN, name)

        def watched(self, real, z, *turn, as_it_is=as_it_is):
            drawn.append(z)
            return as_it_is(self, real, z, *turn)

        monkeypatch.setattr(GAN, name, watched)
    compiled(failures.SharedLatents).train_step(REAL)
    one, other = drawn
    np.testing.assert_array_equal(one, other)


def test_five_steps_of_d_are_five():
    gan = compiled(failures.FiveStepsOfD)
    gan.train_step(REAL)
    assert int(gan.d_optimizer.iterations.numpy()) == 5
    assert int(gan.g_optimizer.iterations.numpy()) == 1


@pytest.mark.parametrize("fault", failures.FAULTS)
def test_each_fault_is_in_the_gallery(fault):
    page = (ROOT / "docs" / "failures.md").read_text()
    assert f"`--fault={fault}`" in page
    if fault != "no_stop_gradient":  # whose picture is that of no fault
        assert f"images/failures/{fault}.png" in page
        assert (ROOT / "docs" / "images" / "failures" / f"{fault}.png").is_file()

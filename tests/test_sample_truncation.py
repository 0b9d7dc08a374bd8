"""What `tfgan.sample --truncation` draws."""

import numpy as np
import pytest
from test_sample_files import SEED, draw, models  # noqa: F401, fixtures

from tfgan import UserError, noise
from tfgan.exports import loading, sampling
from tfgan.ground import pictures
from tfgan.noise import Stream


@pytest.mark.parametrize("name", ["plain", "told"])
def test_truncated_samples_are_those_of_truncated_latents(name, models, draw):  # noqa: F811
    images = np.load(draw(name, "a.npy", 70, truncation=0.5))
    loaded = loading.load(str(models / name))
    z = noise.latents(0, Stream.SAMPLES, SEED, 70, 5)
    # The class is that of the latent before.
    labels = noise.by_share(noise.unit_of(z), loaded.classes.shares) if name == "told" else None
    expected = loaded.generate(noise.truncated(z.numpy(), 0.5), labels)
    np.testing.assert_allclose(images, pictures.unit_to_uint8(expected), atol=1)
    plain = np.load(draw(name, "b.npy", 70)).astype(int)
    assert np.abs(images - plain).max() > 1
    wide = np.load(draw(name, "c.npy", 70, truncation=40))
    np.testing.assert_allclose(wide, plain, atol=1)
    assert images.astype(int).std(axis=0).mean() < 0.9 * plain.std(axis=0).mean()


@pytest.mark.parametrize("name", ["plain", "told"])
def test_truncated_walks_end_at_truncated_samples(name, models, draw, tmp_path):  # noqa: F811
    sampling.interpolate(
        str(models / name),
        2,
        SEED,
        str(tmp_path / "walk.png"),
        "1" if name == "told" else "",
        truncation=0.3,
    )
    walk = pictures.load_png(tmp_path / "walk.png").astype(int)
    ends = np.load(draw(name, "ends.npy", 2, "1" if name == "told" else "", truncation=0.3))
    np.testing.assert_allclose(walk[2:6, 2:8], ends[0], atol=1)
    np.testing.assert_allclose(walk[2:6, 7 * 8 + 2 : 7 * 8 + 8], ends[1], atol=1)


def test_uniform_latents_are_not_truncated(models, tmp_path):  # noqa: F811
    problem = r"^--truncation=0.5: --model=.*uniform has latents of the uniform distribution on"
    for write in (sampling.sample, sampling.interpolate):
        with pytest.raises(UserError, match=problem):
            write(str(models / "uniform"), 2, 1, str(tmp_path / "a.png"), truncation=0.5)
    assert not list(tmp_path.iterdir())

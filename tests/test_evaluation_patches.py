"""The sliced Wasserstein distance of patches, against its definition and closed forms."""

import numpy as np
import pytest
import scipy.special
import scipy.stats

from tfgan.evaluation import patches

RNG = np.random.default_rng(8)


def random_images(count, side=16, channels=3):
    return RNG.integers(0, 256, (count, side, side, channels), np.uint8)


@pytest.mark.parametrize(
    ("side", "expected"),
    [
        (7, [7]),
        (16, [16]),
        (28, [28]),
        (30, [30]),
        (31, [31, 16]),
        (64, [64, 32, 16]),
        (128, [128, 64, 32, 16]),
    ],
)
def test_levels(side, expected):
    assert patches.levels(side) == expected


@pytest.mark.parametrize("shape", [(2, 32, 32, 3), (2, 33, 45, 1), (1, 64, 70, 3)])
def test_pyramid_sums_up_to_the_image(shape):
    images = RNG.normal(size=shape).astype(np.float32)
    *details, rest = patches.pyramid(images, len(patches.levels(min(shape[1:3]))))
    for level in reversed(details):
        rest = level + patches.enlarged(rest, level.shape)
    np.testing.assert_allclose(rest, images, atol=1e-5)


def test_a_flat_image_has_no_details():
    details, rest = patches.pyramid(np.full((1, 32, 32, 1), 100, np.float32), 2)
    np.testing.assert_allclose(details, 0, atol=1e-4)
    np.testing.assert_allclose(rest, 100, rtol=1e-6)


def test_shifted_grey_images_by_a_closed_form():
    """One patch an image, all of one grey. Real: 50 and 150, mean 100, deviation 50.

    Samples 10 brighter are 0.2 deviations away in each of 49 pixels, so 0.2 * 7 |cos| along a line,
    and E|cos| of a random line in d dimensions is G(d/2) / (sqrt(pi) G((d+1)/2)).
    """
    real = np.repeat([50, 150], 10).astype(np.uint8)[:, None, None, None] * np.ones(
        (1, 7, 7, 1), np.uint8
    )
    d = 49
    cosine = scipy.special.gamma(d / 2) / np.sqrt(np.pi) / scipy.special.gamma((d + 1) / 2)
    (found,) = patches.Reference(real).distances(real + 10)
    assert found == pytest.approx(1000 * 0.2 * 7 * cosine, rel=0.15)  # 256 lines
    (twice,) = patches.Reference(real).distances(real + 20)
    assert twice == pytest.approx(2 * found, rel=1e-5)


def test_along_each_line_it_is_scipys_distance():
    real, fake = random_images(6), random_images(6) // 2
    reference = patches.Reference(real)
    ((mean, scale, lines),) = reference._levels
    (x,), (y,) = (patches.descriptors(images) for images in (real, fake))
    x, y = (((z - mean) / scale).reshape(len(z), -1) for z in (x, y))
    expected = np.mean([scipy.stats.wasserstein_distance(x @ u, y @ u) for u in lines])
    assert reference.distances(fake) == pytest.approx([1000 * expected], rel=1e-4)
    np.testing.assert_allclose(np.linalg.norm(lines, axis=1), 1, rtol=1e-5)


def test_a_set_against_itself_and_its_order():
    images = random_images(9, side=32)
    reference = patches.Reference(images)
    assert reference.distances(images) == [0, 0]
    assert reference.distances(images) == patches.Reference(images).distances(images)


def test_patches_are_those_of_the_image():
    images = random_images(3)
    (found,) = patches.descriptors(images)
    assert found.shape == (3 * 64, 49, 3)
    windows = {
        (index, images[index, y : y + 7, x : x + 7].tobytes())
        for index in range(3)
        for y in range(10)
        for x in range(10)
    }
    for row, patch in enumerate(found):
        assert (row // 64, patch.reshape(7, 7, 3).astype(np.uint8).tobytes()) in windows


def test_a_channel_that_is_the_same_everywhere():
    images = np.zeros((4, 16, 16, 3), np.uint8)
    assert patches.Reference(images).distances(images) == [0]

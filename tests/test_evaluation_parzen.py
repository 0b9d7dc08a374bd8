import numpy as np
import pytest
from sklearn.neighbors import KernelDensity

from tfgan.evaluation import parzen

RNG = np.random.default_rng(0)


def test_one_centre_by_hand():
    # N(0, 0.5^2 I) of two pixels at (0.3, 0.4): -0.25 / 0.5 - log(2 pi 0.25).
    found = parzen.log_densities(np.array([[0.3, 0.4]]), np.zeros((1, 2)), np.array([0.5]))
    assert found == pytest.approx(np.array([[-0.5 - np.log(2 * np.pi * 0.25)]]))


def test_against_scikit_learn():
    points, centres = RNG.random((700, 5)), RNG.random((40, 5))
    found = parzen.log_densities(points, centres, parzen.SIGMAS)
    for sigma, densities in zip(parzen.SIGMAS, found, strict=True):
        expected = KernelDensity(bandwidth=sigma).fit(centres).score_samples(points)
        np.testing.assert_allclose(densities, expected, atol=1e-4)  # the distances are float32


def test_widths_are_those_of_2014():
    assert len(parzen.SIGMAS) == 10
    assert parzen.SIGMAS[[0, -1]].tolist() == [0.1, 1]
    assert parzen.SIGMAS[1] / parzen.SIGMAS[0] == pytest.approx(10 ** (1 / 9))


def test_log_likelihood_chooses_sigma_on_validation_and_scores_test():
    centres, validation, test = (
        RNG.integers(0, 256, size=(count, 3, 3, 1), dtype=np.uint8) for count in (300, 1100, 200)
    )
    found = parzen.log_likelihood(centres, validation, test)
    flat = [part.reshape(len(part), 9) / 255 for part in (centres, validation[:1000], test)]
    means = [
        KernelDensity(bandwidth=sigma).fit(flat[0]).score_samples(flat[1]).mean()
        for sigma in parzen.SIGMAS
    ]
    assert found.sigma == parzen.SIGMAS[int(np.argmax(means))]
    densities = KernelDensity(bandwidth=found.sigma).fit(flat[0]).score_samples(flat[2])
    assert found.mean == pytest.approx(densities.mean(), abs=1e-4)
    assert found.error == pytest.approx(densities.std() / np.sqrt(200), abs=1e-4)


def test_centroids_of_two_heaps():
    heaps = np.repeat(np.array([10, 200], np.uint8), 50)[:, np.newaxis, np.newaxis]
    images = heaps + RNG.integers(0, 3, size=(100, 2, 2), dtype=np.uint8)
    images = images[RNG.permutation(100)]
    while (images[0, 0, 0] < 100) == (images[1, 0, 0] < 100):  # one start in each
        images = images[RNG.permutation(100)]
    means = parzen.centroids(images, 2)
    low, high = images[images[:, 0, 0] < 100], images[images[:, 0, 0] > 100]
    expected = np.stack([low.reshape(50, 4).mean(0), high.reshape(50, 4).mean(0)])
    np.testing.assert_allclose(means[means[:, 0].argsort()], expected, rtol=1e-5)

import math

import numpy as np
import pytest

from tfgan.theory import densities, modes


def test_samples_of_the_density_itself():
    # A normal of the plane lies within 3 standard deviations with probability 1 - exp(-9 / 2).
    p = densities.grid()
    covered, high_quality = modes.coverage(p, p.sample(20_000, seed=0))
    assert covered == 25
    share = 1 - math.exp(-4.5)
    assert high_quality == pytest.approx(share, abs=5 * math.sqrt(share * (1 - share) / 20_000))


def test_only_samples_within_three_deviations_count():
    p = densities.ring(scale=0.01)
    east, north = p.means[0], p.means[2]
    inside, outside = np.array([0.0299, 0]), np.array([0, 0.0301])
    samples = np.array([east, east + inside, north + outside, [0, 0]])
    assert modes.coverage(p, samples) == (1, 0.5)


def test_a_collapsed_generator_has_high_quality_and_one_mode():
    p = densities.ring()
    assert modes.coverage(p, np.tile(p.means[3], (100, 1))) == (1, 1.0)


def test_no_sample_near_any_mode():
    assert modes.coverage(densities.ring(), np.zeros((10, 2))) == (0, 0.0)


def test_a_wider_mode_reaches_further():
    p = densities.GaussianMixture(
        np.array([[0.0], [10.0]]), np.array([0.1, 1.0]), np.array([0.5, 0.5])
    )
    assert modes.coverage(p, np.array([[0.4], [7.5]])) == (1, 0.5)

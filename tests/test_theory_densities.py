import numpy as np
import pytest
from scipy import integrate, stats

from tfgan.theory import densities
from tfgan.theory.densities import GaussianMixture
from tfgan.theory.recipes import DENSITIES

UNEVEN = GaussianMixture(np.array([[-1.0], [2.0]]), np.array([0.5, 1.5]), np.array([0.25, 0.75]))


def test_log_density_of_a_mixture_by_scipys_normal():
    x = np.array([-2.0, 0.0, 3.0])
    expected = 0.25 * stats.norm(-1, 0.5).pdf(x) + 0.75 * stats.norm(2, 1.5).pdf(x)
    np.testing.assert_allclose(np.exp(UNEVEN.log_density(x[:, None])), expected, rtol=1e-12)


def test_log_density_in_the_plane_by_scipys_multivariate_normal():
    p = densities.grid(side=2, spacing=2.0, scale=0.5)  # modes at (+-1, +-1)
    x = np.array([[0.3, -1.2], [1.0, 1.0]])
    modes = [stats.multivariate_normal((a, b), 0.25).pdf(x) for a in (-1, 1) for b in (-1, 1)]
    np.testing.assert_allclose(np.exp(p.log_density(x)), np.mean(modes, axis=0), rtol=1e-12)


def test_far_away_the_log_density_is_finite():
    # log N(1000; 0, 1) = -1000^2 / 2 - log(2 pi) / 2, whose exponential is 0.
    logp = densities.normal().log_density(np.array([[1000.0]]))
    np.testing.assert_allclose(logp, -5e5 - np.log(2 * np.pi) / 2)


@pytest.mark.parametrize("name", ["normal", "mixture"])
def test_densities_on_the_line_integrate_to_one(name):
    p = DENSITIES[name]()
    whole = integrate.quad(lambda x: np.exp(p.log_density(np.array([[x]])))[0], -8, 8)[0]
    assert whole == pytest.approx(1, abs=1e-9)


def test_samples_follow_the_density():
    # 20,000 samples against the exact distribution function, by Kolmogorov and Smirnov.
    def below(x):
        return 0.25 * stats.norm(-1, 0.5).cdf(x) + 0.75 * stats.norm(2, 1.5).cdf(x)

    assert stats.kstest(UNEVEN.sample(20_000, seed=3)[:, 0], below).pvalue > 0.01


def test_samples_in_the_plane_have_the_modes_means_and_scales():
    p = densities.ring(modes=4, radius=1.0, scale=0.1)  # modes on the axes
    x = p.sample(40_000, seed=1)
    for mean in [(1, 0), (0, 1), (-1, 0), (0, -1)]:
        near = x[np.linalg.norm(x - mean, axis=1) < 0.6]
        assert len(near) == pytest.approx(10_000, abs=5 * np.sqrt(40_000 * 3 / 16))
        np.testing.assert_allclose(near.mean(axis=0), mean, atol=0.005)
        np.testing.assert_allclose(near.std(axis=0), 0.1, atol=0.003)


def test_a_seed_decides_the_samples():
    p = densities.ring()
    np.testing.assert_array_equal(p.sample(10, 1), p.sample(10, 1))
    assert not np.array_equal(p.sample(10, 1), p.sample(10, 2))


def test_published_ring_and_grid():
    ring, grid = densities.ring(), densities.grid()
    assert ring.means.shape == (8, 2)
    np.testing.assert_allclose(np.linalg.norm(ring.means, axis=1), 1)
    assert set(ring.scales) == {0.01}
    along = (-4.0, -2.0, 0.0, 2.0, 4.0)
    assert {tuple(mean) for mean in grid.means} == {(a, b) for a in along for b in along}
    assert set(grid.scales) == {0.05}


def test_cell_probabilities_on_the_line():
    # Phi(1) - Phi(-1) = 0.6826895.
    cells = densities.normal(3.0, 2.0).cell_probabilities(np.array([1.0, 3.0, 5.0, 7.0]))
    assert cells[0] + cells[1] == pytest.approx(0.6826895, abs=1e-7)
    assert cells[0] == pytest.approx(cells[1])


def test_cell_probabilities_in_the_plane_keep_the_order_of_the_axes():
    p = densities.mixture(np.array([[1.0, -1.0]]), 0.1)  # all in x > 0, y < 0
    cells = p.cell_probabilities(np.array([-2.0, 0.0, 2.0]))
    np.testing.assert_allclose(cells, [[0, 0], [1, 0]], atol=1e-12)

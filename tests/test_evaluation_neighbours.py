import numpy as np
import pytest
import scipy.spatial
from conftest import make_images

from tfgan.evaluation import neighbours

RNG = np.random.default_rng(0)


def column(*values: float) -> np.ndarray:
    return np.array(values, np.float64)[:, np.newaxis]


def test_manifolds_by_hand():
    real, fake = column(0, 1, 3, 7), column(0.5, 3.5, 20)
    # Nearest other row: real 1, 1, 2, 4; fake 3, 3, 16.5.
    np.testing.assert_allclose(neighbours.radii(real, 1), [1, 1, 4, 16])
    np.testing.assert_allclose(neighbours.radii(fake, 1), [9, 9, 16.5**2])
    found = neighbours.manifolds(real, fake, k=1)
    # 0.5 lies in the balls of 0 and 1, 3.5 in those of 3 and 7, and 20 in none.
    assert found.precision == pytest.approx(2 / 3)
    assert found.density == pytest.approx(4 / 3)
    # The balls hold (-2.5, 3.5), (0.5, 6.5) and (3.5, 36.5): all four real rows are in one.
    assert found.recall == 1
    # The nearest fakes are at 0.5, 0.5, 0.5 and 3.5.
    assert found.coverage == 1
    assert neighbours.manifolds(real, column(0.5, 0.6), k=1).coverage == 0.5


def test_collapsed_generator_has_high_precision_and_low_recall():
    real = RNG.normal(size=(1000, 8))
    collapsed = real[:1] + 0.01 * RNG.normal(size=(1000, 8))
    found = neighbours.manifolds(real, collapsed)
    assert found.precision > 0.95
    assert found.recall < 0.05
    assert found.coverage < 0.05
    scattered = neighbours.manifolds(real, 5 * RNG.normal(size=(1000, 8)))
    assert scattered.precision < 0.05
    assert scattered.recall > 0.95


def test_a_set_against_itself_by_the_definition():
    # Each ball holds its own row and the k - 1 others that are nearer than the k-th.
    rows = np.abs(RNG.normal(size=(1300, 40))) * 3  # of the size of a classifier's features
    found = neighbours.manifolds(rows, rows)
    assert found == (1, 1, 1, 1)
    # Three copies of each: the k-th neighbour of a row is another image for k = 3, itself for 2.
    copies = np.repeat(rows[:200], 3, axis=0)[RNG.permutation(600)]
    assert neighbours.manifolds(copies, copies, k=3) == (1, 1, 1, 1)
    assert neighbours.manifolds(copies, copies, k=2) == (0, 0, 0, 0)


def test_ties_against_whole_numbers():
    # On a lattice most distances are ties, and whole numbers have no rounding.
    real, fake = RNG.integers(0, 4, (2, 700, 3))
    squares = ((real[:, np.newaxis] - fake) ** 2).sum(axis=-1)

    def balls(rows):
        between = ((rows[:, np.newaxis] - rows) ** 2).sum(axis=-1)
        return np.sort(between, axis=1)[:, 5]  # the first is the row itself, at 0

    in_real, in_fake = squares < balls(real)[:, np.newaxis], squares < balls(fake)
    expected = (
        in_real.any(axis=0).mean(),
        in_fake.any(axis=1).mean(),
        in_real.sum() / 5 / 700,
        in_real.any(axis=1).mean(),
    )
    # Far from 0, where the matrix product rounds most.
    for shift in (0.0, 1000.0):
        found = neighbours.manifolds(real + shift, fake + shift)
        assert found == pytest.approx(expected, abs=1e-12)


def test_against_prdc():
    prdc = pytest.importorskip("prdc")
    real, fake = RNG.normal(size=(700, 6)), RNG.normal(size=(600, 6)) * 0.8 + 0.3
    expected = prdc.compute_prdc(real, fake, nearest_k=5)
    assert neighbours.manifolds(real, fake)._asdict() == pytest.approx(expected)


def test_squared_distances():
    x, y = RNG.normal(size=(5, 3)), RNG.normal(size=(4, 3))
    expected = scipy.spatial.distance.cdist(x, y) ** 2
    np.testing.assert_allclose(neighbours.squared_distances(x, y), expected)
    assert neighbours.squared_distances(x, x).min() >= 0


def test_nearest_finds_copies():
    images = RNG.integers(0, 256, size=(1200, 6, 5, 1), dtype=np.uint8)
    copies = images[[700, 3, 1199]]
    indices, distances = neighbours.nearest(copies, images)
    assert indices.tolist() == [700, 3, 1199]
    assert distances.tolist() == [0, 0, 0]
    changed = copies.copy()
    changed[1, 2, 2, 0] ^= 64  # one pixel by 64
    indices, distances = neighbours.nearest(changed, images)
    assert indices.tolist() == [700, 3, 1199]
    assert distances.tolist() == [0, 64, 0]


def test_nearest_against_brute_force():
    queries, references = make_images(7, seed=1), make_images(30, seed=2)
    indices, distances = neighbours.nearest(queries, references)
    for query, index, distance in zip(queries, indices, distances, strict=True):
        every = np.linalg.norm((query.astype(float) - references).reshape(30, -1), axis=1)
        assert every[index] == distance == every.min()

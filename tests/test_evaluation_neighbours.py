import numpy as np
import pytest
import scipy.spatial

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


def test_copies_and_ties_by_hand():
    # 0 and its copy have a radius of 0, whose open ball is empty; 1 has one of 1, without 0.
    rows = column(0, 0, 1)
    assert neighbours.radii(rows, 1).tolist() == [0, 0, 1]
    assert neighbours.manifolds(rows, rows, k=1) == pytest.approx((1 / 3, 1 / 3, 1 / 3, 1 / 3))
    # Each ball ends at the rows beside it, and holds its own row alone.
    rows = column(0, 1, 2, 3)
    assert neighbours.manifolds(rows, rows, k=1) == (1, 1, 1, 1)


@pytest.mark.parametrize("scale", [1, 1e3])
def test_set_against_itself_has_density_1_in_any_order(scale):
    # Far from 0 and in float32, as features are: products of such rows round by their place.
    rows = np.float32(scale * (5 + RNG.normal(size=(1203, 128)))).astype(np.float64)
    for other in (rows, rows[::-1], RNG.permutation(rows)):
        assert neighbours.manifolds(rows, other) == (1, 1, 1, 1)


def test_repeated_set_is_exact():
    # Of six copies each, the fifth neighbour is a copy: all radii are 0, and no ball holds a row.
    rows = np.float32(RNG.normal(size=(301, 128))).astype(np.float64)
    repeated = RNG.permutation(np.tile(rows, (6, 1)))
    assert neighbours.radii(repeated).max() == 0
    assert neighbours.manifolds(repeated, rows, neighbours.radii(repeated)).density == 0
    # Of three copies each, the fifth neighbour is a copy of the nearest other row. The open ball
    # holds its own row alone, and each row stands in three balls.
    repeated = RNG.permutation(np.tile(rows, (3, 1)))
    expected = np.unique(neighbours.radii(rows, 1))
    np.testing.assert_array_equal(np.unique(neighbours.radii(repeated)), expected)
    assert neighbours.manifolds(repeated, rows).density == 3 / 5


@pytest.mark.parametrize("scale", [1e-30, 1e-23, 1e-3, 1e6, 1e19, 1e40])
def test_scale_of_the_features_does_not_matter(scale):
    # Not even where float32, in which most pairs are compared, has no room for their squares.
    real, fake = RNG.normal(size=(2, 300, 6))
    expected = neighbours.manifolds(real, fake)
    assert neighbours.manifolds(scale * real, scale * fake) == expected


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


@pytest.mark.parametrize(("side", "count"), [(13, 40), (1, 5)])
def test_nearest_against_brute_force(side, count):
    # Of two copies of each image the first is named.
    images = RNG.integers(0, 256, (count, side, side, 1), dtype=np.uint8)
    references = np.concatenate([images, images])
    queries = RNG.integers(0, 256, (7, side, side, 1), dtype=np.uint8)
    indices, distances = neighbours.nearest(queries, references)
    for query, index, distance in zip(queries, indices, distances, strict=True):
        every = np.linalg.norm((query.astype(float) - references).reshape(2 * count, -1), axis=1)
        assert index == every.argmin()
        assert distance == every.min()

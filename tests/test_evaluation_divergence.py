import numpy as np
import pytest
import scipy.stats

from tfgan.evaluation import metrics

RNG = np.random.default_rng(0)
# Mean 0 and, with n - 1 = 3 below, covariance 4/3 I.
SQUARE = np.array([[1.0, 1.0], [1.0, -1.0], [-1.0, 1.0], [-1.0, -1.0]])


def test_frechet_distance_by_hand():
    # N(0, 4/3 I) and N((3, 4), 4/3 diag(4, 1)): 25 + 4/3 ((2 - 1)^2 + (1 - 1)^2).
    other = SQUARE * (2, 1) + (3, 4)
    assert metrics.frechet_distance(SQUARE, other) == pytest.approx(25 + 4 / 3)
    assert metrics.frechet_distance(SQUARE, SQUARE[::-1]) == pytest.approx(0, abs=1e-12)


def test_frechet_distance_of_covariances_that_do_not_commute():
    x, y = (RNG.normal(size=(50, 2)) @ RNG.normal(size=(2, 2)) for _ in range(2))
    s, t = np.cov(x.T), np.cov(y.T)
    # Of a 2 x 2 matrix A, Tr A^(1/2) = (Tr A + 2 (det A)^(1/2))^(1/2), by Cayley-Hamilton.
    root = np.sqrt(np.trace(s @ t) + 2 * np.sqrt(np.linalg.det(s @ t)))
    expected = np.sum((x.mean(0) - y.mean(0)) ** 2) + np.trace(s) + np.trace(t) - 2 * root
    assert metrics.frechet_distance(x, y) == pytest.approx(expected)


def test_frechet_distance_with_features_that_never_fire():
    dead = np.concatenate([SQUARE, np.zeros((4, 3))], axis=1)
    shifted = dead + np.array([0, 0, 0, 0, 2])
    assert metrics.frechet_distance(dead, shifted) == pytest.approx(4)


def test_kernel_distance_is_the_definition():
    x, y = RNG.normal(size=(6, 4)), RNG.normal(size=(6, 4)) + 0.5

    def kernel(a, b):
        return (sum(p * q for p, q in zip(a, b, strict=True)) / 4 + 1) ** 3

    others = [(i, j) for i in range(6) for j in range(6) if i != j]
    expected = (
        sum(kernel(x[i], x[j]) for i, j in others) / 30
        + sum(kernel(y[i], y[j]) for i, j in others) / 30
        - 2 * sum(kernel(a, b) for a in x for b in y) / 36
    )
    # Fewer than 1,000: every subset is all of them.
    assert metrics.kernel_distance(x, y)[0] == pytest.approx(expected, abs=1e-6)


def test_jackknife_error_by_hand():
    # Of a mean, it is the standard error: 1, 2, 3, 6 have the mean 3 and a variance of 14 / 3.
    means_without_one = [11 / 3, 10 / 3, 3, 2]
    assert metrics.jackknife_error(means_without_one) == pytest.approx(np.sqrt(14 / 3 / 4))


def test_errors_are_those_of_leaving_blocks_out(monkeypatch):
    monkeypatch.setattr(metrics, "SUBSETS", 2)
    monkeypatch.setattr(metrics, "BLOCKS", 3)
    x, y = RNG.normal(size=(12, 2)), RNG.normal(size=(9, 2)) + 1
    blocks = [(slice(0, 4), slice(0, 3)), (slice(4, 8), slice(3, 6)), (slice(8, 12), slice(6, 9))]
    left = [(np.delete(x, i, 0), np.delete(y, j, 0)) for i, j in blocks]
    v = np.array([metrics.frechet_distance(*each) for each in left])
    expected = np.sqrt(2 / 3 * ((v - v.mean()) ** 2).sum())
    assert metrics.frechet_error(x, y) == pytest.approx(expected)
    # Of equally many, whose subsets are all of them, nothing but the blocks has a part.
    y = np.concatenate([y, RNG.normal(size=(3, 2))])
    left = [(np.delete(x, i, 0), np.delete(y, i, 0)) for i, _ in blocks]
    v = np.array([metrics.kernel_distance(*each)[0] for each in left])
    expected = np.sqrt(2 / 3 * ((v - v.mean()) ** 2).sum())
    assert metrics.kernel_distance(x, y)[1] == pytest.approx(expected)


def test_intervals_cover_what_repetitions_give(monkeypatch):
    """95 % intervals hold the mean over repetitions; so they do where subsets are redrawn."""
    monkeypatch.setattr(metrics, "SUBSETS", 20)
    monkeypatch.setattr(metrics, "SUBSET_SIZE", 100)
    rng = np.random.default_rng(3)
    found = []
    for _ in range(60):
        x, y = np.maximum(rng.normal(size=(2, 500, 4)), 0)
        y = y * 1.2 + 0.1
        found.append(
            (
                (metrics.frechet_distance(x, y), metrics.frechet_error(x, y)),
                metrics.kernel_distance(x, y),
            )
        )
    values, errors = np.moveaxis(found, -1, 0)
    quantile = scipy.stats.t.ppf(0.975, metrics.BLOCKS - 1)
    covered = np.mean(abs(values - values.mean(0)) <= quantile * errors, axis=0)
    assert ((covered >= 0.85) & (covered <= 1)).all()
    ratio = errors.mean(0) / values.std(0, ddof=1)
    assert ((ratio > 0.75) & (ratio < 1.6)).all()


def test_kernel_distance_of_equal_distributions_is_about_0(monkeypatch):
    monkeypatch.setattr(metrics, "SUBSETS", 10)
    x, y, z = (RNG.normal(size=(1500, 8)) for _ in range(3))
    mean, error = metrics.kernel_distance(x, y)
    assert abs(mean) < 0.03
    assert 0 < error < 0.02
    assert metrics.kernel_distance(x, z + 0.5)[0] > 0.5
    assert metrics.kernel_distance(x, y) == (mean, error)


def test_against_torch_fidelity():
    pytest.importorskip("torch_fidelity")
    import torch
    from torch_fidelity import metric_fid, metric_kid

    x = RNG.normal(size=(1000, 16))
    y = RNG.normal(size=(1000, 16)) @ RNG.normal(size=(16, 16)) / 3 + 0.2
    statistics = [metric_fid.fid_features_to_statistics(torch.tensor(part)) for part in (x, y)]
    fid = metric_fid.fid_statistics_to_metric(*statistics, verbose=False)
    assert metrics.frechet_distance(x, y) == pytest.approx(next(iter(fid.values())))
    kid = metric_kid.kid_features_to_metric(
        torch.tensor(x), torch.tensor(y), kid_subsets=2, kid_subset_size=1000, verbose=False
    )
    assert metrics.kernel_distance(x, y)[0] == pytest.approx(next(iter(kid.values())))


def test_classifier_score_by_hand():
    # Sure and even over 5 classes: exp(log 5). Undecided: 1.
    assert metrics.classifier_score(np.tile(np.eye(5), (20, 1))) == pytest.approx((5, 0))
    assert metrics.classifier_score(np.full((100, 5), 0.2)) == pytest.approx((1, 0))
    # p(y|x) = (3/4, 1/4) and (1/4, 3/4) by turns, p(y) = 1/2: 3/4 log 3/2 + 1/4 log 1/2.
    turns = np.tile([[0.75, 0.25], [0.25, 0.75]], (50, 1))
    expected = np.exp(0.75 * np.log(1.5) + 0.25 * np.log(0.5))
    assert metrics.classifier_score(turns)[0] == pytest.approx(expected)


def test_classifier_score_does_not_grow_with_the_number_of_samples():
    # Splits of 1,000: ten repetitions of 1,000 images score what they do, and so do fifty.
    once = RNG.dirichlet(np.full(10, 0.1), size=1000)
    for times in (10, 50):
        found = metrics.classifier_score(np.tile(once, (times, 1)))
        assert found == pytest.approx((metrics.classifier_score(once)[0], 0))
    means = [metrics.classifier_score(RNG.dirichlet(np.full(10, 0.1), n)) for n in (10**4, 10**5)]
    error = np.hypot(means[0][1] / 10**0.5, means[1][1] / 100**0.5)
    assert abs(means[0][0] - means[1][0]) < 4 * error


def test_class_histograms_by_hand():
    probabilities = np.array([[0.9, 0.1, 0], [0.6, 0.4, 0], [0.2, 0.8, 0], [0.4, 0.6, 0]])
    shares = metrics.class_shares(probabilities)
    assert shares.tolist() == [0.5, 0.5, 0]
    assert metrics.classes_present(shares) == 2
    assert metrics.classes_present(np.array([0.97, 0.02, 0.0099])) == 1  # a tenth of a third
    quarter = np.array([0.25, 0.25, 0.5])
    assert metrics.kl_divergence(shares, quarter) == pytest.approx(np.log(2))
    assert metrics.kl_divergence(quarter, shares) == np.inf
    assert metrics.class_error(shares, quarter) == 1  # twice too many, and none of half of all
    assert metrics.class_error(np.array([0.3, 0.25, 0.45]), quarter) == pytest.approx(0.2)
    assert metrics.class_error(shares, shares) == 0


def test_expected_kl_by_hand():
    half = np.array([0.5, 0.5])
    assert metrics.expected_kl(half, 1) == pytest.approx(np.log(2))
    # Two draws: both alike, log 2, with probability 1/2; else 0.
    assert metrics.expected_kl(half, 2) == pytest.approx(np.log(2) / 2)
    # (classes - 1) / 2n for many draws.
    assert metrics.expected_kl(np.full(10, 0.1), 10_000) == pytest.approx(4.5e-4, rel=1e-3)
    p = np.array([0.2, 0.3, 0.5])
    drawn = RNG.multinomial(20, p, size=20_000) / 20
    simulated = np.mean([metrics.kl_divergence(each, p) for each in drawn[:4000]])
    assert metrics.expected_kl(p, 20) == pytest.approx(simulated, rel=0.1)


def test_two_sample_accuracy():
    x, y = RNG.normal(size=(2000, 4)), RNG.normal(size=(2000, 4))
    assert metrics.two_sample_accuracy(x, y) == pytest.approx(0.5, abs=0.05)
    assert metrics.two_sample_accuracy(x, y + 10) == 1
    # Means apart by d standard deviations in one direction: the best rule is right Phi(d / 2).
    assert metrics.two_sample_accuracy(x, y + np.array([2, 0, 0, 0])) == pytest.approx(
        0.8413, abs=0.03
    )

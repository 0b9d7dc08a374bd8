"""Distances of samples from real images, in a classifier's features and classes.

Every function takes float64 arrays with a row for each image. The order of rows does not matter.
"""

import numpy as np
import scipy.linalg
import scipy.special
import scipy.stats
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from tfgan.evaluation.threads import in_threads, one_blas_thread
from tfgan.noise import Stream, derive_seed

SUBSETS, SUBSET_SIZE = 100, 1000
SPLIT_SIZE = 1000  # of the classifier score, which grows with it
BLOCKS = 10  # of the jackknife
_ROWS = 100  # at once, so that they stay in a core's cache


def frechet_distance(real: np.ndarray, fake: np.ndarray) -> float:
    """Squared Frechet distance of two Gaussians fitted to features (Heusel et al. 2017, eq. 6).

    |m - n|^2 + Tr(S + T - 2 (S T)^(1/2)). The trace of the root is computed as the sum of the
    square roots of the eigenvalues of S^(1/2) T S^(1/2), which is symmetric, so that no result is
    complex.

    Args:
        real: `(count, features)`.
        fake: `(count, features)`.

    Returns:
        The distance, in [0, inf), in squared units of the features.
    """
    difference = real.mean(axis=0) - fake.mean(axis=0)
    s, t = (np.atleast_2d(np.cov(features, rowvar=False)) for features in (real, fake))
    values, vectors = scipy.linalg.eigh(s)
    root = vectors * np.sqrt(np.clip(values, 0, None)) @ vectors.T
    values = scipy.linalg.eigvalsh(root @ t @ root)
    cross = np.sqrt(np.clip(values, 0, None)).sum()
    return max(0.0, float(difference @ difference + np.trace(s) + np.trace(t) - 2 * cross))


def kernel_distance(real: np.ndarray, fake: np.ndarray) -> tuple[float, float]:
    """Kernel distance, KID (Binkowski et al. 2018): squared MMD with k(x, y) = (x.y / d + 1)^3.

    The unbiased estimate, over 100 pairs of subsets of 1,000 (or of all, if there are fewer),
    drawn without replacement and the same at each call.

    Args:
        real: `(count, features)`.
        fake: `(count, features)`.

    Returns:
        The mean over the subsets, about 0 for equal distributions and then as often negative as
        positive; and its standard error over new images of both kinds, which is `jackknife_error`
        of the estimate from all images, plus the error of choosing subsets.
    """
    size = min(SUBSET_SIZE, len(real), len(fake))
    rng = np.random.default_rng(derive_seed(0, Stream.EVALUATION))
    subsets = [
        tuple(rng.choice(len(rows), size, replace=False) for rows in (real, fake))
        for _ in range(SUBSETS)
    ]

    def distance(subset: tuple[np.ndarray, ...]) -> float:
        x, y = real[subset[0]], fake[subset[1]]
        within = (_within(x) + _within(y)) / (size * (size - 1))
        return within - 2 * _cubic(x, y) / size**2

    values = np.array(in_threads(distance, subsets))
    sampling = jackknife_error(_block_distances(real, fake))
    return float(values.mean()), float(np.hypot(sampling, values.std(ddof=1) / np.sqrt(SUBSETS)))


def _block_distances(real: np.ndarray, fake: np.ndarray) -> list[float]:
    """The unbiased squared MMD without each block of images, from one pass over pairs."""
    blocks = _blocks(real, fake)
    reals, fakes = (np.array_split(features, blocks) for features in (real, fake))
    across = np.empty((blocks, blocks))  # sums of k over pairs of blocks
    within = np.empty((2, blocks, blocks))  # the same within a kind, without k(x, x)

    def sums(pair: tuple[int, int]) -> None:
        i, j = pair
        across[i, j] = _cubic(reals[i], fakes[j])
        for parts, found in zip((reals, fakes), within, strict=True):
            if j <= i:
                total = _within(parts[i]) if i == j else _cubic(parts[i], parts[j])
                found[i, j] = found[j, i] = total

    in_threads(sums, np.ndindex(blocks, blocks))
    found = []
    for left_out in range(blocks):
        rest = np.delete(np.arange(blocks), left_out)
        m, n = (sum(len(part[i]) for i in rest) for part in (reals, fakes))
        x, y, xy = (each[np.ix_(rest, rest)].sum() for each in (*within, across))
        found.append(x / (m * (m - 1)) + y / (n * (n - 1)) - 2 * xy / (m * n))
    return found


def _cubic(x: np.ndarray, y: np.ndarray) -> float:
    """The sum of KID's kernel, (x.y / d + 1)^3, over all pairs of rows.

    The kernel is computed in float32. Over many pairs its rounding averages out, unless the rows
    hardly differ: where their spread is a thirtieth of their mean, it is as large as the standard
    error of the distance.
    """
    columns = (y / y.shape[1]).astype(np.float32).T
    total = 0.0
    for start in range(0, len(x), _ROWS):
        k = x[start : start + _ROWS].astype(np.float32) @ columns
        k += 1
        cube = k * k
        cube *= k
        total += float(cube.sum(axis=1).sum(dtype=np.float64))
    return total


def _within(x: np.ndarray) -> float:
    """The sum of KID's kernel over all pairs of different rows."""
    squares = np.einsum("ij,ij->i", x, x)
    return _cubic(x, x) - float(((squares / x.shape[1] + 1) ** 3).sum())


def frechet_error(real: np.ndarray, fake: np.ndarray) -> float:
    """Standard error of `frechet_distance` over new images of both kinds: `jackknife_error`."""
    blocks = _blocks(real, fake)
    split = [np.array_split(np.arange(len(features)), blocks) for features in (real, fake)]

    def without(rows: tuple[np.ndarray, np.ndarray]) -> float:
        x, y = rows
        return frechet_distance(np.delete(real, x, axis=0), np.delete(fake, y, axis=0))

    return jackknife_error(in_threads(without, zip(*split, strict=True)))


def jackknife_error(values: list[float]) -> float:
    """Standard error of an estimate, from its values without each of B disjoint blocks.

    ((B - 1) / B sum (v - mean)^2)^(1/2) (Efron & Stein 1981: on average not too small). For an
    interval, use Student's t with B - 1 degrees of freedom.
    """
    return float(np.std(values) * np.sqrt(len(values) - 1))


def _blocks(real: np.ndarray, fake: np.ndarray) -> int:
    return min(BLOCKS, len(real), len(fake))


def classifier_score(probabilities: np.ndarray) -> tuple[float, float]:
    """Inception score (Salimans et al. 2016) of the classifier: exp E[KL(p(y|x) || p(y))].

    Args:
        probabilities: `(count, classes)`.

    Returns:
        Mean and standard deviation over splits of 1,000 (one split if there are fewer images), in
        [1, classes]. Larger splits score higher, because their mean is nearer to the true one. So
        scores can be compared only for splits of the same size.
    """
    scores = []
    for part in np.array_split(probabilities, max(1, round(len(probabilities) / SPLIT_SIZE))):
        divergences = scipy.special.rel_entr(part, part.mean(axis=0)).sum(axis=1)
        scores.append(np.exp(divergences.mean()))
    return float(np.mean(scores)), float(np.std(scores))


def class_shares(probabilities: np.ndarray) -> np.ndarray:
    """The share of images with each class as the most probable one, `(classes,)`."""
    likeliest = probabilities.argmax(axis=1)
    return np.bincount(likeliest, minlength=probabilities.shape[1]) / len(likeliest)


def kl_divergence(p: np.ndarray, q: np.ndarray) -> float:
    """KL(p || q) in nats, in [0, inf], of two histograms that sum to 1, both `(classes,)`.

    It is infinite if p has a class that q lacks.
    """
    return float(scipy.special.rel_entr(p, q).sum())


def class_error(shares: np.ndarray, true_shares: np.ndarray) -> float:
    """The largest relative error of any class's share, in [0, inf).

    A missing class has an error of 1. Both arguments are `(classes,)` with sum 1; classes without a
    true share do not count.
    """
    there = true_shares > 0
    return float(abs(shares[there] / true_shares[there] - 1).max())


def classes_present(shares: np.ndarray) -> int:
    """The number of classes with at least a tenth of an equal share: 1 % for ten classes.

    Args:
        shares: `(classes,)`, with sum 1.
    """
    return int((shares >= 0.1 / len(shares)).sum())


def expected_kl(p: np.ndarray, count: int) -> float:
    """The expected KL(histogram || p) of a histogram of `count` perfect samples, in nats.

    E[(X / n) log((X / n) / p)] summed over the classes, X binomial: exact, near (classes - 1) / 2n.

    Args:
        p: the true shares, `(classes,)`.
        count: n.
    """
    counts = np.arange(count + 1)
    total = 0.0
    for share, times in zip(*np.unique(p[p > 0], return_counts=True), strict=True):
        chances = scipy.stats.binom.pmf(counts, count, share)
        total += times * float(chances @ scipy.special.rel_entr(counts / count, share))
    return total


@one_blas_thread
def two_sample_accuracy(real: np.ndarray, fake: np.ndarray) -> float:
    """Classifier two-sample test, C2ST (Lopez-Paz & Oquab 2017).

    A logistic regression is trained to tell the first halves of both sets apart, and tested on the
    second halves.

    Args:
        real: `(count, features)`.
        fake: `(count, features)`.

    Returns:
        Its accuracy: about 0.5 if the sets cannot be told apart, 1 if always.
    """
    half = min(len(real), len(fake)) // 2
    learn = np.concatenate([real[:half], fake[:half]])
    ask = np.concatenate([real[half : 2 * half], fake[half : 2 * half]])
    truth = np.repeat([0, 1], half)
    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
    return float(model.fit(learn, truth).score(ask, truth))

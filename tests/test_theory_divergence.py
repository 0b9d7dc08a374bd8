"""The closed forms of the theory, held against the package's own losses and gradients.

JSD(N(1, 1), N(-1, 1)) = 0.33683 and JSD(N(0, 1), N(1, 2^2)) = 0.12817 nats, to 5 decimals;
`test_published_values_by_the_definition` works them out without the package.
"""

import math

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy import integrate, special, stats

from tfgan import GAN, Adam, losses, noise
from tfgan.noise import Stream
from tfgan.theory import densities, divergence

PAIRS = {
    "shifted": (densities.normal(1, 1), densities.normal(-1, 1), 0.33683),
    "wider": (densities.normal(0, 1), densities.normal(1, 2), 0.12817),
    "equal": (densities.normal(0.5, 2), densities.normal(0.5, 2), 0.0),
}
pairs = pytest.mark.parametrize("name", PAIRS)
COUNT = 400_000


def column(logits: np.ndarray) -> tf.Tensor:
    return tf.constant(logits[:, np.newaxis])


def test_optimal_logit_of_shifted_normals_is_2x():
    # log N(x; 1, 1) - log N(x; -1, 1) = ((x + 1)^2 - (x - 1)^2) / 2 = 2x.
    p, q, _ = PAIRS["shifted"]
    x = np.linspace(-5, 5, 21)[:, np.newaxis]
    np.testing.assert_allclose(divergence.optimal_logit(p, q, x), 2 * x[:, 0], atol=1e-12)


def test_optimal_discriminator_of_equal_densities_is_a_half():
    p, q, _ = PAIRS["equal"]
    x = np.linspace(-5, 5, 21)[:, np.newaxis]
    np.testing.assert_array_equal(special.expit(divergence.optimal_logit(p, q, x)), 0.5)


def test_optimal_discriminator_is_p_over_p_plus_q():
    x = np.array([-1.0, 0.0, 2.0])
    p, q, _ = PAIRS["wider"]
    f, g = stats.norm(0, 1).pdf(x), stats.norm(1, 2).pdf(x)
    d = special.expit(divergence.optimal_logit(p, q, x[:, np.newaxis]))
    np.testing.assert_allclose(d, f / (f + g), rtol=1e-12)


@pairs
def test_jsd_by_quadrature(name):
    p, q, expected = PAIRS[name]
    assert divergence.jsd(p, q) == pytest.approx(expected, abs=5e-6)
    assert divergence.jsd(q, p) == pytest.approx(divergence.jsd(p, q), abs=1e-9)


def test_published_values_by_the_definition():
    # JSD = (KL(p, m) + KL(q, m)) / 2 with m = (p + q) / 2, written out with scipy's normal.
    for f, g, expected in [
        (stats.norm(1, 1).pdf, stats.norm(-1, 1).pdf, 0.33683),
        (stats.norm(0, 1).pdf, stats.norm(1, 2).pdf, 0.12817),
    ]:

        def integrand(x, f=f, g=g):
            m = (f(x) + g(x)) / 2
            return (special.rel_entr(f(x), m) + special.rel_entr(g(x), m)) / 2

        assert integrate.quad(integrand, -12, 14)[0] == pytest.approx(expected, abs=5e-6)


def test_jsd_of_densities_without_overlap_is_log_2():
    # Narrow modes far apart, which a quadrature could miss.
    p, q = densities.normal(0, 0.01), densities.normal(50, 0.01)
    assert divergence.jsd(p, q) == pytest.approx(math.log(2), abs=1e-9)


def test_quadrature_is_for_the_line():
    with pytest.raises(ValueError, match="jsd_monte_carlo"):
        divergence.jsd(densities.ring(), densities.ring())


@pairs
def test_jsd_by_monte_carlo_within_its_error(name):
    p, q, expected = PAIRS[name]
    estimate = divergence.jsd_monte_carlo(p, q, COUNT, seed=5)
    assert estimate.error < 1e-3
    assert abs(estimate.value - expected) < 4 * estimate.error + 5e-6


def test_standard_error_of_monte_carlo_is_that_of_many_runs():
    p, q, _ = PAIRS["wider"]
    estimates = [divergence.jsd_monte_carlo(p, q, 500, seed) for seed in range(300)]
    spread = np.std([estimate.value for estimate in estimates], ddof=1)
    claimed = np.mean([estimate.error for estimate in estimates])
    assert claimed == pytest.approx(spread, rel=0.15)  # 300 runs: 4 % standard error


def test_monte_carlo_in_the_plane():
    # Modes of one ring half way between those of the other: no overlap, log 2.
    p = densities.ring()
    turned = densities.mixture(densities.ring(16).means[1::2], 0.01)
    assert divergence.jsd_monte_carlo(p, turned, 1000, 1).value == pytest.approx(math.log(2))


@pairs
def test_value_of_the_losses_at_the_optimal_discriminator(name):
    """V(D*, G) = -log 4 + 2 JSD, with V from `losses.discriminator_loss` on samples."""
    p, q, expected = PAIRS[name]
    x, y = p.sample(COUNT, 1), q.sample(COUNT, 2)
    real, fake = (divergence.optimal_logit(p, q, points) for points in (x, y))
    v = -losses.discriminator_loss(column(real), column(fake)).numpy()
    error = v.std() / math.sqrt(COUNT)
    assert v.mean() == pytest.approx(-math.log(4) + 2 * expected, abs=4 * error + 1e-5)
    assert error < 2e-3
    assert divergence.value(real, fake) == pytest.approx(v.mean(), abs=1e-12)
    assert divergence.jsd_bound(real, fake) == pytest.approx(expected, abs=2 * error + 1e-5)


def test_value_and_bound_by_hand():
    # D(x) = 3/4, D(G(z)) = 1/4: V = 2 log 3/4; the bound is log 2 + log 3/4 = log 3/2.
    logit = np.array([math.log(3)])
    assert divergence.value(logit, -logit) == pytest.approx(2 * math.log(3 / 4))
    assert divergence.jsd_bound(logit, -logit) == pytest.approx(math.log(3 / 2))


@pytest.mark.parametrize("slope", [-2.0, 0.0, 1.0, 3.0, 6.0])
def test_any_other_discriminator_shows_less(slope):
    """log 2 + V / 2 <= JSD, by quadrature of V for logits slope * x; equal at slope 2."""
    p, q, expected = PAIRS["shifted"]

    def integrand(x):
        at = np.array([[x]])
        real = np.exp(p.log_density(at)) * special.log_expit(slope * x)
        return (real + np.exp(q.log_density(at)) * special.log_expit(-slope * x))[0]

    v = integrate.quad(integrand, -14, 14)[0]
    assert math.log(2) + v / 2 < expected - 1e-3
    x, y = p.sample(COUNT, 1)[:, 0], q.sample(COUNT, 2)[:, 0]
    assert divergence.jsd_bound(slope * x, slope * y) == pytest.approx(
        math.log(2) + v / 2, abs=0.02
    )


def shifting_gan(loss: str, b: float) -> GAN:
    """G(z) = z + b on the line, and D fixed to the logit 2x."""
    generator = keras.Sequential(
        [keras.Input((1,)), keras.layers.Dense(1, kernel_initializer="ones")]
    )
    generator.layers[0].set_weights([np.ones((1, 1)), np.array([b])])
    discriminator = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1, use_bias=False)])
    discriminator.layers[0].set_weights([np.array([[2.0]])])
    gan = GAN(generator, discriminator, latent_size=1)
    gan.compile(Adam(), Adam(), loss=loss, jit_compile=False)
    return gan


@pytest.mark.parametrize("b", [-1.0, 0.0, 1.5])
@pytest.mark.parametrize("loss", ["non_saturating", "minimax"])
def test_gradient_of_a_shift(loss, b):
    """dL/db = -2 E[1 - sigmoid(2G)] (non-saturating) or -2 E[sigmoid(2G)] (minimax)."""
    weight = {
        "non_saturating": lambda x: special.expit(-2 * x),
        "minimax": lambda x: special.expit(2 * x),
    }[loss]
    expected = -2 * integrate.quad(lambda x: weight(x) * stats.norm(b).pdf(x), b - 9, b + 9)[0]
    z = noise.latents(1, Stream.SAMPLES, 0, 100_000, 1)
    gradients, _ = shifting_gan(loss, b).generator_gradients(tf.zeros_like(z), z)
    (gradient,) = gradients[1].numpy()
    # On the very latents it is exact, and their mean is within its standard error of E.
    on_samples = -2 * weight(z.numpy().astype(np.float64) + b)
    assert gradient == pytest.approx(on_samples.mean(), abs=2e-5)
    assert gradient == pytest.approx(expected, abs=4 * on_samples.std() / math.sqrt(len(z)))


def test_early_on_minimax_has_hardly_a_gradient():
    # G far below the data, at b = -4: D(G(z)) is about 0.002.
    z = noise.latents(1, Stream.SAMPLES, 0, 10_000, 1)
    early = {
        loss: shifting_gan(loss, -4.0).generator_gradients(tf.zeros_like(z), z)[0][1].numpy()[0]
        for loss in ("non_saturating", "minimax")
    }
    assert early["non_saturating"] == pytest.approx(-2, abs=0.02)
    assert -0.02 < early["minimax"] < 0


def test_binned_jsd_of_the_density_itself_is_its_bias():
    # About occupied cells / (8 count), from counting alone.
    p = densities.normal()
    edges = np.linspace(-3, 3, 101)
    assert divergence.binned_jsd(p, p.sample(50_000, 1), edges) == pytest.approx(
        100 / 8 / 50_000, rel=0.5
    )


def test_binned_jsd_of_other_densities():
    p, q, expected = PAIRS["shifted"]
    edges = np.linspace(-6, 6, 241)
    samples = q.sample(200_000, 1)
    assert divergence.binned_jsd(p, samples, edges) == pytest.approx(expected, abs=3e-3)


def test_binned_jsd_counts_what_lies_outside():
    # All samples outside, hardly anything of p: log 2; in the plane, and with empty cells.
    p = densities.ring()
    outside = np.full((100, 2), 50.0)
    edges = np.linspace(-2, 2, 81)
    assert divergence.binned_jsd(p, outside, edges) == pytest.approx(math.log(2), abs=1e-9)

"""The conditional game on known densities: D*(x|y), and what a D that is not told misses."""

import dataclasses

import keras
import numpy as np
import pytest
from scipy import special

from tfgan import Adam, ConditionalGAN
from tfgan.networks.labelled import OneHot
from tfgan.theory import by_class, densities, divergence, experiment, networks
from tfgan.theory.experiment import Looks
from tfgan.theory.recipes import DENSITIES, RECIPES

RECIPE = dataclasses.replace(RECIPES["classes"], steps=40, frames=2, batch_size=32, hidden_size=8)
TWO = densities.mixture([[-2.0], [2.0]], 0.5)


def test_the_modes_add_up_to_the_density():
    p = DENSITIES["classes"]()
    x = np.linspace(-3, 3, 50)[:, np.newaxis]
    modes = [w * np.exp(p.of_mode(y).log_density(x)) for y, w in enumerate(p.weights)]
    np.testing.assert_allclose(sum(modes), np.exp(p.log_density(x)), rtol=1e-12)


def test_points_come_with_their_mode():
    p = DENSITIES["classes"]()
    points, modes = p.sample_with_modes(20_000, seed=3)
    np.testing.assert_array_equal(points, p.sample(20_000, seed=3))
    # Standard errors: 0.0035 of a share, 0.006 of a mean.
    np.testing.assert_allclose(np.bincount(modes) / 20_000, p.weights, atol=0.015)
    for mode in range(3):
        assert points[modes == mode].mean() == pytest.approx(p.means[mode, 0], abs=0.03)


def test_a_generator_that_ignores_the_class_is_seen_in_pairs_alone():
    p = DENSITIES["classes"]()
    assert divergence.jsd(p, p) == pytest.approx(0, abs=1e-9)  # what a D that is not told can show
    ignoring = divergence.conditional_jsd(p, [p] * 3)
    assert ignoring == pytest.approx(0.18538, abs=1e-5)
    # By another way: V(D*) on pairs, with D*(x|y) = p(x|y) / (p(x|y) + p(x)).
    x, y = p.sample_with_modes(200_000, seed=1)
    fakes = p.sample(200_000, seed=2)

    def logits(points):
        each = [divergence.optimal_logit(p.of_mode(mode), p, points) for mode in range(3)]
        return np.choose(y, each)  # fakes get the labels of the reals

    # The standard error of the mean of 200,000 is below 0.002.
    assert divergence.jsd_bound(logits(x), logits(fakes)) == pytest.approx(ignoring, abs=0.006)
    own = [p.of_mode(mode) for mode in range(3)]
    assert divergence.conditional_jsd(p, own) == pytest.approx(0, abs=1e-9)


def drawing(p, means) -> keras.Model:
    """G(z|y) = mean of y + scale z: what it draws of each class is known."""
    z, label = keras.Input((1,)), keras.Input((), dtype="int64")
    mean = keras.layers.Dense(1, use_bias=False)
    generator = keras.Model((z, label), mean(OneHot(len(means))(label)) + float(p.scales[0]) * z)
    mean.set_weights([np.array(means)])
    return generator


def frozen(p, generator, recipe) -> ConditionalGAN:
    """A GAN whose D alone learns."""
    d = networks.discriminator(recipe, p)
    gan = ConditionalGAN(generator, d, 1, p.weights.tolist(), seed=777)
    falling = keras.optimizers.schedules.CosineDecay(0.01, recipe.steps)
    gan.compile(Adam(falling), keras.optimizers.SGD(0.0), steps_per_execution=25)
    return gan


def test_swapped_classes_are_seen_in_pairs_alone():
    recipe = RECIPE
    for means, pairs in (([[-2.0], [2.0]], 0.0), ([[2.0], [-2.0]], np.log(2))):
        gan = frozen(TWO, drawing(TWO, means), dataclasses.replace(recipe, hidden_size=4))
        look = by_class.ClassObserver(gan, TWO).look()
        assert look.marginal_jsd == pytest.approx(0, abs=0.005)
        assert look.jsd == pytest.approx(pairs, abs=0.01)
        assert look.coverage.covered == (2 if pairs == 0 else 0)
        # Of a normal, 0.9973 lie within three standard deviations.
        assert look.coverage.high_quality == pytest.approx(0.9973 if pairs == 0 else 0, abs=0.003)


def test_a_trained_discriminator_is_the_optimal_one_of_each_class():
    # G draws N(-0.5, 0.5^2) for either class; the data are at -1 and 1.
    p, recipe = densities.mixture([[-1.0], [1.0]], 0.5, [0.25, 0.75]), RECIPES["classes"]
    recipe = dataclasses.replace(recipe, steps=1000, batch_size=256, hidden_size=32)
    gan = frozen(p, drawing(p, [[-0.5], [-0.5]]), recipe)
    gan.fit(experiment.batches(p, recipe), verbose=0)
    q = densities.normal(-0.5, 0.5)
    x = np.linspace(-1.5, 1.5, 61)[:, np.newaxis]
    for label in (0, 1):
        labels = np.full(len(x), label)
        trained = special.expit(gan.discriminator((x.astype("float32"), labels)).numpy()[:, 0])
        best = special.expit(divergence.optimal_logit(p.of_mode(label), q, x))
        near = np.exp(q.log_density(x)) + np.exp(p.of_mode(label).log_density(x)) > 0.1
        assert near.sum() > 30
        assert np.abs(trained - best)[near].mean() < 0.05
    look = by_class.ClassObserver(gan, p).look()
    expected = divergence.conditional_jsd(p, [q, q])
    assert look.bound == pytest.approx(expected, abs=0.02)
    assert look.jsd == pytest.approx(expected, abs=0.02)


def test_a_look_is_of_the_networks_and_changes_nothing():
    looks = Looks()
    gan = experiment.learn(RECIPE, looks)
    assert [look.step for look in looks.seen] == [0, 20, 40]
    before = [variable.numpy() for variable in gan.variables]
    look = experiment.observer(gan, DENSITIES["classes"]()).look()
    for a, b in zip(before, gan.variables, strict=True):
        np.testing.assert_array_equal(a, b.numpy())
    last = looks.seen[-1]
    assert look.value == last.value
    np.testing.assert_allclose(gan.generator((last.latents, last.labels)), last.fakes, atol=1e-6)
    assert last.probability.shape[0] == 3
    best = by_class.optimal_probability(last, DENSITIES["classes"](), 1)
    assert np.nanmin(best) >= 0
    assert np.nanmax(best) <= 1


@pytest.mark.slow
@pytest.mark.parametrize("seed", [777, 1, 2])
def test_the_classes_are_learnt(seed):
    looks = Looks()
    experiment.learn(dataclasses.replace(RECIPES["classes"], seed=seed), looks)
    assert looks.seen[0].jsd > 0.2
    assert looks.seen[-1].jsd < 0.1
    assert looks.seen[-1].coverage.covered == 3

"""Expected values are worked out by hand from D = sigmoid(logit)."""

import math

import numpy as np
import pytest
import tensorflow as tf

from tfgan import losses
from tfgan.run import recipe

LOG_3 = math.log(3)  # sigmoid(log 3) = 3/4


def column(*values: float) -> tf.Tensor:
    return tf.constant([[value] for value in values], tf.float64)


def gradient(loss, logits: tf.Tensor) -> np.ndarray:
    with tf.GradientTape() as tape:
        tape.watch(logits)
        value = loss(logits)
    return tape.gradient(value, logits).numpy()


def test_discriminator_loss_by_hand():
    # D(x) = 3/4 and 1/2; D(G(z)) = 1/4 and 3/4:
    # -log 3/4 - log(1 - 1/4) = 2 log 4/3; -log 1/2 - log(1 - 3/4) = log 2 + log 4 = 3 log 2.
    loss = losses.discriminator_loss(column(LOG_3, 0), column(-LOG_3, LOG_3))
    np.testing.assert_allclose(loss, [[2 * math.log(4 / 3)], [3 * math.log(2)]], rtol=1e-14)


def test_value_at_the_optimum_is_minus_log_4():
    # D = 1/2 everywhere: V = -log 4, and D minimises -V.
    loss = losses.discriminator_loss(column(0), column(0))
    np.testing.assert_allclose(loss, [[math.log(4)]], rtol=1e-14)


def test_generator_losses_by_hand():
    # D(G(z)) = 3/4: -log D = log 4/3; log(1 - D) = log 1/4.
    logits = column(LOG_3)
    np.testing.assert_allclose(
        losses.non_saturating_generator_loss(logits), [[math.log(4 / 3)]], rtol=1e-14
    )
    np.testing.assert_allclose(losses.minimax_generator_loss(logits), [[-math.log(4)]], rtol=1e-14)


def test_extreme_logits_are_exact():
    # -log sigmoid(l) = -l for l -> -inf and 0 for l -> inf; log(1 - sigmoid(l)) = -l and 0.
    logits = column(-1e4, 1e4)
    np.testing.assert_array_equal(losses.non_saturating_generator_loss(logits), [[1e4], [0]])
    np.testing.assert_array_equal(losses.minimax_generator_loss(logits), [[0], [-1e4]])
    np.testing.assert_array_equal(losses.discriminator_loss(logits, -logits), [[2e4], [0]])


@pytest.mark.parametrize("logit", [-1e4, -2.0, 0.0, 2.0, 1e4])
def test_gradients_in_closed_form(logit):
    # d/dl -log sigmoid(l) = -(1 - sigmoid(l)); d/dl log(1 - sigmoid(l)) = -sigmoid(l).
    d = 1 / (1 + math.exp(-logit)) if logit > -700 else 0.0
    logits = column(logit)
    np.testing.assert_allclose(
        gradient(losses.non_saturating_generator_loss, logits), [[-(1 - d)]], atol=1e-15
    )
    np.testing.assert_allclose(gradient(losses.minimax_generator_loss, logits), [[-d]], atol=1e-15)
    np.testing.assert_allclose(
        gradient(lambda x: losses.discriminator_loss(x, column(0)), logits), [[d - 1]], atol=1e-15
    )
    np.testing.assert_allclose(
        gradient(lambda x: losses.discriminator_loss(column(0), x), logits), [[d]], atol=1e-15
    )


def test_flags_offer_each_objective():
    assert set(recipe.LOSSES) == set(losses.OBJECTIVES)
    assert recipe.SMOOTHED == losses.SMOOTHED


def test_unknown_objective_is_named():
    with pytest.raises(ValueError, match="'wgan' must be one of non_saturating, minimax"):
        losses.get("wgan")


def test_hinge_by_hand():
    # max(0, 1 - 3) + max(0, 1 - 3) = 0; max(0, 1 - 1/2) + max(0, 1 + 1/4) = 7/4.
    loss = losses.hinge_discriminator_loss(column(3, 0.5), column(-3, 0.25))
    np.testing.assert_array_equal(loss, [[0], [1.75]])
    np.testing.assert_array_equal(losses.hinge_generator_loss(column(3, -2)), [[-3], [2]])


def test_least_squares_by_hand():
    # (3 - 1)^2 / 2 + (-1)^2 / 2 = 5/2; G: (3 - 1)^2 / 2 = 2.
    objective = losses.get("least_squares")
    np.testing.assert_array_equal(objective.discriminator(column(3), column(-1)), [[2.5]])
    np.testing.assert_array_equal(objective.generator(column(3), None), [[2]])
    np.testing.assert_array_equal(objective.probability(column(0.7), None), [[0.7]])


def test_wasserstein_by_hand():
    # D: -2 - 3 = -5, and 0.25 - 0.5; G: the score of its image, taken from 0.
    objective = losses.get("wasserstein")
    loss = objective.discriminator(column(3, 0.5), column(-2, 0.25))
    np.testing.assert_array_equal(loss, [[-5], [-0.25]])
    np.testing.assert_array_equal(objective.generator(column(3, -2), None), [[-3], [2]])
    np.testing.assert_array_equal(objective.probability(column(7), None), [[7]])
    assert objective.up_to_constant
    assert not objective.paired


def test_relativistic_by_hand():
    # D(x) = 2 log 3, D(G(z)) = log 3: the real image wins with sigmoid(log 3) = 3/4.
    objective = losses.get("relativistic")
    real, fake = column(2 * LOG_3), column(LOG_3)
    assert objective.paired
    loss = objective.discriminator(real, fake)
    np.testing.assert_allclose(loss, [[-math.log(3 / 4)]], rtol=1e-14)
    np.testing.assert_allclose(objective.generator(fake, real), [[math.log(4)]], rtol=1e-14)
    np.testing.assert_allclose(objective.probability(real, fake), [[3 / 4]], rtol=1e-14)
    np.testing.assert_allclose(objective.probability(fake, real), [[1 / 4]], rtol=1e-14)
    # Only differences count.
    np.testing.assert_allclose(objective.discriminator(real + 5, fake + 5), loss, rtol=1e-14)


def test_label_smoothing_is_one_sided():
    # D(x) = 3/4 against 0.9: -0.9 log 3/4 - 0.1 log 1/4; the fake's label stays 0: -log 1/4.
    for name in ("non_saturating", "minimax"):
        loss = losses.get(name, 0.1).discriminator(column(LOG_3), column(LOG_3))
        expected = -0.9 * math.log(3 / 4) - 0.1 * math.log(1 / 4) + math.log(4)
        np.testing.assert_allclose(loss, [[expected]], rtol=1e-14)
    # (0.5 - 0.9)^2 / 2 + 0.5^2 / 2 = 0.08 + 0.125.
    loss = losses.get("least_squares", 0.1).discriminator(column(0.5), column(0.5))
    np.testing.assert_allclose(loss, [[0.205]], rtol=1e-14)
    for name in ("hinge", "relativistic"):
        with pytest.raises(ValueError, match="does not support label smoothing"):
            losses.get(name, 0.1)

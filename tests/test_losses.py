"""Expected values are worked out by hand from D = sigmoid(logit)."""

import math

import numpy as np
import pytest
import tensorflow as tf

from tfgan import losses, recipe

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

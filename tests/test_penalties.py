"""D is a polynomial here, so that its gradients are known."""

import numpy as np
import pytest
import tensorflow as tf

from tfgan.penalties import gradient_penalty, penalty_between


@pytest.mark.parametrize("jit_compile", [False, True])
def test_penalty_and_its_gradient_in_closed_form(jit_compile):
    # D(x) = w.x^2: grad_x D = 2 w x, so the penalty is gamma/2 sum 4 w^2 x^2, and its gradient
    # in w is 4 gamma w x^2.
    w = tf.Variable([[1.0], [-2.0], [0.5]])
    x = tf.constant([[1.0, 2.0, 3.0], [0.0, 1.0, -1.0]])

    @tf.function(jit_compile=jit_compile)
    def both():
        with tf.GradientTape() as tape:
            logits, penalty = gradient_penalty(3.0)(lambda images: tf.square(images) @ w, x)
            total = tf.reduce_sum(penalty)
        return logits, penalty, tape.gradient(total, w)

    logits, penalty, gradient = both()
    # 1 - 8 + 4.5 and 0 - 2 + 0.5; 3/2 (4 + 64 + 9) and 3/2 (0 + 16 + 1).
    np.testing.assert_allclose(logits, [[-2.5], [-1.5]], rtol=1e-6)
    np.testing.assert_allclose(penalty, [115.5, 25.5], rtol=1e-6)
    # 12 w (x1^2 + x2^2): 12 * 1 * 1, 12 * -2 * 5, 12 * 0.5 * 10.
    np.testing.assert_allclose(gradient, [[12], [-120], [60]], rtol=1e-6)


def test_no_weight_no_penalty():
    logits, penalty = gradient_penalty(0.0)(lambda images: 2 * images, tf.ones((2, 1)))
    np.testing.assert_array_equal(logits, [[2], [2]])
    np.testing.assert_array_equal(penalty, [0, 0])


def test_images_of_any_rank_count_whole():
    # D(x) = sum of 2x2x3 pixels: |grad|^2 = 12.
    images = tf.zeros((5, 2, 2, 3))
    _, penalty = gradient_penalty(1.0)(lambda x: tf.reduce_sum(x, (1, 2, 3))[:, None], images)
    np.testing.assert_allclose(penalty, [6.0] * 5)


@pytest.mark.parametrize("jit_compile", [False, True])
def test_penalty_between_in_closed_form(jit_compile):
    # D(x) = w.x^2 and real 0: at way t to a fake f the gradient is 2 w t f. Of f = (1, 0), w = 3:
    # lambda (6 t - 1)^2, whose gradient in w is 2 lambda (2 w t - 1) 2 t; of f = 0 it has none.
    w = tf.Variable([[3.0], [-2.0]])
    real, fake = tf.zeros((2, 2)), tf.constant([[1.0, 0.0], [0.0, 0.0]])
    seen = []

    def judge(x, which):
        seen.append(x)
        return tf.square(x) @ w

    @tf.function(jit_compile=jit_compile)
    def both():
        seen.clear()
        with tf.GradientTape() as tape:
            penalty = penalty_between(10.0, 777)(judge, real, fake, tf.constant(3, tf.int64), 4)
            total = tf.reduce_sum(penalty)
        return penalty, tape.gradient(total, w), seen[0]

    penalty, gradient, between = both()
    t = between[0, 0]
    assert 0 < t < 1
    np.testing.assert_allclose(penalty, [10 * (6 * t - 1) ** 2, 10], rtol=1e-5)
    np.testing.assert_allclose(gradient, [[20 * (6 * t - 1) * 2 * t], [0]], rtol=1e-5)


def test_between_depends_on_seed_step_pass_and_place():
    def ways(seed=1, step=0, which=4, rows=1000):
        seen = []

        def judge(x, which):
            seen.append(x.numpy()[:, 0])
            return x

        real, fake = tf.zeros((rows, 1)), tf.ones((rows, 1))
        penalty_between(1.0, seed)(judge, real, fake, tf.constant(step, tf.int64), which)
        return seen[0]

    here = ways()
    # Uniform in [0, 1): mean 1/2 with a standard error of 0.009, variance 1/12.
    assert here.mean() == pytest.approx(0.5, abs=0.04)
    assert here.var() == pytest.approx(1 / 12, abs=0.01)
    np.testing.assert_array_equal(ways(rows=10), here[:10])
    for other in (ways(seed=2), ways(step=1), ways(which=9)):
        assert (other != here).mean() > 0.99


def test_labels_beside_the_images_are_kept():
    labels, given = tf.constant([1, 0]), []

    def judge(pair, which):
        given.append(pair[1])
        return tf.reduce_sum(pair[0], axis=1, keepdims=True)

    pairs = (tf.zeros((2, 3)), labels), (tf.ones((2, 3)), labels)
    penalty = penalty_between(2.0, 1)(judge, *pairs, tf.constant(0, tf.int64), 4)
    assert given[0] is labels
    np.testing.assert_allclose(penalty, [2 * (3**0.5 - 1) ** 2] * 2, rtol=1e-6)


def test_no_weight_between_asks_nothing_of_d():
    none = penalty_between(0.0, 1)(None, tf.zeros((2, 3)), tf.ones((2, 3)), tf.constant(0), 4)
    np.testing.assert_array_equal(none, [0])

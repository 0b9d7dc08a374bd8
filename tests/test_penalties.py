"""D is a polynomial here, so that its gradients are known."""

import numpy as np
import pytest
import tensorflow as tf

from tfgan.penalties import gradient_penalty


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

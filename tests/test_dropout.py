import keras
import numpy as np
import pytest
import tensorflow as tf

from tfgan.networks.dropout import Dropout, Pass, forward_pass


def drop(layer, step=0, which=Pass.REAL, shape=(100, 10, 10)):
    with forward_pass(tf.constant(step, tf.int64), which):
        return layer(tf.ones(shape), training=True).numpy()


def test_share_and_scale():
    kept = drop(Dropout(0.3))
    assert set(np.unique(kept)) == {np.float32(0), np.float32(1 / 0.7)}
    # 10,000 numbers: standard error 0.0046.
    assert (kept == 0).mean() == pytest.approx(0.3, abs=0.02)
    assert abs((kept == 0).mean(axis=0) - 0.3).max() < 0.25


def test_each_step_pass_layer_and_seed_has_a_mask_of_its_own():
    masks = [
        drop(Dropout(0.5, seed, index), step, which) > 0
        for seed, index, step, which in [
            (1, 0, 0, Pass.REAL),
            (1, 0, 1, Pass.REAL),
            (1, 0, 0, Pass.FAKE),
            (1, 1, 0, Pass.REAL),
            (2, 0, 0, Pass.REAL),
        ]
    ]
    for i, one in enumerate(masks):
        for other in masks[:i]:
            assert (one == other).mean() == pytest.approx(0.5, abs=0.03)
    np.testing.assert_array_equal(masks[0], drop(Dropout(0.5, 1, 0)) > 0)


def test_same_mask_under_xla_and_in_float64(float64):
    layer = Dropout(0.4, 3)

    @tf.function(jit_compile=True)
    def compiled(step):
        with forward_pass(step, Pass.FAKE):
            return layer(tf.ones((7, 5)), training=True)

    with forward_pass(9, Pass.FAKE):
        eager = layer(tf.ones((7, 5)), training=True)
        half = Dropout(0.4, 3, dtype="float32")(tf.ones((7, 5)), training=True)
    np.testing.assert_array_equal(compiled(tf.constant(9, tf.int64)), eager)
    np.testing.assert_array_equal(eager.numpy() > 0, half.numpy() > 0)


def test_off_in_evaluation_and_refused_without_a_step():
    layer = Dropout(0.9)
    np.testing.assert_array_equal(layer(tf.ones((3, 2))), np.ones((3, 2)))
    with pytest.raises(RuntimeError, match="forward_pass"):
        layer(tf.ones((3, 2)), training=True)


def test_config_round_trips():
    layer = Dropout(0.25, 5, 2)
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(layer))
    np.testing.assert_array_equal(drop(layer), drop(again))

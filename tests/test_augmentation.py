import keras
import numpy as np
import pytest
import tensorflow as tf
from test_gan import assert_equal, dataset, make_gan, state

from tfgan import augmentation
from tfgan.networks.dropout import Pass
from tfgan.penalties import gradient_penalty
from tfgan.run import recipe

ALL = ",".join(augmentation.AUGMENTATIONS)


def drawing(**units):
    """What a change draws: one number in [0, 1) for each image, by the number's name."""
    return lambda number: tf.constant(units[number.name.lower()], tf.float64)


def images(*shape, dtype="float32"):
    return tf.constant(np.random.default_rng(0).uniform(-1, 1, shape), dtype)


def test_names_are_offered():
    assert tuple(augmentation.AUGMENTATIONS) == recipe.AUGMENTATIONS


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_colours_by_hand(dtype):
    # Two images of one pixel each, then one of two pixels.
    x = tf.constant([[[[0.25, 0.5, -0.75]]], [[[1.0, 0.0, 0.5]]]], dtype)
    brighter = augmentation.brightness(x, drawing(brightness=[0.0, 0.75]))
    np.testing.assert_allclose(brighter, [[[[-0.25, 0, -1.25]]], [[[1.25, 0.25, 0.75]]]])
    # Means 0 and 0.5, times 2 * 0.25 and 2 * 0.75.
    saturated = augmentation.saturation(x, drawing(saturation=[0.25, 0.75]))
    np.testing.assert_allclose(saturated, [[[[0.125, 0.25, -0.375]]], [[[1.25, -0.25, 0.5]]]])
    two = tf.constant([[[[1.0], [0.5]]]], dtype)  # mean 0.75, times 0.5 + 0.75
    harder = augmentation.contrast(two, drawing(contrast=[0.75]))
    np.testing.assert_allclose(harder, [[[[1.0625], [0.4375]]]])
    assert {each.dtype for each in (brighter, saturated, harder)} == {tf.as_dtype(dtype)}


def test_saturation_leaves_grey_images():
    x = images(3, 4, 4, 1)
    np.testing.assert_array_equal(augmentation.saturation(x, drawing(saturation=[0.1] * 3)), x)


def test_translation_by_hand():
    # 8 x 8: up to one pixel either way. 0 is one up and left, 0.5 stays, 0.99 one down and right.
    x = images(3, 8, 8, 3)
    found = augmentation.translation(x, drawing(down=[0.0, 0.5, 0.99], right=[0.0, 0.99, 0.5]))
    expected = np.zeros(x.shape, "float32")
    expected[0, :7, :7] = x[0, 1:, 1:]
    expected[1, :, 1:] = x[1, :, :7]
    expected[2, 1:] = x[2, :7]
    np.testing.assert_array_equal(found, expected)


def test_translation_reaches_an_eighth_of_each_side():
    # 16 x 28: up to 2 rows, and 3.5 columns, which are 4.
    x = tf.ones((2, 16, 28, 1))
    found = augmentation.translation(x, drawing(down=[0.0, 0.999], right=[0.0, 0.999])).numpy()
    assert found[0, :14, :24].all()
    assert found[1, 2:, 4:].all()
    assert found[0].sum() == found[1].sum() == 14 * 24


def test_cutout_by_hand():
    # 6 x 4: a hole of 3 x 2. Its middle is one of 6 rows, and one of 5 columns, the 4 and their
    # end: 3 covers rows 2 to 4; 0 covers rows 0 and 1; column 2 covers 1 and 2; 4 covers the last.
    x = images(2, 6, 4, 3)
    found = augmentation.cutout(x, drawing(row=[0.51, 0.0], column=[0.41, 0.99]))
    expected = x.numpy()
    expected[0, 2:5, 1:3] = 0
    expected[1, :2, 3:] = 0
    np.testing.assert_array_equal(found, expected)


def test_transparency_stays_under_colours_and_moves_with_the_image():
    x = images(5, 8, 8, 4)
    coloured = augmentation.get("color", 1)(x, 3, Pass.REAL)
    np.testing.assert_array_equal(coloured[..., 3], x[..., 3])
    without = augmentation.get("color", 1)(x[..., :3], 3, Pass.REAL)
    np.testing.assert_array_equal(coloured[..., :3], without)
    cut = augmentation.get("cutout", 1)(x, 3, Pass.REAL).numpy()
    np.testing.assert_array_equal(cut[..., 0] == 0, cut[..., 3] == 0)


def test_moved_is_linear_and_its_gradient_is_the_move_back():
    x, y = images(4, 5, 6, 2), images(4, 5, 6, 2)[::-1]
    down, right = tf.constant([2, -1, 0, 7]), tf.constant([-3, 0, 5, 1])

    @tf.function(jit_compile=True)
    def both(x):
        with tf.GradientTape() as tape:
            tape.watch(x)
            product = tf.reduce_sum(y * augmentation.moved(x, down, right))
        return product, tape.gradient(product, x)

    product, gradient = both(x)
    np.testing.assert_array_equal(gradient, augmentation.moved(y, -down, -right))
    assert float(product) == pytest.approx(float(tf.reduce_sum(x * gradient)), rel=1e-5)
    assert not augmentation.moved(x, down, right)[3].numpy().any()  # moved out of the picture


@pytest.mark.parametrize("jit_compile", [False, True])
def test_gradients_and_those_of_r1_are_those_of_differences(jit_compile, float64):
    x, step, h = images(2, 8, 8, 3, dtype="float64"), tf.constant(5, tf.int64), 1e-5
    w = images(8, 8, 3, dtype="float64")
    augment = augmentation.get(ALL, 1)

    def judge(x, scale):
        logits = tf.reduce_sum(w * tf.sin(scale * augment(x, step, Pass.FAKE)), axis=(1, 2, 3))
        return logits[:, tf.newaxis]

    @tf.function(jit_compile=jit_compile)
    def penalised(x, scale):
        with tf.GradientTape() as tape:
            tape.watch([x, scale])
            total = tf.reduce_sum(gradient_penalty(2.0)(judge, x, scale)[1])
        with tf.GradientTape() as first:
            first.watch(x)
            logits = tf.reduce_sum(judge(x, scale))
        return logits, first.gradient(logits, x), total, *tape.gradient(total, [x, scale])

    scale = tf.constant(1.5, tf.float64)
    _, gradient, _, penalty_gradient, scale_gradient = penalised(x, scale)
    along = images(2, 8, 8, 3, dtype="float64")[::-1]
    above, below = penalised(x + h * along, scale), penalised(x - h * along, scale)
    for found, which in ((gradient, 0), (penalty_gradient, 2)):
        expected = float(above[which] - below[which]) / (2 * h)
        assert float(tf.reduce_sum(found * along)) == pytest.approx(expected, rel=1e-6)
    expected = float(penalised(x, scale + h)[2] - penalised(x, scale - h)[2]) / (2 * h)
    assert float(scale_gradient) == pytest.approx(expected, rel=1e-6)


def test_each_step_pass_image_and_seed_has_numbers_of_its_own():
    x = tf.zeros((500, 4, 4, 1))
    draws = np.array(
        [
            augmentation.get("color", seed)(x, step, which)[:, 0, 0, 0]
            for seed, step, which in [
                (1, 0, Pass.REAL),
                (1, 1, Pass.REAL),
                (1, 0, Pass.FAKE),
                (2, 0, Pass.REAL),
            ]
        ]
    )
    # Brightness alone moves a flat image: uniform on [-0.5, 0.5), of deviation 1 / sqrt 12.
    assert len(np.unique(draws)) > 1990
    assert np.abs(draws).max() <= 0.5
    np.testing.assert_allclose(draws.std(axis=1), 12**-0.5, rtol=0.08)
    assert np.abs(np.corrcoef(draws) - np.eye(4)).max() < 0.15
    again = augmentation.get("color", 1)(x, 0, Pass.REAL)[:, 0, 0, 0]
    np.testing.assert_array_equal(again, draws[0])


def test_an_augmentation_draws_the_same_beside_others():
    x = images(6, 8, 8, 3)
    both = augmentation.get("translation,cutout", 1)(x, 2, Pass.REAL)
    first = augmentation.get("translation", 1)(x, 2, Pass.REAL)
    np.testing.assert_array_equal(augmentation.get("cutout", 1)(first, 2, Pass.REAL), both)


def test_the_same_under_xla_and_in_float64():
    x, augment = images(7, 8, 8, 3), augmentation.get(ALL, 1)
    compiled = tf.function(lambda step: augment(x, step, Pass.FAKE), jit_compile=True)
    eager = augment(x, 9, Pass.FAKE)
    # Rounding alone differs: where pixels are, and which are cut out, does not.
    np.testing.assert_allclose(compiled(tf.constant(9, tf.int64)), eager, atol=1e-6)
    precise = augment(tf.cast(x, tf.float64), 9, Pass.FAKE)
    np.testing.assert_allclose(precise, eager, atol=1e-6)
    np.testing.assert_array_equal(precise == 0, eager == 0)
    # Without colours nothing is rounded.
    augment = augmentation.get("translation,cutout", 1)
    np.testing.assert_array_equal(
        tf.function(lambda: augment(x, 9, Pass.FAKE), jit_compile=True)(),
        augment(x, 9, Pass.FAKE),
    )


def test_replicas_draw_what_one_device_would(monkeypatch):
    x, augment = images(8, 8, 8, 3), augmentation.get(ALL, 1)
    whole = augment(x, 4, Pass.REAL)

    class Second:
        replica_id_in_sync_group = 1

    monkeypatch.setattr(tf.distribute, "get_replica_context", Second)
    np.testing.assert_array_equal(augment(x[4:], 4, Pass.REAL), whole[4:])


def test_without_names_images_and_training_stay_as_they_are():
    x = images(2, 4, 4, 1)
    assert augmentation.get("", 1)(x, 0, Pass.REAL) is x
    plain, off, on = make_gan(), make_gan(augment=""), make_gan(augment="color")
    for gan in (plain, off, on):
        gan.fit(dataset(), verbose=0)
    assert_equal(state(plain), state(off))
    assert not np.array_equal(plain.step_logs, on.step_logs)


def test_d_judges_augmented_images_in_training_alone(monkeypatch):
    gan, seen = make_gan(augment=ALL, run_eagerly=True), []
    real = next(iter(dataset()))
    plain = make_gan()
    for model in (gan, plain):
        model.discriminator.set_weights(make_gan(2).discriminator.get_weights())
    z = (tf.ones((5, 3)),) * 2
    for one, other in zip(
        gan.losses_of(real, z).values(), plain.losses_of(real, z).values(), strict=True
    ):
        np.testing.assert_array_equal(one, other)
    monkeypatch.setattr(gan, "augment", lambda x, step, which: seen.append((int(step), which)) or x)
    gan.train_step(real)
    gan.train_step(real)
    in_a_step = [Pass.REAL, Pass.FAKE, Pass.FAKE_FOR_GENERATOR]
    assert seen == [(step, which) for step in (0, 1) for which in in_a_step]


def test_stopped_and_resumed_is_unbroken(tmp_path):
    unbroken, first = make_gan(augment=ALL), make_gan(augment=ALL)
    unbroken.fit(dataset(), epochs=2, verbose=0)
    first.fit(dataset(), verbose=0)
    first.save(tmp_path / "gan.keras")
    resumed = keras.saving.load_model(tmp_path / "gan.keras")
    resumed.fit(dataset(), verbose=0)
    assert_equal(state(unbroken), state(resumed))

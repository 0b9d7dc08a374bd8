"""D judges several images together; and several updates of D a step, which share its batch."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import tfgan
from tfgan import GAN, Adam, UserError, networks
from tfgan.networks.packing import Packed, pack_of

SHAPE = (16, 16, 1)
IMAGES = np.random.default_rng(0).uniform(-1, 1, (16, *SHAPE)).astype("float32")
KINDS = ["mlp", "maxout", "infogan", "conv", "conv_modulated", "resnet"]


def judge_of(kind: str, **options) -> keras.Model:
    return networks.KINDS[kind].discriminator(16, SHAPE, **options)


def test_neighbours_become_channels_by_hand():
    # Five images of 1 x 2 pixels, one channel: two packs of two, and one left out.
    x = np.arange(10.0).reshape(5, 1, 2, 1)
    packed = Packed(2)(x)
    np.testing.assert_array_equal(packed, [[[[0, 2], [1, 3]]], [[[4, 6], [5, 7]]]])
    # Of two channels each: those of the first image, then those of the second.
    colour = np.arange(8.0).reshape(2, 1, 2, 2)
    np.testing.assert_array_equal(Packed(2)(colour), [[[[0, 1, 4, 5], [2, 3, 6, 7]]]])
    np.testing.assert_array_equal(Packed(3)(np.eye(3)), [np.eye(3).ravel()])  # rows of classes


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("classes", [0, 3])
def test_every_discriminator_judges_packs(kind, classes):
    told = {"classes": classes} if classes else {}
    packing, alone = judge_of(kind, pack=4, **told), judge_of(kind, **told)
    assert (pack_of(packing), pack_of(alone)) == (4, 1)
    images = tf.constant(IMAGES)
    x = (images, tf.range(16, dtype=tf.int64) % 3) if classes else images
    with tf.GradientTape() as tape:
        tape.watch(images)
        logits = packing(x, training=False)
        first = logits[0, 0]
    assert logits.shape == (4, 1)
    seen = np.abs(tape.gradient(first, images)).max(axis=(1, 2, 3)) > 0
    assert seen.tolist() == [True] * 4 + [False] * 12
    if classes:  # and the class of each of its images
        others = packing((images, (x[1] + [0, 0, 0, 1] * 4) % 3), training=False)
        assert (np.abs(others - logits) > 0).all()
    copy = keras.models.clone_model(packing)
    copy.set_weights(packing.get_weights())
    np.testing.assert_array_equal(copy(x, training=False), logits)


def gan_of(pack: int, seed: int = 1, kind: str = "mlp", **options) -> GAN:
    gan = GAN(networks.KINDS[kind].generator(3, 16, SHAPE), judge_of(kind, pack=pack), 3, seed)
    gan.compile(Adam(0.01), Adam(0.01), **options)
    return gan


def test_penalty_is_that_of_the_joint_input():
    # l(x1, x2) = a.x1 + b.x2, so |dl/d(x1, x2)|^2 = |a|^2 + |b|^2 at any pack.
    gan = gan_of(2)
    a, b = (np.random.default_rng(index).normal(size=256).astype("float32") for index in (1, 2))
    weights = tf.constant(np.stack([a, b], axis=1).reshape(-1, 1))  # packed as channels

    def judge(images, which):
        return tf.reshape(Packed(2)(images), (-1, 512)) @ weights

    gan.compile(Adam(0.01), Adam(0.01), r1=3.0, gradient_penalty=2.0)
    expected = (a**2).sum() + (b**2).sum()
    _, r1 = gan.r1(judge, tf.constant(IMAGES), 0)
    np.testing.assert_allclose(r1, [1.5 * expected] * 8, rtol=1e-5)
    between = gan.gp(judge, tf.constant(IMAGES), tf.zeros_like(IMAGES), tf.constant(0), 4)
    np.testing.assert_allclose(between, [2 * (expected**0.5 - 1) ** 2] * 8, rtol=1e-5)


def test_images_of_a_pack_are_equally_far_along():
    seen = []

    def judge(images, which):
        seen.append(images.numpy())
        return tf.reduce_sum(Packed(2)(images), axis=(1, 2, 3))[:, tf.newaxis]

    gan = gan_of(2, gradient_penalty=1.0)
    gan.gp(judge, tf.zeros_like(IMAGES), tf.ones_like(IMAGES), tf.constant(7, tf.int64), 4)
    ways = seen[0][:, 0, 0, 0]
    assert (seen[0] == ways[:, None, None, None]).all()
    np.testing.assert_array_equal(ways[::2], ways[1::2])
    assert len(set(ways)) == 8
    assert ((ways >= 0) & (ways < 1)).all()


@pytest.mark.parametrize("jit_compile", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_steps_a_call_change_no_bit(jit_compile):
    images = np.concatenate([IMAGES] * 6)[:96]
    data = tf.data.Dataset.from_tensor_slices(images).batch(12, drop_remainder=True)
    options = {"loss": "wasserstein", "gradient_penalty": 10.0, "d_steps": 3, "r1": 0.1}
    ended = []
    for steps_per_execution in (1, 4):
        gan = gan_of(2, jit_compile=jit_compile, steps_per_execution=steps_per_execution, **options)
        gan.fit(data, verbose=0)
        assert int(gan.step.numpy()) == 8
        ended.append([weight.numpy() for weight in gan.weights])
    for one, other in zip(*ended, strict=True):
        np.testing.assert_array_equal(one, other)


def test_d_takes_its_steps_on_examples_of_their_own():
    gan = gan_of(1, jit_compile=False, run_eagerly=True, d_steps=3, loss="relativistic")
    seen, updated = [], []
    gan.discriminator_gradients = lambda real, z, turn: (
        seen.append((real.numpy(), z.numpy(), turn)) or ([], {})
    )
    gan.generator_gradients = lambda real, z: seen.append((real.numpy(), z.numpy())) or ([], {})
    gan.update_discriminator = lambda gradients: updated.append("D")
    gan.update_generator = lambda gradients: updated.append("G")
    real = tf.constant(IMAGES[:12])
    z_d, z_g = gan.latents(tf.constant(5, tf.int64), real)
    gan.update(real, (z_d, z_g))
    assert updated == ["D", "D", "D", "G"]
    for turn in range(3):
        np.testing.assert_array_equal(seen[turn][0], IMAGES[turn:12:3])
        np.testing.assert_array_equal(seen[turn][1], z_d[turn::3])
        assert seen[turn][2] == turn
    np.testing.assert_array_equal(seen[3][0], IMAGES[0:12:3])
    np.testing.assert_array_equal(seen[3][1], z_g[0::3])


def test_each_turn_has_masks_of_its_own():
    discriminator = networks.mlp_discriminator(16, SHAPE, dropout=0.5)
    gan = GAN(networks.mlp_generator(3, 16, SHAPE), discriminator, 3)
    gan.compile(Adam(0.01), Adam(0.01), d_steps=2)
    real, z = tf.constant(IMAGES), gan.latents(tf.constant(0, tf.int64), tf.constant(IMAGES))[0]
    losses = [float(gan.discriminator_gradients(real, z, turn)[1]["D_loss"]) for turn in (0, 0, 1)]
    assert losses[0] == losses[1] != losses[2]


@pytest.mark.parametrize(
    ("options", "pack", "size", "multiple"),
    [({}, 3, 16, 3), ({"d_steps": 5}, 1, 16, 5), ({"d_steps": 2}, 3, 9, 6), ({}, 2, None, 2)],
)
def test_batches_that_cannot_be_shared_are_refused(options, pack, size, multiple):
    gan = gan_of(pack, **options)
    data = tf.data.Dataset.from_tensor_slices(IMAGES).batch(size or 8, drop_remainder=bool(size))
    before = [weight.numpy() for weight in gan.weights]
    with pytest.raises(
        UserError,
        match=f"not all batch sizes are a multiple of {multiple}, which d_steps and packs",
    ):
        gan.fit(data, verbose=0)
    for weight, value in zip(gan.weights, before, strict=True):
        np.testing.assert_array_equal(weight, value)


def test_simultaneous_updates_have_one_step_of_each():
    with pytest.raises(ValueError, match="d_steps=2: simultaneous updates have one update of each"):
        gan_of(1, d_steps=2, simultaneous=True)


def test_saved_and_loaded_it_still_packs(tmp_path):
    options = {"d_steps": 2, "gradient_penalty": 1.0, "loss": "wasserstein", "jit_compile": False}
    gan = gan_of(2, **options)
    gan.save(tmp_path / "gan.keras")
    loaded = keras.models.load_model(tmp_path / "gan.keras")
    assert (loaded.pack, loaded.d_steps, loaded.multiple) == (2, 2, 4)
    data = tf.data.Dataset.from_tensor_slices(IMAGES).batch(8, drop_remainder=True)
    for each in (gan, loaded):
        each.fit(data, verbose=0)
    for one, other in zip(gan.weights, loaded.weights, strict=True):
        np.testing.assert_array_equal(one, other)


def test_pack_inside_another_model_is_found():
    inner = keras.Sequential([Packed(2), keras.layers.Flatten(), keras.layers.Dense(1)])
    assert pack_of(keras.Sequential([keras.Input(SHAPE), inner])) == 2


@pytest.mark.parametrize(
    "arguments", [{"x": IMAGES, "batch_size": 2}, {"x": IMAGES[:3]}, {"x": IMAGES[:0]}]
)
def test_losses_of_no_pack_are_refused(arguments):
    gan = gan_of(4, jit_compile=False)
    with pytest.raises(UserError, match="evaluate needs a batch of at least 4"):
        gan.evaluate(verbose=0, **arguments)
    size = arguments.get("batch_size")
    fit = {"x": IMAGES, "batch_size": 8, "validation_batch_size": size, "verbose": 0}
    with pytest.raises(UserError, match="evaluate needs a batch of at least 4"):
        gan.fit(**fit, validation_data=arguments["x"])
    assert not int(gan.step.numpy())


def test_losses_of_a_dataset_without_packs_are_refused_and_others_leave_out_a_rest():
    gan = gan_of(4, jit_compile=False)
    data = tf.data.Dataset.from_tensor_slices(IMAGES)
    with pytest.raises(UserError, match="evaluate needs a batch of at least 4"):
        gan.evaluate(data.batch(3), verbose=0)
    whole = gan.evaluate(IMAGES[:4], verbose=0)
    np.testing.assert_array_equal(gan.evaluate(IMAGES[:7], verbose=0), whole)
    np.testing.assert_array_equal(gan.evaluate(data.take(6).batch(4), verbose=0), whole)


@pytest.mark.parametrize("options", [{"pack": 3}, {"pack": 1, "d_steps": 3}])
def test_backup_is_not_begun_with_batches_that_cannot_be_shared(options, tmp_path):
    gan = gan_of(**options, jit_compile=False)
    backup = tfgan.ExactBackup(str(tmp_path / "backup"))
    for x in (IMAGES, tf.data.Dataset.from_tensor_slices(IMAGES).batch(8, drop_remainder=True)):
        size = {"batch_size": 8} if x is IMAGES else {}
        with pytest.raises(UserError, match="not all batch sizes are a multiple of 3"):
            gan.fit(x, **size, verbose=0, callbacks=[backup])
        assert not (tmp_path / "backup").exists()
    gan.fit(IMAGES, batch_size=6, verbose=0, callbacks=[backup])
    assert int(gan.step.numpy()) == 2


def test_penalty_between_images_refuses_batch_normalisation():
    gan = gan_of(1)
    layers = [keras.layers.Flatten(), keras.layers.Dense(4), keras.layers.BatchNormalization()]
    inner = keras.Sequential(layers, name="inner")
    gan.discriminator = keras.Sequential([keras.Input(SHAPE), inner, keras.layers.Dense(1)])
    gan.compile(Adam(0.01), Adam(0.01), r1=1.0)
    with pytest.raises(UserError, match=r"^gradient_penalty: needs a discriminator without batch"):
        gan.compile(Adam(0.01), Adam(0.01), gradient_penalty=1.0)
    layers[-1].trainable = False  # so it no longer looks at the batch
    gan.compile(Adam(0.01), Adam(0.01), gradient_penalty=1.0)

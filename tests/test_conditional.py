"""`ConditionalGAN`: the same game with pairs, and what Keras' own API makes of it."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from conftest import EVERYTHING

from tfgan import GAN, Adam, ConditionalGAN, UserError, networks
from tfgan.networks import labelled
from tfgan.networks.dropout import Pass
from tfgan.noise import Stream

NAMES = ["D_loss", "G_loss", "D(x)", "D(G(z))"]
SHAPE = (4, 4, 1)
SHARES = (0.5, 0.0, 0.3, 0.2)
IMAGES = np.random.default_rng(0).uniform(-1, 1, (30, *SHAPE)).astype("float32")
LABELS = np.random.default_rng(1).integers(0, 4, 30)


def make(
    dropout=0.0, input_dropout=0.0, spectral_norm=False, ema=0.0, shares=SHARES, **options
) -> ConditionalGAN:
    count = len(shares)
    generator = networks.mlp_generator(3, 8, SHAPE, 1, classes=count)
    discriminator = networks.mlp_discriminator(
        8, SHAPE, 1, dropout, input_dropout, spectral_norm, classes=count
    )
    gan = ConditionalGAN(generator, discriminator, 3, shares, seed=1, ema=ema)
    optimizers = {"d_optimizer": Adam(0.01), "g_optimizer": Adam(0.01)}
    gan.compile(**optimizers | {"jit_compile": False} | options)
    return gan


def dataset(images=IMAGES, labels=LABELS, batch: int = 5) -> tf.data.Dataset:
    both = tf.data.Dataset.from_tensor_slices((images, labels))
    return both.batch(batch, drop_remainder=True)


def state(gan: GAN) -> list[np.ndarray]:
    variables = gan.weights + gan.d_optimizer.variables + gan.g_optimizer.variables
    return [variable.numpy() for variable in variables]


def assert_equal(first, second):
    for a, b in zip(first, second, strict=True):
        np.testing.assert_array_equal(a, b)


def sigmoid(logits) -> np.ndarray:
    return 1 / (1 + np.exp(-np.asarray(logits)))


# The game.


def test_a_step_plays_equation_2():
    gan = make(run_eagerly=True)
    batch = next(iter(dataset()))
    (x, y), ((z_d, y_d), (z_g, y_g)) = gan.draw(batch)
    untrained = make()  # the same weights, from the seed
    g, d = untrained.generator, untrained.discriminator
    logs = gan.train_step(batch)
    real, fake = sigmoid(d((x, y))), sigmoid(d((g((z_d, y_d)), y_d)))
    fake_g = sigmoid(gan.discriminator((g((z_g, y_g)), y_g)))  # D after its update
    expected = [
        -np.log(real).mean() - np.log(1 - fake).mean(),
        -np.log(fake_g).mean(),
        real.mean(),
        fake_g.mean(),
    ]
    np.testing.assert_allclose([logs[name] for name in NAMES], expected, rtol=1e-5)
    assert y_d.dtype == tf.int64
    assert not np.array_equal(z_d, z_g)


def test_every_weight_learns():
    gan = make(run_eagerly=True)
    before = gan.generator.get_weights() + gan.discriminator.get_weights()
    for batch in dataset():
        gan.train_step(batch)
    after = gan.generator.get_weights() + gan.discriminator.get_weights()
    assert not any(np.array_equal(a, b) for a, b in zip(before, after, strict=True))


def test_the_class_decides_what_is_drawn_and_judged():
    gan = make()
    z = np.ones((4, 3), "float32")
    images = gan.predict((z, np.arange(4)), verbose=0)
    logits = gan.discriminator((IMAGES[:1].repeat(4, axis=0), np.arange(4))).numpy()
    assert len(np.unique(images[:, 0, 0, 0])) == len(np.unique(logits)) == 4


def test_replicas_share_pairs_and_a_class_without_a_share_is_not_drawn():
    gan = make()
    z, labels = gan.global_latents(Stream.GENERATOR_LATENTS, 7, 2000)
    assert z.shape == (2000, 3)
    assert set(labels.numpy()) == {0, 2, 3}
    real = tf.zeros((2000, *SHAPE)), tf.zeros(2000, tf.int64)
    (_, first), (of_g, labels_of_g) = gan.latents(tf.constant(7, tf.int64), real)
    assert not np.array_equal(first, labels_of_g)
    assert len(of_g) == len(labels_of_g) == 2000


def test_penalties_take_the_slope_in_the_images_alone():
    # D(x, y) = <w + v_y, x> + b has the slope w + v_y whatever x is.
    x = keras.Input(SHAPE)
    last, by_class = keras.layers.Dense(1), keras.layers.Dense(16, use_bias=False)
    head = labelled.Projection(last, by_class)
    d = labelled.network(x, [keras.layers.Flatten(), head], 4, "discriminator")
    gan = ConditionalGAN(make().generator, d, 3, SHARES, seed=1)
    gan.compile(Adam(0.01), Adam(0.01), r1=0.5, run_eagerly=True)
    y = tf.constant([0, 3, 3])
    _, penalty = gan.r1(gan.judge, (tf.constant(IMAGES[:3]), y), Pass.REAL)
    slopes = last.kernel.numpy()[:, 0] + by_class.kernel.numpy()[y.numpy()]
    np.testing.assert_allclose(penalty, 0.25 * np.sum(slopes**2, axis=1), rtol=1e-5)


def test_simultaneous_updates_share_fakes_with_their_labels():
    gan = make(simultaneous=True, run_eagerly=True, dropout=0.5)
    batch = next(iter(dataset()))
    real, (z,) = gan.draw(batch)
    _, d_logs = gan.discriminator_gradients(real, z)
    _, g_logs = gan.generator_gradients(real, z, (Pass.REAL, Pass.FAKE))
    logs = gan.train_step(batch)
    for name, value in (d_logs | g_logs).items():
        assert float(logs[name]) == float(value)


def test_average_follows_the_embedding_too():
    gan = make(ema=0.5, run_eagerly=True)
    first = gan.generator.get_weights()
    gan.train_step(next(iter(dataset())))
    # d = min(0.5, 1/10) at step 0.
    averages, now = gan.ema_generator.get_weights(), gan.generator.get_weights()
    for average, old, new in zip(averages, first, now, strict=True):
        np.testing.assert_allclose(average, 0.1 * old + 0.9 * new, rtol=1e-5, atol=1e-7)
    z = np.ones((2, 3), "float32"), np.array([0, 3])
    np.testing.assert_allclose(gan.predict(z, verbose=0), gan.ema_generator(z), rtol=1e-6)


@pytest.mark.slow  # test_gan.py has the same without classes
def test_all_options_agree_eagerly_in_a_graph_and_under_xla():
    runs = []
    for mode in ({"run_eagerly": True}, {"jit_compile": False}, {"jit_compile": True}):
        gan = make(**EVERYTHING, **mode)
        gan.fit(dataset(), verbose=0)
        runs.append(gan.step_logs)
        assert np.isfinite(gan.step_logs).all()
    np.testing.assert_allclose(runs[0], runs[1], rtol=1e-5)
    np.testing.assert_allclose(runs[0], runs[2], rtol=1e-4)


@pytest.mark.parametrize("jit_compile", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_steps_per_execution_does_not_change_the_run(jit_compile):
    runs = []
    for steps in (1, 3):
        gan = make(ema=0.5, steps_per_execution=steps, jit_compile=jit_compile)
        gan.fit(dataset(), epochs=2, verbose=0)
        runs.append(state(gan))
    assert_equal(*runs)


def test_fixed_latents_are_a_row_for_each_class():
    (z, labels), row = make().fixed_latents()
    assert row == 8
    np.testing.assert_array_equal(labels, np.repeat([0, 2, 3], 8))  # the second has no share
    np.testing.assert_array_equal(z, np.tile(z[:8], (3, 1)))
    (_, labels), _ = make(shares=(0.02,) * 50).fixed_latents()
    np.testing.assert_array_equal(labels, np.repeat(range(32), 8))


# Keras' own API.


def test_arrays_tensors_and_batches_are_the_same_data():
    runs = []
    for data, how in (
        ((dataset(batch=6),), {}),
        ((IMAGES, LABELS, 6), {"shuffle": False}),
        ((tf.constant(IMAGES), tf.constant(LABELS)), {"batch_size": 6, "shuffle": False}),
        ((dataset(labels=LABELS.astype("uint8"), batch=6),), {}),
    ):
        gan = make()
        gan.fit(*data, verbose=0, **how)
        runs.append(state(gan))
    one_by_one = make()
    for x, y in dataset(batch=6):
        one_by_one.train_on_batch(x.numpy(), y.numpy())
    for each in (*runs[1:], state(one_by_one)):
        assert_equal(each, runs[0])


NEEDS, WHOLE = "^labels: a conditional GAN needs batches of", "^labels: have the type "
OUT = r"^labels: lie in \[1, 4\]; must lie in \[0, 3\]$"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (lambda: {"x": IMAGES}, NEEDS),
        (lambda: {"x": dataset().map(lambda x, y: x)}, NEEDS),
        (lambda: {"x": dataset().map(lambda x, y: (x, {"digit": y}))}, NEEDS),
        (
            lambda: {"x": dataset().map(lambda x, y: {"image": x, "label": y})},
            "^images: .* one array",
        ),
        (lambda: {"x": IMAGES, "y": list(LABELS)}, NEEDS),
        (lambda: {"x": IMAGES, "y": LABELS / 1}, WHOLE + r"float64 and the shape \(30,\)"),
        (lambda: {"x": dataset(labels=LABELS / 1)}, WHOLE + r"float64 and the shape \(5,\)"),
        (lambda: {"x": dataset(labels=np.eye(4, dtype=int)[LABELS])}, WHOLE + r".*shape \(5, 4\)"),
        (lambda: {"x": IMAGES, "y": LABELS[:, None]}, WHOLE + r"int64 and the shape \(30, 1\)"),
        (lambda: {"x": IMAGES, "y": LABELS + 1}, OUT),
        (lambda: {"x": tf.constant(IMAGES), "y": tf.constant(LABELS + 1)}, OUT),
        (lambda: {"x": IMAGES, "y": LABELS, "validation_data": (IMAGES, LABELS + 1)}, OUT),
        (lambda: {"x": IMAGES, "y": LABELS, "validation_data": IMAGES}, NEEDS),
        (lambda: {"x": dataset(), "validation_data": dataset().map(lambda x, y: x)}, NEEDS),
    ],
)
def test_labels_that_are_none_are_refused_before_a_step(arguments, words):
    gan = make()
    with pytest.raises(UserError, match=words):
        gan.fit(**arguments(), verbose=0)
    assert int(gan.step.numpy()) == 0


@pytest.mark.parametrize(
    ("arguments", "words"),
    [((IMAGES, None), NEEDS), ((IMAGES, LABELS / 1), WHOLE + "float64")],
)
def test_single_batches_without_labels_are_refused(arguments, words):
    with pytest.raises(UserError, match=words):
        make().train_on_batch(*arguments)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [((IMAGES,), NEEDS), ((IMAGES, LABELS + 1), OUT), ((dataset().map(lambda x, y: x),), NEEDS)],
)
def test_evaluation_without_labels_is_refused(arguments, words):
    with pytest.raises(UserError, match=words):
        make().evaluate(*arguments, verbose=0)


@pytest.mark.parametrize("jit_compile", [False, True])
def test_labels_out_of_range_in_a_dataset_make_losses_that_stop_the_training(jit_compile):
    gan = make(jit_compile=jit_compile)
    stop = keras.callbacks.TerminateOnNaN()
    gan.fit(dataset(labels=LABELS + 1), epochs=3, callbacks=[stop], verbose=0)
    assert np.isnan(gan.step_logs).any()
    assert int(gan.step.numpy()) < 3 * 6


def test_losses_on_other_images_are_those_of_the_networks():
    gan = make(ema=0.5)
    found = gan.evaluate(IMAGES, LABELS, batch_size=30, return_dict=True, verbose=0)
    z, _ = gan.global_latents(Stream.VALIDATION_LATENTS, 0, 30)
    labels = tf.constant(LABELS)
    real = gan.discriminator((tf.constant(IMAGES), labels))
    fake = gan.discriminator((gan.generator((z, labels)), labels))
    expected = {
        "D_loss": -np.mean(np.log(sigmoid(real))) - np.mean(np.log(sigmoid(-fake))),
        "G_loss": -np.mean(np.log(sigmoid(fake))),
        "D(x)": np.mean(sigmoid(real)),
        "D(G(z))": np.mean(sigmoid(fake)),
    }
    assert found == pytest.approx(expected, rel=1e-5)


def test_validation_leaves_the_training_as_it_is():
    plain, validated = make(), make()
    plain.fit(dataset(), epochs=2, verbose=0)
    history = validated.fit(
        dataset(), epochs=2, validation_data=(IMAGES, LABELS), verbose=0
    ).history
    assert np.isfinite(history["val_D_loss"]).all()
    assert_equal(state(plain), state(validated))


def test_keras_file_round_trips(tmp_path):
    gan = make(ema=0.5, augment="cutout")
    gan.fit(dataset(), verbose=0)
    gan.save(tmp_path / "gan.keras")
    again = keras.saving.load_model(tmp_path / "gan.keras")
    assert type(again) is ConditionalGAN
    assert again.shares == SHARES
    assert_equal(state(gan), state(again))
    for model in (gan, again):
        model.fit(dataset(), verbose=0)
    assert_equal(state(gan), state(again))


def test_its_config_makes_it_again():
    gan = make(ema=0.5)
    again = ConditionalGAN.from_config(gan.get_config())
    assert (again.shares, again.seed, again.ema) == (SHARES, 1, 0.5)
    assert labelled.classes_of(again.generator) == 4


def test_export_takes_labels_beside_latents(tmp_path):
    gan = make(ema=0.5)
    gan.export(tmp_path / "generator", verbose=False)
    z = np.ones((2, 3), "float32"), np.array([0, 2])
    loaded = tf.saved_model.load(str(tmp_path / "generator"))
    np.testing.assert_allclose(loaded.serve(z), gan(z), rtol=1e-6)


# What it is made of.


@pytest.mark.parametrize(
    "shares", [(), (1.0,), (0.5, 0.6), (1.5, -0.5), (float("nan"), 0.5), (0.3, 0.3)]
)
def test_shares_that_are_none(shares):
    made = make()
    with pytest.raises(UserError, match=r"^shares: must be two or more numbers"):
        ConditionalGAN(made.generator, made.discriminator, 3, shares)


def test_networks_that_take_no_labels_or_other_ones_are_refused():
    g, d = make().generator, make().discriminator
    plain = networks.mlp_generator(3, 8, SHAPE), networks.mlp_discriminator(8, SHAPE)
    other = networks.mlp_discriminator(8, SHAPE, classes=5)
    for pair, words in (
        ((plain[0], d), "^generator: takes no labels; make it with classes=4$"),
        ((g, plain[1]), "^discriminator: takes no labels"),
        ((g, other), "^discriminator: knows 5 classes, but shares has 4$"),
    ):
        with pytest.raises(UserError, match=words):
            ConditionalGAN(*pair, 3, SHARES)


def test_networks_of_ones_own():
    z, label, x = keras.Input((3,)), keras.Input((), dtype="int64"), keras.Input(SHAPE)
    embedded = keras.layers.Embedding(4, 5)(label)
    pixels = keras.layers.Dense(16, "tanh")(keras.layers.Concatenate()([z, embedded]))
    g = keras.Model((z, label), keras.layers.Reshape(SHAPE)(pixels))
    judged = keras.layers.Concatenate()([keras.layers.Flatten()(x), embedded])
    d = keras.Model((x, label), keras.layers.Dense(1)(judged))
    gan = ConditionalGAN(g, d, 3, SHARES)
    gan.compile(Adam(0.01), Adam(0.01), jit_compile=False)
    gan.fit(dataset(), verbose=0)
    assert np.isfinite(gan.step_logs).all()

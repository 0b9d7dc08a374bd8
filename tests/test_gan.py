import conftest
import keras
import numpy as np
import pytest
import tensorflow as tf

from tfgan import GAN, Adam, networks
from tfgan.networks.dropout import Pass
from tfgan.noise import Stream, latents

NAMES = ["D_loss", "G_loss", "D(x)", "D(G(z))"]
SHAPE = (4, 4, 1)


def make_gan(seed=1, **compile_arguments) -> GAN:
    generator = networks.mlp_generator(3, 8, SHAPE, seed)
    gan = GAN(generator, networks.mlp_discriminator(8, SHAPE, seed), latent_size=3, seed=seed)
    arguments = {"d_optimizer": Adam(0.01), "g_optimizer": Adam(0.01), "jit_compile": False}
    gan.compile(**{**arguments, **compile_arguments})
    return gan


def dataset(steps=6, batch=5) -> tf.data.Dataset:
    real = np.random.default_rng(0).uniform(-1, 1, (steps, batch, *SHAPE)).astype("float32")
    return tf.data.Dataset.from_tensor_slices(real)


def state(gan: GAN) -> list[np.ndarray]:
    variables = gan.generator.weights + gan.discriminator.weights
    variables += gan.d_optimizer.variables + gan.g_optimizer.variables + [gan.step]
    return [variable.numpy() for variable in variables]


def assert_equal(first, second):
    for a, b in zip(first, second, strict=True):
        np.testing.assert_array_equal(a, b)


def test_each_update_changes_one_network(monkeypatch):
    gan = make_gan(run_eagerly=True)
    seen = []

    def spy_on(name):
        optimizer = getattr(gan, name)
        apply = optimizer.apply

        def spied(*arguments):
            before = gan.generator.get_weights(), gan.discriminator.get_weights()
            apply(*arguments)
            seen.append(
                (name, before, gan.generator.get_weights(), gan.discriminator.get_weights())
            )

        monkeypatch.setattr(optimizer, "apply", spied)

    spy_on("d_optimizer")
    spy_on("g_optimizer")
    gan.train_step(next(iter(dataset())))
    (first, before_d, g_after_d, d_after_d), (second, before_g, g_after_g, d_after_g) = seen
    assert (first, second) == ("d_optimizer", "g_optimizer")
    assert_equal(before_d[0], g_after_d)
    assert_equal(before_g[1], d_after_g)
    assert_equal(d_after_d, d_after_g)
    assert all(not np.array_equal(a, b) for a, b in zip(before_d[1], d_after_d, strict=True))
    assert all(not np.array_equal(a, b) for a, b in zip(before_g[0], g_after_g, strict=True))


def test_logs_are_taken_where_the_tutorial_takes_them():
    gan = make_gan(run_eagerly=True)
    real = next(iter(dataset()))
    z_d, z_g = (
        latents(1, stream, 0, 5, 3)
        for stream in (Stream.DISCRIMINATOR_LATENTS, Stream.GENERATOR_LATENTS)
    )
    untrained = keras.models.clone_model(gan.discriminator)
    untrained.set_weights(gan.discriminator.get_weights())
    g_untrained = keras.models.clone_model(gan.generator)
    g_untrained.set_weights(gan.generator.get_weights())
    logs = gan.train_step(real)

    def probability(network, images):
        return 1 / (1 + np.exp(-network(images).numpy()))

    d_real, d_fake = probability(untrained, real), probability(untrained, g_untrained(z_d))
    d_fake_g = probability(gan.discriminator, g_untrained(z_g))  # D after, G before its update
    expected = [
        -np.log(d_real).mean() - np.log(1 - d_fake).mean(),
        -np.log(d_fake_g).mean(),
        d_real.mean(),
        d_fake_g.mean(),
    ]
    np.testing.assert_allclose([logs[name] for name in NAMES], expected, rtol=1e-5)


def test_fit_reports_epoch_means_and_counts_steps():
    gan = make_gan(steps_per_execution=6)
    history = gan.fit(dataset(), verbose=0).history
    assert set(history) == set(NAMES)
    assert gan.step_logs.shape == (6, 4)
    means = [history[name][0] for name in NAMES]
    np.testing.assert_allclose(means, gan.step_logs.mean(axis=0), rtol=1e-5)
    assert int(gan.step.numpy()) == 6


@pytest.mark.parametrize("jit_compile", [False, True])
def test_steps_per_execution_does_not_change_the_run(jit_compile):
    runs = []
    for steps in (1, 3):
        gan = make_gan(steps_per_execution=steps, jit_compile=jit_compile)
        gan.fit(dataset(), epochs=2, verbose=0)
        runs.append(state(gan))
    assert_equal(*runs)


@pytest.mark.slow  # test_parity.py has a graph and XLA; with all options, it is below
def test_eager_graph_and_xla_agree():
    runs = []
    for options in ({"run_eagerly": True}, {"jit_compile": False}, {"jit_compile": True}):
        gan = make_gan(**options)
        gan.fit(dataset(), verbose=0)
        runs.append(gan.step_logs)
    np.testing.assert_allclose(runs[0], runs[1], rtol=1e-5)
    np.testing.assert_allclose(runs[0], runs[2], rtol=1e-4)


def test_labels_and_numpy_batches_are_taken():
    labelled = make_gan()
    labelled.fit(dataset().map(lambda x: (x, tf.zeros(5))), verbose=0)
    plain = make_gan()
    plain.fit(dataset(), verbose=0)
    assert_equal(state(labelled), state(plain))
    one_by_one = make_gan()
    for batch in dataset():
        logs = one_by_one.train_on_batch(batch.numpy(), return_dict=True)
    assert_equal(state(one_by_one), state(plain))
    np.testing.assert_allclose([logs[name] for name in NAMES], plain.step_logs[-1], rtol=1e-6)


def test_keras_callbacks_work(tmp_path):
    gan = make_gan()
    gan.fit(
        dataset(),
        epochs=3,
        verbose=0,
        callbacks=[
            keras.callbacks.CSVLogger(tmp_path / "log.csv"),
            keras.callbacks.TensorBoard(tmp_path / "board"),
            keras.callbacks.ModelCheckpoint(tmp_path / "gan.keras", "G_loss", mode="min"),
            keras.callbacks.LearningRateScheduler(lambda epoch: 0.5**epoch),
            keras.callbacks.TerminateOnNaN(),
        ],
    )
    assert (tmp_path / "log.csv").read_text().count("\n") == 4
    assert list((tmp_path / "board").rglob("events*"))
    assert float(gan.g_optimizer.learning_rate) == 0.25
    assert float(gan.d_optimizer.learning_rate) == pytest.approx(0.01)
    assert int(keras.saving.load_model(tmp_path / "gan.keras").step) == 18


def test_keras_file_round_trips_with_both_optimizers(tmp_path):
    gan = make_gan(loss="minimax", steps_per_execution=2)
    gan.fit(dataset(), verbose=0)
    gan.save(tmp_path / "gan.keras")
    again = keras.saving.load_model(tmp_path / "gan.keras")
    assert_equal(state(gan), state(again))
    for model in (gan, again):
        model.fit(dataset(), verbose=0)
    assert_equal(state(gan), state(again))
    assert again.steps_per_execution == 2


def test_predict_draws_images():
    gan = make_gan()
    z = np.random.default_rng(0).normal(size=(7, 3)).astype("float32")
    np.testing.assert_allclose(gan.predict(z, verbose=0), gan.generator(z), rtol=1e-6)


def test_optimizers_by_name_and_unknown_loss():
    gan = make_gan(d_optimizer="sgd", g_optimizer="adam")
    assert isinstance(gan.d_optimizer, keras.optimizers.SGD)
    assert gan.optimizer is gan.g_optimizer
    with pytest.raises(ValueError, match="non_saturating, minimax"):
        make_gan(loss="wgan")
    with pytest.raises(ValueError, match="'flip'; known: color, translation, cutout"):
        make_gan(augment="color,flip")


EVERYTHING = conftest.EVERYTHING | {
    "distribution": "uniform",
    "augment": "translation",  # it has a gradient of its own; test_augmentation.py has all
}


def make_with(dropout=0.0, input_dropout=0.0, spectral_norm=False, ema=0.0, **arguments) -> GAN:
    discriminator = networks.mlp_discriminator(8, SHAPE, 1, dropout, input_dropout, spectral_norm)
    generator = networks.mlp_generator(3, 8, SHAPE, 1)
    distribution = arguments.pop("distribution", "normal")
    gan = GAN(generator, discriminator, 3, seed=1, ema=ema, distribution=distribution)
    gan.compile(**{"d_optimizer": Adam(0.01), "g_optimizer": Adam(0.01)} | arguments)
    return gan


def whole_state(gan: GAN) -> list[np.ndarray]:
    return state(gan) + gan.sampler.get_weights()


def test_all_options_agree_eagerly_in_a_graph_and_under_xla():
    runs = []
    for mode in ({"run_eagerly": True}, {"jit_compile": False}, {"jit_compile": True}):
        gan = make_with(**EVERYTHING, **mode)
        gan.fit(dataset(), verbose=0)
        runs.append(gan.step_logs)
    np.testing.assert_allclose(runs[0], runs[1], rtol=1e-5)
    np.testing.assert_allclose(runs[0], runs[2], rtol=1e-4)


@pytest.mark.slow  # without options: test_steps_per_execution_does_not_change_the_run
def test_all_options_do_not_depend_on_steps_per_execution():
    runs = []
    for steps in (1, 3):
        # Without augmentation, most of whose cost is compiling; it knows steps by their number.
        gan = make_with(**EVERYTHING | {"augment": ""}, steps_per_execution=steps)
        gan.fit(dataset(), epochs=2, verbose=0)
        runs.append(whole_state(gan))
    assert_equal(*runs)


def test_keras_file_round_trips_with_all_options(tmp_path):
    gan = make_with(**EVERYTHING, jit_compile=False)
    gan.fit(dataset(), verbose=0)
    gan.save(tmp_path / "gan.keras")
    again = keras.saving.load_model(tmp_path / "gan.keras")
    assert_equal(whole_state(gan), whole_state(again))
    for model in (gan, again):
        model.fit(dataset(), verbose=0)
    assert_equal(whole_state(gan), whole_state(again))


def test_simultaneous_updates_share_fakes_and_discriminator():
    gan = make_with(simultaneous=True, run_eagerly=True, dropout=0.5)
    real = next(iter(dataset()))
    z = latents(1, Stream.DISCRIMINATOR_LATENTS, 0, 5, 3)
    before = gan.generator.get_weights(), gan.discriminator.get_weights()
    # Both gradients as they are before any update, on one batch of fakes and one mask.
    d_gradients, _ = gan.discriminator_gradients(real, z)
    passes = (Pass.REAL, Pass.FAKE)
    g_gradients, g_logs = gan.generator_gradients(real, z, passes)
    logs = gan.train_step(real)
    assert float(logs["D(G(z))"]) == float(g_logs["D(G(z))"])
    # Adam's first step is rate * g / (|g| + epsilon), whatever its memory.
    for network, start, gradients in (
        (gan.generator, before[0], g_gradients),
        (gan.discriminator, before[1], d_gradients),
    ):
        for new, old, gradient in zip(network.get_weights(), start, gradients, strict=True):
            step = 0.01 * gradient / (np.abs(gradient) + 1e-8)
            np.testing.assert_allclose(new, old - step, atol=1e-6)


def test_penalties_and_logs_by_another_way():
    gan = make_with(r1=0.5, r2=0.25, run_eagerly=True)
    real = next(iter(dataset()))
    z = latents(1, Stream.DISCRIMINATOR_LATENTS, 0, 5, 3)
    gradients, logs = gan.discriminator_gradients(real, z)
    fake = gan.generator(z)
    d = gan.discriminator

    def penalty(x, gamma):
        # ||grad D||^2 example by example, from the chain rule of the network's three layers.
        w1, b1, w2, b2, w3, _ = (tf.convert_to_tensor(weight) for weight in d.weights)
        h1 = tf.reshape(x, (5, -1)) @ w1 + b1
        s1 = tf.where(h1 > 0, 1.0, 0.2)
        s2 = tf.where((h1 * s1) @ w2 + b2 > 0, 1.0, 0.2)
        slope = ((tf.transpose(w3) * s2) @ tf.transpose(w2) * s1) @ tf.transpose(w1)
        return gamma / 2 * tf.reduce_mean(tf.reduce_sum(slope**2, axis=1))

    with tf.GradientTape() as tape:
        bce = tf.nn.softplus(-d(real)) + tf.nn.softplus(d(fake))
        loss = tf.reduce_mean(bce) + penalty(real, 0.5) + penalty(fake, 0.25)
    for ours, theirs in zip(gradients, tape.gradient(loss, d.trainable_variables), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-6)
    assert float(logs["D_loss"]) == pytest.approx(float(tf.reduce_mean(bce)), rel=1e-5)


def test_average_follows_the_generator_and_draws():
    gan = make_with(ema=0.5, run_eagerly=True)
    assert gan.sampler is gan.ema_generator
    first = gan.generator.get_weights()
    gan.train_step(next(iter(dataset())))
    # d = min(0.5, 1/10) at step 0.
    for average, old, new in zip(
        gan.ema_generator.get_weights(), first, gan.generator.get_weights(), strict=True
    ):
        np.testing.assert_allclose(average, 0.1 * old + 0.9 * new, rtol=1e-5, atol=1e-7)
    z = np.ones((2, 3), "float32")
    np.testing.assert_allclose(gan.predict(z, verbose=0), gan.ema_generator(z), rtol=1e-6)
    assert make_gan().ema_generator is None


@pytest.mark.parametrize("jit_compile", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_batch_normalisation_trains_and_is_averaged(jit_compile):
    shape = (8, 8, 1)
    gan = GAN(
        networks.infogan_generator(3, 16, shape),
        networks.infogan_discriminator(16, shape),
        latent_size=3,
        ema=0.9,
    )
    gan.compile(Adam(0.01), Adam(0.01), jit_compile=jit_compile)
    real = np.random.default_rng(0).uniform(-1, 1, (3, 5, *shape)).astype("float32")
    gan.fit(tf.data.Dataset.from_tensor_slices(real), verbose=0)
    assert np.isfinite(gan.step_logs).all()
    for average, weight in zip(gan.ema_generator.weights, gan.generator.weights, strict=True):
        if not weight.trainable:
            np.testing.assert_array_equal(average, weight)
            assert not np.isin(weight, (0, 1)).all(), "statistics have moved"


@pytest.mark.parametrize(
    "modes", [(False,), pytest.param((False, True), marks=pytest.mark.slow)], ids=["plain", "xla"]
)
def test_resnet_trains_with_every_option(modes):
    shape, runs = (16, 16, 3), []
    real = np.random.default_rng(0).uniform(-1, 1, (3, 4, *shape)).astype("float32")
    for jit_compile in modes:
        generator = networks.resnet_generator(3, 32, shape)
        discriminator = networks.resnet_discriminator(32, shape, 1, 0.3, 0.1, spectral_norm=True)
        gan = GAN(generator, discriminator, 3, ema=0.9)
        options = {name: EVERYTHING[name] for name in ("loss", "r1", "r2", "augment")}
        gan.compile(Adam(0.001), Adam(0.001), jit_compile=jit_compile, **options)
        assert gan.in_one_program == jit_compile
        before = gan.generator.get_weights() + gan.discriminator.get_weights()
        gan.fit(tf.data.Dataset.from_tensor_slices(real), verbose=0)
        after = gan.generator.get_weights() + gan.discriminator.get_weights()
        # But for rounding, D's last bias is out of a relativistic loss, and nothing else is.
        unmoved = [a for a, b in zip(before, after, strict=True) if np.array_equal(a, b)]
        assert {a.shape for a in unmoved} <= {(1,)}
        runs.append(gan.step_logs)
    np.testing.assert_allclose(runs[0], runs[-1], rtol=1e-3)

"""What docs/keras.md promises of Keras' own features, and what it says is refused."""

import json
import re

import forked
import keras
import numpy as np
import pytest
import tensorflow as tf
from conftest import ROOT

from tfgan import GAN, Adam, UserError, contract, networks
from tfgan.networks.spectral import SpectralNorm
from tfgan.noise import Stream, latents

SHAPE = (2, 3, 1)
IMAGES = np.random.default_rng(0).uniform(-1, 1, (20, *SHAPE)).astype("float32")


def generator(*more, reshape=None) -> keras.Sequential:
    layers = [keras.layers.Dense(6, "tanh"), keras.layers.Reshape(SHAPE, **reshape or {})]
    return keras.Sequential([keras.Input((3,)), *more, *layers], name="generator")


def discriminator(*more, **dense) -> keras.Sequential:
    layers = [keras.layers.Flatten(), *more, keras.layers.Dense(1, **dense)]
    return keras.Sequential([keras.Input(SHAPE), *layers], name="discriminator")


def make_gan(g=None, d=None, ema=0.0, **options) -> GAN:
    gan = GAN(g or generator(), d or discriminator(), latent_size=3, ema=ema)
    optimizers = {"d_optimizer": Adam(0.01), "g_optimizer": Adam(0.01)}
    gan.compile(**optimizers | {"jit_compile": False} | options)
    return gan


def dataset(images=IMAGES, batch: int = 5) -> tf.data.Dataset:
    return tf.data.Dataset.from_tensor_slices(images).batch(batch, drop_remainder=True)


class Adding(keras.layers.Layer):
    """Adds a loss when it is called."""

    def call(self, x):
        self.add_loss(tf.reduce_mean(x))
        return x


class Batches(keras.utils.PyDataset):
    """Gives batches one by one."""

    def __init__(self, dtype):
        super().__init__()
        self.dtype = dtype

    def __len__(self):
        return 4

    def __getitem__(self, index):
        return np.zeros((5, *SHAPE), self.dtype)


class NoJit(keras.layers.Layer):
    """Says that XLA cannot compile it, and is right."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.supports_jit = False

    def call(self, x):
        return x + tf.cast(tf.strings.length(tf.strings.as_string(x)) * 0, x.dtype)


class Subclassed(keras.Model):
    """Has no graph of layers."""

    def __init__(self, units: int, shape=()):
        super().__init__(name="generator")
        self.dense, self.shape = keras.layers.Dense(units), shape

    def call(self, x, training=False):
        return tf.reshape(self.dense(x), (-1, *self.shape))


@pytest.mark.parametrize(
    ("networks_", "words"),
    [
        (lambda: {"d": discriminator(kernel_regularizer="l2")}, "discriminator: has regularizers"),
        (lambda: {"d": discriminator(Adding())}, "discriminator: has regularizers or add_loss"),
        (lambda: {"g": generator(Adding())}, "generator: has regularizers or add_loss"),
        (
            lambda: {"d": discriminator(keras.layers.Dense(2, activity_regularizer="l1"))},
            "discriminator: has regularizers",
        ),
        (
            lambda: {"d": discriminator(dtype="mixed_bfloat16")},
            "discriminator: gives bfloat16, .* last layer with dtype='float32'$",
        ),
        (
            lambda: {"g": generator(reshape={"dtype": "mixed_float16"})},
            "generator: gives float16, ",
        ),
        (
            lambda: {"g": generator(keras.layers.Dense(2, dtype="float16"))},
            "generator: layer .* float16",
        ),
        (
            lambda: {"d": discriminator(discriminator_inside("bfloat16"))},
            "discriminator: layer .* bfloat16",
        ),
        (lambda: {"g": Subclassed(6, SHAPE)}, "generator: is not built"),
    ],
)
def test_network_that_would_train_otherwise_is_refused(networks_, words):
    with pytest.raises(UserError, match=f"^{words}"):
        make_gan(**networks_())


def discriminator_inside(dtype: str) -> keras.Sequential:
    return keras.Sequential([keras.Input((6,)), keras.layers.Dense(4, dtype=dtype)])


def test_subclassed_network_trains_once_it_is_built_but_cannot_be_averaged():
    built = Subclassed(6, SHAPE)
    built(tf.zeros((1, 3)))
    with pytest.raises(UserError, match=r"^generator: cannot be cloned"):
        make_gan(built, ema=0.9)
    gan = make_gan(built)
    before = built.get_weights()
    gan.fit(dataset(), verbose=0)
    assert not np.array_equal(built.get_weights()[0], before[0])


@pytest.mark.parametrize(
    ("optimizers", "words"),
    [
        (lambda: dict.fromkeys(("d_optimizer", "g_optimizer"), Adam()), "are the same object"),
        (lambda: {"d_optimizer": Adam(use_ema=True)}, "^d_optimizer: use_ema .* ema=0.999"),
        (
            lambda: {"g_optimizer": keras.optimizers.LossScaleOptimizer(Adam(use_ema=True))},
            "^g_optimizer: use_ema",
        ),
    ],
)
def test_optimizer_that_would_do_something_else_is_refused(optimizers, words):
    with pytest.raises(UserError, match=words):
        make_gan(**optimizers())


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (lambda: {"x": IMAGES, "sample_weight": np.ones(20)}, "^sample_weight: "),
        (lambda: {"x": IMAGES, "y": np.zeros(20), "class_weight": {0: 2.0}}, "^class_weight: "),
        (
            lambda: {"x": tf.data.Dataset.from_tensor_slices((IMAGES, IMAGES[:, 0], IMAGES[:, 0]))},
            "^sample_weight: ",
        ),
        (lambda: {"x": (127.5 * (IMAGES + 1)).astype(np.uint8)}, "^images: have the type uint8"),
        (
            lambda: {"x": dataset((127.5 * (IMAGES + 1)).astype(np.uint8))},
            "^images: have the type uint8",
        ),
        (
            lambda: {"x": 127.5 * (IMAGES + 1)},
            r"^images: lie in \[.*, 254.*\]; must be .* \[-1, 1\]",
        ),
        (
            lambda: {"x": dataset().map(lambda x: {"image": x})},
            "^images: the dataset must yield one array",
        ),
        (lambda: {"x": Batches(np.uint8)}, "^images: have the type uint8"),
        (lambda: {"x": tf.constant(IMAGES) + 5}, "^images: lie in"),
        (lambda: {"x": IMAGES, "validation_data": (255 * IMAGES,)}, "^images: lie in"),
    ],
)
def test_data_that_would_be_read_otherwise_are_refused_before_a_step(arguments, words):
    gan = make_gan()
    with pytest.raises(UserError, match=words):
        gan.fit(**arguments(), verbose=0)
    assert int(gan.step.numpy()) == 0


def test_nan_terminates():
    gan = make_gan()
    gan.discriminator.layers[-1].bias.assign([np.nan])
    gan.fit(dataset(), epochs=3, callbacks=[keras.callbacks.TerminateOnNaN()], verbose=0)
    assert int(gan.step.numpy()) == 1


def test_losses_on_other_images_are_those_of_the_networks():
    gan = make_gan(ema=0.5)
    found = gan.evaluate(dataset(), return_dict=True, verbose=0)
    z = tf.concat([latents(777, Stream.VALIDATION_LATENTS, at, 5, 3) for at in range(0, 20, 5)], 0)
    real, fake = gan.discriminator(IMAGES), gan.discriminator(gan.generator(z))
    expected = {
        "D_loss": np.mean(np.log1p(np.exp(-real)) + np.log1p(np.exp(fake))),
        "G_loss": np.mean(np.log1p(np.exp(-fake))),
        "D(x)": np.mean(1 / (1 + np.exp(-real))),
        "D(G(z))": np.mean(1 / (1 + np.exp(-fake))),
    }
    assert found == pytest.approx(expected, rel=1e-5)
    # A set of one and a half batches weighs each image alike.
    again = gan.evaluate(IMAGES[:8], batch_size=5, return_dict=True, verbose=0)
    real = gan.discriminator(IMAGES[:8])
    assert again["D(x)"] == pytest.approx(np.mean(1 / (1 + np.exp(-real))), rel=1e-5)


@pytest.mark.parametrize("steps_per_execution", [pytest.param(1, marks=pytest.mark.slow), 3])
def test_validation_leaves_the_training_as_it_is(steps_per_execution):
    how = {"steps_per_execution": steps_per_execution, "jit_compile": True}
    plain, validated = (make_gan(**how) for _ in range(2))
    validated.set_weights(plain.get_weights())
    plain.fit(dataset(), epochs=2, verbose=0)
    history = validated.fit(
        dataset(), epochs=2, validation_data=dataset(-IMAGES), verbose=0
    ).history
    assert len(history["val_D_loss"]) == 2
    assert np.isfinite(history["val_G_loss"]).all()
    for mine, theirs in zip(validated.get_weights(), plain.get_weights(), strict=True):
        np.testing.assert_array_equal(mine, theirs)


def test_early_stopping_and_best_weights_work_on_validation_losses():
    gan = make_gan()
    stop = keras.callbacks.EarlyStopping("val_D_loss", patience=0, mode="max", min_delta=1e9)
    gan.fit(dataset(), epochs=9, validation_split=0.0, validation_data=IMAGES, callbacks=[stop])
    assert int(gan.step.numpy()) == 2 * 4  # the first epoch, and one that was no better


def test_layer_that_xla_cannot_compile_is_run_without():
    gan = make_gan(d=discriminator(NoJit()), jit_compile=True)
    assert not gan.in_one_program
    gan.fit(dataset(), verbose=0)
    assert int(gan.step.numpy()) == 4


def test_export_is_of_what_draws(tmp_path):
    gan = make_gan(ema=0.5)
    gan.fit(dataset(), verbose=0)
    gan.export(tmp_path / "generator", verbose=False)
    z = np.ones((2, 3), "float32")
    loaded = tf.saved_model.load(str(tmp_path / "generator"))
    np.testing.assert_allclose(loaded.serve(z), gan.ema_generator(z), rtol=1e-6)


def test_spectral_norm_inside_another_model_follows_its_kernel():
    inner = keras.Sequential([keras.Input((6,)), SpectralNorm(keras.layers.Dense(4))])
    gan = make_gan(d=discriminator(inner))
    (layer,) = [each for each in gan.discriminator._flatten_layers() if type(each) is SpectralNorm]
    before = layer.v.numpy()
    gan.fit(dataset(), epochs=3, verbose=0)
    assert not np.array_equal(layer.v.numpy(), before)


@pytest.mark.parametrize("option", [{"clipnorm": 1e-9}, {"weight_decay": 0.5}])
def test_options_of_an_optimizer_act(option):
    plain, other = make_gan(), make_gan(d_optimizer=keras.optimizers.SGD(0.1, **option))
    other.set_weights(plain.get_weights())
    before = other.discriminator.get_weights()[0]
    other.fit(dataset(), verbose=0)
    after = other.discriminator.get_weights()[0]
    if "clipnorm" in option:
        np.testing.assert_allclose(after, before, atol=1e-8)
    else:  # (1 - 0.1 * 0.5)^4 of it is left, but for the gradient
        assert np.linalg.norm(after) < 0.95 * np.linalg.norm(before)


def test_frozen_layers_stay():
    frozen = discriminator(keras.layers.Dense(4, trainable=False))
    before = frozen.layers[1].get_weights()
    make_gan(d=frozen).fit(dataset(), verbose=0)
    for mine, theirs in zip(frozen.layers[1].get_weights(), before, strict=True):
        np.testing.assert_array_equal(mine, theirs)


def test_layers_frozen_after_compile_stay_too():
    d = discriminator(keras.layers.Dense(4))
    gan = make_gan(d=d)
    d.layers[1].trainable = False
    before = [layer.get_weights() for layer in d.layers]
    gan.fit(dataset(), verbose=0)
    same = [
        all(map(np.array_equal, layer.get_weights(), weights))
        for layer, weights in zip(d.layers, before, strict=True)
    ]
    assert same == [True, True, False]


SETTINGS = """
import keras, numpy as np
from tfgan import networks
for kind, size in (("mlp", 8), ("maxout", 10), ("conv", 16), ("resnet", 16)):
    d = networks.KINDS[kind].discriminator(size, (16, 16, 3), 777)
    g = networks.KINDS[kind].generator(5, size, (16, 16, 3), 777)
    x = np.linspace(-1, 1, 768, dtype="float32").reshape(1, 16, 16, 3)
    print(*np.ravel(d(x)), float(np.mean(g(np.ones((1, 5), "float32")))))
"""


def test_keras_json_does_not_change_the_networks(tmp_path):
    outputs = []
    for order in ("channels_last", "channels_first"):
        home = tmp_path / order
        home.mkdir()
        content = {"floatx": "float32", "epsilon": 1e-7, "backend": "tensorflow"}
        (home / "keras.json").write_text(json.dumps(content | {"image_data_format": order}))
        code = f"import keras; keras.config.set_image_data_format({order!r})\n{SETTINGS}"
        outputs.append(forked.Python("-c", code).finish().stdout)
    assert outputs[0] == outputs[1] != ""


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16", "float16", "float64"])
def test_run_under_another_policy_is_refused(policy):
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy)
    try:
        with pytest.raises(UserError, match=f"dtype policy {policy} .* --precision; call"):
            contract.check_policy()
    finally:
        keras.config.set_dtype_policy(before)


def test_the_page_names_these_tests():
    page = (ROOT / "docs" / "keras.md").read_text()
    named = set(re.findall(r"`(test_\w+)`", page))
    files = (ROOT / "tests").glob("test_*.py")
    there = {name for file in files for name in re.findall(r"def (test_\w+)", file.read_text())}
    assert named <= there | {file.stem for file in (ROOT / "tests").glob("test_*.py")}
    assert len(named) > 10


def test_batches_that_replicas_cannot_share_are_refused():
    for size in (None, 5):
        spec = tf.TensorSpec((size, *SHAPE), tf.float32)
        with pytest.raises(UserError, match=r"2 replicas cannot share evenly; .*drop_remainder"):
            contract.check_spec(spec, 2)
        contract.check_spec(spec, 1)
    contract.check_spec(tf.TensorSpec((4, *SHAPE), tf.float32), 2)
    contract.check_spec(tf.TensorSpec((5, *SHAPE), tf.float32), 2, shared=True)


def test_networks_of_tfgan_pass():
    shape = (4, 8, 1)
    for kind in networks.KINDS.values():
        generator, discriminator = kind.generator(3, 16, shape), kind.discriminator(16, shape)
        GAN(generator, discriminator, latent_size=3).compile(Adam(), Adam())

"""Mixed precision: 16 bits in the layers, 32 in all that is kept, added up or exported."""

import json
import os

import forked
import keras
import numpy as np
import pytest
import tensorflow as tf
from conftest import SMALL, assert_one_line_error, run
from fingerprint import outcome

from tfgan import GAN, Adam, ConditionalGAN, networks, optimizers
from tfgan.exports import saved_model
from tfgan.networks import precision
from tfgan.optimizers import LossScale
from tfgan.run.checkpointing import Checkpoints

SHAPE, CLASSES, BATCH = (8, 8, 1), 3, 48
# The last digit of bfloat16 is 2^-8, that of float16 2^-11; layers and R1 add theirs up, and batch
# normalisation of a new G's fakes, which hardly differ, enlarges them, in small batches
# most: by 12 images, a CPU without bfloat16 instructions exceeded 0.3.
TOLERANCES = {"mixed_bfloat16": 0.3, "mixed_float16": 0.15}
WEIGHT = 1000.0  # of a penalty, so that it outweighs the loss
RNG = np.random.default_rng(0)
REAL = RNG.uniform(-1, 1, (BATCH, *SHAPE)).astype("float32")
LABELS = np.arange(BATCH) % CLASSES
Z = RNG.normal(size=(BATCH, 8)).astype("float32")


def make_gan(kind: str, policy: str, classes: int = 0, ema: float = 0, **options) -> GAN:
    """Two networks with the same weights whatever the policy, of a size at which rounding shows."""
    with precision.of_new_layers(policy):
        g = networks.KINDS[kind].generator(8, 64, SHAPE, seed=1, classes=classes)
        d = networks.KINDS[kind].discriminator(64, SHAPE, seed=1, classes=classes)
    of_class = {"shares": (1 / classes,) * classes} if classes else {}
    gan = (ConditionalGAN if classes else GAN)(g, d, 8, seed=1, ema=ema, **of_class)
    both = {"d_optimizer": Adam(0.01), "g_optimizer": Adam(0.01)}
    gan.compile(**both | {"r1": 0.1, "jit_compile": False} | options)
    return gan


def gradients_of(gan: GAN, classes: int) -> dict[str, np.ndarray]:
    real, z = ((REAL, LABELS), (Z, LABELS)) if classes else (REAL, Z)
    found = {}
    for name, optimizer, of in (
        ("d", gan.d_optimizer, gan.discriminator_gradients),
        ("g", gan.g_optimizer, gan.generator_gradients),
    ):
        gradients, logs = of(*tf.nest.map_structure(tf.constant, (real, z)))
        assert {each.dtype for each in (*gradients, *logs.values())} == {tf.float32}
        found[name] = np.concatenate(
            [np.ravel(each) for each in optimizers.unscaled(optimizer, gradients)]
        )
        found |= {key: np.array([value]) for key, value in logs.items()}
    return found


ALL = [(kind, 0, policy) for kind in networks.KINDS for policy in TOLERANCES]
TOLD = [(kind, CLASSES, "mixed_bfloat16") for kind in ("mlp", "conv")]


@pytest.mark.parametrize(("kind", "classes", "policy"), ALL + TOLD)
def test_a_step_is_that_of_float32_but_for_rounding(kind, classes, policy):
    expected = gradients_of(make_gan(kind, "float32", classes), classes)
    gan = make_gan(kind, policy, classes)
    for name, value in gradients_of(gan, classes).items():
        error = np.linalg.norm(value - expected[name]) / np.linalg.norm(expected[name])
        assert error < TOLERANCES[policy], name
        if name in ("d", "g"):
            assert error > 1e-6, "nothing was rounded"
    for network in (gan.generator, gan.discriminator):
        assert {weight.dtype for weight in network.weights} == {"float32"}
        assert policy.removeprefix("mixed_") in precision.compute_dtypes(network)
    images = gan.generate((Z, LABELS) if classes else Z)
    assert tf.nest.flatten(images)[0].dtype == tf.float32


PENALTIES = [(kind, "r1") for kind in networks.KINDS] + [
    ("mlp", "r2"),
    ("mlp", "gradient_penalty"),
]


@pytest.mark.parametrize(("kind", "penalty"), PENALTIES)
def test_a_penalty_is_that_of_float32_but_for_rounding(kind, penalty):
    """Alone, by a large weight: beside the loss, a missing one would pass for rounding."""

    def of_penalty(policy: str) -> np.ndarray:
        with_it, without = (
            gradients_of(make_gan(kind, policy, **{"r1": 0.0, penalty: weight}), 0)["d"]
            for weight in (WEIGHT, 0.0)
        )
        return (with_it - without) / WEIGHT

    expected = of_penalty("float32")
    error = np.linalg.norm(of_penalty("mixed_bfloat16") - expected) / np.linalg.norm(expected)
    # Rounding also decides which unit of a maxout group is the largest.
    assert 1e-6 < error < (0.7 if kind == "maxout" else TOLERANCES["mixed_bfloat16"])


def scales(gan: GAN) -> list[float]:
    return [float(each.dynamic_scale.numpy()) for each in (gan.d_optimizer, gan.g_optimizer)]


@pytest.mark.parametrize("jit_compile", [False, True])
def test_both_losses_are_scaled_under_float16_and_an_overflow_skips_both_steps(jit_compile):
    optimizers = {
        name: LossScale(Adam(0.01), initial_scale=2.0**60, dynamic_growth_steps=2)
        for name in ("d_optimizer", "g_optimizer")
    }
    gan = make_gan("mlp", "mixed_float16", **optimizers, jit_compile=jit_compile)
    weights = [network.get_weights() for network in (gan.generator, gan.discriminator)]
    gan.train_on_batch(REAL)  # 2^60 is more than float16 holds
    for network, before in zip((gan.generator, gan.discriminator), weights, strict=True):
        assert all(map(np.array_equal, network.get_weights(), before))
    assert scales(gan) == [2.0**59, 2.0**59]
    assert [int(each.iterations.numpy()) for each in optimizers.values()] == [0, 0]
    for each in optimizers.values():
        each.dynamic_scale.assign(256.0)
        each.step_counter.assign(0)
    for _ in range(2):
        gan.train_on_batch(REAL)
    assert scales(gan) == [512.0, 512.0]
    for network, before in zip((gan.generator, gan.discriminator), weights, strict=True):
        assert not any(map(np.array_equal, network.get_weights(), before))


def test_losses_are_scaled_where_a_network_computes_in_float16_and_nowhere_else():
    for policy in ("float32", "mixed_bfloat16"):
        assert isinstance(make_gan("mlp", policy).d_optimizer, Adam)
    gan = make_gan("mlp", "mixed_float16")
    assert isinstance(gan.d_optimizer, LossScale)
    assert gan.optimizer is gan.g_optimizer
    assert isinstance(gan.g_optimizer, LossScale)
    loaded = GAN.from_config(gan.get_config())
    loaded.compile_from_config(gan.get_compile_config())
    assert isinstance(loaded.d_optimizer.inner_optimizer, Adam)
    keras_own = keras.optimizers.LossScaleOptimizer(Adam(0.01), initial_scale=8.0)
    assert scales(make_gan("mlp", "mixed_float16", d_optimizer=keras_own))[0] == 8.0


def test_a_loss_scale_of_ones_own_changes_nothing_in_float32():
    plain, scaled = (
        make_gan("mlp", "float32", d_optimizer=Adam(0.01, **more))
        for more in ({}, {"loss_scale_factor": 64.0})
    )
    for gan in (plain, scaled):
        gan.train_on_batch(REAL)
    assert all(map(np.array_equal, plain.get_weights(), scaled.get_weights()))


# Two replicas, of which the second alone overflows in the second step.
REPLICAS = """
import json, keras, numpy as np, tensorflow as tf
from tfgan.cluster import strategies
strategies.choose_devices("CPU:0,CPU:1")
strategy = strategies.make_strategy("mirrored", 4)
from test_precision import SHAPE, make_gan, scales
with strategy.scope():
    gan = make_gan("mlp", "mixed_float16")
real = np.zeros((8, *SHAPE), np.float32)
weights = []
class Ends(keras.callbacks.Callback):
    def on_train_batch_end(self, batch, logs=None):
        values = (*gan.generator.weights, *gan.discriminator.weights)
        copies = [strategy.experimental_local_results(each.value) for each in values]
        weights.append([[np.array(copy).tolist() for copy in each] for each in copies])
real[6:] = 3e38  # more than float16 holds
batches = strategy.experimental_distribute_dataset(
    tf.data.Dataset.from_tensor_slices(real).batch(4, drop_remainder=True)
)
gan.fit(batches, epochs=1, steps_per_epoch=2, verbose=0, callbacks=[Ends()])
print(json.dumps({
    "scales": scales(gan),
    "equal": all(a == b for step in weights for a, b in step),
    "skipped": weights[0][-1] == weights[1][-1],
    "iterations": [int(each.iterations.numpy()) for each in (gan.d_optimizer, gan.g_optimizer)],
}))
"""


def test_all_replicas_skip_a_step_if_one_overflows():
    done = forked.Python("-c", REPLICAS, env=os.environ | {"PYTHONPATH": "tests"}).finish()
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["equal"]
    assert found["skipped"]
    # G's gradient is finite: D's weights were left alone, and its fakes are no real images.
    assert found["scales"] == [2.0**14, 2.0**15]
    assert found["iterations"] == [1, 2]


@pytest.mark.parametrize("policy", TOLERANCES)
@pytest.mark.parametrize("kind", ["mlp", pytest.param("conv", marks=pytest.mark.slow)])
def test_a_strategy_of_one_replica_trains_as_none_does(policy, kind):
    data = tf.data.Dataset.from_tensor_slices(REAL).batch(16, drop_remainder=True)
    weights = []
    for strategy in (tf.distribute.get_strategy(), tf.distribute.MirroredStrategy(["CPU:0"])):
        with strategy.scope():
            gan = make_gan(kind, policy, jit_compile=True)
        gan.fit(data, verbose=0)
        weights.append(gan.get_weights())
    for alone, mirrored in zip(*weights, strict=True):
        np.testing.assert_allclose(mirrored, alone, rtol=1e-2, atol=1e-3)


def test_a_checkpoint_holds_the_loss_scales(tmp_path):
    def make() -> GAN:
        return make_gan("mlp", "mixed_float16", ema=0.5)

    whole, resumed = make(), make()
    for _ in range(2):
        whole.train_on_batch(REAL)
    for each in (whole.d_optimizer, whole.g_optimizer):
        each.dynamic_scale.assign(64.0)
    Checkpoints(tmp_path, whole).save()
    assert Checkpoints(tmp_path, resumed).restore_newest(print) is not None
    assert scales(resumed) == [64.0, 64.0]
    for gan in (whole, resumed):
        gan.train_on_batch(REAL)
    for name in ("generator", "discriminator", "ema_generator", "d_optimizer", "g_optimizer"):
        pairs = zip(getattr(whole, name).variables, getattr(resumed, name).variables, strict=True)
        assert all(np.array_equal(ours, other) for ours, other in pairs), name


def test_a_saved_model_computes_in_float32(tmp_path):
    saved_model.save_generator(tmp_path / "saved", make_gan("mlp", "mixed_bfloat16").generator)
    exported = tf.saved_model.load(tmp_path / "saved").signatures["generate"]
    assert operation_types(exported) & HALVES == set()


HALVES = {tf.float16, tf.bfloat16}


def operation_types(function) -> set[tf.DType]:
    return {each.dtype for op in function.graph.get_operations() for each in op.outputs}


@pytest.mark.slow  # the two before are about the same
@pytest.mark.parametrize("policy", TOLERANCES)
def test_extended_run_ends_as_the_unbroken_one_and_exports_float32(policy, tiny_data_dir, tmp_path):
    flags = [*SMALL, f"--data_dir={tiny_data_dir}", "--ema=0.5", "--r1=1", "--conditional"]
    for name, epochs in (("whole", [2]), ("parts", [1, 2])):
        for count in epochs:
            options = (f"--precision={policy}", f"--epochs={count}", f"--workdir={tmp_path}/{name}")
            done = run("train", *flags, *options)
            assert done.returncode == 0, done.stderr
    assert outcome(tmp_path / "whole") == outcome(tmp_path / "parts")
    exported = tf.saved_model.load(tmp_path / "whole" / "generator").signatures["generate"]
    assert operation_types(exported) & HALVES == set()
    others = run("train", *flags, f"--workdir={tmp_path}/whole", "--epochs=3")
    assert_one_line_error(others, "--precision is 'float32' but the run has")


def test_who_is_told_that_it_will_be_slow(tmp_path, monkeypatch):
    cpuinfo = tmp_path / "cpuinfo"
    cpuinfo.write_text("flags\t\t: fpu avx2 avx512_bf16\n")
    assert precision.slow_here("float32", cpuinfo) is None
    assert precision.slow_here("mixed_bfloat16", cpuinfo) is None
    told = precision.slow_here("mixed_float16", cpuinfo)
    assert told.startswith("--precision=mixed_float16: this CPU has no float16 instructions")
    cpuinfo.write_text("Features\t: fp asimd fphp asimdhp\n")
    assert precision.slow_here("mixed_float16", cpuinfo) is None
    assert "bfloat16" in precision.slow_here("mixed_bfloat16", cpuinfo)
    assert precision.slow_here("mixed_bfloat16", tmp_path / "none") is None
    monkeypatch.setattr(tf.config, "get_visible_devices", lambda kind: ["GPU:0"])
    assert precision.slow_here("mixed_bfloat16", cpuinfo) is None


def test_a_network_of_ones_own_may_be_mixed():
    g = keras.Sequential(
        [
            keras.Input((8,)),
            keras.layers.Dense(64, dtype="mixed_bfloat16"),
            keras.layers.Reshape(SHAPE, dtype="float32"),
        ]
    )
    d = keras.Sequential(
        [
            keras.Input(SHAPE),
            keras.layers.Flatten(),
            keras.layers.Dense(4, "relu", dtype="mixed_float16"),
            keras.layers.Dense(1, dtype="float32"),
        ]
    )
    gan = GAN(g, d, 8, ema=0.5)
    gan.compile(Adam(0.01), Adam(0.01))
    gan.fit(REAL[:12], batch_size=4, verbose=0)
    assert [
        each.inner_optimizer.iterations.numpy() for each in (gan.d_optimizer, gan.g_optimizer)
    ] == [3, 3]

"""The numbers of the PyTorch original: 50 steps from the same weights, batches and latents.

In float64 nothing but rounding may differ, so another equation anywhere would show. The
comparison runs against a recorded trajectory of a small network, and, where torch is
installed (`pip install -e .[parity]`), live at the tutorial's size.
"""

import importlib.util
import itertools
import pathlib
from typing import NamedTuple

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfgan import GAN, Adam, ConditionalGAN, networks, noise
from tfgan.networks.dropout import Pass
from tfgan.noise import Stream, latents

LEARNING_RATE = 0.0002
STEPS = 50
STREAMS = (Stream.DISCRIMINATOR_LATENTS, Stream.GENERATOR_LATENTS)
D_STEPS, PENALTY = 5, 10.0  # of WGAN-GP
SHARES = (0.3, 0.1, 0.2, 0.4)  # of the classes, for the conditional game


class Size(NamedTuple):
    latent_size: int
    hidden_size: int
    side: int
    batch_size: int


SMALL = Size(latent_size=8, hidden_size=16, side=6, batch_size=10)
TUTORIALS = Size(latent_size=64, hidden_size=256, side=28, batch_size=100)


def inputs(size: Size, dtype: str):
    """Initial weights of G and D, real batches, and latents: what both loops start from."""
    rng = np.random.RandomState(0)  # its numbers are frozen for good

    def weights(*widths):
        arrays = []
        for fan_in, fan_out in itertools.pairwise(widths):
            bound = fan_in**-0.5
            arrays.append(rng.uniform(-bound, bound, (fan_in, fan_out)).astype(dtype))
            arrays.append(rng.uniform(-bound, bound, fan_out).astype(dtype))
        return arrays

    pixels, hidden = size.side**2, size.hidden_size
    g_weights = weights(size.latent_size, hidden, hidden, pixels)
    d_weights = weights(pixels, hidden, hidden, 1)
    real = rng.uniform(-1, 1, (STEPS, size.batch_size, pixels)).astype(dtype)
    z = [
        [latents(777, s, step, size.batch_size, size.latent_size, dtype).numpy() for s in STREAMS]
        for step in range(STEPS)
    ]
    return g_weights, d_weights, real, np.array(z)


def labelled_inputs(size: Size):
    """`inputs` in float64 for the conditional game, and labels `(STEPS, batch)`.

    An embedding is each network's first weight, and its first kernel has a row more for each of
    the embedding's numbers. Labels are those of the real images, and of the fakes of that step.
    """
    g_weights, d_weights, real, z = inputs(size, "float64")
    rng, classes = np.random.RandomState(1), len(SHARES)
    for weights in (g_weights, d_weights):
        more = rng.uniform(-0.1, 0.1, (classes, size.hidden_size))
        weights[0] = np.concatenate([weights[0], more])
        weights.insert(0, rng.normal(size=(classes, classes)))
    told = rng.randint(classes, size=(STEPS, size.batch_size))
    return g_weights, d_weights, real, z, told


def critic_inputs(size: Size):
    """`inputs` in float64 for WGAN-GP: each step's batch and latents dealt out to D's updates.

    With where between real and fake the penalty is taken, `(STEPS, D_STEPS, batch)`.
    """
    whole = size._replace(batch_size=D_STEPS * size.batch_size)
    g_weights, d_weights, real, z = inputs(whole, "float64")

    def dealt(batches):  # row by row
        apart = batches.reshape(STEPS, size.batch_size, D_STEPS, -1)
        return np.ascontiguousarray(apart.transpose(0, 2, 1, 3))

    key, places = noise.derive_seed(777, Stream.INTERPOLATION), tf.range(size.batch_size)
    bits = [
        [
            noise.hashed_bits(key, step, Pass.BETWEEN.of_turn(turn), places)
            for turn in range(D_STEPS)
        ]
        for step in range(STEPS)
    ]
    z_d, z_g = dealt(z[:, 0]), np.ascontiguousarray(dealt(z[:, 1])[:, 0])
    return g_weights, d_weights, dealt(real), (z_d, z_g), np.array(bits, np.float64) / 2**32


def train_ours(
    size: Size, dtype: str, g_loss: str, jit_compile: bool, conditional=False, **options
):
    """50 steps through `fit`; returns the logs of each step and all final weights."""
    if conditional:
        g_weights, d_weights, real, _, told = labelled_inputs(size)
    else:
        g_weights, d_weights, real, _ = inputs(size, dtype)
    shape = (size.side, size.side, 1)
    classes = {"classes": len(SHARES)} if conditional else {}
    gan = (ConditionalGAN if conditional else GAN)(
        networks.mlp_generator(size.latent_size, size.hidden_size, shape, **classes),
        networks.mlp_discriminator(size.hidden_size, shape, **classes),
        size.latent_size,
        seed=777,
        **({"shares": SHARES} if conditional else {}),
    )
    gan.generator.set_weights(g_weights)
    gan.discriminator.set_weights(d_weights)
    gan.compile(
        Adam(LEARNING_RATE),
        Adam(LEARNING_RATE),
        loss=g_loss,
        jit_compile=jit_compile,
        steps_per_execution=STEPS,
        **options,
    )
    images = real.reshape(STEPS, -1, *shape)
    data = (images, told) if conditional else images
    gan.fit(tf.data.Dataset.from_tensor_slices(data), verbose=0)
    return gan.step_logs, gan.generator.get_weights() + gan.discriminator.get_weights()


def compare(ours, theirs, dtype, record_property):
    logs, weights = ours
    expected_logs, expected_weights = theirs
    worst = max(
        np.abs(a - b).max() / np.abs(b).max()
        for a, b in zip(weights, expected_weights, strict=True)
    )
    worst_log = np.abs(logs / expected_logs - 1).max()
    record_property("worst_weight_difference", f"{worst:.2g}")
    print(
        f"\n{dtype}: logs differ by {worst_log:.2g}, weights by {worst:.2g} of the largest in "
        f"their array"
    )
    if dtype == "float64":
        np.testing.assert_allclose(logs, expected_logs, rtol=1e-9)
        for a, b in zip(weights, expected_weights, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-13)
    else:
        # Weights whose gradient is rounding noise drift under Adam, so only logs are compared.
        np.testing.assert_allclose(logs, expected_logs, rtol=1e-4)


@pytest.fixture(params=["float64", "float32"])
def dtype(request):
    before, policy = keras.config.floatx(), keras.config.dtype_policy()
    keras.config.set_floatx(request.param)
    keras.config.set_dtype_policy(request.param)
    yield request.param
    keras.config.set_floatx(before)
    keras.config.set_dtype_policy(policy)


def recorded(prefix: str):
    """What `record_parity.py` has kept: the logs of each step and all final weights."""
    with np.load(pathlib.Path(__file__).with_name("parity.npz")) as kept:
        names = sorted(name for name in kept if name.startswith(f"{prefix}/weight"))
        return kept[f"{prefix}/logs"], [kept[name] for name in names]


@pytest.mark.parametrize(
    ("g_loss", "jit_compile"),
    [
        pytest.param("non_saturating", False, id="non_saturating-graph"),
        pytest.param("non_saturating", True, id="non_saturating-xla"),
        pytest.param("minimax", False, id="minimax-graph"),
        pytest.param("minimax", True, id="minimax-xla", marks=pytest.mark.slow),
    ],
)
def test_recorded_trajectory(dtype, g_loss, jit_compile, record_property):
    theirs = recorded(f"{dtype}/{g_loss}")
    assert len(theirs[1]) == 12
    ours = train_ours(SMALL, dtype, g_loss, jit_compile)
    compare(ours, theirs, dtype, record_property)


@pytest.mark.parametrize("jit_compile", [False, True], ids=["graph", "xla"])
def test_recorded_conditional_trajectory(float64, jit_compile, record_property):
    theirs = recorded("conditional")
    assert len(theirs[1]) == 14
    ours = train_ours(SMALL, "float64", "non_saturating", jit_compile, conditional=True)
    compare(ours, theirs, "float64", record_property)


def train_ours_wasserstein(size: Size, jit_compile: bool):
    whole = size._replace(batch_size=D_STEPS * size.batch_size)
    options = {"gradient_penalty": PENALTY, "d_steps": D_STEPS}
    return train_ours(whole, "float64", "wasserstein", jit_compile, **options)


@pytest.mark.parametrize(
    "jit_compile",
    [pytest.param(False, id="graph", marks=pytest.mark.slow), pytest.param(True, id="xla")],
)
def test_recorded_wasserstein_trajectory(float64, jit_compile, record_property):
    theirs = recorded("wasserstein")
    assert len(theirs[1]) == 12
    compare(train_ours_wasserstein(SMALL, jit_compile), theirs, "float64", record_property)


@pytest.mark.skipif(not importlib.util.find_spec("torch"), reason="needs the extra [parity]")
def test_live_wasserstein_at_the_tutorials_size(float64, record_property):
    import wgan_gp_torch

    arguments = critic_inputs(TUTORIALS)
    logs, g_weights, d_weights = wgan_gp_torch.train(*arguments, PENALTY, LEARNING_RATE)
    theirs = np.array(logs), g_weights + d_weights
    compare(train_ours_wasserstein(TUTORIALS, True), theirs, "float64", record_property)


@pytest.mark.skipif(not importlib.util.find_spec("torch"), reason="needs the extra [parity]")
def test_live_conditional_at_the_tutorials_size(float64, record_property):
    import torch
    import tutorial_torch

    *arguments, told = labelled_inputs(TUTORIALS)
    logs, g_weights, d_weights = tutorial_torch.train(
        *arguments, "non_saturating", LEARNING_RATE, torch.float64, told
    )
    ours = train_ours(TUTORIALS, "float64", "non_saturating", True, conditional=True)
    compare(ours, (np.array(logs), g_weights + d_weights), "float64", record_property)


@pytest.mark.skipif(not importlib.util.find_spec("torch"), reason="needs the extra [parity]")
@pytest.mark.parametrize("jit_compile", [False, True], ids=["graph", "xla"])
@pytest.mark.parametrize("g_loss", ["non_saturating", "minimax"])
def test_live_at_the_tutorials_size(dtype, g_loss, jit_compile, record_property):
    import torch
    import tutorial_torch

    logs, g_weights, d_weights = tutorial_torch.train(
        *inputs(TUTORIALS, dtype), g_loss, LEARNING_RATE, getattr(torch, dtype)
    )
    ours = train_ours(TUTORIALS, dtype, g_loss, jit_compile)
    compare(ours, (np.array(logs), g_weights + d_weights), dtype, record_property)

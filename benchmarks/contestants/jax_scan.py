"""The same recipe in JAX and optax: a whole epoch is one `lax.scan` with donated state.

Shuffling, latents and the four logged values are inside. Its first step is told after its first
epoch: there is no shorter call.
"""

import argparse
import functools
import itertools
import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from benchmarks.contestants import harness

Network = list[tuple[jax.Array, jax.Array]]


def network(key: jax.Array, sizes: tuple[int, ...]) -> Network:
    """Kernels `(in, out)` and biases of dense layers, uniform on +-1/sqrt(fan_in)."""
    layers = []
    for fan_in, units in itertools.pairwise(sizes):
        key, for_kernel, for_bias = jax.random.split(key, 3)
        uniform = functools.partial(
            jax.random.uniform, minval=-1 / math.sqrt(fan_in), maxval=1 / math.sqrt(fan_in)
        )
        layers.append((uniform(for_kernel, (fan_in, units)), uniform(for_bias, (units,))))
    return layers


def generate(layers: Network, z: jax.Array) -> jax.Array:
    """Images `(batch, pixels)` in [-1, 1] from latents."""
    *hidden, (kernel, bias) = layers
    for w, b in hidden:
        z = jax.nn.relu(z @ w + b)
    return jnp.tanh(z @ kernel + bias)


def discriminate(layers: Network, x: jax.Array) -> jax.Array:
    """Logits `(batch, 1)` of flat images."""
    *hidden, (kernel, bias) = layers
    for w, b in hidden:
        x = jax.nn.leaky_relu(x @ w + b, 0.2)
    return x @ kernel + bias


def d_loss(d: Network, real: jax.Array, fake: jax.Array) -> tuple[jax.Array, jax.Array]:
    """D's loss and the mean D(x)."""
    real_logits, fake_logits = discriminate(d, real), discriminate(d, fake)
    loss = jnp.mean(jax.nn.softplus(-real_logits)) + jnp.mean(jax.nn.softplus(fake_logits))
    return loss, jnp.mean(jax.nn.sigmoid(real_logits))


def train(
    flags: argparse.Namespace,
    images: jax.Array,
    networks: tuple[Any, Any, jax.Array],
    adam: optax.GradientTransformation,
    functions: tuple[Callable[..., Any], Callable[..., Any], Callable[..., Any]],
    ema: float = 0.0,
) -> None:
    """Trains without end.

    Args:
        flags: of the contestant.
        images: uint8 `(size, ...)`.
        networks: weights of G and of D, and a key.
        adam: of both.
        functions: G of its weights and z; D's logits of its weights and images; D's loss and the
            mean D(x) of its weights, real images and fakes.
        ema: decay of an average of G's weights; 0 keeps none.
    """
    generate, discriminate, d_loss = functions
    batch_size = flags.batch_size
    steps = len(images) // batch_size

    def g_loss(g: Any, d: Any, z: jax.Array) -> tuple[jax.Array, jax.Array]:
        logits = discriminate(d, generate(g, z))
        return jnp.mean(jax.nn.softplus(-logits)), jnp.mean(jax.nn.sigmoid(logits))

    def step(state: Any, indices: jax.Array) -> tuple[Any, jax.Array]:
        g, d, average, g_adam, d_adam, key = state
        key, for_d, for_g = jax.random.split(key, 3)
        latents = (batch_size, harness.LATENT_SIZE)
        real = images[indices].astype(jnp.float32) * (1 / 127.5) - 1

        fake = generate(g, jax.random.normal(for_d, latents))
        (loss_d, d_real), gradients = jax.value_and_grad(d_loss, has_aux=True)(d, real, fake)
        updates, d_adam = adam.update(gradients, d_adam)
        d = optax.apply_updates(d, updates)

        z = jax.random.normal(for_g, latents)
        (loss_g, d_fake), gradients = jax.value_and_grad(g_loss, has_aux=True)(g, d, z)
        updates, g_adam = adam.update(gradients, g_adam)
        g = optax.apply_updates(g, updates)
        if ema:
            average = jax.tree.map(lambda old, new: new + ema * (old - new), average, g)
        return (g, d, average, g_adam, d_adam, key), jnp.stack([loss_d, loss_g, d_real, d_fake])

    @functools.partial(jax.jit, donate_argnums=0)
    def epoch(state: Any) -> tuple[Any, jax.Array]:
        *rest, key = state
        key, for_order = jax.random.split(key)
        order = jax.random.permutation(for_order, len(images))
        batches = order[: steps * batch_size].reshape(steps, batch_size)
        state, logs = jax.lax.scan(step, (*rest, key), batches)
        return state, logs.mean(axis=0)

    g, d, key = networks
    average = jax.tree.map(jnp.copy, g) if ema else ()
    state = (g, d, average, adam.init(g), adam.init(d), key)
    report = harness.Reporter(steps)
    while True:
        state, means = epoch(state)
        means.block_until_ready()
        report.done(steps)


def main() -> None:
    """Trains the tutorial's networks."""
    flags = harness.flags().parse_args()
    images = np.load(flags.images)
    images = jnp.asarray(images.reshape(len(images), -1))
    pixels, hidden = images.shape[1], flags.hidden_size
    for_g, for_d, key = jax.random.split(jax.random.key(777), 3)
    g = network(for_g, (harness.LATENT_SIZE, hidden, hidden, pixels))
    d = network(for_d, (pixels, hidden, hidden, 1))
    train(flags, images, (g, d, key), optax.adam(2e-4), (generate, discriminate, d_loss))


if __name__ == "__main__":
    main()

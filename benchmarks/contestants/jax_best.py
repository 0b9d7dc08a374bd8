"""`--recipe=best` in JAX and optax: a whole epoch is one `lax.scan` with donated state."""

import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax import lax

from benchmarks.contestants import harness

EPOCHS = 40
LAYOUT = ("NHWC", "HWIO", "NHWC")
Weights = dict[str, jax.Array]


def start(key: jax.Array, shapes: dict[str, tuple[int, ...]]) -> Weights:
    """Kernels from N(0, 0.02^2); biases and offsets 0, scales 1."""
    keys = jax.random.split(key, len(shapes))
    kinds = {"w": lambda key, shape: 0.02 * jax.random.normal(key, shape)}
    kinds |= {"b": lambda key, shape: jnp.zeros(shape), "s": lambda key, shape: jnp.ones(shape)}
    kinds["o"] = kinds["b"]
    return {
        name: kinds[name[0]](key, shape)
        for key, (name, shape) in zip(keys, shapes.items(), strict=True)
    }


def normalised(x: jax.Array, scale: jax.Array, offset: jax.Array) -> jax.Array:
    """LeakyReLU(0.2) of batch normalisation."""
    axes = tuple(range(x.ndim - 1))
    mean, variance = x.mean(axes), x.var(axes)
    return jax.nn.leaky_relu((x - mean) * (lax.rsqrt(variance + 1e-3) * scale) + offset, 0.2)


def generator_shapes(hidden: int, shape: tuple[int, int, int]) -> dict[str, tuple[int, ...]]:
    """Of G's weights."""
    height, width, depth = shape
    wide = hidden // 8
    features = height * width // 16 * wide
    return {
        "w0": (harness.LATENT_SIZE, hidden),
        "w1": (hidden, features),
        "w2": (4, 4, wide, wide // 2),
        "w3": (4, 4, wide // 2, depth),
        "b3": (depth,),
        "s0": (hidden,),
        "o0": (hidden,),
        "s1": (features,),
        "o1": (features,),
        "s2": (wide // 2,),
        "o2": (wide // 2,),
    }


def discriminator_shapes(hidden: int, shape: tuple[int, int, int]) -> dict[str, tuple[int, ...]]:
    """Of D's weights."""
    height, width, depth = shape
    wide = hidden // 8
    return {
        "w0": (4, 4, depth, wide // 2),
        "b0": (wide // 2,),
        "w1": (4, 4, wide // 2, wide),
        "w2": (height * width // 16 * wide, hidden),
        "w3": (hidden, 1),
        "b3": (1,),
        "s1": (wide,),
        "o1": (wide,),
        "s2": (hidden,),
        "o2": (hidden,),
    }


def generate(g: Weights, z: jax.Array, shape: tuple[int, int, int]) -> jax.Array:
    """Images in [-1, 1] from latents."""
    height, width, _ = shape
    x = normalised(z @ g["w0"], g["s0"], g["o0"])
    x = normalised(x @ g["w1"], g["s1"], g["o1"])
    x = x.reshape(-1, height // 4, width // 4, g["w2"].shape[2])
    grown = functools.partial(
        lax.conv_transpose, strides=(2, 2), padding="SAME", dimension_numbers=LAYOUT
    )
    x = normalised(grown(x, g["w2"]), g["s2"], g["o2"])
    return jnp.tanh((grown(x, g["w3"]) + g["b3"]) / 2)


def discriminate(d: Weights, x: jax.Array) -> jax.Array:
    """Logits `(batch, 1)` of images."""
    halved = functools.partial(
        lax.conv_general_dilated, window_strides=(2, 2), padding="SAME", dimension_numbers=LAYOUT
    )
    x = jax.nn.leaky_relu(halved(x, d["w0"]) + d["b0"], 0.2)
    x = normalised(halved(x, d["w1"]), d["s1"], d["o1"]).reshape(len(x), -1)
    return normalised(x @ d["w2"], d["s2"], d["o2"]) @ d["w3"] + d["b3"]


def d_loss(d: Weights, real: jax.Array, fake: jax.Array) -> tuple[jax.Array, jax.Array]:
    """D's objective with R1, and the mean D(x)."""

    def total(x: jax.Array) -> tuple[jax.Array, jax.Array]:
        logits = discriminate(d, x)
        return logits.sum(), logits

    gradient, real_logits = jax.grad(total, has_aux=True)(real)
    r1 = jnp.mean(jnp.sum(gradient**2, axis=(1, 2, 3))) / 2
    losses = jax.nn.softplus(-real_logits) + jax.nn.softplus(discriminate(d, fake))
    return losses.mean() + r1, jax.nn.sigmoid(real_logits).mean()


def main() -> None:
    """Trains without end."""
    flags = harness.flags().parse_args()
    images = jnp.asarray(np.load(flags.images))
    shape, batch_size = images.shape[1:], flags.batch_size
    steps = len(images) // batch_size
    adam = optax.adam(optax.cosine_decay_schedule(0.002, EPOCHS * steps), b1=0.5)

    def g_loss(g: Weights, d: Weights, z: jax.Array) -> tuple[jax.Array, jax.Array]:
        logits = discriminate(d, generate(g, z, shape))
        return jax.nn.softplus(-logits).mean(), jax.nn.sigmoid(logits).mean()

    def step(state: Any, indices: jax.Array) -> tuple[Any, jax.Array]:
        g, d, average, g_adam, d_adam, key = state
        key, for_d, for_g = jax.random.split(key, 3)
        latents = (batch_size, harness.LATENT_SIZE)
        real = images[indices].astype(jnp.float32) * (1 / 127.5) - 1

        fake = generate(g, jax.random.normal(for_d, latents), shape)
        (loss_d, d_real), gradients = jax.value_and_grad(d_loss, has_aux=True)(d, real, fake)
        updates, d_adam = adam.update(gradients, d_adam)
        d = optax.apply_updates(d, updates)

        z = jax.random.normal(for_g, latents)
        (loss_g, d_fake), gradients = jax.value_and_grad(g_loss, has_aux=True)(g, d, z)
        updates, g_adam = adam.update(gradients, g_adam)
        g = optax.apply_updates(g, updates)
        average = jax.tree.map(lambda old, new: new + 0.999 * (old - new), average, g)
        return (g, d, average, g_adam, d_adam, key), jnp.stack([loss_d, loss_g, d_real, d_fake])

    @functools.partial(jax.jit, donate_argnums=0)
    def epoch(state: Any) -> tuple[Any, jax.Array]:
        *rest, key = state
        key, for_order = jax.random.split(key)
        order = jax.random.permutation(for_order, len(images))
        batches = order[: steps * batch_size].reshape(steps, batch_size)
        state, logs = lax.scan(step, (*rest, key), batches)
        return state, logs.mean(axis=0)

    for_g, for_d, key = jax.random.split(jax.random.key(777), 3)
    g = start(for_g, generator_shapes(flags.hidden_size, shape))
    d = start(for_d, discriminator_shapes(flags.hidden_size, shape))
    state = (g, d, jax.tree.map(jnp.copy, g), adam.init(g), adam.init(d), key)
    report = harness.Reporter(steps)
    while True:
        state, means = epoch(state)
        means.block_until_ready()
        report.done(steps)


if __name__ == "__main__":
    main()

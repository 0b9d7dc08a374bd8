"""`--recipe=best` in JAX and optax: a whole epoch is one `lax.scan` with donated state."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax import lax

from benchmarks.contestants import harness
from benchmarks.contestants.jax_scan import train

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
    shape = images.shape[1:]
    for_g, for_d, key = jax.random.split(jax.random.key(777), 3)
    g = start(for_g, generator_shapes(flags.hidden_size, shape))
    d = start(for_d, discriminator_shapes(flags.hidden_size, shape))
    steps = EPOCHS * (len(images) // flags.batch_size)
    adam = optax.adam(optax.cosine_decay_schedule(0.002, steps), b1=0.5)
    of_shape = functools.partial(generate, shape=shape)
    train(flags, images, (g, d, key), adam, (of_shape, discriminate, d_loss), ema=0.999)


if __name__ == "__main__":
    main()

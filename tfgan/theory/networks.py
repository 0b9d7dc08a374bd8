"""Small networks for points of the line and the plane."""

import keras
import numpy as np

from tfgan.networks import leaky_relu
from tfgan.noise import Stream, derive_seed
from tfgan.theory.densities import GaussianMixture
from tfgan.theory.recipes import ToyRecipe


def _dense(units: int, seed: int, stream: Stream, index: int) -> keras.layers.Dense:
    initializer = keras.initializers.HeNormal(seed=derive_seed(seed, stream, index))
    return keras.layers.Dense(units, kernel_initializer=initializer)


def _spread(p: GaussianMixture, around: np.ndarray | float = 0.0) -> float:
    """Root mean square of p's coordinates around a point: networks see about unit size."""
    squares = np.mean((p.means - around) ** 2, axis=1) + p.scales**2
    return float(np.sqrt(np.dot(p.weights, squares)))


def generator(recipe: ToyRecipe, p: GaussianMixture) -> keras.Sequential:
    """G: latents `(batch, latent_size)` to points `(batch, dim)`, anywhere."""
    network = keras.Sequential([keras.Input((recipe.latent_size,), name="z")], name="generator")
    for index in range(recipe.layers):
        network.add(_dense(recipe.hidden_size, recipe.seed, Stream.GENERATOR_WEIGHTS, index))
        network.add(keras.layers.Activation(recipe.activation))
    network.add(_dense(p.dim, recipe.seed, Stream.GENERATOR_WEIGHTS, recipe.layers))
    network.add(keras.layers.Rescaling(_spread(p)))
    return network


def discriminator(recipe: ToyRecipe, p: GaussianMixture) -> keras.Sequential:
    """D: points `(batch, dim)` to logits `(batch, 1)`."""
    network = keras.Sequential([keras.Input((p.dim,), name="x")], name="discriminator")
    centre = p.weights @ p.means
    scale = 1 / _spread(p, centre)
    network.add(keras.layers.Rescaling(scale, offset=(-scale * centre).tolist()))
    for index in range(recipe.layers):
        network.add(_dense(recipe.hidden_size, recipe.seed, Stream.DISCRIMINATOR_WEIGHTS, index))
        network.add(keras.layers.Activation(leaky_relu))
    network.add(_dense(1, recipe.seed, Stream.DISCRIMINATOR_WEIGHTS, recipe.layers))
    return network

"""Small networks for points in one and two dimensions."""

import keras
import numpy as np

from tfgan.networks import labelled, leaky_relu
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


def generator(recipe: ToyRecipe, p: GaussianMixture) -> keras.Model:
    """G: latents `(batch, latent_size)`, and labels if the recipe has classes, to points."""
    classes, stream = _classes(recipe, p), Stream.GENERATOR_WEIGHTS
    hidden = [
        layer
        for index in range(recipe.layers)
        for layer in (
            _dense(recipe.hidden_size, recipe.seed, stream, index),
            keras.layers.Activation(recipe.activation),
        )
    ]
    return labelled.network(
        keras.Input((recipe.latent_size,), name="z"),
        [
            *labelled.beside(classes, recipe.seed, stream),
            *hidden,
            _dense(p.dim, recipe.seed, stream, recipe.layers),
            keras.layers.Rescaling(_spread(p)),
        ],
        classes,
        name="generator",
    )


def discriminator(recipe: ToyRecipe, p: GaussianMixture) -> keras.Model:
    """D: points `(batch, dim)`, and labels if the recipe has classes, to logits `(batch, 1)`."""
    classes, stream = _classes(recipe, p), Stream.DISCRIMINATOR_WEIGHTS
    centre = p.weights @ p.means
    scale = 1 / _spread(p, centre)
    hidden = [
        layer
        for index in range(recipe.layers)
        for layer in (
            _dense(recipe.hidden_size, recipe.seed, stream, index),
            keras.layers.Activation(leaky_relu),
        )
    ]
    return labelled.network(
        keras.Input((p.dim,), name="x"),
        [
            keras.layers.Rescaling(scale, offset=(-scale * centre).tolist()),
            *labelled.beside(classes, recipe.seed, stream),
            *hidden,
            _dense(1, recipe.seed, stream, recipe.layers),
        ],
        classes,
        name="discriminator",
    )


def _classes(recipe: ToyRecipe, p: GaussianMixture) -> int:
    return len(p.weights) if recipe.conditional else 0

"""Settings for each density, as plain data, so that the command's flags need no TensorFlow."""

import dataclasses
from typing import Any

import numpy as np

from tfgan.theory import densities
from tfgan.theory.densities import GaussianMixture


def _two_bumps() -> GaussianMixture:
    return GaussianMixture(np.array([[-1.5], [1.0]]), np.array([0.4, 0.6]), np.array([0.4, 0.6]))


def _three_classes() -> GaussianMixture:
    return GaussianMixture(
        np.array([[-1.2], [0.0], [1.2]]), np.array([0.4, 0.6, 0.3]), np.array([0.3, 0.5, 0.2])
    )


LOSSES = ("non_saturating", "minimax", "relativistic")  # those whose D is a logit
DENSITIES = {
    "normal": lambda: densities.normal(1.0, 0.5),
    "mixture": _two_bumps,
    "ring8": densities.ring,
    "grid25": densities.grid,
    "classes": _three_classes,
}
CONDITIONAL = ("classes",)  # each mode is a class, which both networks are told


@dataclasses.dataclass(frozen=True)
class ToyRecipe:
    """Everything that decides a toy run.

    D learns several times as fast as G, so that it stays near its optimum; Adam without momentum
    and with a short memory follows what moves; both rates fall to 0 along a half cosine, or the
    two would circle the optimum to the end.

    Attributes:
        density: a name in `DENSITIES`.
        latent_size: length of z; on the line 1, so that the map z -> x can be drawn.
        layers: hidden layers of both networks.
        hidden_size: units in each.
        activation: of G's hidden layers, "relu" or "tanh"; tanh makes smooth densities.
        batch_size: real points a step.
        steps: training steps, a multiple of `frames`.
        frames: looks at equal distances, after one at the start; each becomes a picture.
        d_learning_rate: Adam's for D, at the start.
        g_learning_rate: Adam's for G, likewise.
        beta_1: Adam's, for both.
        beta_2: Adam's, for both.
        loss: one of `LOSSES`, as in `GAN.compile`.
        seed: decides every random number.
    """

    density: str
    latent_size: int = 1
    layers: int = 2
    hidden_size: int = 64
    activation: str = "tanh"
    batch_size: int = 512
    steps: int = 3000
    frames: int = 50
    d_learning_rate: float = 1e-2
    g_learning_rate: float = 1e-3
    beta_1: float = 0.0
    beta_2: float = 0.9
    loss: str = "non_saturating"
    seed: int = 777

    @property
    def conditional(self) -> bool:
        """Whether both networks are told the class, which is the mode."""
        return self.density in CONDITIONAL

    def to_dict(self) -> dict[str, Any]:
        """All settings by name, as plain values that JSON can hold."""
        return dataclasses.asdict(self)


_PLANE: dict[str, Any] = {
    "latent_size": 2,
    "hidden_size": 128,
    "activation": "relu",
    "d_learning_rate": 2e-3,
    "beta_2": 0.99,
    "steps": 5000,
}
RECIPES = {
    "normal": ToyRecipe("normal"),
    "mixture": ToyRecipe("mixture"),
    "ring8": ToyRecipe("ring8", **_PLANE),
    "grid25": ToyRecipe("grid25", **_PLANE, layers=3, loss="relativistic"),
    "classes": ToyRecipe("classes"),
}

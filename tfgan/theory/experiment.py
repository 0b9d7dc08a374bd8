"""Trains a small GAN on a known density, and draws its progress."""

import csv
import io
import json
import shutil
from collections.abc import Iterator
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tfgan import noise
from tfgan.conditional import ConditionalGAN
from tfgan.gan import GAN
from tfgan.ground import pictures
from tfgan.ground.console import say
from tfgan.ground.errors import UserError
from tfgan.ground.files import write_file
from tfgan.ground.version import versions
from tfgan.noise import Stream
from tfgan.optimizers import Adam
from tfgan.run import building
from tfgan.run.workdir import Workdir
from tfgan.theory import figures, networks
from tfgan.theory.by_class import ClassObserver
from tfgan.theory.densities import GaussianMixture
from tfgan.theory.observation import Observation, Observer
from tfgan.theory.recipes import DENSITIES, ToyRecipe

_LINES = 10  # said during a run
_COLOURS = 64  # of the animation
_COLUMNS = ("step", "V", "jsd_bound", "jsd", "modes", "high_quality")


class ToyFolder(Workdir):
    """Names of everything that a toy run leaves, and the same care for what is there.

    Attributes:
        config: the recipe and versions; marks the folder as a toy run's.
        frames: a picture of each look, in order.
        figure: the last of them.
        animation: all of them.
        metrics: one CSV row a look.
    """

    def __init__(self, path: str):
        super().__init__(path)
        self.config = self.path / "toy.json"
        self.frames = self.path / "frames"
        self.figure = self.path / "figure.png"
        self.animation = self.path / "training.gif"

    def create(self, config: dict[str, Any], environment: dict[str, Any]) -> None:
        """Removes what an earlier run left and writes `toy.json`."""
        shutil.rmtree(self.frames, ignore_errors=True)
        for file in (self.figure, self.animation, self.metrics):
            file.unlink(missing_ok=True)
        content = {"config": config, "environment": environment}
        write_file(self.config, (json.dumps(content, indent=2) + "\n").encode())
        self.frames.mkdir()


def build(recipe: ToyRecipe, p: GaussianMixture) -> GAN:
    """Makes the compiled model of a recipe."""
    generator, discriminator = networks.generator(recipe, p), networks.discriminator(recipe, p)
    if recipe.conditional:
        sizes = recipe.latent_size, p.weights.tolist(), recipe.seed
        gan: GAN = ConditionalGAN(generator, discriminator, *sizes)
    else:
        gan = GAN(generator, discriminator, recipe.latent_size, recipe.seed)

    def adam(rate: float, name: str) -> Adam:
        falling = keras.optimizers.schedules.CosineDecay(rate, recipe.steps)
        return Adam(falling, beta_1=recipe.beta_1, beta_2=recipe.beta_2, name=name)

    gan.compile(
        d_optimizer=adam(recipe.d_learning_rate, "d_adam"),
        g_optimizer=adam(recipe.g_learning_rate, "g_adam"),
        loss=recipe.loss,
        steps_per_execution=building.largest_divisor(
            recipe.steps // recipe.frames, building.MOST_STEPS_PER_EXECUTION
        ),
    )
    return gan


def batches(p: GaussianMixture, recipe: ToyRecipe) -> tf.data.Dataset:
    """The real points of each step, `(batch_size, dim)`: a pure function of (seed, step).

    With classes, pairs of them and of their labels, `(batch_size,)`.
    """

    def draw() -> Iterator[Any]:
        for step in range(recipe.steps):
            seed = noise.derive_seed(recipe.seed, Stream.REAL_POINTS, step)
            points, labels = p.sample_with_modes(recipe.batch_size, seed)
            points = points.astype(np.float32)
            yield (points, labels) if recipe.conditional else points

    spec: Any = tf.TensorSpec((recipe.batch_size, p.dim), tf.float32)
    if recipe.conditional:
        spec = (spec, tf.TensorSpec((recipe.batch_size,), tf.int64))
    return tf.data.Dataset.from_generator(draw, output_signature=spec).prefetch(64)


def learn(recipe: ToyRecipe, callback: "Looks") -> GAN:
    """Trains by a recipe, with the same `fit` as any GAN of the package."""
    p = DENSITIES[recipe.density]()
    gan = build(recipe, p)
    callback.attach(observer(gan, p))
    gan.fit(
        batches(p, recipe),
        epochs=recipe.frames,
        steps_per_epoch=recipe.steps // recipe.frames,
        shuffle=False,  # the points are random
        callbacks=[callback],
        verbose=0,
    )
    return gan


def observer(gan: GAN, p: GaussianMixture) -> Observer | ClassObserver:
    """What looks at a GAN that learns p."""
    return ClassObserver(gan, p) if isinstance(gan, ConditionalGAN) else Observer(gan, p)


class Looks(keras.callbacks.Callback):
    """Looks before the first step and after each part of the training.

    Attributes:
        seen: what it saw, in order.
    """

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[Observation] = []

    def attach(self, observer: Observer | ClassObserver) -> None:
        """Takes the observer to look with."""
        self._observer = observer

    def on_train_begin(self, logs: Any = None) -> None:
        self.look()

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        self.look()

    def look(self) -> None:
        """Adds what is to be seen now."""
        self.seen.append(self._observer.look())


class _Pictures(Looks):
    """Draws what it sees into the run's folder at once, and says some of it."""

    def __init__(self, folder: ToyFolder, recipe: ToyRecipe, p: GaussianMixture):
        super().__init__()
        self._folder, self._recipe, self._p = folder, recipe, p
        self.frames: list[np.ndarray] = []

    def look(self) -> None:
        super().look()
        self.frames.append(figures.frame(self._p, self.seen, self._recipe.steps))
        name = f"{len(self.frames) - 1:03d}.png"
        pictures.save_png(self._folder.frames / name, self.frames[-1])
        write_file(self._folder.metrics, _table(self.seen))
        if (len(self.seen) - 1) % max(1, self._recipe.frames // _LINES) == 0:
            say(_line(self.seen[-1], self._recipe, self._p))


def run(recipe: ToyRecipe, path: str, overwrite: bool = False) -> list[Observation]:
    """Trains by a recipe in a folder of its own, and draws Figure 1 of the paper as it happens.

    The same recipe again does the same again, bit for bit.

    Args:
        recipe: everything that decides the run.
        path: the folder; made if need be.
        overwrite: removes the run of another recipe that is there.

    Returns:
        What was seen, from the start to the end.

    Raises:
        UserError: if the folder holds something else, or matplotlib is missing.
    """
    figures.require_matplotlib()
    folder = ToyFolder(path)
    folder.check()
    recorded = None if overwrite else folder.recorded()
    if recorded and recorded["config"] != recipe.to_dict():
        raise UserError(
            f"--workdir={folder.path}: holds a toy run with other settings; use another "
            "--workdir, or --overwrite to start over"
        )
    p = DENSITIES[recipe.density]()
    looks = _Pictures(folder, recipe, p)
    try:
        with folder.lock():
            folder.create(recipe.to_dict(), versions())
            learn(recipe, looks)
            pictures.save_png(folder.figure, looks.frames[-1])
            pictures.save_gif(folder.animation, looks.frames, colours=_COLOURS)
    except OSError as error:
        raise UserError(
            f"--workdir={folder.path}: cannot be written: {error.strerror or error}"
        ) from None
    say(f"Figure: {folder.figure}; animation: {folder.animation}; table: {folder.metrics}")
    return looks.seen


def _line(seen: Observation, recipe: ToyRecipe, p: GaussianMixture) -> str:
    return (
        f"Step {seen.step:,} of {recipe.steps:,}: JSD {seen.jsd:.3f} nats, bound from D "
        f"{seen.bound:.3f}; modes {seen.coverage.covered} of {len(p.means)}, high quality "
        f"{seen.coverage.high_quality:.1%}"
    )


def _table(seen: list[Observation]) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(_COLUMNS)
    for look in seen:
        writer.writerow([look.step, look.value, look.bound, look.jsd, *look.coverage])
    return text.getvalue().encode()

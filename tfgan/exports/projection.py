"""Projection: the latent whose image is nearest to a given image."""

import dataclasses
from collections.abc import Callable, Sequence

import keras
import numpy as np
import tensorflow as tf

from tfgan import noise
from tfgan.exports import saved_model
from tfgan.exports.loading import Loaded
from tfgan.ground import pictures
from tfgan.ground.errors import UserError, first_line
from tfgan.networks import labelled, precision
from tfgan.noise import Stream

CANDIDATES = 1000  # latents drawn; the search begins at the nearest
RESTARTS = 8
STEPS = 500
RATE = 0.1
_ROWS = 256  # searches that go on at once


@dataclasses.dataclass(frozen=True, eq=False)
class Projection:
    """The nearest images of a generator to each of `count` images.

    Attributes:
        z: the latents, float32 `(count, latent_size)`.
        labels: the classes, int64 `(count,)`; None if the generator has none.
        images: the images G(z), float32 `(count, height, width, channels)` in [0, 1].
        distances: distances from the given images, float32 `(count,)`: the root of the mean
            squared difference of the pixels, in [0, 1].
    """

    z: np.ndarray
    labels: np.ndarray | None
    images: np.ndarray
    distances: np.ndarray


def project_images(
    generator: keras.Model | Loaded,
    images: np.ndarray,
    classes: Sequence[int] = (),
    restarts: int = RESTARTS,
    steps: int = STEPS,
    seed: int = 1,
    distribution: str = "normal",
) -> Projection:
    """Finds for each image x the latent z that minimises ||G(z) - x||^2.

    Of 1,000 latents, the same ones for each image, the `restarts` with the nearest images are
    starts. From each of them Adam minimises the mean squared difference of the pixels, with a rate
    that falls from 0.1 to 0 along a cosine. The nearest result is kept. The result for an image
    does not depend on the other images, up to rounding.

    After each step z is projected back to where the generator was trained: its length to the range
    of lengths of the 1,000 latents, and its numbers to their largest absolute value.

    Args:
        generator: a Keras model from latents, and labels if it is conditional, to images in
            [-1, 1]; or the result of `tfgan.exports.loading.load`.
        images: uint8 `(count, height, width, channels)` in [0, 255].
        classes: classes that a conditional generator tries; empty for all.
        restarts: restarts for each image and class, in [1, 1000].
        steps: steps of each restart, at least 1.
        seed: seed of the 1,000 latents.
        distribution: distribution of a Keras model's latents, see `tfgan.noise.latents`; a loaded
            generator has its own.

    Returns:
        The nearest images, their latents and distances; see `Projection`.

    Raises:
        UserError: if the images or classes do not fit the generator, if it returns pixels that are
            not finite, or has no gradient with respect to z, or if a number is out of range.
    """
    if not 1 <= restarts <= CANDIDATES:
        raise UserError(f"--restarts={restarts}: must lie between 1 and {CANDIDATES:,}")
    if steps < 1:
        raise UserError(f"--steps={steps}: must be at least 1")
    known = _Generator.of(generator, distribution)
    tried = known.tried(classes)
    candidates = noise.latents(
        0, Stream.PROJECTION_LATENTS, seed, CANDIDATES, known.size, distribution=known.distribution
    ).numpy()
    shape = known.draw(candidates[:1], np.array(tried[:1])).shape[1:]
    if images.dtype != np.uint8 or images.shape[1:] != shape or not len(images):
        raise UserError(
            f"images: {images.dtype} {images.shape}, but {known.named} needs uint8 "
            f"(count, {', '.join(map(str, shape))})"
        )
    targets = images.astype(np.float32) / 255
    starts = [_nearest(known, candidates, label, targets, restarts) for label in tried]
    # A row is a search: of each image, from each start of each class.
    each = len(tried) * restarts
    z = candidates[np.concatenate(starts, axis=1).ravel()]
    labels = np.tile(np.repeat(np.array(tried), restarts), len(images))
    search = _Search(known, candidates, min(_ROWS, len(z)), shape, steps)
    parts = np.split(np.arange(len(z)), range(_ROWS, len(z), _ROWS))
    ends = [search.run(z[rows], labels[rows], targets[rows // each]) for rows in parts]
    z, errors = (np.concatenate(values) for values in zip(*ends, strict=True))
    best = errors.reshape(-1, each).argmin(axis=1) + each * np.arange(len(images))
    return Projection(
        z[best],
        labels[best] if known.classes else None,
        known.draw(z[best], labels[best]),
        np.sqrt(errors[best]),
    )


@dataclasses.dataclass(frozen=True)
class _Generator:
    """A generator of either kind.

    Attributes:
        named: its name in messages.
        size: length of a latent.
        distribution: distribution of the latents.
        classes: the classes that it was trained on; empty if it has none.
        call: a function of `z` and, with classes, `label`, which returns `images` in [0, 1].
    """

    named: str
    size: int
    distribution: str
    classes: list[int]
    call: Callable[..., dict[str, tf.Tensor]]

    @classmethod
    def of(cls, generator: keras.Model | Loaded, distribution: str) -> "_Generator":
        """Wraps a generator; `distribution` is used for a Keras model."""
        if isinstance(generator, Loaded):
            classes = generator.classes.present if generator.conditional else []
            call = generator.model.signatures["generate"]
            size, distribution = generator.latent_size, generator.distribution
            return cls(generator.named, size, distribution, classes, call)
        model = precision.in_float32(generator)
        known = saved_model.classes_of(model, None)
        call = saved_model.endpoint(model, known.shares if known else ())
        size, classes = labelled.latent_size_of(model), known.present if known else []
        return cls(model.name, size, distribution, classes, call)

    def tried(self, classes: Sequence[int]) -> list[int]:
        """The classes to try; a single placeholder if the generator has none."""
        unknown = [label for label in classes if label not in self.classes]
        if unknown and not self.classes:
            raise UserError(f"classes: {self.named} has none")
        if unknown:
            raise UserError(f"classes: {unknown[0]} is not a class of {self.named}")
        return list(classes) or self.classes or [0]

    def images(self, z: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
        """Images in [0, 1]."""
        return self.call(z=z, **({"label": labels} if self.classes else {}))["images"]

    def draw(self, z: np.ndarray, labels: np.ndarray) -> np.ndarray:
        """Images in [0, 1] of any number of latents.

        Raises:
            UserError: if it cannot draw, or returns pixels that are not finite.
        """
        parts = [slice(start, start + _ROWS) for start in range(0, len(z), _ROWS)]
        try:
            drawn = [self.images(*map(tf.constant, (z[part], labels[part]))) for part in parts]
        except (TypeError, ValueError, LookupError, tf.errors.OpError) as error:
            raise UserError(f"{self.named}: generate fails: {first_line(error)}") from None
        images = np.concatenate([part.numpy() for part in drawn])
        pictures.check_finite(images, self.named)
        return images


def _nearest(
    known: _Generator, candidates: np.ndarray, label: int, targets: np.ndarray, count: int
) -> np.ndarray:
    """Indices of the nearest candidates to each target, for a class, `(len(targets), count)`."""
    drawn = known.draw(candidates, np.full(len(candidates), label)).reshape(len(candidates), -1)
    # |drawn - target|^2 without |target|^2, which is the same for all.
    squares = (drawn**2).sum(axis=1) - 2 * targets.reshape(len(targets), -1) @ drawn.T
    return np.argsort(squares, axis=1, kind="stable")[:, :count]


class _Search:
    """Adam from a fixed number of starts at once, so that one graph is enough.

    Args:
        known: the generator.
        candidates: latents whose lengths and numbers bound those of z.
        rows: number of starts.
        shape: shape of an image.
        steps: steps from each start.
    """

    def __init__(
        self,
        known: _Generator,
        candidates: np.ndarray,
        rows: int,
        shape: tuple[int, ...],
        steps: int,
    ):
        self._known, self._rows, self._steps = known, rows, steps
        lengths = np.linalg.norm(candidates, axis=1)
        self._shortest, self._longest = lengths.min(), lengths.max()
        self._largest = np.abs(candidates).max()
        self._z = tf.Variable(tf.zeros((rows, known.size)))
        self._labels = tf.Variable(tf.zeros((rows,), tf.int64))
        self._targets = tf.Variable(tf.zeros((rows, *shape)))
        rate = keras.optimizers.schedules.CosineDecay(RATE, steps)
        self._adam = keras.optimizers.Adam(rate)
        self._adam.build([self._z])
        self._unused = [variable.numpy() for variable in self._adam.variables]

    def run(
        self, z: np.ndarray, labels: np.ndarray, targets: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """The results from up to `rows` latents, and their mean squared differences."""
        count = len(z)
        rows = np.resize(np.arange(count), self._rows)
        for variable, values in zip(
            (self._z, self._labels, self._targets), (z, labels, targets), strict=True
        ):
            variable.assign(values[rows])
        for variable, value in zip(self._adam.variables, self._unused, strict=True):
            variable.assign(value)
        for _ in range(self._steps):
            self._step()
        return self._z.numpy()[:count], self._errors().numpy()[:count]

    def _errors(self) -> tf.Tensor:
        images = self._known.images(self._z, self._labels)
        return tf.reduce_mean(tf.square(images - self._targets), axis=(1, 2, 3))

    @tf.function(autograph=False)
    def _step(self) -> None:
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(self._errors())
        try:
            gradient = tape.gradient(loss, self._z)
        except LookupError:  # an operation without one
            gradient = None
        if gradient is None:
            raise UserError(
                f"{self._known.named}: its images have no gradient with respect to z, so images "
                "cannot be projected"
            )
        self._adam.apply([gradient], [self._z])
        length = tf.norm(self._z, axis=1, keepdims=True)
        inside = tf.clip_by_value(length, self._shortest, self._longest) / length
        self._z.assign(tf.clip_by_value(self._z * inside, -self._largest, self._largest))

"""Pictures from an exported generator; needs only the SavedModel, no `tfgan.GAN`."""

import dataclasses
import io
from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

from tfgan import noise
from tfgan.datasets.classes import Classes
from tfgan.exports import class_names, saved_model
from tfgan.ground import pictures
from tfgan.ground.errors import UserError, first_line
from tfgan.ground.files import user_path, without_patterns, write_file
from tfgan.noise import Stream

ANY = -1  # class by the classes' shares
WALK_STEPS = 8
DEFAULT, DEFAULT_EACH = 64, 8  # images; images of each of several classes
MOST_OF_ALL = 10_000
_CHUNK = 1000
_ROUNDING = 1e-3  # that a pixel may be outside [0, 1] by


@dataclasses.dataclass(frozen=True, eq=False)
class Loaded:
    """A SavedModel with the signatures `generate` and `sample`, whoever made it.

    Attributes:
        named: what messages call it.
        model: what TensorFlow loaded; its weights go with it.
        classes: that it knows; None if it knows none, or does not say.
    """

    named: str
    model: Any
    classes: Classes | None = None

    @property
    def conditional(self) -> bool:
        """Whether it draws the class that it is told."""
        return "label" in self.model.signatures["sample"].structured_input_signature[1]

    def generate(self, z: np.ndarray, labels: np.ndarray | None = None) -> np.ndarray:
        """Images `(count, height, width, channels)` in [0, 1] of latents `(count, latent_size)`.

        A conditional generator also takes a class each, int64 `(count,)`, -1 for any.

        Raises:
            UserError: if what it gives are no such images.
        """
        if not self.conditional:
            return self._call("generate", z=tf.constant(z))
        labels = np.full(len(z), ANY) if labels is None else labels
        return self._call("generate", z=tf.constant(z), label=tf.constant(labels, tf.int64))

    def sample(self, n: int, seed: int, label: int = ANY) -> np.ndarray:
        """`n` images, of a class if it is conditional; see `generate`."""
        numbers = {"n": n, "seed": seed} | ({"label": label} if self.conditional else {})
        given = {name: tf.constant(value, tf.int64) for name, value in numbers.items()}
        return self._call("sample", **given)

    def blend(self, z: np.ndarray, weights: np.ndarray) -> np.ndarray:
        """Images between classes, by float32 weights `(count, classes)`; see `generate`."""
        given = {"z": tf.constant(z), "weights": tf.constant(weights, tf.float32)}
        return self._call("blend", **given)

    def class_count(self) -> int:
        """How many classes a conditional generator knows.

        Raises:
            UserError: if it does not say.
        """
        inputs = self.model.signatures["blend"].structured_input_signature[1]
        return int(inputs["weights"].shape[1])

    def latent_size(self) -> int:
        """How many numbers `generate` takes for an image.

        Raises:
            UserError: if it does not say.
        """
        given = self.model.signatures["generate"].structured_input_signature[1].get("z")
        if given is None or given.shape.rank != 2 or given.shape[1] is None:
            raise UserError(f"{self.named}: generate has no input z of (count, latent_size)")
        return int(given.shape[1])

    def _call(self, signature: str, **inputs: tf.Tensor) -> np.ndarray:
        try:
            outputs = self.model.signatures[signature](**inputs)
        except (TypeError, ValueError, LookupError, tf.errors.OpError) as error:
            raise UserError(
                f"{self.named}: {signature}({', '.join(inputs)}) fails: {first_line(error)}"
            ) from None
        if "images" not in outputs:
            raise UserError(
                f"{self.named}: has the outputs {', '.join(outputs)}, but images is needed"
            )
        return self._checked(outputs["images"].numpy())

    def _checked(self, images: np.ndarray) -> np.ndarray:
        if images.ndim != 4 or images.shape[-1] not in (1, 3, 4):
            raise UserError(
                f"{self.named}: gives images {images.shape}, but (count, height, width, 1, 3 or 4) "
                f"is needed"
            )
        pictures.check_finite(images, self.named)
        low, high = float(images.min()), float(images.max())
        if low < -_ROUNDING or high > 1 + _ROUNDING:
            raise UserError(
                f"{self.named}: gives pixels from {low:.3g} to {high:.3g}, but they must lie in "
                f"[0, 1]"
            )
        return images


def load(model: str, named: str = "") -> Loaded:
    """Loads a SavedModel with the signatures `generate` and `sample`.

    Args:
        model: its folder.
        named: what messages call it, if it is not the value of `--model`.

    Raises:
        UserError: if there is none, or if it is not a generator of tfgan.
    """
    path = user_path(model, "--model")
    named = named or f"--model={model}"
    if not (path / "saved_model.pb").is_file():
        raise UserError(f"{named}: no SavedModel there; a run leaves one in its generator/")
    try:
        with without_patterns(path) as plain:
            loaded = tf.saved_model.load(str(plain))
    except (OSError, ValueError, LookupError, tf.errors.OpError) as error:
        raise UserError(f"{named}: is damaged: {first_line(error)}") from None
    signatures = set(loaded.signatures)
    if not {"generate", "sample"} <= signatures:
        raise UserError(
            f"{named}: has the signatures {', '.join(loaded.signatures) or 'none'}, but "
            f"generate and sample are needed; is it a generator of tfgan?"
        )
    return Loaded(named, loaded, class_names.recorded_classes(path))


def sample(model: str, n: int | None, seed: int, output: str, label: str = "") -> None:
    """Writes images as a grid in a PNG, or as a .npy of uint8 `(count, height, width, channels)`.

    Args:
        model: folder of a SavedModel.
        n: how many; of each class, where `label` has several. None: 64, or 8 of each.
        seed: of the latents; several classes get the same ones.
        output: the file.
        label: classes of a conditional generator, see `labels_of`; several are a row each.

    Raises:
        UserError: if the model cannot be loaded, has no such class, or the file cannot be written.
    """
    loaded = load(model)
    wanted = labels_of(label, loaded) or [ANY]
    count = n or (DEFAULT if len(wanted) == 1 else DEFAULT_EACH)
    if len(wanted) > 1 and count * len(wanted) > MOST_OF_ALL:
        raise UserError(
            f"--n={count}: of each of {len(wanted):,} classes are {count * len(wanted):,} images; "
            f"draw at most {MOST_OF_ALL:,} at once"
        )
    images = np.concatenate([draw(loaded, count, seed, each) for each in wanted])
    if output.lower().endswith(".npy"):
        buffer = io.BytesIO()
        np.save(buffer, images)
        _write(output, lambda path: write_file(path, buffer.getvalue()))
    else:
        grid = pictures.grid(images, columns=count) if len(wanted) > 1 else pictures.grid(images)
        _write(output, lambda path: pictures.save_png(path, grid))


def labels_of(text: str, loaded: Loaded) -> list[int]:
    """The classes that a user names: "7", "7,1,3", "sneaker" or "all"; none for "".

    Raises:
        UserError: if the generator knows no such class, or none at all.
    """
    if not text:
        return []
    if not loaded.conditional:
        raise class_names.unconditional(text, loaded.named)
    return class_names.chosen(text, loaded.classes or Classes.of_numbers(loaded.class_count()))


def draw(loaded: Loaded, n: int, seed: int, label: int = ANY) -> np.ndarray:
    """`n` images of a loaded SavedModel, uint8 `(n, height, width, channels)`.

    Raises:
        UserError: if what it gives are no such images.
    """
    return pictures.unit_to_uint8(loaded.sample(n, seed, label))


def interpolate(model: str, n: int, seed: int, output: str, label: str = "") -> None:
    """Writes spherical walks between `n` latents: a row each as PNG, or a closed tour as GIF.

    With classes, all unless `label` names some, each latent is of the next of them, and the walks
    go from class to class along straight lines between the rows of the identity that they are.

    Raises:
        UserError: if the model cannot be loaded, has no such class, or the file cannot be written.
    """
    loaded = load(model)
    wanted = labels_of(label or ("all" if loaded.conditional else ""), loaded)
    size, distribution = loaded.latent_size(), saved_model.distribution(user_path(model, "--model"))
    z = noise.latents(0, Stream.SAMPLES, seed, n, size, distribution=distribution).numpy()
    tour = output.lower().endswith(".gif")
    fractions = np.linspace(0, 1, WALK_STEPS, endpoint=not tour)
    walks = _between(z, fractions, tour, slerp)
    if wanted:
        rows = np.eye(loaded.class_count(), dtype=np.float32)[np.resize(wanted, n)]
        weights = _between(rows, fractions, tour, lambda a, b, t: (1 - t) * a + t * b)
        parts = [loaded.blend(*each) for each in zip(*map(_chunks, (walks, weights)), strict=True)]
    else:
        parts = [loaded.generate(chunk) for chunk in _chunks(walks)]
    images = pictures.unit_to_uint8(np.concatenate(parts))
    if tour:
        _write(output, lambda path: pictures.save_gif(path, list(images), seconds=len(images) / 12))
    else:
        _write(
            output, lambda path: pictures.save_png(path, pictures.grid(images, columns=WALK_STEPS))
        )


def _between(
    stops: np.ndarray, fractions: np.ndarray, tour: bool, point: Callable[..., np.ndarray]
) -> np.ndarray:
    """The points on the way from each stop to the next; on a tour, from the last to the first."""
    ends = np.roll(stops, -1, axis=0)
    ways = list(zip(stops, ends, strict=True))[: None if tour else -1]
    return np.array([point(a, b, t) for a, b in ways for t in fractions], stops.dtype)


def _chunks(rows: np.ndarray) -> list[np.ndarray]:
    return [rows[start : start + _CHUNK] for start in range(0, len(rows), _CHUNK)]


def slerp(a: np.ndarray, b: np.ndarray, fraction: float) -> np.ndarray:
    """The point at `fraction` in [0, 1] of the great circle from a to b (Shoemake 1985).

    A straight line would pass through lengths that latents hardly ever have.
    """
    cosine = np.dot(a, b) / (np.linalg.norm(a) * np.linalg.norm(b))
    angle = np.arccos(np.clip(cosine, -1, 1))
    if np.sin(angle) < 1e-6:
        return (1 - fraction) * a + fraction * b
    mixed = np.sin((1 - fraction) * angle) * a + np.sin(fraction * angle) * b
    return (mixed / np.sin(angle)).astype(a.dtype)


def _write(output: str, save: Any) -> None:
    try:
        save(user_path(output, "--output"))
    except OSError as error:
        raise UserError(f"--output={output}: {error.strerror}") from None

"""Pictures from an exported generator; needs only the SavedModel, no `tfgan.GAN`."""

import dataclasses
from typing import Any

import numpy as np
import tensorflow as tf

from tfgan import noise
from tfgan.exports import saved_model
from tfgan.ground import pictures
from tfgan.ground.errors import UserError, first_line
from tfgan.ground.files import user_path, without_patterns
from tfgan.noise import Stream

WALK_STEPS = 8
_CHUNK = 1000
_ROUNDING = 1e-3  # that a pixel may be outside [0, 1] by


@dataclasses.dataclass(frozen=True, eq=False)
class Loaded:
    """A SavedModel with the signatures `generate` and `sample`, whoever made it.

    Attributes:
        named: what messages call it.
        model: what TensorFlow loaded; its weights go with it.
    """

    named: str
    model: Any

    def generate(self, z: np.ndarray) -> np.ndarray:
        """Images `(count, height, width, channels)` in [0, 1] of latents `(count, latent_size)`.

        Raises:
            UserError: if what it gives are no such images.
        """
        return self._call("generate", z=tf.constant(z))

    def sample(self, n: int, seed: int) -> np.ndarray:
        """`n` images; see `generate`."""
        return self._call("sample", n=tf.constant(n, tf.int64), seed=tf.constant(seed, tf.int64))

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
    if not {"generate", "sample"} <= set(loaded.signatures):
        raise UserError(
            f"{named}: has the signatures {', '.join(loaded.signatures) or 'none'}, but "
            f"generate and sample are needed; is it a generator of tfgan?"
        )
    return Loaded(named, loaded)


def sample(model: str, n: int, seed: int, output: str) -> None:
    """Writes a grid of `n` images as PNG.

    Raises:
        UserError: if the model cannot be loaded or the file not written.
    """
    images = draw(load(model), n, seed)
    _write(output, lambda path: pictures.save_png(path, pictures.grid(images)))


def draw(loaded: Loaded, n: int, seed: int) -> np.ndarray:
    """`n` images of a loaded SavedModel, uint8 `(n, height, width, channels)`.

    Raises:
        UserError: if what it gives are no such images.
    """
    return pictures.unit_to_uint8(loaded.sample(n, seed))


def interpolate(model: str, n: int, seed: int, output: str) -> None:
    """Writes spherical walks between `n` latents: a row each as PNG, or a closed tour as GIF.

    Raises:
        UserError: if the model cannot be loaded or the file not written.
    """
    loaded = load(model)
    size, distribution = loaded.latent_size(), saved_model.distribution(user_path(model, "--model"))
    z = noise.latents(0, Stream.SAMPLES, seed, n, size, distribution=distribution).numpy()
    tour = output.lower().endswith(".gif")
    ends = np.concatenate([z[1:], z[:1]]) if tour else z[1:]
    fractions = np.linspace(0, 1, WALK_STEPS, endpoint=not tour)
    walks = [slerp(a, b, t) for a, b in zip(z, ends, strict=False) for t in fractions]
    chunks = [walks[start : start + _CHUNK] for start in range(0, len(walks), _CHUNK)]
    images = pictures.unit_to_uint8(
        np.concatenate([loaded.generate(np.array(chunk)) for chunk in chunks])
    )
    if tour:
        _write(output, lambda path: pictures.save_gif(path, list(images), seconds=len(images) / 12))
    else:
        _write(
            output, lambda path: pictures.save_png(path, pictures.grid(images, columns=WALK_STEPS))
        )


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

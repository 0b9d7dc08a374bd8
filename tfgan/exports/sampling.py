"""Pictures from an exported generator; needs only the SavedModel, no `tfgan.GAN`."""

from typing import Any

import numpy as np
import tensorflow as tf

from tfgan import noise
from tfgan.exports import saved_model
from tfgan.ground import pictures
from tfgan.ground.errors import UserError
from tfgan.ground.files import user_path, without_patterns
from tfgan.noise import Stream

WALK_STEPS = 8
_CHUNK = 1000
_ROUNDING = 1e-3  # that a pixel may be outside [0, 1] by


def load(model: str) -> Any:
    """Loads a SavedModel with the signatures `generate` and `sample`.

    Raises:
        UserError: if there is none, or if it is not a generator of tfgan.
    """
    path = user_path(model, "--model")
    if not (path / "saved_model.pb").is_file():
        raise UserError(f"--model={model}: no SavedModel there; a run leaves one in its generator/")
    try:
        with without_patterns(path) as plain:
            loaded = tf.saved_model.load(str(plain))
    except (OSError, ValueError, LookupError, tf.errors.OpError) as error:
        first = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise UserError(f"--model={model}: is damaged: {first}") from None
    if not {"generate", "sample"} <= set(loaded.signatures):
        raise UserError(
            f"--model={model}: has the signatures {', '.join(loaded.signatures) or 'none'}, but "
            f"generate and sample are needed; is it a generator of tfgan?"
        )
    return loaded


def sample(model: str, n: int, seed: int, output: str) -> None:
    """Writes a grid of `n` images as PNG.

    Raises:
        UserError: if the model cannot be loaded or the file not written.
    """
    images = draw(load(model), n, seed)
    _write(output, lambda path: pictures.save_png(path, pictures.grid(images)))


def draw(loaded: Any, n: int, seed: int) -> np.ndarray:
    """`n` images of a loaded SavedModel, uint8 `(n, height, width, channels)`.

    Raises:
        UserError: if what it gives are no such images.
    """
    sample = loaded.signatures["sample"]
    outputs = sample(n=tf.constant(n, tf.int64), seed=tf.constant(seed, tf.int64))
    return pictures.unit_to_uint8(_pixels(outputs))


def _pixels(outputs: dict[str, tf.Tensor]) -> np.ndarray:
    if "images" not in outputs:
        raise UserError(f"--model: has the outputs {', '.join(outputs)}, but images is needed")
    images = outputs["images"].numpy()
    if images.ndim != 4 or images.shape[-1] not in (1, 3, 4):
        raise UserError(
            f"--model: gives images {images.shape}, but (count, height, width, 1, 3 or 4) is needed"
        )
    if not np.isfinite(images).all():
        raise UserError("--model: gives pixels that are NaN or infinite; has its training failed?")
    low, high = float(images.min()), float(images.max())
    if low < -_ROUNDING or high > 1 + _ROUNDING:
        raise UserError(
            f"--model: gives pixels from {low:.3g} to {high:.3g}, but they must lie in [0, 1]"
        )
    return images


def interpolate(model: str, n: int, seed: int, output: str) -> None:
    """Writes spherical walks between `n` latents: a row each as PNG, or a closed tour as GIF.

    Raises:
        UserError: if the model cannot be loaded or the file not written.
    """
    generate = load(model).signatures["generate"]
    latent_size = generate.structured_input_signature[1]["z"].shape[1]
    distribution = saved_model.distribution(user_path(model, "--model"))
    z = noise.latents(0, Stream.SAMPLES, seed, n, latent_size, distribution=distribution).numpy()
    tour = output.lower().endswith(".gif")
    ends = np.concatenate([z[1:], z[:1]]) if tour else z[1:]
    fractions = np.linspace(0, 1, WALK_STEPS, endpoint=not tour)
    walks = [slerp(a, b, t) for a, b in zip(z, ends, strict=False) for t in fractions]
    chunks = [walks[start : start + _CHUNK] for start in range(0, len(walks), _CHUNK)]
    drawn = [_pixels(generate(z=tf.constant(chunk))) for chunk in chunks]
    images = pictures.unit_to_uint8(np.concatenate(drawn))
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

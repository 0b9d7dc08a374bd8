"""The trained generator as a SavedModel, which runs without tfgan."""

import contextlib
import io
import json
import pathlib
from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf

from tfgan import noise
from tfgan.datasets.image_set import ImageSet
from tfgan.ground.errors import UserError, first_line
from tfgan.ground.files import write_file, write_folder
from tfgan.noise import Stream

_README = """\
# A generator trained by tfgan{data}

A TensorFlow SavedModel with two signatures. Both return `images`: float32 in [0, 1],
shape `(batch, {shape})`, that is batch, height, width, channels.

| signature | inputs |
|---|---|
| `generate`, also `serving_default` | `z`: float32 `(batch, {latent_size})`, drawn from {source} |
| `sample` | `n`: int64, how many images; `seed`: int64, the same images for the same seed |

    import tensorflow as tf

    generator = tf.saved_model.load("generator")
    images = generator.signatures["sample"](
        n=tf.constant(64, tf.int64), seed=tf.constant(1, tf.int64)
    )["images"]

On the command line:

    saved_model_cli show --dir generator --all
    python -m tfgan.sample --model=generator --n=64 --seed=1 --output=samples.png
"""


_STEP, _LATENTS, _DATA = "training_step.txt", "latents.txt", "trained_on.json"


def exported_step(path: pathlib.Path) -> int | None:
    """The training step of the generator that was exported to a folder; None if there is none."""
    try:
        return int((path / _STEP).read_text())
    except (OSError, ValueError):
        return None


def when_exported(path: pathlib.Path) -> float:
    """When that generator was written, in seconds of the clock of its file system."""
    return (path / _STEP).stat().st_mtime


def distribution(path: pathlib.Path) -> str:
    """That of an exported generator's latents; see `tfgan.noise.latents`.

    Exports of before it was written there are taken to be of the tutorial's recipe.

    Raises:
        UserError: if it is damaged.
    """
    file = path / _LATENTS
    try:
        found = file.read_text().strip()
    except FileNotFoundError:
        return "normal"
    except (OSError, ValueError) as error:
        raise UserError(f"{file}: cannot be read: {first_line(error)}") from None
    if found not in noise.IN_WORDS:
        raise UserError(f"{file}: has {found!r}, but one of {', '.join(noise.IN_WORDS)} is needed")
    return found


def trained_on(path: pathlib.Path) -> ImageSet | None:
    """The set and the split that an exported generator was trained on, without folders.

    None if the export does not say: it is somebody else's, or of before tfgan 0.2.

    Raises:
        UserError: if what it says is damaged.
    """
    file = path / _DATA
    try:
        content = json.loads(file.read_bytes())
        name, split = content["name"], content["split"]
        if not (name and isinstance(name, str) and isinstance(split, str)):
            raise ValueError("no name")
    except FileNotFoundError:
        return None
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise UserError(
            f"{file}: is damaged ({first_line(error)}); remove it, and give --dataset"
        ) from None
    return ImageSet(name, split)


def latents_spec(generator: keras.Model) -> tf.TensorSpec:
    """The input `z` of an exported generator: any number of latents."""
    return tf.TensorSpec((None, generator.input_shape[-1]), tf.float32, name="z")


def endpoint(generator: keras.Model) -> Callable[[tf.Tensor], dict[str, tf.Tensor]]:
    """What an exported generator computes: images in [0, 1] from float32 latents `z`."""

    def generate(z: tf.Tensor) -> dict[str, tf.Tensor]:
        images = tf.cast(generator(z, training=False), tf.float32)
        return {"images": tf.clip_by_value((images + 1) / 2, 0, 1)}

    return generate


def save_generator(
    path: pathlib.Path,
    generator: keras.Model,
    step: int = 0,
    distribution: str = "normal",
    data: dict[str, Any] | None = None,
) -> None:
    """Writes a generator as a SavedModel with the signatures `generate` and `sample`.

    Args:
        path: folder to write; one of that name is replaced.
        generator: model from latents `(batch, latent_size)` to images in [-1, 1].
        step: its training step, which is written beside it.
        distribution: of its latents, which is too; see `tfgan.noise.latents`.
        data: what it was trained on, which is too, if it is known; see `ImageSet.record`.

    Raises:
        OSError: if it cannot be written; one that was there stays.
    """
    latent_size = generator.input_shape[-1]
    generate = endpoint(generator)

    def sample(n: tf.Tensor, seed: tf.Tensor) -> dict[str, tf.Tensor]:
        """`n` images in [0, 1], the same each time for the same seed."""
        z = noise.latents(0, Stream.SAMPLES, seed, n, latent_size, distribution=distribution)
        return generate(z)

    archive = keras.export.ExportArchive()
    archive.track(generator)
    archive.add_endpoint("generate", generate, [latents_spec(generator)])
    archive.add_endpoint(
        "sample",
        sample,
        [tf.TensorSpec((), tf.int64, name="n"), tf.TensorSpec((), tf.int64, name="seed")],
    )
    shape = ", ".join(str(size) for size in generator.output_shape[1:])

    def fill(folder: pathlib.Path) -> None:
        with contextlib.redirect_stdout(io.StringIO()):  # Keras prints the endpoints
            archive.write_out(str(folder), verbose=False)
        readme = _README.format(
            shape=shape,
            latent_size=latent_size,
            source=noise.IN_WORDS[distribution],
            data="" if data is None else f" on images of `{data['name']}`, split `{data['split']}`",
        )
        write_file(folder / "README.md", readme.encode())
        write_file(folder / _STEP, f"{step}\n".encode())
        write_file(folder / _LATENTS, f"{distribution}\n".encode())
        if data is not None:
            write_file(folder / _DATA, (json.dumps(data, indent=2) + "\n").encode())

    write_folder(path, fill)

"""The trained generator as a SavedModel, which runs without tfgan."""

import contextlib
import io
import json
import pathlib
from collections.abc import Callable, Sequence
from typing import Any

import keras
import tensorflow as tf

from tfgan import noise
from tfgan.datasets.classes import Classes
from tfgan.datasets.image_set import ImageSet
from tfgan.exports.class_names import DATA
from tfgan.ground.errors import UserError, first_line
from tfgan.ground.files import write_file, write_folder
from tfgan.ground.markdown import code, plain
from tfgan.networks import labelled, precision
from tfgan.noise import Stream
from tfgan.run.workdir import STEP

_README = """\
# A generator trained by tfgan{data}

A TensorFlow SavedModel with {signatures} signatures. {returns} return `images`: float32 in [0, 1],
shape `(batch, {shape})`, that is batch, height, width, channels.{chosen}

| signature | inputs |
|---|---|
{generate}
{sample}
{blend}
    import tensorflow as tf

    generator = tf.saved_model.load("generator")
    images = generator.signatures["sample"](
        n=tf.constant(64, tf.int64), seed=tf.constant(1, tf.int64){label_argument}
    )["images"]

On the command line:

    saved_model_cli show --dir generator --all
    python -m tfgan.sample --model=generator --n=64 --seed=1 --output=samples.png
"""

_GENERATE = (
    "| `generate`, also `serving_default` | `z`: float32 `(batch, {latent_size})`, drawn from "
    "{source}{label} |"
)
_SAMPLE = (
    "| `sample` | `n`: int64, how many images; `seed`: int64, the same images for the same "
    "seed{label} |"
)
_LABEL = (
    "; `label`: int64 `(batch,)`, the class of each image; -1: random, as frequent as in training"
)
_A_LABEL = "; `label`: int64, the class of all images; -1: random"
_BLEND = """\
| `blend` | `z`; `weights`: float32 `(batch, {count})`, the share of each class in the image |

The classes: {names}.
"""

Endpoint = tuple[Callable[..., dict[str, tf.Tensor]], list[tf.TensorSpec]]

_LATENTS = "latents.txt"


def when_exported(path: pathlib.Path) -> float:
    """When that generator was written, in seconds of the clock of its file system."""
    return (path / STEP).stat().st_mtime


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
    file = path / DATA
    try:
        content = json.loads(file.read_bytes())
        name, split = content["name"], content["split"]
        if not (name and isinstance(name, str) and isinstance(split, str)):
            raise ValueError("no name")
    except FileNotFoundError:
        return None
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise UserError(
            f"{file}: is damaged ({first_line(error)}); remove it, and use --dataset"
        ) from None
    return ImageSet(name, split)


def inputs_spec(generator: keras.Model) -> list[tf.TensorSpec]:
    """The inputs of an exported generator: any number of latents `z`, and their `label`."""
    size = labelled.latent_size_of(generator)
    z = tf.TensorSpec((None, size), tf.float32, name="z")
    label = tf.TensorSpec((None,), tf.int64, name="label")
    return [z, label] if labelled.classes_of(generator) else [z]


def endpoint(
    generator: keras.Model, shares: Sequence[float] = ()
) -> Callable[..., dict[str, tf.Tensor]]:
    """What an exported generator computes: images in [0, 1] from float32 latents `z`.

    And from `label`, if it is conditional, where -1 is a class by the `shares`: a pure function of
    the latent, as all else is.
    """

    def generate(z: tf.Tensor) -> dict[str, tf.Tensor]:
        return _unit(generator(z, training=False))

    def generate_of(z: tf.Tensor, label: tf.Tensor) -> dict[str, tf.Tensor]:
        drawn = noise.by_share(noise.unit_of(z), shares)
        return _unit(generator((z, tf.where(label == -1, drawn, label)), training=False))

    return generate_of if labelled.classes_of(generator) else generate


def endpoints(
    generator: keras.Model, distribution: str = "normal", data: dict[str, Any] | None = None
) -> dict[str, Endpoint]:
    """What an exported generator offers by name: `generate`, `sample`, and `blend` with classes.

    Args:
        generator: see `save_generator`, as the other arguments.
        distribution: of its latents.
        data: what it was trained on.

    Returns:
        Functions that give a dictionary with `images` in [0, 1], and the specs of their arguments.
    """
    latent_size = labelled.latent_size_of(generator)
    classes = labelled.classes_of(generator)
    given = endpoint(generator, shares_of(generator, data))
    inputs = inputs_spec(generator)

    def sample(n: tf.Tensor, seed: tf.Tensor) -> dict[str, tf.Tensor]:
        """`n` images in [0, 1], the same each time for the same seed."""
        z = noise.latents(0, Stream.SAMPLES, seed, n, latent_size, distribution=distribution)
        return given(z)

    def generate_of(z: tf.Tensor, label: tf.Tensor) -> dict[str, tf.Tensor]:
        problem = f"label must be a class from 0 to {classes - 1}, or -1"
        checks = [
            tf.debugging.assert_greater_equal(label, tf.constant(-1, tf.int64), problem),
            tf.debugging.assert_less(label, tf.constant(classes, tf.int64), problem),
        ]
        with tf.control_dependencies(checks):
            return given(z, tf.identity(label))

    def sample_of(n: tf.Tensor, seed: tf.Tensor, label: tf.Tensor) -> dict[str, tf.Tensor]:
        """`n` images of a class."""
        z = noise.latents(0, Stream.SAMPLES, seed, n, latent_size, distribution=distribution)
        return generate_of(z, tf.fill((n,), label))

    def blend(z: tf.Tensor, weights: tf.Tensor) -> dict[str, tf.Tensor]:
        """Images between classes."""
        return _unit(labelled.blend(generator, z, weights))

    def numbers(*names: str) -> list[tf.TensorSpec]:
        return [tf.TensorSpec((), tf.int64, name=name) for name in names]

    if not classes:
        return {"generate": (given, inputs), "sample": (sample, numbers("n", "seed"))}
    weights = tf.TensorSpec((None, classes), tf.float32, name="weights")
    return {
        "generate": (generate_of, inputs),
        "sample": (sample_of, numbers("n", "seed", "label")),
        "blend": (blend, [inputs[0], weights]),
    }


def _unit(images: tf.Tensor) -> dict[str, tf.Tensor]:
    return {"images": tf.clip_by_value((tf.cast(images, tf.float32) + 1) / 2, 0, 1)}


def classes_of(generator: keras.Model, data: dict[str, Any] | None) -> Classes | None:
    """The classes of a conditional generator, by what it was trained on; None if it has none.

    Args:
        generator: the generator.
        data: its record, see `ImageSet.record`; where it does not say, names are numbers, and all
            classes are alike probable.
    """
    count = labelled.classes_of(generator)
    if not count:
        return None
    if data and "classes" in data:
        return Classes.from_dict(data["classes"])
    return Classes.of_numbers(count)


def shares_of(generator: keras.Model, data: dict[str, Any] | None) -> tuple[float, ...]:
    """How probable each of them is; () if there are none."""
    classes = classes_of(generator, data)
    return classes.shares if classes else ()


def save_generator(
    path: pathlib.Path,
    generator: keras.Model,
    step: int = 0,
    distribution: str = "normal",
    data: dict[str, Any] | None = None,
    chosen: str = "",
) -> None:
    """Writes a generator as a SavedModel with the signatures `generate` and `sample`.

    Args:
        path: folder to write; one of that name is replaced.
        generator: model from latents `(batch, latent_size)`, and labels if it is conditional, to
            images in [-1, 1]; a conditional one also gets the signature `blend`.
        step: the run's training step, which is written beside it.
        distribution: of its latents, which is too; see `tfgan.noise.latents`.
        data: what it was trained on, which is too, if it is known; see `ImageSet.record`.
        chosen: which of the run's it is, if not that of the last step; the rest of a sentence.

    Raises:
        OSError: if it cannot be written; one that was there stays.
    """
    generator = precision.in_float32(generator)
    known = classes_of(generator, data)
    archive = keras.export.ExportArchive()
    archive.track(generator)
    for name, (function, inputs) in endpoints(generator, distribution, data).items():
        archive.add_endpoint(name, function, inputs)
    shape = ", ".join(str(size) for size in generator.output_shape[1:])

    def fill(folder: pathlib.Path) -> None:
        with contextlib.redirect_stdout(io.StringIO()):  # Keras prints the endpoints
            archive.write_out(str(folder), verbose=False)
        readme = _README.format(
            shape=shape,
            generate=_GENERATE.format(
                latent_size=labelled.latent_size_of(generator),
                source=noise.IN_WORDS[distribution],
                label=_LABEL if known else "",
            ),
            sample=_SAMPLE.format(label=_A_LABEL if known else ""),
            label_argument=", label=tf.constant(-1, tf.int64)" if known else "",
            blend=_BLEND.format(count=len(known.names), names=_names(known)) if known else "",
            signatures="three" if known else "two",
            returns="All" if known else "Both",
            chosen=f"\n\nIt is the generator {chosen}." if chosen else "",
            data=f" on images of {code(data['name'])}, split {code(data['split'])}" if data else "",
        )
        write_file(folder / "README.md", readme.encode())
        write_file(folder / STEP, f"{step}\n".encode())
        write_file(folder / _LATENTS, f"{distribution}\n".encode())
        if data is not None:
            write_file(folder / DATA, (json.dumps(data, indent=2) + "\n").encode())

    write_folder(path, fill)


def _names(classes: Classes) -> str:
    """For a person to read: "0 (zero), 1 (one)"; numbers alone where they are the names."""
    if classes.numbered:
        return f"0 to {len(classes.names) - 1}"
    return ", ".join(f"{label} ({plain(name)})" for label, name in enumerate(classes.names))

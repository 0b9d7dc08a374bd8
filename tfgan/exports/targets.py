"""The images to project: pictures, an array, or a slice of a set."""

import dataclasses
import functools
import io
import pathlib
import re
from collections.abc import Callable, Iterator
from typing import Protocol

import numpy as np
from PIL import Image

from tfgan.datasets.image_set import ImageSet
from tfgan.datasets.own import folders, picture
from tfgan.ground.errors import UserError
from tfgan.ground.files import user_path

MOST = 1000
_SLICE = re.compile(r"\w+\[[^\[\]]*\]")
_MODES = {1: "L", 3: "RGB"}

Named = tuple[list[str], np.ndarray]


class Targets(Protocol):
    """Gives the images of `--images`."""

    def read(self, shape: tuple[int, ...], say: Callable[[str], None]) -> Named:
        """What to call each image, and uint8 `(count, *shape)`.

        Args:
            shape: of the generator's images, `(height, width, channels)`.
            say: takes a line on what was left out.

        Raises:
            UserError: if there are none, more than `MOST`, or they cannot have that shape.
        """
        ...


def find(given: str, image_set: ImageSet, model: str) -> Targets:
    """What a user means by `--images`.

    Args:
        given: pictures with commas between, a folder or an archive of them, a .npy file, or a
            slice like "test[:16]".
        image_set: of which that is a slice; without a name, the one that the model records.
        model: the value of `--model`.

    Raises:
        UserError: if there is no such thing, as far as can be known without TensorFlow.
    """
    path = user_path(given, "--images")
    if path.suffix.lower() == ".npy" and path.is_file():
        return _Array(path)
    if path.is_dir() or (path.exists() and folders.is_archive(path)):
        return _Folder(path)
    if not path.exists() and _SLICE.fullmatch(given):
        return _Slice(image_set.with_split(given), model)
    names = [given] if path.exists() else given.split(",")
    files = [user_path(name, "--images") for name in names]
    for file in files:
        if not file.is_file():
            raise UserError(
                f"--images={given}: no file or folder {file}; to use images of the training set, "
                "name a slice such as test[:16]"
            )
    return _Files(files)


@dataclasses.dataclass(frozen=True)
class _Files:
    paths: list[pathlib.Path]

    def read(self, shape: tuple[int, ...], say: Callable[[str], None]) -> Named:
        given = ",".join(map(str, self.paths))
        taken, left = _prepared(given, self._files(), shape)
        if left:
            raise UserError(f"--images={given}: {left[0]}")
        return _stacked(given, taken)

    def _files(self) -> Iterator[folders.File]:
        for path in self.paths:
            yield folders.File(str(path), functools.partial(folders.read, path))


@dataclasses.dataclass(frozen=True)
class _Folder:
    path: pathlib.Path

    def read(self, shape: tuple[int, ...], say: Callable[[str], None]) -> Named:
        with folders.opened(self.path) as files:
            taken, left = _prepared(str(self.path), files, shape)
        if left:
            more = f" and {len(left) - 1:,} more" if len(left) > 1 else ""
            say(f"Left out of {self.path}: {left[0]}{more}")
        return _stacked(str(self.path), taken)


@dataclasses.dataclass(frozen=True)
class _Array:
    path: pathlib.Path

    def read(self, shape: tuple[int, ...], say: Callable[[str], None]) -> Named:
        try:
            images = np.load(self.path, mmap_mode="r", allow_pickle=False)
        except OSError as error:
            raise UserError(f"--images={self.path}: {error.strerror or 'cannot be read'}") from None
        except (ValueError, EOFError):
            raise UserError(f"--images={self.path}: is not a .npy file of numbers") from None
        if images.dtype != np.uint8 or images.ndim not in (3, 4):
            raise UserError(
                f"--images={self.path}: is {images.dtype} {images.shape}, but must be uint8 "
                f"(count, height, width, channels)"
            )
        if images.ndim == 3:
            images = images[..., np.newaxis]
        return _of_shape(str(self.path), images, shape)


@dataclasses.dataclass(frozen=True)
class _Slice:
    image_set: ImageSet
    model: str

    def read(self, shape: tuple[int, ...], say: Callable[[str], None]) -> Named:
        from tfgan.datasets import pipeline, sources  # with TensorFlow, as all below
        from tfgan.exports import loading

        recorded = loading.trained_on(self.model)
        name = self.image_set.name or (recorded.name if recorded else "mnist")
        image_set = dataclasses.replace(self.image_set, name=name)
        builder = sources.prepare(image_set, say)
        _check_count(image_set.split, pipeline.split_info(builder, image_set).num_examples)
        # With its folder named, so small a part is not kept beside the set.
        named = dataclasses.replace(image_set, data_dir=str(builder.data_dir_root))
        return _of_shape(image_set.split, pipeline.load(builder, named)[0], shape)


def _prepared(
    given: str, files: Iterator[folders.File], shape: tuple[int, ...]
) -> tuple[list[tuple[str, np.ndarray]], list[str]]:
    """The pictures, prepared as those that a run trains on, with their names; what is none, why."""
    height, width, channels = shape
    if height != width or channels not in _MODES:
        raise UserError(
            f"--images={given}: pictures become squares of 1 or 3 channels, but the generator "
            f"draws {_size(shape)}; use a .npy file"
        )
    taken, left = [], []
    for file in files:
        try:
            prepared = picture.prepare(file.read(), picture.Preparation(image_size=height))
        except picture.NotTaken as problem:
            left.append(f"{file.name} cannot be used: {problem}")
            continue
        fitted = f" ({_size(prepared.size)}, fitted)" if prepared.size != (width, height) else ""
        image = Image.open(io.BytesIO(prepared.png)).convert(_MODES[channels])
        taken.append((file.name + fitted, np.asarray(image).reshape(shape)))
        _check_count(given, len(taken))
    return taken, left


def _stacked(given: str, taken: list[tuple[str, np.ndarray]]) -> Named:
    _check_count(given, len(taken))
    return [name for name, _ in taken], np.stack([image for _, image in taken])


def _of_shape(given: str, images: np.ndarray, shape: tuple[int, ...]) -> Named:
    _check_count(given, len(images))
    if images.shape[1:] != shape:
        raise UserError(
            f"--images={given}: images of {_size(images.shape[1:])}, but the generator draws "
            f"{_size(shape)}"
        )
    return [f"{given} {number}" for number in range(1, len(images) + 1)], images


def _check_count(given: str, count: int) -> None:
    if not 1 <= count <= MOST:
        found = f"more than {MOST:,} images" if count else "no pictures there"
        raise UserError(f"--images={given}: {found}; use 1 to {MOST:,}")


def _size(shape: tuple[int, ...]) -> str:
    return " x ".join(map(str, shape))

"""Samples from other programs: a folder of pictures, a .npy or a .npz."""

import math
import pathlib
import zipfile
import zlib
from collections.abc import Callable, Sequence
from typing import IO

import numpy as np

from tfgan.datasets.own import picture
from tfgan.datasets.own.picture import NotTaken
from tfgan.evaluation.protocol import SEED
from tfgan.exports import outputs, sample_folder
from tfgan.ground import pictures
from tfgan.ground.errors import UserError
from tfgan.ground.files import user_path
from tfgan.noise import Stream, derive_seed

_ARRAYS = (outputs.ARRAY, "samples", "images")  # of a .npz that has several
_CHUNK = 1000
_ROUNDING = 1e-3  # that a pixel may be outside [0, 1] or [-1, 1] by
_SIGNED = -0.5  # images in [-1, 1] have pixels below this

Shape = tuple[int, ...]


class Given:
    """Images of `--samples`, as a `samples.Source`.

    They are taken in an order of chance, see `shuffled`: classes that follow one another would
    spoil whatever looks at parts of the samples.

    Args:
        path: the value of `--samples`.
        say: takes a line that says how they are read, if that is not plain.
    """

    def __init__(self, path: str, say: Callable[[str], None] = print):
        self._path, self._say = user_path(path, "--samples"), say
        self._named = f"--samples={path}"

    def check(self, count: int, shape: Shape) -> Shape:
        """Reads them; see `samples.Source`."""
        read = self._pictures if self._path.is_dir() else self._array
        try:
            self._images, assumed = read(count, shape)
        except OSError as error:
            problem = error.strerror or "cannot be read"
            raise UserError(f"{self._named}: {problem}") from None
        if assumed:
            self._say(f"{self._named}: {', '.join(assumed)}")
        return self._images.shape[1:]

    def draw(self, count: int) -> np.ndarray:
        """See `samples.Source`."""
        return self._images[:count]

    def classes(self) -> None:
        """Nothing says which were asked for; see `samples.Source`."""

    def _enough(self, there: int, count: int) -> list[str]:
        if there < count:
            raise UserError(f"{self._named}: has {there:,} images; the protocol needs {count:,}")
        return [f"{count:,} of its {there:,} images"] if there > count else []

    def _pictures(self, count: int, shape: Shape) -> tuple[np.ndarray, list[str]]:
        files = sample_folder.pictures_of(self._path, "--samples") or _files(self._path)
        if not files:
            raise UserError(f"{self._named}: has no pictures, such as .png or .jpg")
        assumed = self._enough(len(files), count)
        if len({file.parent for file in files}) > 1:
            assumed.append("sub-folders ignored")
        images, turned = None, set()
        for index, place in enumerate(shuffled(len(files))[:count]):
            file = files[place]
            image = self._picture(file)
            if image.shape[-1] == 1 < shape[-1]:
                image = image.repeat(shape[-1], -1)
                turned.add("grey pictures converted to colour")
            elif image.shape[-1] == 3 and shape[-1] == 1 and (image == image[..., :1]).all():
                image = image[..., :1]
                turned.add("colour pictures without colours converted to grey")
            if images is None:
                images = np.empty((count, *image.shape), np.uint8)
            elif image.shape != images.shape[1:]:
                raise UserError(
                    f"{self._named}: {file} is {image.shape}, but others are {images.shape[1:]}"
                )
            images[index] = image
        assert images is not None
        return images, assumed + sorted(turned)

    def _picture(self, file: pathlib.Path) -> np.ndarray:
        try:
            return picture.pixels(file.read_bytes())
        except NotTaken as why:
            raise UserError(f"{self._named}: {file}: {why}") from None

    def _array(self, count: int, shape: Shape) -> tuple[np.ndarray, list[str]]:
        images, there, assumed = self._opened(count)
        kind = images.dtype
        if (kind != np.uint8 and kind.kind != "f") or images.ndim not in (3, 4):
            raise UserError(
                f"{self._named}: is {kind} {images.shape}, but uint8 or floats (count, height, "
                f"width, channels) are needed"
            )
        assumed += self._enough(there, count)
        if images.ndim == 3:
            images = images[..., np.newaxis]
        elif images.shape[1:] == (shape[-1], *shape[:-1]) != shape:
            images = np.moveaxis(images, 1, -1)
            assumed.append("channels first")
        if kind == np.uint8:
            return self._of_bytes(images), assumed
        convert, word = self._range(images)
        found = np.empty(images.shape, np.uint8)
        for start in range(0, count, _CHUNK):
            part = images[start : start + _CHUNK].astype(np.float32)
            found[start : start + _CHUNK] = convert(part)
        return found, [*assumed, word]

    def _of_bytes(self, images: np.ndarray) -> np.ndarray:
        if images.size and images.max() == 1:
            raise UserError(
                f"{self._named}: has only the pixels 0 and 1; uint8 must be in [0, 255], floats "
                "in [0, 1]"
            )
        return np.array(images, order="C")

    def _range(self, images: np.ndarray) -> tuple[Callable[[np.ndarray], np.ndarray], str]:
        """From floats to uint8, by what they span; and what that is."""
        low, high = np.inf, -np.inf
        for start in range(0, len(images), _CHUNK):
            part = images[start : start + _CHUNK]
            if not np.isfinite(part).all():
                raise UserError(f"{self._named}: has pixels that are NaN or infinite")
            low, high = min(low, float(part.min())), max(high, float(part.max()))
        if low >= -_ROUNDING and high <= 1 + _ROUNDING:
            return pictures.unit_to_uint8, "floats in [0, 1]"
        if -1 - _ROUNDING <= low <= _SIGNED and high <= 1 + _ROUNDING:
            return pictures.to_uint8, "floats in [-1, 1]"
        raise UserError(
            f"{self._named}: has pixels from {low:.3g} to {high:.3g}; use uint8, or floats that "
            "span [0, 1] or [-1, 1]"
        )

    def _opened(self, count: int) -> tuple[np.ndarray, int, list[str]]:
        """The images to take, how many there are, and what else was chosen."""
        try:
            opened = np.load(self._path, mmap_mode="r", allow_pickle=False)
            if isinstance(opened, np.ndarray):
                there = len(opened) if opened.ndim else 0
                return opened[shuffled(there)[:count]] if there else opened, there, []
            with opened:
                name = self._name(opened.files)
                with opened.zip.open(f"{name}.npy") as member:
                    images, there = _chosen(member, count)
                return images, there, [name] if len(opened.files) > 1 else []
        except (ValueError, EOFError, KeyError, zipfile.BadZipFile, zlib.error) as error:
            if isinstance(error, UserError):
                raise
            raise UserError(f"{self._named}: is not a .npy or .npz file of numbers") from None

    def _name(self, names: Sequence[str]) -> str:
        known = list(names) if len(names) == 1 else [name for name in _ARRAYS if name in names]
        if len(known) != 1:
            raise UserError(
                f"{self._named}: has the arrays {', '.join(names) or 'none'}; one of them must be "
                f"called {', '.join(_ARRAYS[:-1])} or {_ARRAYS[-1]}"
            )
        return known[0]


def _files(folder: pathlib.Path) -> list[pathlib.Path]:
    """All pictures of a folder and its sub-folders, by their suffixes, without hidden ones."""
    return sorted(
        file
        for file in folder.rglob("*")
        if file.suffix.lower() in picture.suffixes()
        and not any(part.startswith(".") for part in file.relative_to(folder).parts)
    )


def _chosen(member: IO[bytes], count: int) -> tuple[np.ndarray, int]:
    """The rows to take of a .npy that cannot be mapped into memory; how many it has."""
    version = np.lib.format.read_magic(member)
    headers = {
        (1, 0): np.lib.format.read_array_header_1_0,
        (2, 0): np.lib.format.read_array_header_2_0,
    }
    shape, is_fortran, kind = headers[version](member)
    if is_fortran or kind.hasobject or not shape:
        raise ValueError("must be numbers in C order")
    there, row = shape[0], math.prod(shape[1:]) * kind.itemsize
    wanted = shuffled(there)[:count]
    found = np.empty((len(wanted), *shape[1:]), kind)
    places = np.full(there, -1)
    places[wanted] = np.arange(len(wanted))
    for start in range(0, there, _CHUNK):
        to = places[start : start + _CHUNK]
        content = member.read(len(to) * row)
        part = np.frombuffer(content, kind).reshape(len(to), *shape[1:])
        found[to[to >= 0]] = part[to >= 0]
    return found, there


def shuffled(count: int) -> np.ndarray:
    """The order in which so many images are taken, a permutation of 0 ... count - 1."""
    return np.random.default_rng(derive_seed(SEED, Stream.EVALUATION)).permutation(count)

"""The files that samples and interpolations are written to, by the ending of `--output`."""

import dataclasses
import itertools
import os
import pathlib
import zipfile
from collections.abc import Callable, Iterable
from typing import IO, NamedTuple

import numpy as np

from tfgan.exports import sample_folder
from tfgan.ground import pictures, video
from tfgan.ground.errors import UserError
from tfgan.ground.files import check_file, user_path, writing

ARRAY = "arr_0"  # of a .npz, as `numpy.savez` calls the first


@dataclasses.dataclass(frozen=True)
class Frames:
    """What a file is written of.

    Attributes:
        count: how many images there are.
        batches: the images, uint8 `(some, height, width, channels)` at a time.
        columns: of a grid.
        frames_a_second: of an animation.
    """

    count: int
    batches: Iterable[np.ndarray]
    columns: int
    frames_a_second: int

    def together(self) -> np.ndarray:
        """All images, uint8 `(count, height, width, channels)`."""
        return np.concatenate(list(self.batches))


class Kind(NamedTuple):
    """A kind of file.

    Attributes:
        write: writes frames to a path.
        most: images that it may have.
        walks: whether `--interpolate` writes it.
    """

    write: Callable[[pathlib.Path, Frames], None]
    most: int
    walks: bool = True


def _png(path: pathlib.Path, frames: Frames) -> None:
    pictures.save_png(path, pictures.grid(frames.together(), frames.columns))


def _gif(path: pathlib.Path, frames: Frames) -> None:
    seconds = frames.count / frames.frames_a_second
    pictures.save_gif(path, list(frames.together()), seconds)


def _webp(path: pathlib.Path, frames: Frames) -> None:
    seconds = frames.count / frames.frames_a_second
    pictures.save_webp(path, list(frames.together()), seconds)


def _mp4(path: pathlib.Path, frames: Frames) -> None:
    with writing(path) as file:
        each = itertools.chain.from_iterable(frames.batches)
        video.write_mp4(file, each, frames.frames_a_second)


def _npy(path: pathlib.Path, frames: Frames) -> None:
    with writing(path) as file:
        _write_array(file, frames)


def _npz(path: pathlib.Path, frames: Frames) -> None:
    member = zipfile.ZipInfo(f"{ARRAY}.npy")  # without a time, so that the same draw has its bytes
    member.compress_type = zipfile.ZIP_DEFLATED
    with (
        writing(path) as file,
        zipfile.ZipFile(file, "w") as archive,
        archive.open(member, "w", force_zip64=True) as part,
    ):
        _write_array(part, frames)


def _write_array(file: IO[bytes], frames: Frames) -> None:
    """As `numpy.save` would, but a batch at a time."""
    batches = iter(frames.batches)
    first = next(batches)
    header = {
        "descr": np.lib.format.dtype_to_descr(first.dtype),
        "fortran_order": False,
        "shape": (frames.count, *first.shape[1:]),
    }
    np.lib.format.write_array_header_1_0(file, header)
    for batch in itertools.chain([first], batches):
        file.write(batch.tobytes())


_HELD, _STREAMED = 10_000, 1_000_000
FILES = {
    ".png": Kind(_png, _HELD),
    ".npy": Kind(_npy, _STREAMED, walks=False),
    ".npz": Kind(_npz, _STREAMED, walks=False),
    ".gif": Kind(_gif, _HELD),
    ".webp": Kind(_webp, _HELD),
    ".mp4": Kind(_mp4, _STREAMED),
}


def is_folder(output: str) -> bool:
    """Whether that is a folder: one that is there, or a name that ends in "/" or has no suffix."""
    path = user_path(output, "--output")
    return output.endswith(os.sep) or path.is_dir() or not path.suffix


def kind_of(output: str) -> Kind:
    """The kind of a file that was checked."""
    return FILES[pathlib.Path(output).suffix.lower()]


def most(output: str) -> int:
    """How many images it may hold."""
    return sample_folder.MOST if is_folder(output) else kind_of(output).most


def check(output: str, interpolate: bool, overwrite: bool) -> None:
    """Makes sure, before the work, that samples or walks can be written there.

    Args:
        output: the file or folder.
        interpolate: whether walks are to be written.
        overwrite: whether what is there already may be replaced.

    Raises:
        UserError: if not.
    """
    endings = [ending for ending, kind in FILES.items() if kind.walks or not interpolate]
    folder = is_folder(output)
    known = not interpolate if folder else pathlib.Path(output).suffix.lower() in endings
    if not known:
        also = "" if interpolate else "; or in / for a folder of pictures"
        raise UserError(f"--output={output}: must end in {', '.join(endings)}{also}")
    if folder:
        sample_folder.check(output)
        return
    if kind_of(output) is FILES[".mp4"]:
        video.check(output)
    if check_file(output, "--output").exists() and not overwrite:
        raise UserError(
            f"--output={output}: already exists; choose another name, or use --overwrite"
        )

"""A folder of samples, one PNG each, which a second call completes."""

import json
import pathlib
import re
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Protocol

import numpy as np

from tfgan.ground import pictures
from tfgan.ground.errors import UserError, first_line
from tfgan.ground.files import check_folder, write_file

RECORD = ".tfgan-sample.json"  # hidden, so that nobody takes it for a picture
MOST = 1_000_000
_PICTURE = re.compile(r"\d{6}\.png")
_ODD = frozenset('%/\\<>:"|?*')  # what some file system does not take, and the escape itself
_LONGEST = 200  # bytes of a sub-folder's name; file systems take 255
_KEPT = 40  # letters of a longer one

Record = dict[str, Any]


class Draw(Protocol):
    """What a folder is filled with.

    Attributes:
        count: pictures in each sub-folder.
        folders: the sub-folders; "" for the folder itself.
        starts: the number of each batch's first picture.
    """

    count: int
    folders: list[str]
    starts: range

    @property
    def record(self) -> Record:
        """What decides about the pictures, for `RECORD`."""

    def batch(self, place: int, start: int) -> np.ndarray:
        """A batch of a sub-folder, uint8 `(some, height, width, channels)`."""


def check(output: str) -> None:
    """Makes sure, before the work, that it can be filled.

    Raises:
        UserError: if it cannot be written to, or has something else inside than a draw.
    """
    path = check_folder(output, "--output")
    others = path.is_dir() and any(not each.name.startswith(".") for each in path.iterdir())
    if _recorded(path, "--output") is None and others:
        raise UserError(
            f"--output={output}: has files that tfgan.sample did not draw; choose a new or an "
            "empty folder"
        )


def names_of(classes: Sequence[str], labels: Sequence[int]) -> list[str]:
    """The sub-folder of each class: its name.

    Where a file system may not take a character, that is written as in an address: "/" as "%2F".
    If two would be the same but for capitals, or one is too long or empty, all begin with their
    numbers.
    """
    names = [_escaped(classes[label]) for label in labels]
    distinct = {unicodedata.normalize("NFC", name).casefold() for name in names}
    if len(distinct) == len(names) and all(0 < len(name.encode()) <= _LONGEST for name in names):
        return names
    return [f"{label}-{name[:_KEPT]}" for label, name in zip(labels, names, strict=True)]


def _escaped(name: str) -> str:
    last = len(name) - 1
    parts = []
    for place, letter in enumerate(name):
        at_an_end = (place == 0 and letter == ".") or (place == last and letter in ". ")
        if at_an_end or letter in _ODD or not letter.isprintable():
            parts += [f"%{byte:02X}" for byte in letter.encode("utf-8", "surrogatepass")]
        else:
            parts.append(letter)
    return "".join(parts)


def fill(
    path: pathlib.Path, output: str, draw: Draw, overwrite: bool, say: Callable[[str], None]
) -> None:
    """Writes the pictures that are not there yet.

    Args:
        path: the folder.
        output: what the user calls it.
        draw: what to write.
        overwrite: whether another draw that is there is removed first.
        say: takes each line.

    Raises:
        UserError: if another draw is there, or a picture that is not of this one.
        OSError: if it cannot be written.
    """
    from tqdm import tqdm  # which reads variables, and may not like them

    _begin(path, output, draw, overwrite)
    total = draw.count * len(draw.folders)
    kept = sum(map(_is_there, _files(path, draw.folders, draw.count)))
    if kept:
        say(f"{output}: {kept:,} of {total:,} pictures already exist")
    with tqdm(total=total, unit=" images", disable=None, leave=False) as bar:
        for place, folder in enumerate(draw.folders):
            for start in draw.starts:
                _write_batch(path / folder, draw, place, start, output)
                bar.update(min(draw.starts.step, draw.count - start))


def _write_batch(folder: pathlib.Path, draw: Draw, place: int, start: int, output: str) -> None:
    numbers = range(start, min(start + draw.starts.step, draw.count))
    files = [folder / _name(number) for number in numbers]
    there = [_is_there(file) for file in files]
    if all(there):
        return
    for file, known, image in zip(files, there, draw.batch(place, start), strict=True):
        if not known:
            pictures.save_png(file, image, flush=False)
        elif not _holds(file, image):
            raise UserError(
                f"--output={output}: {file} is not the picture that this command draws; remove "
                "it, or use --overwrite"
            )


def _begin(path: pathlib.Path, output: str, draw: Draw, overwrite: bool) -> None:
    """Leaves a record of the draw, and its sub-folders."""
    record, known = draw.record, _recorded(path, "--output")
    if known is not None and overwrite:
        _clear(path, known["folders"])
    elif known is not None:
        other = [
            f"{name} {known.get(name)}, not {value}"
            for name, value in record.items()
            if known.get(name) != value and not (name == "n" and known["n"] < value)
        ]
        if other:
            raise UserError(
                f"--output={output}: holds pictures drawn with other settings: "
                f"{'; '.join(other)}; choose another folder, or use --overwrite"
            )
    path.mkdir(parents=True, exist_ok=True)
    write_file(path / RECORD, (json.dumps(record, indent=2) + "\n").encode())
    for folder in draw.folders:
        (path / folder).mkdir(exist_ok=True)


def _clear(path: pathlib.Path, folders: Sequence[str]) -> None:
    """Removes the pictures of an earlier draw, and nothing else."""
    for folder in folders:
        if (path / folder).is_dir():
            for file in (path / folder).iterdir():
                if _PICTURE.fullmatch(file.name):
                    file.unlink()
            if folder and not any((path / folder).iterdir()):
                (path / folder).rmdir()


def pictures_of(path: pathlib.Path, flag: str) -> list[pathlib.Path] | None:
    """The pictures of a folder in the order in which they were drawn; None if it is of no draw.

    Args:
        path: the folder.
        flag: what it was given as, for messages.

    Raises:
        UserError: if its draw has not ended.
    """
    record = _recorded(path, flag)
    if record is None:
        return None
    files = list(_files(path, record["folders"], record["n"]))
    if missing := sum(not _is_there(file) for file in files):
        raise UserError(
            f"{flag}={path}: {missing:,} of its {len(files):,} pictures are missing; rerun the "
            "command that drew them"
        )
    return files


def _files(path: pathlib.Path, folders: Sequence[str], count: int) -> Iterator[pathlib.Path]:
    return (path / folder / _name(number) for folder in folders for number in range(count))


def _name(number: int) -> str:
    return f"{number:06d}.png"


def _is_there(file: pathlib.Path) -> bool:
    """A machine that lost its power may have left it empty."""
    try:
        return file.stat().st_size > 0
    except FileNotFoundError:
        return False


def _holds(file: pathlib.Path, image: np.ndarray) -> bool:
    try:
        return np.array_equal(pictures.load_png(file), image)
    except (OSError, SyntaxError):  # Pillow's, of what is no PNG
        return False


def _recorded(path: pathlib.Path, flag: str) -> Record | None:
    """What a folder says of its draw; None if it says nothing."""
    try:
        record = json.loads((path / RECORD).read_bytes())
        count, folders = record["n"], record["folders"]
        if not (type(count) is int and 0 < count <= MOST and isinstance(folders, list) and folders):
            raise ValueError("no n and no folders")
        if any(folder == ".." or folder != pathlib.PurePath(folder).name for folder in folders):
            raise ValueError("a folder outside")
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise UserError(
            f"{flag}={path}: its {RECORD} is damaged ({first_line(error)}); choose another folder"
        ) from None
    return record

"""Files and folders that are written completely or not at all."""

import contextlib
import errno
import os
import pathlib
import shutil
import tempfile
from collections.abc import Callable, Iterator
from typing import BinaryIO

from tfgan.ground.errors import UserError

PART, OLD = ".part", ".old"  # what a write that was cut short leaves ends in these
_PATTERN = frozenset("*?[]\\")  # what TensorFlow's readers take for a pattern of names


def user_path(given: str | os.PathLike[str], flag: str) -> pathlib.Path:
    """A path that a user gave, with `~` as the home folder.

    Args:
        given: the path.
        flag: the flag that gave it, for the message.

    Raises:
        UserError: if `~` is used and the home folder is not known; or if the name is not in UTF-8,
            the only encoding that TensorFlow supports.
    """
    path = pathlib.Path(os.path.expanduser(given))
    if os.fspath(given).startswith("~") and not path.is_absolute():
        raise UserError(f"{flag}={given}: the home folder is unknown; set HOME, or use a full path")
    if not _is_utf8(str(path)):
        raise UserError(f"{flag}={given}: its name is not valid UTF-8; choose another")
    return path


def check_file(given: str | os.PathLike[str], flag: str) -> pathlib.Path:
    """Makes sure in advance that a file can be written; leaves no file behind.

    Args:
        given: the file's path, for `user_path`.
        flag: the flag that gave it, for the message.

    Returns:
        The result of `user_path`.

    Raises:
        UserError: if its folder does not exist or cannot be written, or if the path is a folder or
            a file that cannot be written.
    """
    path = user_path(given, flag)
    try:
        if path.is_dir():
            raise UserError(f"{flag}={given}: is a folder; name a file")
        if not path.parent.is_dir():
            raise UserError(f"{flag}={given}: there is no folder {path.parent}; create it first")
        _try_to_write(path.parent)
        _beside(path).exists()  # whose name is longer, perhaps too long
        if path.exists() and not os.access(path, os.W_OK):
            raise UserError(f"{flag}={given}: is write-protected; name another file")
    except OSError as error:
        problem = error.strerror or error
        raise UserError(f"{flag}={given}: cannot be written: {problem}") from None
    return path


def check_folder(given: str | os.PathLike[str], flag: str = "") -> pathlib.Path:
    """Makes sure in advance that a folder can be created or written; see `check_file`.

    Args:
        given: the folder's path, for `user_path`.
        flag: the flag that gave it, for the message; empty for a folder inside a run's folder.

    Returns:
        The result of `user_path`.

    Raises:
        UserError: if the path, or the folder in which it would be created, is a file or cannot be
            written.
    """
    path = user_path(given, flag)
    named = f"{flag}={given}" if flag else str(given)
    try:
        if path.exists() and not path.is_dir():
            raise UserError(f"{named}: is a file; name a folder")
        nearest = next(parent for parent in (path, *path.parents) if parent.exists())
        if not nearest.is_dir():
            raise UserError(f"{named}: {nearest} is a file; name a folder")
    except OSError as error:
        raise UserError(f"{named}: {error.strerror or error}") from None
    try:
        _try_to_write(nearest)
    except OSError as error:
        problem = error.strerror or error
        raise UserError(f"{named}: {nearest} cannot be written to: {problem}") from None
    return path


def _try_to_write(folder: pathlib.Path) -> None:
    """Writes an unnamed temporary file if possible, because permissions are not always enough."""
    if not os.access(folder, os.W_OK | os.X_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
    with tempfile.TemporaryFile(dir=folder):
        pass


@contextlib.contextmanager
def disk_errors(path: pathlib.Path) -> Iterator[None]:
    """Converts TensorFlow's errors while it writes `path` to an OSError that names it."""
    import tensorflow as tf

    try:
        with _named(path):
            yield
    except tf.errors.OpError as error:
        text = str(error.message).strip() or type(error).__name__
        raise OSError(errno.EIO, text.splitlines()[0], str(path)) from None


@contextlib.contextmanager
def _named(path: pathlib.Path) -> Iterator[None]:
    """Adds the file name to each OSError; those of `write` lack it."""
    try:
        yield
    except OSError as error:
        if error.filename is None:
            error.filename = str(path)
        raise


@contextlib.contextmanager
def without_patterns(path: pathlib.Path) -> Iterator[pathlib.Path]:
    """A path to the same folder that TensorFlow's readers do not interpret as a pattern.

    They find nothing in a folder `lr[0.1]`, and other files in a folder `a*`.
    """
    if _PATTERN.isdisjoint(str(path.absolute())):
        yield path
        return
    with temporary_folder() as folder:
        link = folder / "link"
        link.symlink_to(path.absolute(), target_is_directory=True)
        yield link


@contextlib.contextmanager
def temporary_folder() -> Iterator[pathlib.Path]:
    """A temporary folder, whose name no reader interprets as a pattern.

    Raises:
        UserError: if it cannot be created.
    """
    usual = tempfile.gettempdir()
    plain = [
        place
        for place in (usual, "/tmp", "/var/tmp")
        if _PATTERN.isdisjoint(place) and _is_utf8(place) and os.access(place, os.W_OK | os.X_OK)
    ]
    if not plain:
        raise UserError(f"TMPDIR={usual}: set it to a folder without * ? [ ] \\ in its name")
    with tempfile.TemporaryDirectory(dir=plain[0]) as folder:
        yield pathlib.Path(folder)


def _is_utf8(name: str) -> bool:
    """Whether TensorFlow, which uses UTF-8, and Python mean the same file by a name."""
    try:
        return name.encode() == os.fsencode(name)
    except UnicodeEncodeError:
        return False


def write_file(path: pathlib.Path, content: bytes) -> None:
    """Writes a temporary file and renames it: `path` always has the old or the new content."""
    with writing(path) as file:
        file.write(content)


@contextlib.contextmanager
def writing(path: pathlib.Path, flush: bool = True) -> Iterator[BinaryIO]:
    """A file that can be written in parts, and is renamed at the end, as in `write_file`.

    Args:
        path: the file.
        flush: whether to wait until the disk has it. If not, a loss of power can leave an empty
            file.

    Raises:
        OSError: if it cannot be written, with the name of `path`; an existing file is kept.
    """
    beside = _beside(path)
    try:
        with _named(path):
            with open(beside, "wb") as file:
                yield file
                if flush:
                    file.flush()
                    os.fsync(file.fileno())
            os.replace(beside, path)
    except BaseException:
        with contextlib.suppress(OSError):
            beside.unlink(missing_ok=True)
        raise


def write_folder(path: pathlib.Path, fill: Callable[[pathlib.Path], None]) -> None:
    """Writes a temporary folder with `fill`, and renames it to `path`.

    Args:
        path: the folder to create or to replace.
        fill: a function that writes into the empty folder that it gets.

    Raises:
        OSError: if it cannot be written; an existing folder is kept.
    """
    beside = _beside(path)
    old = path.with_name(f".{path.name}{OLD}")
    for leftover in (beside, old):
        remove(leftover)
    beside.mkdir()  # fails if the folder above was removed, where TensorFlow would make it anew
    try:
        with disk_errors(path):
            fill(beside)
        for file in beside.rglob("*"):
            if file.is_file():
                with _named(file), open(file, "rb") as written:
                    os.fsync(written.fileno())
    except BaseException:
        remove(beside)
        raise
    if path.exists():
        os.replace(path, old)
    os.replace(beside, path)
    shutil.rmtree(old, ignore_errors=True)


def _beside(path: pathlib.Path) -> pathlib.Path:
    return path.with_name(f".{path.name}{PART}")


def remove(path: pathlib.Path) -> None:
    """Removes a file, a link or a whole folder, if it exists."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)

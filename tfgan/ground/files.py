"""Atomic writes, and checks of paths."""

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
    """What the user calls a path, `~` being the home folder.

    Args:
        given: the path.
        flag: what it was given as, for the message.

    Raises:
        UserError: if the home folder is not known, where `~` would be a folder of that name; or
            if the name is not in UTF-8, the only one that TensorFlow has.
    """
    path = pathlib.Path(os.path.expanduser(given))
    if os.fspath(given).startswith("~") and not path.is_absolute():
        raise UserError(f"{flag}={given}: the home folder is unknown; set HOME, or use a full path")
    if not _is_utf8(str(path)):
        raise UserError(f"{flag}={given}: its name is not valid UTF-8; choose another")
    return path


def check_file(given: str | os.PathLike[str], flag: str) -> pathlib.Path:
    """Makes sure, before the work, that a file can be written; leaves nothing behind.

    Args:
        given: the file's path, as `user_path` takes it.
        flag: what it was given as, for the message.

    Returns:
        What `user_path` returns.

    Raises:
        UserError: if its folder is not there or cannot be written to, if it is a folder, or a
            file that is not to be written to.
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
    """Makes sure, before the work, that a folder can be made or written to; see `check_file`.

    Args:
        given: the folder's path, as `user_path` takes it.
        flag: what it was given as, for the message; none, if a run has it in its folder.

    Returns:
        What `user_path` returns.

    Raises:
        UserError: if it, or what it would be made in, is a file or cannot be written to.
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
    """Makes a file without a name, where the system has such; permissions alone do not tell all."""
    if not os.access(folder, os.W_OK | os.X_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
    with tempfile.TemporaryFile(dir=folder):
        pass


@contextlib.contextmanager
def disk_errors(path: pathlib.Path) -> Iterator[None]:
    """Turns TensorFlow's errors, where all it does is write `path`, into OSError that names it."""
    import tensorflow as tf

    try:
        with _named(path):
            yield
    except tf.errors.OpError as error:
        text = str(error.message).strip() or type(error).__name__
        raise OSError(errno.EIO, text.splitlines()[0], str(path)) from None


@contextlib.contextmanager
def _named(path: pathlib.Path) -> Iterator[None]:
    """Names the file in each OSError: those of a write lack it."""
    try:
        yield
    except OSError as error:
        if error.filename is None:
            error.filename = str(path)
        raise


@contextlib.contextmanager
def without_patterns(path: pathlib.Path) -> Iterator[pathlib.Path]:
    """A path to the same folder that TensorFlow's readers do not take for a pattern.

    They find nothing in a folder `lr[0.1]`, and something else in a folder `a*`.
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
    """A folder for a while, whose name no reader takes for a pattern.

    Raises:
        UserError: if there is no place for one.
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
    """Whether TensorFlow, which spells every name in UTF-8, means the file that Python means."""
    try:
        return name.encode() == os.fsencode(name)
    except UnicodeEncodeError:
        return False


def write_file(path: pathlib.Path, content: bytes) -> None:
    """Writes beside, then renames: `path` holds the old content or the new, whatever happens."""
    with writing(path) as file:
        file.write(content)


@contextlib.contextmanager
def writing(path: pathlib.Path, flush: bool = True) -> Iterator[BinaryIO]:
    """A file to write in parts; it gets its name at the end, as in `write_file`.

    Args:
        path: the file.
        flush: whether to wait until the disk has it. If not, a machine that loses its power may
            leave an empty file.

    Raises:
        OSError: if it cannot be written, with the name of `path`; what was there stays.
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
    """Lets `fill` write a folder beside `path`, then puts it in its place.

    Args:
        path: the folder to make or to replace.
        fill: writes into the empty folder that it is given.

    Raises:
        OSError: if it cannot be written; what was at `path` stays.
    """
    beside = _beside(path)
    old = path.with_name(f".{path.name}{OLD}")
    for leftover in (beside, old):
        remove(leftover)
    beside.mkdir()  # fails if the folder above was removed, where TensorFlow would make it anew
    try:
        with disk_errors(path):
            fill(beside)
    except BaseException:
        remove(beside)
        raise
    for file in beside.rglob("*"):
        if file.is_file():
            with _named(file), open(file, "rb") as written:
                os.fsync(written.fileno())
    if path.exists():
        os.replace(path, old)
    os.replace(beside, path)
    shutil.rmtree(old, ignore_errors=True)


def _beside(path: pathlib.Path) -> pathlib.Path:
    return path.with_name(f".{path.name}{PART}")


def remove(path: pathlib.Path) -> None:
    """Removes a file, a link or a whole folder; fine if there is none."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)

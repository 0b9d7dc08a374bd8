"""The files of a folder, of a zip or of a tar archive, one after the other."""

import contextlib
import functools
import os
import pathlib
import stat
import tarfile
import zipfile
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from tfgan.datasets.own.picture import NotTaken
from tfgan.ground.errors import UserError, first_line

MOST_BYTES = 2**29  # of one file: an uncompressed picture of picture.MOST_PIXELS takes half
_NOT_OURS = "__MACOSX"  # what macOS adds to an archive


class File(NamedTuple):
    """A file that may be a picture.

    Attributes:
        name: its path inside the folder, with "/" between the parts.
        read: a function that returns its content, from any thread, or raises `NotTaken`.
    """

    name: str
    read: Callable[[], bytes]


@contextlib.contextmanager
def opened(path: pathlib.Path) -> Iterator[Iterator[File]]:
    """All files of a folder and its sub-folders, or of an archive, without hidden ones.

    Links to folders are followed, each folder once. Files of an archive can be read only inside
    the context.

    Args:
        path: the folder or archive.

    Raises:
        UserError: if there is no folder or archive, or if an archive is damaged or has a path that
            leads out of it.
    """
    kind = _kind(path)
    with contextlib.ExitStack() as stack:
        if kind == "folder":
            yield _of_folder(path)
            return
        with _damage_told(path):
            if kind == "zip":
                found = _of_zip(path, stack.enter_context(zipfile.ZipFile(path)))
            else:
                found = _of_tar(path, stack.enter_context(tarfile.open(path)))
        yield found


def check(path: pathlib.Path) -> None:
    """Makes sure that there is a folder or an archive.

    Raises:
        UserError: if there is none.
    """
    _kind(path)


def is_archive(path: pathlib.Path) -> bool:
    """Whether a file is an archive.

    Raises:
        UserError: if it cannot be read.
    """
    return _archive(path) != ""


def check_classes(path: pathlib.Path) -> None:
    """Makes sure that some files are in sub-folders, which are classes, before any is decoded.

    Raises:
        UserError: if none is, or all are in the same one.
    """
    with opened(path) as files:
        names = [file.name for file in files]
    if names and all(len(each) == 1 for each in below_common(names)):
        folder = names[0].rpartition("/")[0]
        now = f"; now all are in {folder}" if folder else ""
        raise UserError(
            f"--images={path}: --conditional needs classes; put the pictures of each class in a "
            f"sub-folder of its own{now}"
        )


def below_common(names: Sequence[str]) -> list[list[str]]:
    """The parts of each path, without the leading folders that all paths share."""
    parts = [name.split("/") for name in names]
    while all(len(path) > 1 for path in parts) and len({path[0] for path in parts}) == 1:
        parts = [path[1:] for path in parts]
    return parts


def _kind(path: pathlib.Path) -> str:
    if path.is_dir():
        return "folder"
    if not path.exists():
        raise UserError(f"--images={path}: no such folder or archive")
    kind = _archive(path)
    if not kind:
        raise UserError(f"--images={path}: is not a folder or a zip or tar archive")
    return kind


def _archive(path: pathlib.Path) -> str:
    try:
        if zipfile.is_zipfile(path):
            return "zip"
        return "tar" if tarfile.is_tarfile(path) else ""
    except OSError as error:
        raise UserError(f"--images={path}: {error.strerror or error}") from None


def _is_hidden(name: str) -> bool:
    parts = name.split("/")
    return parts[0] == _NOT_OURS or any(part.startswith(".") for part in parts)


def _of_folder(path: pathlib.Path) -> Iterator[File]:
    def failed(error: OSError) -> None:
        raise UserError(f"--images={path}: {error.filename}: {error.strerror}") from None

    seen = set()
    for folder, folders, names in os.walk(path, followlinks=True, onerror=failed):
        real = os.path.realpath(folder)
        if real in seen:
            folders.clear()
            continue
        seen.add(real)
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            file = pathlib.Path(folder, name)
            relative = file.relative_to(path).as_posix()
            if not _is_hidden(relative):
                yield File(relative, functools.partial(read, file))


def read(file: pathlib.Path) -> bytes:
    """The content of a file.

    Raises:
        NotTaken: if it cannot be read, or is too large to be a picture.
    """
    try:
        status = file.stat()
        if not stat.S_ISREG(status.st_mode):
            raise NotTaken("not a regular file")
        if status.st_size > MOST_BYTES:
            raise NotTaken(_TOO_LARGE)
        return file.read_bytes()
    except FileNotFoundError:
        raise NotTaken("broken link") from None
    except OSError as error:
        raise NotTaken(f"not readable ({error.strerror})") from None


_TOO_LARGE = f"more than {MOST_BYTES // 2**20} MiB"


def _check_inside(archive: pathlib.Path, name: str) -> None:
    if name.startswith(("/", "\\")) or ".." in name.replace("\\", "/").split("/"):
        raise UserError(
            f"--images={archive}: holds the path {name!r}, which leads out of the archive; remove "
            "it"
        )


@contextlib.contextmanager
def _damage_told(path: pathlib.Path) -> Iterator[None]:
    try:
        yield
    except (zipfile.BadZipFile, tarfile.TarError, EOFError, OSError) as error:
        raise UserError(
            f"--images={path}: the archive cannot be read: {first_line(error)}"
        ) from None


def _of_zip(path: pathlib.Path, archive: zipfile.ZipFile) -> Iterator[File]:
    for member in archive.infolist():
        _check_inside(path, member.filename)
        if not (member.is_dir() or _is_hidden(member.filename)):
            yield File(member.filename, functools.partial(_unzip, archive, member))


def _unzip(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> bytes:
    if member.file_size > MOST_BYTES:
        raise NotTaken(_TOO_LARGE)
    if member.flag_bits & 1:
        raise NotTaken("encrypted")
    try:
        return archive.read(member)
    except Exception:  # whatever zipfile and its decompressors make of damaged bytes
        raise NotTaken("damaged in the archive") from None


def _of_tar(path: pathlib.Path, archive: tarfile.TarFile) -> Iterator[File]:
    with _damage_told(path):
        for member in archive:
            name = member.name.removeprefix("./")
            _check_inside(path, name)
            if not member.isfile() or _is_hidden(name):
                continue
            too_large = member.size > MOST_BYTES
            extracted = None if too_large else archive.extractfile(member)
            content = extracted.read() if extracted else None  # in order: it may be compressed
            yield File(name, functools.partial(_content, content))


def _content(content: bytes | None) -> bytes:
    if content is None:
        raise NotTaken(_TOO_LARGE)
    return content

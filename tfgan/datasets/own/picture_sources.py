"""Sources of pictures: a folder, an archive, or a set of TensorFlow Datasets."""

import collections
import concurrent.futures
import contextlib
import hashlib
import os
import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple, Protocol

import tensorflow_datasets as tfds
from tqdm import tqdm

from tfgan.datasets import derived, sources
from tfgan.datasets.classes import UNKNOWN
from tfgan.datasets.image_set import ImageSet
from tfgan.datasets.own import folders
from tfgan.datasets.own.picture import NotTaken
from tfgan.ground.errors import UserError
from tfgan.ground.files import user_path

_FUTURES_A_THREAD = 4
_IMAGE, _CLASS = tfds.features.Image, tfds.features.ClassLabel
BAR: dict[str, Any] = {"disable": None, "leave": False, "smoothing": 0.05}

Say = Callable[[str], None]


class Entry(NamedTuple):
    """A file that may be a picture.

    Attributes:
        name: a unique name.
        read: a function that returns its content, from any thread, or raises `NotTaken`.
        label: its class, or empty if its name decides the class, or if it is unknown.
        split: its split, or empty if that is chosen later.
    """

    name: str
    read: Callable[[], bytes]
    label: str = ""
    split: str = ""


class Source(Protocol):
    """A source of pictures.

    Attributes:
        flag: the flag with which the user named it, for messages.
        stem: the start of the set's name.
        labels: all classes in order; empty if the names of the entries decide them.
    """

    flag: str
    stem: str
    labels: tuple[str, ...]

    def fingerprint(self) -> str:
        """A hash that changes whenever a picture does."""

    def opened(self) -> contextlib.AbstractContextManager[Iterator[Entry]]:
        """All entries, which can be read only inside the context."""


class Folder:
    """The pictures of a folder and its sub-folders, or of a zip or tar archive.

    Args:
        given: the folder or archive.

    Raises:
        UserError: if there is none.
    """

    labels: tuple[str, ...] = ()

    def __init__(self, given: str | os.PathLike[str]):
        self.flag = f"--images={os.fspath(given)}"
        self._path = user_path(given, "--images")
        folders.check(self._path)
        name = self._path.resolve().name
        self.stem = name if self._path.is_dir() else name.split(".")[0]

    def fingerprint(self) -> str:
        """A hash of all names and contents, independent of the order of reading."""
        with self.opened() as entries:
            bar = tqdm(in_threads(_digest_of, entries), unit=" files", desc="Reading", **BAR)
            found = sorted((as_bytes(entry.name), digest) for entry, digest in bar)
        if not found:
            raise UserError(f"{self.flag}: is empty")
        return hashlib.sha256(repr(found).encode()).hexdigest()

    @contextlib.contextmanager
    def opened(self) -> Iterator[Iterator[Entry]]:
        """All files."""
        with folders.opened(self._path) as files:
            yield (Entry(file.name, file.read) for file in files)


class KnownSet:
    """The pictures of a set of TensorFlow Datasets, of any size and feature name.

    Args:
        image_set: the set; its split is ignored.
        say: called with each line of output.

    Raises:
        UserError: if the set is not available, or does not have one picture in each example.
    """

    def __init__(self, image_set: ImageSet, say: Say):
        self.flag = f"--dataset={image_set.name}"
        self.stem = re.sub("[/:.]", "_", image_set.name)
        if image_set.name in derived.SETS:
            raise UserError(f"{self.flag}: is made in memory at one size; leave --image_size out")
        self._builder = sources.prepare(image_set, say, check=lambda *_: None)
        features = self._builder.info.features
        keys = [key for key, feature in features.items() if isinstance(feature, _IMAGE)]
        if len(keys) != 1:
            has = f"has {', '.join(keys)}" if keys else "has no pictures"
            raise UserError(f"{self.flag}: {has}; use a set with one picture per example")
        (self._key,) = keys
        classes = [key for key, feature in features.items() if isinstance(feature, _CLASS)]
        self._class_key = "label" if "label" in classes else classes[0] if len(classes) == 1 else ""
        self.labels = tuple(features[self._class_key].names) if self._class_key else ()

    def fingerprint(self) -> str:
        """A hash of the set's name, version and sizes, whose content TFDS has checked."""
        info = self._builder.info
        sizes = {name: split.num_examples for name, split in info.splits.items()}
        return hashlib.sha256(repr((info.full_name, sizes)).encode()).hexdigest()

    @contextlib.contextmanager
    def opened(self) -> Iterator[Iterator[Entry]]:
        """All examples of all splits."""
        yield self._entries()

    def _entries(self) -> Iterator[Entry]:
        features = {self._key: True} | ({self._class_key: True} if self._class_key else {})
        decoders = tfds.decode.PartialDecoding(
            features, decoders={self._key: tfds.decode.SkipDecoding()}
        )
        for split in self._builder.info.splits:
            examples = self._builder.as_dataset(split=split, decoders=decoders)
            for number, example in enumerate(examples.as_numpy_iterator()):
                content = example[self._key]
                told = example[self._class_key] if self._class_key else UNKNOWN
                label = "" if told == UNKNOWN else self.labels[told]
                yield Entry(f"{split}/{number}", lambda each=content: each, label, split)  # type: ignore[misc]


def in_threads(
    function: Callable[[Entry], Any], entries: Iterable[Entry]
) -> Iterator[tuple[Entry, Any]]:
    """Each entry and `function` of it, in order, computed a few entries ahead in threads."""
    threads = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    pool = concurrent.futures.ThreadPoolExecutor(threads)
    waiting: collections.deque[tuple[Entry, concurrent.futures.Future]] = collections.deque()
    try:
        for entry in entries:
            waiting.append((entry, pool.submit(function, entry)))
            if len(waiting) >= _FUTURES_A_THREAD * (threads or 1):
                entry, future = waiting.popleft()
                yield entry, future.result()
        while waiting:
            entry, future = waiting.popleft()
            yield entry, future.result()
    finally:
        pool.shutdown(cancel_futures=True)


def _digest_of(entry: Entry) -> str:
    try:
        return hashlib.sha256(entry.read()).hexdigest()
    except NotTaken as why:
        return str(why)


def as_bytes(name: str) -> bytes:
    return name.encode("utf-8", "surrogateescape")


def shown(name: str) -> str:
    """A file's name as one line of plain text, whatever characters it has."""
    text = as_bytes(name).decode("utf-8", "backslashreplace")
    return "".join(each if each.isprintable() else ascii(each)[1:-1] for each in text)

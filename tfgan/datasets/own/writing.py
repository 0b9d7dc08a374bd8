"""Writes prepared pictures: first to one temporary file, then to the set's files."""

import csv
import dataclasses
import hashlib
import json
import pathlib
from collections.abc import Iterator
from typing import IO, Any

import tensorflow_datasets as tfds
from tqdm import tqdm

from tfgan.datasets import sources
from tfgan.datasets.classes import UNKNOWN
from tfgan.datasets.own import picture
from tfgan.datasets.own.picture import NotTaken, Preparation, Prepared
from tfgan.datasets.own.picture_sources import BAR, Entry, Source, as_bytes, in_threads, shown

LIST, RECORD = "pictures.csv", "tfgan.json"  # beside the prepared files
VERSION = "1.0.0"


@dataclasses.dataclass
class Picture:
    """A prepared picture in the spool."""

    name: str
    label: str
    split: str
    digest: str
    size: tuple[int, int]
    is_grey: bool
    start: int
    length: int


class Spool:
    """All prepared pictures in one file, because a large set does not fit in memory.

    Args:
        file: a file that is open for reading and writing.

    Attributes:
        taken: the pictures.
        left: the names of the other files, with the reason why each was not taken.
    """

    def __init__(self, file: IO[bytes]):
        self._file = file
        self.taken: list[Picture] = []
        self.left: list[tuple[str, str]] = []

    def fill(self, source: Source, how: Preparation) -> None:
        """Prepares the pictures of a source."""

        def one(entry: Entry) -> tuple[str, Prepared] | str:
            try:
                content = entry.read()
                return hashlib.sha256(content).hexdigest(), picture.prepare(content, how)
            except NotTaken as why:
                return str(why)

        with source.opened() as entries:
            bar = tqdm(in_threads(one, entries), unit=" pictures", desc="Preparing", **BAR)
            for entry, result in bar:
                if isinstance(result, str):
                    self.left.append((entry.name, result))
                    continue
                digest, made = result
                place = (self._file.tell(), len(made.png))
                self.taken.append(
                    Picture(
                        entry.name,
                        entry.label,
                        entry.split,
                        digest,
                        made.size,
                        made.is_grey,
                        *place,
                    )
                )
                self._file.write(made.png)

    def png(self, each: Picture) -> bytes:
        """A picture as a PNG file, grey if the picture is grey."""
        self._file.seek(each.start)
        return self._file.read(each.length)

    def write_list(self, file: pathlib.Path) -> None:
        """Writes a CSV with every file's name, its fate and the reason."""
        with open(file, "w", newline="", encoding="utf-8") as out:
            table = csv.writer(out)
            table.writerow(["file", "split", "class", "width", "height", "left out because"])
            for each in self.taken:
                table.writerow([shown(each.name), each.split, shown(each.label), *each.size, ""])
            for name, why in self.left:
                table.writerow([shown(name), "", "", "", "", why])


def write(
    spool: Spool,
    source: Source,
    how: Preparation,
    root: pathlib.Path,
    name: str,
    record: dict[str, Any],
) -> None:
    """Writes the set with TensorFlow Datasets, completely or not at all.

    Args:
        spool: the pictures, each with its split and class.
        source: their source.
        how: how they were prepared.
        root: folder of prepared sets.
        name: name of the set.
        record: what distinguishes this set from others of its name.

    Raises:
        UserError: if it cannot be written.
    """
    all_grey = all(each.is_grey for each in spool.taken)
    in_colour = not all_grey if how.channels == "auto" else how.channels == "3"
    labels = source.labels or tuple(sorted({each.label for each in spool.taken} - {""}))
    shape = (how.image_size, how.image_size, 3 if in_colour else 1)

    def content(each: Picture) -> bytes:
        png = spool.png(each)
        if each.is_grey == in_colour:
            return picture.in_colour(png) if in_colour else picture.in_grey(png)
        return png

    with tfds.core.registered.skip_registration():

        class Pictures(tfds.core.GeneratorBasedBuilder):
            VERSION = tfds.core.Version(VERSION)

            def _info(self) -> tfds.core.DatasetInfo:
                features: dict[str, Any] = {
                    "image": tfds.features.Image(shape=shape, encoding_format="png")
                }
                if labels:
                    names = [shown(label) for label in labels]
                    features["label"] = tfds.features.ClassLabel(names=names)
                return tfds.core.DatasetInfo(
                    builder=self,
                    description=f"Pictures of {shown(source.stem)}, prepared by tfgan.",
                    features=tfds.features.FeaturesDict(features),
                )

            def _split_generators(self, dl_manager: Any) -> dict[str, Any]:
                folder = pathlib.Path(self.data_path)
                (folder / RECORD).write_text(json.dumps(record, indent=2))
                spool.write_list(folder / LIST)
                splits = sorted({each.split for each in spool.taken}, reverse=True)
                return {split: self._generate_examples(split) for split in splits}

            def _generate_examples(self, split: str) -> Iterator[tuple[str, dict[str, Any]]]:
                for each in spool.taken:
                    if each.split == split:
                        key = hashlib.sha256(as_bytes(each.name)).hexdigest()
                        known = labels.index(each.label) if each.label else UNKNOWN
                        label = {"label": known} if labels else {}
                        yield key, {"image": content(each), **label}

    Pictures.name = name
    sources.download_and_prepare(Pictures(data_dir=root), source.flag)

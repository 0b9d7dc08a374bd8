"""`ImageSet`: identifies a set of images, and where they are stored."""

import dataclasses
import re
from typing import Any

OWN = "own_data"  # the name of what a library user gives as `data=`


@dataclasses.dataclass(frozen=True)
class ImageSet:
    """A split of an image set, by name; `sources.prepare` brings it to this machine.

    Attributes:
        name: TensorFlow Datasets name, e.g. "mnist", "emnist/letters" or "mnist:3.0.1"; or one of
            `derived.SETS`.
        split: which split or which part of one, as TFDS writes it: "train[:50000]".
        data_dir: where prepared sets live; empty means TFDS's own default.
        manual_dir: folder of the set's original files, or empty.
    """

    name: str
    split: str = "train"
    data_dir: str = ""
    manual_dir: str = ""

    @property
    def family(self) -> str:
        """The set's name without configuration and version: "mnist" of "mnist:3.0.1" or "MNIST"."""
        name = self.name.split(":")[0].split("/")[0]
        # As TFDS does: FashionMNIST is fashion_mnist.
        return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=.)(?=[A-Z][a-z])", "_", name).lower()

    @property
    def configuration(self) -> str:
        """ "letters" of "emnist/letters:3.0.0"; empty if the name leaves it to TFDS."""
        return self.name.split(":")[0].partition("/")[2]

    def is_same_set(self, other: "ImageSet") -> bool:
        """Whether both names are of one set, in any version, as far as they say."""
        mine, theirs = self.configuration, other.configuration
        return self.family == other.family and (mine == theirs or not (mine and theirs))

    def record(self, identity: dict[str, Any] | None) -> dict[str, Any]:
        """What is kept of the set beside what was made of it; no folders.

        Args:
            identity: what tells it from another of its name, if that is known.
        """
        name = "/".join(part for part in (self.family, self.configuration) if part)
        return {"name": name, "split": self.split, **(identity or {})}

    def with_split(self, split: str) -> "ImageSet":
        """Another split of the same set."""
        return dataclasses.replace(self, split=split)

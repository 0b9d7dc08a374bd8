"""`Classes`: the names of a set's labels, and the number of images of each."""

import dataclasses
from typing import Any

import numpy as np

from tfgan.ground.errors import UserError

# In a picture of a row for each class: images in a row, and rows, if there are so many classes.
ROW, MOST_ROWS = 8, 32
UNKNOWN = -1  # the label that TensorFlow Datasets gives an image whose class is not known


@dataclasses.dataclass(frozen=True)
class Classes:
    """The classes of a labelled set.

    Attributes:
        names: name of each class, in the order of the labels.
        counts: number of images of each class.
    """

    names: tuple[str, ...]
    counts: tuple[int, ...]

    @classmethod
    def of(cls, names: tuple[str, ...], labels: np.ndarray, split: str = "train") -> "Classes":
        """The classes of a split with known labels, integers `(size,)`.

        Raises:
            UserError: if a label is not a class, such as `UNKNOWN`.
        """
        if unknown := int(np.sum((labels < 0) | (labels >= len(names)))):
            raise UserError(
                f"--split={split}: {unknown:,} of {len(labels):,} images have no class; use a "
                "split whose labels are known"
            )
        return cls(names, tuple(np.bincount(labels, minlength=len(names)).tolist()))

    @classmethod
    def from_dict(cls, content: Any) -> "Classes":
        """The inverse of `dataclasses.asdict`, also after JSON.

        Raises:
            ValueError, LookupError or TypeError: if the content is not valid.
        """
        names, counts = tuple(content["names"]), tuple(content["counts"])
        if not (
            len(names) == len(counts) > 1
            and all(isinstance(name, str) for name in names)
            and all(type(count) is int and count >= 0 for count in counts)
            and sum(counts)
        ):
            raise ValueError("no classes with names and counts")
        return cls(names, counts)

    @property
    def shares(self) -> tuple[float, ...]:
        """The probability of each class: its share of the images."""
        total = sum(self.counts)
        return tuple(count / total for count in self.counts)

    @property
    def present(self) -> list[int]:
        """The labels of the classes that have images; the others are not learnt."""
        return [label for label, count in enumerate(self.counts) if count]

    @classmethod
    def of_numbers(cls, count: int) -> "Classes":
        """Classes with numbers as names, all equally probable."""
        return cls(tuple(map(str, range(count))), (1,) * count)

    @property
    def numbered(self) -> bool:
        """Whether each class's name is its number, from 0."""
        return self.names == tuple(map(str, range(len(self.names))))

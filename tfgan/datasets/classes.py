"""`Classes`: what the labels of a set mean, and how often each comes."""

import dataclasses
from typing import Any

import numpy as np


@dataclasses.dataclass(frozen=True)
class Classes:
    """The classes of a labelled set.

    Attributes:
        names: of each class, in the order of the labels.
        counts: how many images each has.
    """

    names: tuple[str, ...]
    counts: tuple[int, ...]

    @classmethod
    def of(cls, names: tuple[str, ...], labels: np.ndarray) -> "Classes":
        """Those of a set whose labels are known, integers `(size,)`."""
        return cls(names, tuple(np.bincount(labels, minlength=len(names)).tolist()))

    @classmethod
    def from_dict(cls, content: Any) -> "Classes":
        """The inverse of `dataclasses.asdict`, also after JSON.

        Raises:
            ValueError, LookupError or TypeError: if the content is something else.
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
        """How probable each class is, by its images."""
        total = sum(self.counts)
        return tuple(count / total for count in self.counts)

    @property
    def numbered(self) -> bool:
        """Whether each class's name is its number, from 0."""
        return self.names == tuple(map(str, range(len(self.names))))

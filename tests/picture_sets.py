"""Small pictures, and the sets that are made of them."""

import pathlib

import numpy as np
from PIL import Image

from tfgan.datasets import pipeline
from tfgan.datasets.image_set import ImageSet
from tfgan.datasets.own import preparing, writing
from tfgan.datasets.own.picture import Preparation
from tfgan.datasets.own.picture_sources import Folder, KnownSet


def save(path: pathlib.Path, seed: int, size=(9, 9), grey: bool = False) -> None:
    """Writes a small picture of its own."""
    path.parent.mkdir(parents=True, exist_ok=True)
    shape = (size[1], size[0]) if grey else (size[1], size[0], 3)
    array = np.random.default_rng(seed).integers(0, 256, shape, np.uint8)
    Image.fromarray(array).save(path, "PNG")


class Prepared:
    """A set made of pictures in a data folder of the test's own, and what was said."""

    def __init__(self, source, tmp_path, size: int = 8, **options):
        self.lines: list[str] = []
        how = {key: options.pop(key) for key in ("fit", "background", "channels") if key in options}
        self.data_dir = tmp_path / "data"
        folder = source if isinstance(source, KnownSet) else Folder(source)
        self.name = preparing.prepare(
            folder, Preparation(size, **how), str(self.data_dir), say=self.lines.append, **options
        )
        self.said = "\n".join(self.lines)

    def images(self, split: str = "train") -> np.ndarray:
        return pipeline.load_images(self._set(split), lambda line: None)

    def labelled(self, split: str = "train") -> tuple[np.ndarray, np.ndarray]:
        return pipeline.load_labelled(self._set(split), lambda line: None)

    def _set(self, split: str) -> ImageSet:
        return ImageSet(self.name, split, str(self.data_dir))

    @property
    def folder(self) -> pathlib.Path:
        return self.data_dir / self.name / writing.VERSION


def multiset(images: np.ndarray) -> list[bytes]:
    return sorted(image.tobytes() for image in images)

"""Lays a training set where every contestant can read it, in a process that ends with that.

python -m benchmarks.data DATASET DATA_DIR FOLDER
"""

import pathlib
import sys

import numpy as np

from tfgan.datasets import pipeline
from tfgan.datasets.image_set import ImageSet


def write_idx(path: pathlib.Path, array: np.ndarray) -> None:
    """Writes a uint8 array in MNIST's own format: type, rank, big-endian sizes, bytes."""
    sizes = np.array(array.shape, ">i4").tobytes()
    path.write_bytes(bytes([0, 0, 8, array.ndim]) + sizes + array.tobytes())


def write(images: np.ndarray, folder: pathlib.Path) -> None:
    """Writes `images.npy`, and the same images as the files that torchvision's MNIST reads.

    Args:
        images: uint8 `(size, height, width, channels)`; only grey ones become MNIST's files.
        folder: where to.
    """
    np.save(folder / "images.npy", images)
    if images.shape[-1] != 1:
        return
    raw = folder / "MNIST" / "raw"
    raw.mkdir(parents=True)
    write_idx(raw / "train-images-idx3-ubyte", images[..., 0])
    write_idx(raw / "train-labels-idx1-ubyte", np.zeros(len(images), np.uint8))
    for name in ("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"):  # looked for, never read
        (raw / name).touch()


if __name__ == "__main__":
    image_set = ImageSet(sys.argv[1], data_dir=sys.argv[2])
    write(pipeline.load_images(image_set), pathlib.Path(sys.argv[3]))

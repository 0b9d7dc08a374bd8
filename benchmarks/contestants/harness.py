"""What all contestants share: their flags, their data and the lines they print."""

import argparse
import math
import pathlib

import numpy as np

from benchmarks.contestants import EPOCH, FIRST_STEP

LATENT_SIZE = 64


def flags(*variants: str) -> argparse.ArgumentParser:
    """The flags of a contestant; `variants` are the values of a first, nameless one."""
    parser = argparse.ArgumentParser()
    if variants:
        parser.add_argument("variant", choices=variants)
    parser.add_argument("--images", type=pathlib.Path, required=True)
    parser.add_argument("--batch_size", type=int, default=100)
    parser.add_argument("--hidden_size", type=int, default=256)
    parser.add_argument("--recipe", choices=("tutorial", "best"), default="tutorial")
    # TensorFlow and JAX take a GPU that they see.
    parser.add_argument("--device", choices=("CPU", "GPU"), default="CPU")
    return parser


def pixels(path: pathlib.Path) -> int:
    """Numbers in an image."""
    return math.prod(np.load(path, mmap_mode="r").shape[1:])


def image_shape(path: pathlib.Path) -> tuple[int, int, int]:
    """Height, width and channels."""
    return np.load(path, mmap_mode="r").shape[1:]


def load_unit(path: pathlib.Path) -> np.ndarray:
    """The images, flat, as float32 `(size, pixels)` in [-1, 1]."""
    images = np.load(path)
    unit = images.reshape(len(images), -1).astype(np.float32)
    unit /= 127.5
    unit -= 1
    return unit


def torch_device(name: str) -> str:
    """What PyTorch calls a device."""
    return {"CPU": "cpu", "GPU": "cuda"}[name]


class Reporter:
    """Prints a line after the first step and one after each epoch.

    Args:
        steps_per_epoch: steps of each.
    """

    def __init__(self, steps_per_epoch: int):
        self._steps_per_epoch = steps_per_epoch
        self._step = 0

    def done(self, steps: int = 1) -> None:
        """Counts steps whose results are there, not only asked for."""
        if self._step == 0:
            print(FIRST_STEP, flush=True)
        self._step += steps
        if self._step % self._steps_per_epoch == 0:
            print(EPOCH, self._step // self._steps_per_epoch, flush=True)

"""What a classifier sees in real images: computed once, and kept beside the data."""

import contextlib
import hashlib
import io
import zipfile
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from tfgan.datasets import sources
from tfgan.datasets.image_set import ImageSet
from tfgan.evaluation import PROTOCOL, neighbours, splits
from tfgan.ground.files import write_file

Judge = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]


class Seen(NamedTuple):
    """What a classifier sees in images.

    Attributes:
        features: float64 `(count, 128)`.
        probabilities: float64 `(count, classes)`.
        radii: `neighbours.radii` of the features.
    """

    features: np.ndarray
    probabilities: np.ndarray
    radii: np.ndarray


def seen(image_set: ImageSet, judge: Judge, sha256: str, images: np.ndarray) -> Seen:
    """What a classifier sees in images of a set.

    Args:
        image_set: the set.
        judge: the classifier: a function of images to features and probabilities.
        sha256: SHA-256 of its weights.
        images: uint8 `(count, height, width, channels)`.

    Raises:
        UserError: if the set is not available.
    """
    builder = sources.prepare(image_set, lambda line: None)
    digest = hashlib.sha256(f"{PROTOCOL} {sha256}".encode())
    digest.update(images.tobytes())
    path = splits.cache(builder) / f"seen-{digest.hexdigest()[:16]}.npz"
    damaged = (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile)
    with contextlib.suppress(*damaged), np.load(path, allow_pickle=False) as kept:
        return Seen(*(kept[name].astype(np.float64) for name in Seen._fields))
    features, probabilities = judge(images)
    found = Seen(features, probabilities, neighbours.radii(features))
    buffer = io.BytesIO()
    # The network computes its features in float32, so they lose nothing.
    np.savez(buffer, **found._replace(features=features.astype(np.float32))._asdict())
    with contextlib.suppress(OSError):  # then it is computed each time
        path.parent.mkdir(parents=True, exist_ok=True)
        write_file(path, buffer.getvalue())
    return found

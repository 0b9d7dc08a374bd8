"""A training set that a library user passes: arrays, or a `tf.data.Dataset` that fits in memory."""

import math
from typing import Any

import numpy as np
import tensorflow as tf

from tfgan.contract import check_values
from tfgan.datasets.classes import Classes
from tfgan.datasets.training_set import InMemory
from tfgan.ground.errors import UserError, first_line

_READ_AT_ONCE = 1000
_INSTEAD = (
    "write the images to a folder and prepare it as a set, which can be streamed: python -m "
    "tfgan.data --images=FOLDER; or raise cache_limit_mb"
)


def open_given(data: Any, labelled: bool, cache_limit_mb: int) -> InMemory:
    """The training set of `data=`.

    Args:
        data: images `(size, height, width, channels)`, uint8 or floats in [-1, 1]; `(images,
            labels)`; or a finite `tf.data.Dataset` of single examples, which is read once.
        labelled: whether the run needs labels; otherwise they are ignored.
        cache_limit_mb: the most memory that a `tf.data.Dataset` may take, in MB (10^6 bytes).

    Raises:
        UserError: if the data have another type, shape or range.
    """
    if isinstance(data, tf.data.Dataset):
        data = _read(data, cache_limit_mb)
    images, labels = data if isinstance(data, (list, tuple)) and len(data) == 2 else (data, None)
    images = _images(images)
    if not labelled:
        return InMemory(images, whole=True)
    labels = _labels(labels, len(images))
    names = tuple(map(str, range(int(labels.max()) + 1)))
    return InMemory(images, "", labels, Classes.of(names, labels), whole=True)


def _images(images: Any) -> np.ndarray:
    if not isinstance(images, (np.ndarray, tf.Tensor)):
        raise UserError(
            f"data: is {_kind(images)}; must be an array of images, (images, labels), or a "
            "tf.data.Dataset of them"
        )
    images = np.asarray(images)
    if images.ndim != 4 or 0 in images.shape or images.shape[-1] not in (1, 3):
        raise UserError(
            f"data: the images have the shape {images.shape}; must be (size, height, width, "
            f"channels), with 1 or 3 channels"
        )
    if images.dtype == np.uint8:
        return images
    try:
        check_values(images)
    except UserError as error:
        raise UserError(f"data: {error}, or uint8") from None
    if images.min() >= 0:
        raise UserError(
            "data: the images lie in [0, 1]; floats must be in [-1, 1]: pass 2 * images - 1"
        )
    return images.astype(np.float32, copy=False)


def _labels(labels: Any, size: int) -> np.ndarray:
    if labels is None:
        raise UserError("data: a conditional run needs (images, labels)")
    labels = np.asarray(labels)
    if not np.issubdtype(labels.dtype, np.integer) or labels.shape != (size,):
        raise UserError(
            f"data: the labels have the type {labels.dtype} and the shape {labels.shape}; must be "
            f"whole numbers from 0, ({size},)"
        )
    if labels.min() < 0 or labels.min() == labels.max():
        raise UserError(
            f"data: the labels lie in [{labels.min()}, {labels.max()}]; must be whole numbers from "
            f"0, of several classes"
        )
    if labels.max() >= size:
        raise UserError(
            f"data: the labels lie in [{labels.min()}, {labels.max()}], more classes than the "
            f"{size:,} images; must be whole numbers from 0, one for each class"
        )
    return labels.astype(np.int64)


def _read(dataset: tf.data.Dataset, cache_limit_mb: int) -> tuple[np.ndarray, np.ndarray | None]:
    """All examples of a dataset, in its order."""
    spec = dataset.element_spec
    parts = spec if isinstance(spec, tuple) else (spec,)
    tensors = all(isinstance(part, tf.TensorSpec) for part in parts)
    if not (tensors and len(parts) in (1, 2) and parts[0].shape.rank in (3, None)):
        raise UserError(
            f"data: the tf.data.Dataset gives {spec}; must give single examples, an image (height, "
            f"width, channels) or (image, label): unbatch() or map() it"
        )
    count = int(dataset.cardinality())
    if count == tf.data.INFINITE_CARDINALITY:
        raise UserError("data: the tf.data.Dataset never ends; remove its repeat()")
    most = 1e6 * cache_limit_mb
    each = math.prod(parts[0].shape) * parts[0].dtype.size if parts[0].shape.num_elements() else 0
    if each * max(count, 0) > most:
        raise _too_large(f"takes {each * count / 1e6:,.0f} MB", cache_limit_mb)
    read: list[tuple[np.ndarray, ...]] = []
    size = 0
    try:
        for batch in dataset.batch(_READ_AT_ONCE).as_numpy_iterator():
            read.append(batch if isinstance(batch, tuple) else (batch,))
            size += read[-1][0].nbytes
            if size > most:
                raise _too_large("takes more", cache_limit_mb)
    except tf.errors.OpError as error:
        raise UserError(f"data: the tf.data.Dataset cannot be read: {first_line(error)}") from None
    if not read:
        raise UserError("data: the tf.data.Dataset is empty")
    images, *labels = (np.concatenate(columns) for columns in zip(*read, strict=True))
    return images, labels[0] if labels else None


def _too_large(what: str, cache_limit_mb: int) -> UserError:
    return UserError(
        f"data: the tf.data.Dataset {what} in memory, and cache_limit_mb={cache_limit_mb}; "
        f"{_INSTEAD}"
    )


def _kind(value: Any) -> str:
    return f"a {type(value).__module__}.{type(value).__qualname__}".replace("builtins.", "")

"""A TFDS image set as batches, a pure function of (seed, step)."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf
import tensorflow_datasets as tfds

from tfgan import noise
from tfgan.cluster.replicas import WHOLE, Share
from tfgan.datasets import damage, decoded, derived, sources
from tfgan.datasets.image_set import ImageSet
from tfgan.ground.errors import UserError

# TFDS keeps EMNIST as its authors do, with rows and columns swapped.
_TRANSPOSED = ("emnist",)
_CHUNK = 1000
_ALIGNMENT = 64  # bytes: where TensorFlow wants memory that it shares to begin
# Autograph takes time at each start, and has nothing to do in functions without branches.
_plain = tf.autograph.experimental.do_not_convert


def load_images(image_set: ImageSet, say: Callable[[str], None] = print) -> np.ndarray:
    """Loads images into memory, and prepares the set first if necessary.

    Args:
        image_set: the set and its split.
        say: called with each line of output.

    Returns:
        uint8 `(size, height, width, channels)` in [0, 255], in TFDS's own order.

    Raises:
        UserError: if the set is not available, or is not an image set.
    """
    return load(sources.prepare(image_set, say), image_set)[0]


def load_labelled(
    image_set: ImageSet, say: Callable[[str], None] = print
) -> tuple[np.ndarray, np.ndarray]:
    """Loads images with their labels; see `load_images`.

    Returns:
        The images, and int64 labels `(size,)`.

    Raises:
        UserError: if the set is not available, is not an image set, or has no labels.
    """
    return load(sources.prepare(image_set, say), image_set, labels=True)


def class_names(builder: tfds.core.DatasetBuilder, image_set: ImageSet) -> tuple[str, ...]:
    """The names of the classes of a prepared set, in the order of the labels.

    Raises:
        UserError: if it has no labels.
    """
    features = builder.info.features
    if not ("label" in features and hasattr(features["label"], "num_classes")):
        others = [key for key, feature in features.items() if hasattr(feature, "num_classes")]
        problem = "its images have no labels; use a set with classes, or pictures in sub-folders"
        if len(others) == 1:
            problem = f"its labels are called {others[0]}; --image_size prepares the set with them"
        raise UserError(f"--dataset={image_set.name}: {problem}")
    names = tuple(features["label"].names)
    return derived.SETS[image_set.name].names(names) if image_set.name in derived.SETS else names


def load(
    builder: tfds.core.DatasetBuilder,
    image_set: ImageSet,
    labels: bool = False,
    keep: bool = False,
) -> tuple[np.ndarray, np.ndarray]:
    """Loads a set that `sources.prepare` has prepared, decoded now or at an earlier start.

    Args:
        builder: builder of the prepared set.
        image_set: the set and its split.
        labels: whether labels are required.
        keep: whether to store decoded images beside the set also if `image_set` names its folder,
            which may come from somebody else's record.

    Returns:
        The images, and their labels, which can be None unless they are required; see
        `load_labelled`.
    """
    name = image_set.name
    split_info(builder, image_set)
    labels = labels or name in derived.SETS
    if labels:
        class_names(builder, image_set)
    arrays = decoded.kept(builder, image_set.split)
    if arrays is None or (labels and "labels" not in arrays):
        files = decoded.files(builder, image_set.split)
        arrays = _decode(builder, image_set)
        if keep or not image_set.data_dir:
            decoded.keep(builder, image_set.split, arrays, files)
    images, classes = arrays["images"], arrays.get("labels", np.zeros(0, np.int64))
    return derived.SETS[name].make(images, classes) if name in derived.SETS else (images, classes)


def _decode(builder: tfds.core.DatasetBuilder, image_set: ImageSet) -> dict[str, np.ndarray]:
    """The "images" of a split, and its "labels" if the set has classes."""
    size = split_info(builder, image_set).num_examples
    features = builder.info.features
    labelled = "label" in features and hasattr(features["label"], "num_classes")
    arrays = {"images": _aligned((size, *image_shape(builder)), features["image"].np_dtype)}
    if labelled:
        arrays["labels"] = np.zeros(size, np.int64)
    read = 0
    try:
        # In chunks: all at once, TensorFlow would hold each image by itself, and all together.
        for chunk in _examples(builder, image_set, labelled).batch(_CHUNK).as_numpy_iterator():
            part = slice(read, read + len(chunk["image"]))
            for name, array in arrays.items():
                array[part] = chunk[name.removesuffix("s")]
            read = part.stop
    except (tf.errors.OpError, OSError, ValueError, MemoryError) as error:
        raise damage.unreadable(image_set.name, builder, error) from None
    if read != size:
        lacking = f"{read:,} of {size:,} images are there"
        raise UserError(damage.damaged(image_set.name, builder, lacking))
    return arrays


def _examples(
    builder: tfds.core.DatasetBuilder, image_set: ImageSet, labels: bool = False
) -> tf.data.Dataset:
    """The examples of a split, in TFDS's own order: an "image" each, upright, and a "label"."""
    decoders = tfds.decode.PartialDecoding({"image": True} | ({"label": True} if labels else {}))
    config = tfds.ReadConfig(try_autocache=False)
    examples = builder.as_dataset(split=image_set.split, decoders=decoders, read_config=config)

    @_plain
    def stood(example: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        return {**example, "image": upright(example["image"], builder)}

    return examples.map(stood)


def upright(image: tf.Tensor, builder: tfds.core.DatasetBuilder) -> tf.Tensor:
    """An image `(height, width, channels)` turned upright: EMNIST is stored transposed."""
    return tf.transpose(image, (1, 0, 2)) if builder.name in _TRANSPOSED else image


def image_shape(builder: tfds.core.DatasetBuilder) -> tuple[int, ...]:
    """`(height, width, channels)` of the set's upright images."""
    height, width, channels = builder.info.features["image"].shape
    return (width, height, channels) if builder.name in _TRANSPOSED else (height, width, channels)


def split_info(
    builder: tfds.core.DatasetBuilder, image_set: ImageSet
) -> tfds.core.SplitInfo | tfds.core.splits.SubSplitInfo:
    """TFDS's information on a split, e.g. "train" or "train[:50000]".

    Raises:
        UserError: if the set has no such split, or it is empty.
    """
    name, split = image_set.name, image_set.split
    try:
        info = builder.info.splits[split]
    except Exception:  # whatever TFDS makes of it
        raise UserError(
            f"--split={split}: {name} has {', '.join(builder.info.splits)}, and parts of them "
            f"like {next(iter(builder.info.splits))}[:50%]"
        ) from None
    if info.num_examples <= 0:  # TFDS counts below 0 where a part ends before it begins
        raise UserError(f"--split={split}: that part of {name} is empty")
    return info


def in_common(builder: tfds.core.DatasetBuilder, one: ImageSet, other: ImageSet) -> int:
    """The number of examples that two splits of a set share, by their places in its files.

    Raises:
        UserError: if the set has no such split.
    """
    places = [
        [
            (part.filename, part.skip, part.examples_in_shard if part.take < 0 else part.take)
            for part in split_info(builder, image_set).file_instructions
        ]
        for image_set in (one, other)
    ]
    return sum(
        max(0, min(skip + take, start + length) - max(skip, start))
        for file, skip, take in places[0]
        for same, start, length in places[1]
        if file == same
    )


def first_images(image_set: ImageSet, count: int) -> np.ndarray:
    """Loads only the first images of a split, in TFDS's own order.

    Returns:
        uint8 `(min(count, size), height, width, channels)` in [0, 255].

    Raises:
        UserError: if the set is not available or lacks that split.
    """
    return _first(image_set, count)["image"]


def first_labelled(image_set: ImageSet, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Loads the first images with their labels; see `first_images`.

    Returns:
        The images, and int64 labels `(min(count, size),)`.

    Raises:
        UserError: if the set is not available, lacks that split, or has no labels.
    """
    found = _first(image_set, count, labels=True)
    return found["image"], found["label"].astype(np.int64)


def _first(image_set: ImageSet, count: int, labels: bool = False) -> dict[str, np.ndarray]:
    builder = sources.prepare(image_set, lambda line: None)
    if labels:
        class_names(builder, image_set)
    if image_set.name in derived.SETS or split_info(builder, image_set).num_examples <= count:
        images, classes = load(builder, image_set, labels)
        return {"image": images[:count], "label": classes[:count]}
    if stored := decoded.kept(builder, image_set.split):
        return {name.removesuffix("s"): array[:count] for name, array in stored.items()}
    try:
        chunk = next(iter(_examples(builder, image_set, labels).take(count).batch(count)))
    except (tf.errors.OpError, OSError, ValueError, MemoryError) as error:
        raise damage.unreadable(image_set.name, builder, error) from None
    return {name: value.numpy() for name, value in chunk.items()}


def to_unit(images: tf.Tensor) -> tf.Tensor:
    """Scales uint8 [0, 255] to float32 [-1, 1], like (x / 255 - 0.5) / 0.5; keeps floats.

    It multiplies and subtracts, because a division gives different bits in a graph and eagerly.
    """
    if tf.as_dtype(images.dtype).is_floating:
        return images
    return tf.cast(images, tf.float32) * np.float32(1 / 127.5) - 1


def _aligned(shape: tuple[int, ...], dtype: np.typing.DTypeLike) -> np.ndarray:
    size = math.prod(shape) * np.dtype(dtype).itemsize
    room = np.empty(size + _ALIGNMENT, np.uint8)
    start = -room.ctypes.data % _ALIGNMENT
    return room[start : start + size].view(dtype).reshape(shape)


def as_tensor(images: np.ndarray) -> tf.Tensor:
    """A tensor that shares the memory of loaded images; `tf.constant` would copy them twice.

    Images with another memory layout than TensorFlow's are copied once.

    Args:
        images: images of any shape and number type, which must not change any more.

    Returns:
        A tensor with the same values, always on the CPU.
    """
    flags = images.flags
    if images.ctypes.data % _ALIGNMENT or not (flags.c_contiguous and flags.writeable):
        copy = _aligned(images.shape, images.dtype)
        copy[...] = images
        images = copy
    return tf.experimental.dlpack.from_dlpack(images.__dlpack__())


def batch_at(images: np.ndarray, batch_size: int, seed: int, step: int) -> np.ndarray:
    """The unscaled batch `(batch_size, height, width, channels)` of step `step`."""
    epoch, index = divmod(step, len(images) // batch_size)
    order = noise.epoch_order(seed, epoch, len(images)).numpy()
    return images[order[index * batch_size : (index + 1) * batch_size]]


def batches(
    images: np.ndarray,
    batch_size: int,
    seed: int,
    first_step: int = 0,
    share: Share = WHOLE,
    labels: np.ndarray | None = None,
) -> tf.data.Dataset:
    """Endless training batches, from any step on.

    Each epoch has its own order of the images, and drops the remainder that does not fill a
    batch.

    Args:
        images: `(size, height, width, channels)`, uint8 or float32 in [-1, 1].
        batch_size: images in a global batch; a multiple of `share.replicas`.
        seed: the run's seed.
        first_step: the step of the first batch.
        share: the parts of each batch that this process gets.
        labels: labels of the images, int64 `(size,)`, or None.

    Returns:
        A dataset of float32 `(batch_size // share.replicas, height, width, channels)` in [-1, 1],
        `share.count` for each step; with labels, of pairs (images, labels).
    """
    size = len(images)
    steps = size // batch_size
    first_epoch, done = divmod(first_step, steps)
    pixels = as_tensor(images)
    classes = None if labels is None else tf.constant(labels)

    @_plain
    def batch(indices: tf.Tensor) -> Any:
        found = to_unit(tf.gather(pixels, indices))
        return found if classes is None else (found, tf.gather(classes, indices))

    @_plain
    def order_in_parts(epoch: tf.Tensor) -> tf.data.Dataset:
        order = noise.epoch_order(seed, epoch, size)[: steps * batch_size]
        parts = tf.reshape(order, (steps, share.replicas, batch_size // share.replicas))
        own = parts[:, share.first : share.first + share.count]
        return tf.data.Dataset.from_tensor_slices(tf.reshape(own, (-1, parts.shape[-1])))

    return (
        tf.data.Dataset.range(first_epoch, tf.int64.max)
        .flat_map(order_in_parts)
        .skip(done * share.count)
        .map(batch, num_parallel_calls=2)
        .apply(tf.data.experimental.assert_cardinality(tf.data.INFINITE_CARDINALITY))
        .prefetch(4)
    )

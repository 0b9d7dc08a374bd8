"""An image set to train on: in memory if it fits, else streamed from its files."""

import hashlib
import json
import math
import pathlib
from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf
import tensorflow_datasets as tfds

from tfgan import noise
from tfgan.cluster.replicas import WHOLE, Share
from tfgan.datasets import damage, derived, pipeline, sources
from tfgan.datasets.classes import Classes
from tfgan.datasets.image_set import ImageSet
from tfgan.ground import pictures
from tfgan.ground.errors import UserError
from tfgan.noise import Stream

_FILES_AT_ONCE = 16
_MEAN_BYTES = 2**28
_LABELS = 10_000  # that are read at once
_HASHED_IMAGES = 1000  # at equal distances: all of a large set would take seconds


class InMemory:
    """A decoded set; see `pipeline.batches`.

    Args:
        images: `(size, height, width, channels)`, uint8 or float32 in [-1, 1].
        version: of the set, by TFDS.
        labels: of the images, int64 `(size,)`, or None.
        classes: of the labels.
        whole: whether its hash is of all images: nobody has checked them before.

    Attributes:
        shape: `(size, height, width, channels)`.
        classes: of the labels; None without.
        read_errors: what TensorFlow raises while it trains, if the set's files are damaged.
    """

    read_errors: tuple[type[Exception], ...] = ()

    def __init__(
        self,
        images: np.ndarray,
        version: str = "",
        labels: np.ndarray | None = None,
        classes: Classes | None = None,
        whole: bool = False,
    ):
        self.shape = images.shape
        self.classes = classes
        self._images = images
        self._labels = labels
        self._version = version
        self._hashed_every = 1 if whole else max(1, len(images) // _HASHED_IMAGES)

    def check(self) -> None:
        """Does nothing: the files have been read."""

    def batches(
        self, batch_size: int, seed: int, first_step: int = 0, share: Share = WHOLE
    ) -> tf.data.Dataset:
        """Endless batches, of pairs where there are labels; see `pipeline.batches`."""
        images, labels = self._images, self._labels
        return pipeline.batches(images, batch_size, seed, first_step, share, labels)

    def batch_at(self, batch_size: int, seed: int, step: int) -> np.ndarray:
        """The uint8 batch that step number `step` gets."""
        batch = pipeline.batch_at(self._images, batch_size, seed, step)
        return batch if batch.dtype == np.uint8 else pictures.to_uint8(batch)

    def identity(self) -> dict[str, Any]:
        """What tells this set from another of its name: version, shape, a hash of the content.

        With labels, their classes and a hash of them too.
        """
        some = self._images[:: self._hashed_every]
        labels = b"" if self._labels is None else self._labels.tobytes()
        return _identity(self._version, self.shape, some.tobytes(), self.classes, labels)


class Streamed:
    """A set that stays on disk, in an order that is a pure function of (seed, epoch).

    An epoch reads the shards in an order of its own, 16 at once, shuffles within windows, and
    visits each image once. To begin inside an epoch it reads, but does not decode, what comes
    before.

    Args:
        builder: the prepared set, its files TFRecords.
        split: which of its splits.
        window: how many encoded images are shuffled together.
        names: of its classes, if its labels are wanted.

    Attributes:
        shape: `(size, height, width, channels)`.
        classes: of the labels; None without.
        read_errors: what TensorFlow raises while it trains, if the set's files are damaged; and
            for other reasons: `check` tells.
    """

    read_errors: tuple[type[Exception], ...] = (
        tf.errors.DataLossError,
        tf.errors.InvalidArgumentError,
        tf.errors.NotFoundError,
    )

    def __init__(
        self,
        builder: tfds.core.DatasetBuilder,
        split: str,
        window: int,
        names: tuple[str, ...] = (),
    ):
        info = builder.info.splits[split]
        features = builder.info.features
        self.shape = (info.num_examples, *pipeline.image_shape(builder))
        self._builder = builder
        self._files = [str(path) for path in info.filepaths]
        self._feature = tfds.decode.PartialDecoding({"image": True}).extract_features(features)
        label = tfds.decode.PartialDecoding({"label": True})
        self._label: Any = label.extract_features(features) if names else None
        self._window = window
        labels = self._labels() if names else np.zeros(0, np.int64)
        self._labels_bytes = labels.tobytes()
        self.classes = Classes.of(names, labels, split) if names else None

    def check(self) -> None:
        """Reads and decodes all images once.

        Raises:
            UserError: if that cannot be done; it says why.
        """
        examples = tf.data.TFRecordDataset(self._files).map(self._decode)
        try:
            for _ in examples:
                pass
        except (tf.errors.OpError, OSError, ValueError) as error:
            raise damage.unreadable(self._builder.name, self._builder, error) from None

    def _decode(self, example: tf.Tensor) -> Any:
        image = self._feature.deserialize_example(example)["image"]
        image = pipeline.upright(image, self._builder)
        return image if self._label is None else (image, self._decode_label(example))

    def _decode_label(self, example: tf.Tensor) -> tf.Tensor:
        return tf.cast(self._label.deserialize_example(example)["label"], tf.int64)

    def _labels(self) -> np.ndarray:
        """All labels, int64 `(size,)`, in the files' order.

        Raises:
            UserError: if they cannot be read.
        """
        labels = tf.data.TFRecordDataset(self._files).map(self._decode_label).batch(_LABELS)
        try:
            return np.concatenate(list(labels.as_numpy_iterator()))
        except (tf.errors.OpError, OSError, ValueError) as error:
            raise damage.unreadable(self._builder.name, self._builder, error) from None

    def batches(
        self, batch_size: int, seed: int, first_step: int = 0, share: Share = WHOLE
    ) -> tf.data.Dataset:
        """Endless batches, as those of `pipeline.batches`."""
        return (
            self._batches(batch_size, seed, first_step, share)
            .map(_images_to_unit)
            .apply(tf.data.experimental.assert_cardinality(tf.data.INFINITE_CARDINALITY))
            .prefetch(4)
        )

    def batch_at(self, batch_size: int, seed: int, step: int) -> np.ndarray:
        """The uint8 batch that step number `step` gets; reads what its epoch has before it."""
        batch = next(self._batches(batch_size, seed, step, WHOLE).as_numpy_iterator())
        return batch if self._label is None else batch[0]

    def identity(self) -> dict[str, Any]:
        """As that of `InMemory`, but that the first hash is of the files' sizes."""
        sizes = [pathlib.Path(file).stat().st_size for file in self._files]
        files = json.dumps(sizes).encode()
        version = str(self._builder.version)
        return _identity(version, self.shape, files, self.classes, self._labels_bytes)

    def _batches(
        self, batch_size: int, seed: int, first_step: int, share: Share
    ) -> tf.data.Dataset:
        size = self.shape[0]
        windows = math.ceil(size / self._window)
        steps = size // batch_size
        first_epoch, done = divmod(first_step, steps)

        def epoch_examples(epoch: tf.Tensor) -> tf.data.Dataset:
            order = noise.permutation(seed, Stream.SHARD_ORDER, epoch, len(self._files))

            def shuffled(index: tf.Tensor, examples: tf.Tensor) -> tf.data.Dataset:
                order = noise.permutation(
                    seed, Stream.WINDOW_ORDER, epoch * windows + index, tf.shape(examples)[0]
                )
                return tf.data.Dataset.from_tensor_slices(tf.gather(examples, order))

            return (
                tf.data.Dataset.from_tensor_slices(tf.gather(self._files, order))
                .interleave(tf.data.TFRecordDataset, cycle_length=_FILES_AT_ONCE)
                .batch(self._window)
                .enumerate()
                .flat_map(shuffled)
                .take(steps * batch_size)
            )

        def ours(part: tf.Tensor, examples: tf.Tensor) -> tf.Tensor:
            place = part % share.replicas
            return (share.first <= place) & (place < share.first + share.count)

        return (
            tf.data.Dataset.range(first_epoch, tf.int64.max)
            .flat_map(epoch_examples)
            .skip(done * batch_size)
            .batch(batch_size // share.replicas, drop_remainder=True)
            .enumerate()
            .filter(ours)
            .map(lambda part, examples: examples)
            .unbatch()
            .map(self._decode, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)
            .batch(batch_size // share.replicas, drop_remainder=True)
        )


def _images_to_unit(images: tf.Tensor, *labels: tf.Tensor) -> Any:
    return (pipeline.to_unit(images), *labels) if labels else pipeline.to_unit(images)


def _identity(
    version: str,
    shape: tuple[int, ...],
    content: bytes,
    classes: Classes | None,
    labels: bytes,
) -> dict[str, Any]:
    digest = hashlib.sha256(content).hexdigest()
    identity = {"version": version, "shape": list(shape), "fingerprint": digest}
    if classes is None:
        return identity
    # As JSON gives it back.
    known = {"names": list(classes.names), "counts": list(classes.counts)}
    return identity | {"classes": known, "labels": hashlib.sha256(labels).hexdigest()}


def mean_image(data: InMemory | Streamed) -> np.ndarray:
    """The mean of the images that fit in 256 MiB, all of a small set, in [0, 1].

    Returns:
        float64 `(height, width, channels)`.
    """
    most = max(1, _MEAN_BYTES // math.prod(data.shape[1:]))
    return data.batch_at(min(data.shape[0], most), 0, 0).mean(axis=0) / 255


def open_set(
    image_set: ImageSet,
    cache_limit_mb: int = 1024,
    say: Callable[[str], None] = print,
    labelled: bool = False,
) -> InMemory | Streamed:
    """Opens an image set, preparing it first if need be.

    Args:
        image_set: which, and which split.
        cache_limit_mb: a set that takes more, decoded, is streamed; in MB (10^6 bytes). Half of
            it holds the window that a streamed set is shuffled in. A set of `derived.SETS` is
            always in memory.
        say: takes each line that a user should read.
        labelled: whether its batches come with labels.

    Raises:
        UserError: if the set or the split cannot be had, or cannot be streamed; or if labels are
            wanted and there are none, or of one class only.
    """
    name, split = image_set.name, image_set.split
    builder = sources.prepare(image_set, say)
    info = pipeline.split_info(builder, image_set)
    names = pipeline.class_names(builder, image_set) if labelled else ()
    decoded = info.num_examples * math.prod(pipeline.image_shape(builder))
    if name in derived.SETS or decoded <= 1e6 * cache_limit_mb:
        images, labels = pipeline.load(builder, image_set, labelled, keep=True)
        if not labelled:
            return InMemory(images, str(builder.version))
        classes = Classes.of(names, labels, split)
        return _of_several(InMemory(images, str(builder.version), labels, classes), image_set)
    size = f"takes {decoded / 1e6:,.0f} MB in memory, more than --cache_limit_mb={cache_limit_mb}"
    kind = builder.info.file_format
    if kind != tfds.core.FileFormat.TFRECORD:
        raise UserError(f"--dataset={name}: {size}, and files of kind {kind.value} do not stream")
    if split not in builder.info.splits:
        raise UserError(
            f"--split={split}: {name} {size}, and only whole splits stream "
            f"({', '.join(builder.info.splits)}); raise that limit"
        )
    window = max(1, int(1e6 * cache_limit_mb / 2 / (info.num_bytes / info.num_examples)))
    say(f"Data: {name} {size}; streaming {info.num_shards} files")
    data = Streamed(builder, split, window, names)
    return _of_several(data, image_set) if labelled else data


def _of_several(data: InMemory | Streamed, image_set: ImageSet) -> InMemory | Streamed:
    """The set, if it has images of two classes or more."""
    counts = data.classes.counts if data.classes else ()
    if sum(count > 0 for count in counts) < 2:
        raise UserError(
            f"--dataset={image_set.name}: all images of --split={image_set.split} are of one "
            "class; use a split with several"
        )
    return data

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
from tfgan.datasets import derived, pipeline, sources
from tfgan.datasets.image_set import ImageSet
from tfgan.ground.errors import UserError
from tfgan.noise import Stream

_FILES_AT_ONCE = 16
_MEAN_BYTES = 2**28
_HASHED_IMAGES = 1000  # at equal distances: all of a large set would take seconds


class InMemory:
    """A decoded set; see `pipeline.batches`.

    Args:
        images: uint8 `(size, height, width, channels)`.
        version: of the set, by TFDS.

    Attributes:
        shape: `(size, height, width, channels)`.
        read_errors: what TensorFlow raises while it trains, if the set's files are damaged.
    """

    read_errors: tuple[type[Exception], ...] = ()

    def __init__(self, images: np.ndarray, version: str = ""):
        self.shape = images.shape
        self._images = images
        self._version = version

    def check(self) -> None:
        """Does nothing: the files have been read."""

    def batches(
        self, batch_size: int, seed: int, first_step: int = 0, share: Share = WHOLE
    ) -> tf.data.Dataset:
        """Endless batches; see `pipeline.batches`."""
        return pipeline.batches(self._images, batch_size, seed, first_step, share)

    def batch_at(self, batch_size: int, seed: int, step: int) -> np.ndarray:
        """The uint8 batch that step number `step` gets."""
        return pipeline.batch_at(self._images, batch_size, seed, step)

    def identity(self) -> dict[str, Any]:
        """What tells this set from another of its name: version, shape, a hash of the content."""
        some = self._images[:: max(1, len(self._images) // _HASHED_IMAGES)]
        return _identity(self._version, self.shape, some.tobytes())


class Streamed:
    """A set that stays on disk, in an order that is a pure function of (seed, epoch).

    An epoch reads the shards in an order of its own, 16 at once, shuffles within windows, and
    visits each image once. To begin inside an epoch it reads, but does not decode, what comes
    before.

    Args:
        builder: the prepared set, its files TFRecords.
        split: which of its splits.
        window: how many encoded images are shuffled together.

    Attributes:
        shape: `(size, height, width, channels)`.
        read_errors: what TensorFlow raises while it trains, if the set's files are damaged; and
            for other reasons: `check` tells.
    """

    read_errors: tuple[type[Exception], ...] = (
        tf.errors.DataLossError,
        tf.errors.InvalidArgumentError,
        tf.errors.NotFoundError,
    )

    def __init__(self, builder: tfds.core.DatasetBuilder, split: str, window: int):
        info = builder.info.splits[split]
        features = builder.info.features
        self.shape = (info.num_examples, *pipeline.image_shape(builder))
        self._builder = builder
        self._files = [str(path) for path in info.filepaths]
        self._feature = tfds.decode.PartialDecoding({"image": True}).extract_features(features)
        self._window = window

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
            raise pipeline.unreadable(self._builder.name, self._builder, error) from None

    def _decode(self, example: tf.Tensor) -> tf.Tensor:
        image = self._feature.deserialize_example(example)["image"]
        return pipeline.upright(image, self._builder)

    def batches(
        self, batch_size: int, seed: int, first_step: int = 0, share: Share = WHOLE
    ) -> tf.data.Dataset:
        """Endless batches, as those of `pipeline.batches`."""
        return (
            self._batches(batch_size, seed, first_step, share)
            .map(pipeline.to_unit)
            .apply(tf.data.experimental.assert_cardinality(tf.data.INFINITE_CARDINALITY))
            .prefetch(4)
        )

    def batch_at(self, batch_size: int, seed: int, step: int) -> np.ndarray:
        """The uint8 batch that step number `step` gets; reads what its epoch has before it."""
        return next(self._batches(batch_size, seed, step, WHOLE).as_numpy_iterator())

    def identity(self) -> dict[str, Any]:
        """As that of `InMemory`, but that the hash is of the files' sizes."""
        sizes = [pathlib.Path(file).stat().st_size for file in self._files]
        return _identity(str(self._builder.version), self.shape, json.dumps(sizes).encode())

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


def _identity(version: str, shape: tuple[int, ...], content: bytes) -> dict[str, Any]:
    digest = hashlib.sha256(content).hexdigest()
    return {"version": version, "shape": list(shape), "fingerprint": digest}


def mean_image(data: InMemory | Streamed) -> np.ndarray:
    """The mean of the images that fit in 256 MiB, all of a small set, in [0, 1].

    Returns:
        float64 `(height, width, channels)`.
    """
    most = max(1, _MEAN_BYTES // math.prod(data.shape[1:]))
    return data.batch_at(min(data.shape[0], most), 0, 0).mean(axis=0) / 255


def open_set(
    image_set: ImageSet, cache_limit_mb: int = 1024, say: Callable[[str], None] = print
) -> InMemory | Streamed:
    """Opens an image set, preparing it first if need be.

    Args:
        image_set: which, and which split.
        cache_limit_mb: a set that takes more, decoded, is streamed; in MB (10^6 bytes). Half of
            it holds the window that a streamed set is shuffled in. A set of `derived.SETS` is
            always in memory.
        say: takes each line that a user should read.

    Raises:
        UserError: if the set or the split cannot be had, or cannot be streamed.
    """
    name, split = image_set.name, image_set.split
    builder = sources.prepare(image_set, say)
    info = pipeline.split_info(builder, image_set)
    decoded = info.num_examples * math.prod(pipeline.image_shape(builder))
    if name in derived.SETS or decoded <= 1e6 * cache_limit_mb:
        return InMemory(pipeline.load(builder, image_set), str(builder.version))
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
    return Streamed(builder, split, window)

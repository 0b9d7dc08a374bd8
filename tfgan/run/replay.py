"""The data of your own `fit`, from any step on, for `ExactBackup`."""

import dataclasses
import hashlib
from collections.abc import Callable, Iterator
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tfgan import contract
from tfgan.datasets import pipeline
from tfgan.datasets.training_set import InMemory
from tfgan.gan import GAN
from tfgan.ground.errors import UserError, first_line


@dataclasses.dataclass(frozen=True)
class Data:
    """Batches that are a pure function of their number.

    Attributes:
        steps_per_epoch: number of batches in an epoch.
        identity: a value for JSON that distinguishes these data from others.
        batches: a function from the first step to endless batches from there on.
    """

    steps_per_epoch: int
    identity: dict[str, Any]
    batches: Callable[[int], tf.data.Dataset]


def data_of(gan: GAN, given: dict[str, Any]) -> Data:
    """The data of `fit`.

    Args:
        gan: the model.
        given: the arguments of `fit`, by name.

    Raises:
        UserError: if the data are not the same batches in each process.
    """
    x, y, steps = (given.get(name) for name in ("x", "y", "steps_per_epoch"))
    if given.get("initial_epoch"):
        raise UserError("initial_epoch: leave it out; ExactBackup sets it")
    if given.get("validation_split"):
        raise UserError("validation_split: ExactBackup cannot split x; use validation_data")
    if isinstance(x, (np.ndarray, tf.Tensor)):
        batch = given.get("batch_size") or contract.BATCH_SIZE
        images = np.asarray(x).astype(keras.config.floatx(), copy=False)
        labels = np.asarray(y) if gan.classes else None
        if given.get("shuffle", True):
            if len(images) < batch:
                raise UserError(f"batch_size={batch}: x has only {len(images):,} images")
            return _of_arrays(images, labels, batch, gan.seed, steps)
        x = tf.data.Dataset.from_tensor_slices(images if labels is None else (images, labels))
        x = x.batch(batch)
    if not isinstance(x, tf.data.Dataset):
        raise UserError(
            "x: ExactBackup can resume arrays and a tf.data.Dataset, but not a "
            f"{type(x).__name__}, whose position it cannot restore; wrap a generator with "
            "tf.data.Dataset.from_generator"
        )
    return _of_dataset(x, steps)


def _of_arrays(
    images: np.ndarray, labels: np.ndarray | None, batch: int, seed: int, steps: int | None
) -> Data:
    """Data from arrays, in the order of a run: by seed and epoch."""
    known = InMemory(images, labels=labels, whole=True).identity()
    content = {name: known[name] for name in ("shape", "fingerprint")}
    if labels is not None:
        content["labels"] = hashlib.sha256(labels.tobytes()).hexdigest()
    return Data(
        steps or len(images) // batch,
        {**content, "batch_size": batch},
        lambda position: pipeline.batches(images, batch, seed, position, labels=labels),
    )


def _of_dataset(x: tf.data.Dataset, steps: int | None) -> Data:
    """Data from a dataset in its own order, repeated if it ends."""
    count = int(x.cardinality())
    endless = count == tf.data.INFINITE_CARDINALITY
    if steps is None and count <= 0:
        raise UserError(
            "x: the tf.data.Dataset does not know how many batches it has; pass steps_per_epoch"
        )
    if any(map(_is_unseeded, _parts(x))):
        raise UserError(
            "x: the tf.data.Dataset is shuffled without a seed, so its order cannot be restored; "
            "use shuffle(..., seed=...)"
        )
    # Each process looks twice, so that a shuffle is at the same place in its random numbers.
    first, second = _first_batch(x), _first_batch(x)
    repeated = x if endless else x.repeat()

    def batches(position: int) -> tf.data.Dataset:
        if first == second and count > 0:  # all epochs are alike
            rest = x.skip(position % count).concatenate(repeated)
        else:
            rest = repeated.skip(position)
        return rest.apply(tf.data.experimental.assert_cardinality(tf.data.INFINITE_CARDINALITY))

    epoch = steps or count
    return Data(epoch, {"steps_per_epoch": epoch, "first batch": first}, batches)


def _parts(dataset: tf.data.Dataset) -> Iterator[tf.data.Dataset]:
    """A dataset and all datasets that it is made from."""
    yield dataset
    for each in dataset._inputs():
        yield from _parts(each)


def _is_unseeded(dataset: tf.data.Dataset) -> bool:
    """Whether a dataset shuffles without a seed."""
    seeds = [getattr(dataset, name, None) for name in ("_seed", "_seed2")]
    return all(seed is not None and int(seed) == 0 for seed in seeds)


def _first_batch(dataset: tf.data.Dataset) -> str:
    """A hash of the first batch.

    Raises:
        UserError: if there is no batch.
    """
    try:
        for batch in dataset.take(1):
            parts = [np.asarray(part) for part in tf.nest.flatten(batch)]
            content = b"".join(part.tobytes() for part in parts)
            return hashlib.sha256(content).hexdigest()
    except tf.errors.OpError as error:
        raise UserError(f"x: the tf.data.Dataset cannot be read: {first_line(error)}") from None
    raise UserError("x: the tf.data.Dataset is empty")

"""Errors in reading a prepared set: whether its files are damaged."""

import tensorflow as tf
import tensorflow_datasets as tfds

from tfgan.ground.errors import UserError, first_line

# Of what reads files and decodes images. UserError, a ValueError too, is not raised there.
_OF_DAMAGE = (
    tf.errors.FailedPreconditionError,  # fewer images than the set is said to have
    tf.errors.DataLossError,
    tf.errors.InvalidArgumentError,
    tf.errors.NotFoundError,
    FileNotFoundError,
    ValueError,
)


def unreadable(name: str, builder: tfds.core.DatasetBuilder, error: Exception) -> UserError:
    """What stopped the reading of a prepared set, where nothing else was done.

    Args:
        name: of the set.
        builder: the prepared set.
        error: what was raised.
    """
    text = first_line(error)
    few_files = "open files" in text  # to TensorFlow, a resource too
    if isinstance(error, (tf.errors.ResourceExhaustedError, MemoryError)) and not few_files:
        return UserError(f"--dataset={name}: does not fit in memory")
    if isinstance(error, _OF_DAMAGE):
        return UserError(damaged(name, builder, text))
    advice = "; raise that limit: ulimit -n" if few_files else ""
    return UserError(f"--dataset={name}: {builder.data_path} cannot be read: {text}{advice}")


def damaged(name: str, builder: tfds.core.DatasetBuilder, text: str) -> str:
    """What is said of a set whose prepared files are not whole, and what helps."""
    return (
        f"--dataset={name}: its prepared files in {builder.data_path} are damaged ({text}); "
        "remove that folder and rerun the command to prepare the set again"
    )

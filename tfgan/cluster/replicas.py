"""What the replicas of a strategy share: parts of a batch, and values that all compute alike."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf


@dataclasses.dataclass(frozen=True)
class Share:
    """The parts of every batch that a process gets: `count` of `replicas` equal parts.

    Attributes:
        replicas: number of equal parts of a batch.
        first: index of the first part of this process.
        count: number of its parts, each of which is a separate batch.
    """

    replicas: int = 1
    first: int = 0
    count: int = 1


WHOLE = Share()


def assign_alike(variables: Sequence[Any], values: Sequence[tf.Tensor]) -> None:
    """Assigns, inside a training step, values that all replicas have computed alike.

    Each replica keeps its own, like an optimizer, and nothing is communicated.
    """

    def assign(made: tf.distribute.Strategy, *each: Any) -> None:
        for variable, value in zip(variables, each, strict=True):
            made.extended.update(
                variable.value, lambda own, new: own.assign(new), args=(value,), group=False
            )

    context = tf.distribute.get_replica_context()
    if context.num_replicas_in_sync == 1:
        for variable, value in zip(variables, values, strict=True):
            variable.assign(value)
    else:
        context.merge_call(assign, args=tuple(values))


def places(count: tf.Tensor | int) -> tf.Tensor:
    """The places of this replica's `count` rows in the global batch, int32 `(count,)`."""
    context = tf.distribute.get_replica_context()
    return count * context.replica_id_in_sync_group + tf.range(count)


class Mean(keras.metrics.Mean):
    """The mean of values on which all replicas agree, stored like weights.

    Keras' own metric stores a part on each replica, which only all workers together can read.
    """

    def add_variable(
        self,
        shape: Any,
        initializer: Any,
        dtype: Any = None,
        aggregation: str = "only_first_replica",
        name: str | None = None,
    ) -> keras.Variable:
        return keras.Variable(
            keras.initializers.get(initializer),
            shape=shape,
            dtype=dtype,
            trainable=False,
            aggregation="only_first_replica",
            name=name,
        )

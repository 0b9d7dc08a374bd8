"""What the replicas of a strategy share: parts of a batch, and values that all compute alike."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf


@dataclasses.dataclass(frozen=True)
class Share:
    """Which parts of every batch a process gets: `count` of `replicas` equal ones.

    Attributes:
        replicas: equal parts of a batch.
        first: the first part of this process.
        count: how many it gets, each as a batch of its own.
    """

    replicas: int = 1
    first: int = 0
    count: int = 1


WHOLE = Share()


def assign_alike(variables: Sequence[Any], values: Sequence[tf.Tensor]) -> None:
    """Assigns, inside a training step, values that all replicas have worked out alike.

    Each replica keeps its own, as an optimizer does, and nothing is sent.
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
    """The places in the global batch that this replica's `count` rows have, int32 `(count,)`."""
    context = tf.distribute.get_replica_context()
    return count * context.replica_id_in_sync_group + tf.range(count)


class Mean(keras.metrics.Mean):
    """The mean of values that all replicas agree on, kept as weights are.

    Keras' own keeps parts of it on each replica, which only all workers together can read.
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

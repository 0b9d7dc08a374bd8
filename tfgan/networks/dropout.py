"""Dropout whose masks are a pure function of seed and step."""

import contextlib
import contextvars
import enum
import math
from collections.abc import Iterator
from typing import Any

import keras
import tensorflow as tf

from tfgan import noise
from tfgan.noise import Stream


class Pass(enum.IntEnum):
    """What a discriminator judges; each pass of a training step has masks of its own."""

    REAL = 0
    FAKE = 1
    REAL_FOR_GENERATOR = 2
    FAKE_FOR_GENERATOR = 3
    BETWEEN = 4

    def of_turn(self, turn: int) -> int:
        """The number of this pass in one of a step's several updates of D."""
        return int(self) + turn * len(Pass)


_current: contextvars.ContextVar[tuple[tf.Tensor | int, int]] = contextvars.ContextVar("pass")


@contextlib.contextmanager
def forward_pass(step: tf.Tensor | int, which: int) -> Iterator[None]:
    """Tells the dropout layers inside which step and `Pass` of a training they are called in."""
    token = _current.set((step, which))
    try:
        yield
    finally:
        _current.reset(token)


@keras.saving.register_keras_serializable("tfgan")
class Dropout(keras.layers.Layer):
    """Sets numbers to 0 with probability `rate` and divides the others by 1 - rate.

    Only while training, inside `forward_pass`. The mask of an example depends on its place in
    the *global* batch, so that replicas which share a batch drop what one device would.

    Args:
        rate: in [0, 1).
        seed: the run's seed.
        index: which dropout layer of the network.

    Reference:
        Srivastava et al., Dropout, JMLR 2014.
    """

    def __init__(self, rate: float, seed: int = 777, index: int = 0, **kwargs: Any):
        super().__init__(**kwargs)
        self.rate = rate
        self.seed = seed
        self.index = index

    def call(self, inputs: tf.Tensor, training: bool = False) -> tf.Tensor:
        """Drops numbers of `(batch, ...)`.

        Raises:
            RuntimeError: if it is to drop some and is not inside `forward_pass`.
        """
        if not training:
            return inputs
        try:
            step, which = _current.get()
        except LookupError:
            raise RuntimeError(
                "this network has dropout: with training=True, call it inside "
                "tfgan.networks.dropout.forward_pass(step, which)"
            ) from None
        shape = tf.shape(inputs)
        width = math.prod(inputs.shape[1:])
        context = tf.distribute.get_replica_context()
        first = shape[0] * context.replica_id_in_sync_group * width
        index = tf.reshape(first + tf.range(shape[0] * width), shape)
        key = noise.derive_seed(self.seed, Stream.DROPOUT, self.index)
        bits = noise.hashed_bits(key, step, int(which), index)
        kept = bits >= tf.constant(min(round(self.rate * 2**32), 2**32 - 1), tf.uint32)
        return tf.where(kept, inputs * (1 / (1 - self.rate)), tf.zeros_like(inputs))

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"rate": self.rate, "seed": self.seed, "index": self.index}

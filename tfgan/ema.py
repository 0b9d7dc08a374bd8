"""An exponential moving average of the generator: the same network with smoothed weights."""

import keras
import tensorflow as tf

from tfgan.cluster import replicas
from tfgan.ground.errors import UserError


def clone(
    network: keras.Model, purpose: str = "its moving average", option: str = "ema=0"
) -> keras.Model:
    """A network with the same layers and weights, and its own variables.

    Args:
        network: the network to clone.
        purpose: what the clone is for, for the error message.
        option: the option that avoids the clone, for the error message.

    Raises:
        UserError: if it cannot be cloned.
    """
    try:
        average = keras.models.clone_model(network)
    except (TypeError, ValueError, NotImplementedError):
        raise UserError(
            f"{network.name}: cannot be cloned for {purpose}; use a functional or Sequential "
            f"model, or {option}"
        ) from None
    average.set_weights(network.get_weights())
    return average


def update(average: keras.Model, network: keras.Model, decay: float, step: tf.Tensor) -> None:
    """Moves each weight of `average` a little towards that of `network`.

    w_average <- d w_average + (1 - d) w, with d = min(decay, (1 + step) / (10 + step)), so that
    the first, random weights are soon forgotten (as in `tf.train.ExponentialMovingAverage`).
    Batch normalisation's statistics, which are not trained, are copied.

    Args:
        average: a `clone` of `network`.
        network: the network after its update.
        decay: the share of the old average that is kept, in (0, 1).
        step: number of training steps before this one.
    """
    values = []
    for old, new in zip(average.weights, network.weights, strict=True):
        if new.trainable:
            t = tf.cast(step, new.dtype)
            d = tf.minimum(tf.constant(decay, new.dtype), (1 + t) / (10 + t))
            values.append(new.value + d * (old.value - new.value))
        else:
            values.append(tf.convert_to_tensor(new.value))
    replicas.assign_alike(average.weights, values)

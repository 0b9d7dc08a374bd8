"""Where the work goes: `tf.distribute` strategies by name."""

import tensorflow as tf

from tfgan.errors import UserError


def _one_device() -> tf.distribute.Strategy:
    return tf.distribute.get_strategy()


def _mirrored() -> tf.distribute.Strategy:
    gpus = tf.config.list_logical_devices("GPU")
    devices = gpus or tf.config.list_logical_devices("CPU")
    return tf.distribute.MirroredStrategy([device.name for device in devices])


def _auto() -> tf.distribute.Strategy:
    return _mirrored() if len(tf.config.list_logical_devices("GPU")) > 1 else _one_device()


STRATEGIES = {"auto": _auto, "one_device": _one_device, "mirrored": _mirrored}


def strategy(name: str, batch_size: int) -> tf.distribute.Strategy:
    """Makes the strategy of that name.

    Args:
        name: "auto", "one_device" or "mirrored".
        batch_size: the global batch.

    Raises:
        UserError: if the batch cannot be shared evenly.
    """
    made = STRATEGIES[name]()
    replicas = made.num_replicas_in_sync
    if batch_size % replicas:
        low = batch_size // replicas * replicas
        near = " or ".join(str(size) for size in (low, low + replicas) if size)
        raise UserError(
            f"--batch_size={batch_size}: {replicas} devices cannot share it evenly; take {near}"
        )
    return made


def describe(made: tf.distribute.Strategy) -> str:
    """The devices in words, e.g. "one CPU" or "2 mirrored GPUs"."""
    if made.num_replicas_in_sync > 1:
        kind = tf.DeviceSpec.from_string(made.extended.worker_devices[0]).device_type
        return f"{made.num_replicas_in_sync} mirrored {kind}s"
    return "one GPU" if tf.config.list_physical_devices("GPU") else "one CPU"

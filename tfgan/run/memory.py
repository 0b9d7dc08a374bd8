"""Checks that a run fits in memory before its first step; TensorFlow would end silently."""

import math

import keras
import psutil

from tfgan.gan import GAN
from tfgan.ground.errors import UserError

try:
    import resource
except ImportError:  # not on Windows
    resource = None  # type: ignore[assignment]


def check(gan: GAN, batch_size: int) -> None:
    """Compares what one step cannot do without with the memory that is free.

    D's step keeps what each layer with weights gives for the real and for the fake batch; each
    weight has a gradient and two moments. The true need is higher, so passing is no promise.

    Raises:
        UserError: if it is more than there is.
    """
    outputs = sum(_outputs(layer) for layer in gan.discriminator.layers if layer.weights)
    weights = gan.generator.count_params() + gan.discriminator.count_params()
    needed = 4 * (2 * batch_size * outputs + 2 * weights)
    free = _free()
    if needed > free:
        raise UserError(
            f"--batch_size={batch_size}: out of memory: a step needs at least "
            f"{needed / 2**30:.1f} GiB, {free / 2**30:.1f} GiB are free; use a smaller one, or a "
            "smaller --hidden_size"
        )


def _outputs(layer: keras.layers.Layer) -> int:
    """Numbers that a layer gives for an image; 0 where it does not say."""
    try:
        return math.prod(layer.output.shape[1:])
    except (AttributeError, TypeError, ValueError):  # several calls, several outputs, no size
        return 0


def _free() -> int:
    """Bytes that this process can still take."""
    free = psutil.virtual_memory().available
    if resource is not None:
        limit, _ = resource.getrlimit(resource.RLIMIT_AS)
        if limit != resource.RLIM_INFINITY:
            free = min(free, limit - psutil.Process().memory_info().vms)
    return free

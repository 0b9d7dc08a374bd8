"""Checks the memory before the first step, because TensorFlow would die without a message."""

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
    """Compares a lower bound of the memory of one step with the free memory.

    D's step stores the output of each layer with weights for the real and the fake batch, and each
    weight has a gradient and two moments. A step needs more than that, so passing is no guarantee.

    Raises:
        UserError: if the bound exceeds the free memory.
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
    """The number of outputs of a layer for an image; 0 if it is not known."""
    try:
        return math.prod(layer.output.shape[1:])
    except (AttributeError, TypeError, ValueError):  # several calls, several outputs, no size
        return 0


def _free() -> int:
    """Bytes that this process can still allocate."""
    free = psutil.virtual_memory().available
    if resource is not None:
        limit, _ = resource.getrlimit(resource.RLIMIT_AS)
        if limit != resource.RLIM_INFINITY:
            free = min(free, limit - psutil.Process().memory_info().vms)
    return free

"""GPUs: detecting those that TensorFlow cannot use, and deterministic kernels on those it can."""

import contextlib
import os
import pathlib
import re
from collections.abc import Iterator

import tensorflow as tf
from tensorflow.python.util import _pywrap_determinism

_MEND = (
    "pip install -e '.[cuda]' installs the CUDA libraries that TensorFlow needs; nvidia-smi shows "
    "whether the driver works"
)


def on_cpu() -> bool:
    """Whether TensorFlow works on CPUs alone."""
    return not tf.config.get_visible_devices("GPU")


def unusable_gpus(devices: str = "", nodes: pathlib.Path = pathlib.Path("/dev")) -> str | None:
    """What to tell somebody whose GPU would stand idle; None if none does.

    Args:
        devices: as `--devices`; who asks for the CPU is told nothing.
        nodes: folder of the device files. A container that was given no GPU has none there, while
            its /proc may show those of the machine.
    """
    if devices.upper().startswith("CPU") or tf.config.list_physical_devices("GPU"):
        return None
    variable = os.environ.get("CUDA_VISIBLE_DEVICES")
    count = sum(bool(re.fullmatch(r"nvidia\d+", node.name)) for node in nodes.glob("nvidia*"))
    if not count or variable in ("", "-1", "NoDevFiles"):  # the last is Slurm's word for none
        return None
    if variable is not None and not _names_one(variable, count):
        return f"CUDA_VISIBLE_DEVICES={variable}: names none of the GPUs; they are numbered from 0"
    gpus = "an NVIDIA GPU" if count == 1 else f"{count} NVIDIA GPUs"
    return f"this machine has {gpus}, which TensorFlow cannot use: {_MEND}"


def _names_one(variable: str, count: int) -> bool:
    """Whether `CUDA_VISIBLE_DEVICES` begins with a GPU: CUDA reads it up to what is none."""
    first = variable.split(",")[0].strip()
    named = first.startswith(("GPU-", "MIG-"))
    return named or (first.isdecimal() and int(first) < count)


@contextlib.contextmanager
def same_bits() -> Iterator[None]:
    """Has GPUs add up in a fixed order, so that a run has the same bits at each start.

    Left alone, TensorFlow's kernels and XLA's programs for GPUs add up as their threads come.
    CPUs need none of this. What else a process does with TensorFlow is as free as before
    afterwards: `tf.config.experimental.enable_op_determinism` has no way back of its own.
    """
    enabled = _pywrap_determinism.is_enabled()
    if enabled or on_cpu():
        yield
        return
    tf.config.experimental.enable_op_determinism()
    try:
        yield
    finally:
        _pywrap_determinism.enable(False)

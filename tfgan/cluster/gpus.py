"""GPUs that the system offers to this process and TensorFlow cannot use."""

import os
import pathlib
import re

import tensorflow as tf

_MEND = (
    "pip install 'tfgan[cuda]' brings the CUDA libraries that TensorFlow needs, nvidia-smi shows "
    "whether the driver runs"
)


def unusable_gpus(devices: str = "", nodes: pathlib.Path = pathlib.Path("/dev")) -> str | None:
    """What to tell somebody whose GPU would stand idle; None if none does.

    Args:
        devices: as `--devices`; who asks for the CPU is told nothing.
        nodes: folder of the device files. A container that was given no GPU has none there, while
            its /proc may show those of the machine.
    """
    if devices.upper().startswith("CPU") or tf.config.list_physical_devices("GPU"):
        return None
    count = sum(bool(re.fullmatch(r"nvidia\d+", node.name)) for node in nodes.glob("nvidia*"))
    if not count or _hidden(os.environ.get("CUDA_VISIBLE_DEVICES"), count):
        return None
    gpus = "an NVIDIA GPU" if count == 1 else f"{count} NVIDIA GPUs"
    return f"this machine has {gpus}, which TensorFlow cannot use: {_MEND}"


def _hidden(variable: str | None, count: int) -> bool:
    """Whether `CUDA_VISIBLE_DEVICES` names no GPU: CUDA reads it up to the first that is none."""
    if variable is None:
        return False
    first = variable.split(",")[0].strip()
    if first.startswith(("GPU-", "MIG-")):
        return False
    return not (first.isdecimal() and int(first) < count)

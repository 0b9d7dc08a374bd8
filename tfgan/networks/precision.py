"""Mixed precision: layers compute in 16 bits, all else stays in 32.

Weights, their optimizers' slots, the last layers of both networks, losses, penalties and means are
float32, and so is what is exported. bfloat16 has float32's range; under float16 small gradients
become 0, so both losses are scaled: see `tfgan.optimizers.LossScale`.

Reference:
    Micikevicius et al., Mixed Precision Training, 2018.
"""

import contextlib
import pathlib
from collections.abc import Iterator
from typing import Any

import keras

from tfgan.cluster import gpus

# What /proc/cpuinfo calls instructions that multiply in a type, on x86 and on Arm.
_INSTRUCTIONS = {
    "bfloat16": {"avx512_bf16", "amx_bf16", "bf16"},
    "float16": {"avx512_fp16", "amx_fp16", "fphp"},
}


@contextlib.contextmanager
def of_new_layers(policy: str) -> Iterator[None]:
    """Layers that are made inside have this mixed policy; under float32, the one that Keras has."""
    if policy == "float32":
        yield
        return
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


def compute_dtypes(*networks: keras.Model) -> set[str]:
    """The types that the layers of networks compute in."""
    return {layer.compute_dtype for network in networks for layer in network._flatten_layers()}


def is_mixed(*networks: keras.Model) -> bool:
    """Whether some layer computes in fewer bits than its weights have."""
    return bool(compute_dtypes(*networks) & {"float16", "bfloat16"})


def in_float32(network: keras.Model) -> keras.Model:
    """A network of the same weights whose layers compute in float32; itself, if they do."""
    if not is_mixed(network):
        return network
    twin = type(network).from_config(_without_policies(network.get_config()))
    twin.set_weights(network.get_weights())
    return twin


def _without_policies(config: Any) -> Any:
    if isinstance(config, (list, tuple)):
        return type(config)(_without_policies(part) for part in config)
    if not isinstance(config, dict):
        return config
    if config.get("class_name") == "DTypePolicy":
        return config | {"config": {"name": "float32"}}
    return {name: _without_policies(part) for name, part in config.items()}


def slow_here(policy: str, cpuinfo: pathlib.Path = pathlib.Path("/proc/cpuinfo")) -> str | None:
    """What to tell somebody whose CPU multiplies slowly in that policy's type; None for nobody.

    Args:
        policy: a dtype policy.
        cpuinfo: what the system says of its CPUs; nothing is said where it is not there.
    """
    dtype = policy.removeprefix("mixed_")
    if dtype == "float32" or not gpus.on_cpu() or not cpuinfo.exists():
        return None
    if _INSTRUCTIONS[dtype] & set(cpuinfo.read_text().split()):
        return None
    return f"--precision={policy}: this CPU has no {dtype} instructions, so float32 is faster on it"

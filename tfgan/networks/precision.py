"""Mixed precision: layers compute in 16 bits, everything else in 32.

Weights, optimizer slots, the last layers of both networks, losses, penalties, means and exports
are float32. bfloat16 has the range of float32. In float16 small gradients would become 0, so both
losses are scaled: see `tfgan.optimizers.LossScale`.

Reference:
    Micikevicius et al., Mixed Precision Training, 2018.
"""

import contextlib
import pathlib
from collections.abc import Iterator
from typing import Any

import keras

from tfgan.cluster import gpus
from tfgan.ground.errors import UserError, first_line

# What /proc/cpuinfo calls instructions that multiply in a type, on x86 and on Arm.
_INSTRUCTIONS = {
    "bfloat16": {"avx512_bf16", "amx_bf16", "bf16"},
    "float16": {"avx512_fp16", "amx_fp16", "fphp"},
}


@contextlib.contextmanager
def of_new_layers(policy: str) -> Iterator[None]:
    """A context in which new layers have this mixed policy; float32 keeps Keras' own policy."""
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
    """The dtypes in which the layers of networks compute."""
    return {layer.compute_dtype for network in networks for layer in network._flatten_layers()}


def is_mixed(*networks: keras.Model) -> bool:
    """Whether any layer computes in fewer bits than its weights have."""
    return bool(compute_dtypes(*networks) & {"float16", "bfloat16"})


def in_float32(network: keras.Model) -> keras.Model:
    """The network if it computes in float32; else one with the same weights that does.

    Raises:
        UserError: if Keras cannot make such a network.
    """
    if not is_mixed(network):
        return network

    def converted(layer: keras.layers.Layer) -> keras.layers.Layer:
        return type(layer).from_config(_without_policies(layer.get_config()))

    try:
        if getattr(network, "inputs", None):  # Sequential or functional
            twin = keras.models.clone_model(network, clone_function=converted, recursive=True)
        else:
            twin = converted(network)
        twin.set_weights(network.get_weights())
    except (TypeError, ValueError, NotImplementedError) as error:
        raise UserError(
            f"{network.name}: its layers cannot be made again for its export in float32: "
            f"{first_line(error)}; register your own layers and functions with "
            "@keras.saving.register_keras_serializable() instead of a Lambda, or use float32"
        ) from None
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
    """A warning if the CPU is slow in the policy's dtype, else None.

    Args:
        policy: name of a dtype policy.
        cpuinfo: the file in which the system describes its CPUs; without it there is no warning.
    """
    dtype = policy.removeprefix("mixed_")
    if dtype == "float32" or not gpus.on_cpu() or not cpuinfo.exists():
        return None
    if _INSTRUCTIONS[dtype] & set(cpuinfo.read_text().split()):
        return None
    return f"--precision={policy}: this CPU has no {dtype} instructions, so float32 is faster on it"

"""Features that Keras users expect: each one works, or is refused before the first step.

docs/keras.md has the table. Everything here raises `UserError`, a ValueError with one sentence.
"""

from collections.abc import Callable, Mapping
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tfgan.ground.errors import UserError

BATCH_SIZE = 32  # Keras' own, for arrays
_WIDE = ("float32", "float64")
_IN_WORDS = "floats in [-1, 1]: x / 127.5 - 1 of uint8 images"


def check_networks(
    networks: Mapping[str, keras.Model], calls: Mapping[str, Callable[[], Any]]
) -> None:
    """Makes sure that both networks can be trained as they are.

    Args:
        networks: G and D by their names.
        calls: functions that return some images or logits, by the same names.

    Raises:
        UserError: if a network is not built, has weights or outputs of a 16-bit type, or adds
            losses.
    """
    for name, network in networks.items():
        _check_network(name, network)
    for name, network in networks.items():
        given = tf.nest.flatten(calls[name]())[0].dtype.name  # layers add losses when called
        if given not in _WIDE:
            raise UserError(
                f"{name}: gives {given}, and losses need float32; make its last layer with "
                f"dtype='float32'"
            )
        if network.losses:
            raise UserError(
                f"{name}: has regularizers or add_loss, which a GAN's objectives do not include; "
                "use weight_decay of an optimizer, or r1 and r2 for the discriminator"
            )


def _check_network(name: str, network: keras.Model) -> None:
    if not network.built:
        raise UserError(
            f"{name}: is not built, so it has no weights yet; start it with keras.Input, or call "
            "it once"
        )
    for layer in network._flatten_layers():
        policy = layer.dtype_policy
        if policy.variable_dtype not in _WIDE:
            raise UserError(
                f"{name}: layer {layer.name} has the dtype policy {policy.name}, and tfgan keeps "
                f"weights in float32 or float64; call keras.config.set_dtype_policy('float32'), or "
                f"'mixed_bfloat16', before the networks are made"
            )


def check_policy() -> None:
    """Makes sure that Keras' dtype policy is float32, which `--precision` assumes.

    Raises:
        UserError: if Keras has another policy.
    """
    policy = keras.config.dtype_policy().name
    if policy != "float32" or keras.config.floatx() != "float32":
        raise UserError(
            f"Keras is set to the dtype policy {policy} and to floatx {keras.config.floatx()}, "
            "but a run's is --precision; call keras.config.set_floatx('float32') and "
            "keras.config.set_dtype_policy('float32'), or remove the setting from keras.json"
        )


def check_optimizers(optimizers: Mapping[str, keras.optimizers.Optimizer]) -> None:
    """Makes sure that each optimizer can train one network.

    Raises:
        UserError: if both are the same object, or one has options that `keras.Model` would apply.
    """
    if len({id(optimizer) for optimizer in optimizers.values()}) < len(optimizers):
        raise UserError(
            f"{' and '.join(optimizers)}: are the same object; make one for each network"
        )
    for name, optimizer in optimizers.items():
        if getattr(optimizer, "inner_optimizer", optimizer).use_ema:
            raise UserError(
                f"{name}: use_ema averages the weights of one network only; use ema=0.999 of "
                "tfgan.GAN, which averages the generator"
            )


def check_between(discriminator: keras.Model) -> None:
    """Makes sure that `gradient_penalty` can be that of a single image, as WGAN-GP has it.

    Raises:
        UserError: if the discriminator has batch normalisation, which mixes the images of a batch.
    """
    for layer in discriminator._flatten_layers():
        if isinstance(layer, keras.layers.BatchNormalization) and layer.trainable:
            raise UserError(
                f"gradient_penalty: needs a discriminator without batch normalisation, but it has "
                f"{layer.name}; use LayerNormalization there, or r1"
            )


def check_fit(arguments: Mapping[str, Any], replicas: int, classes: int = 0, pack: int = 1) -> None:
    """Makes sure that `fit` can do what its arguments ask for.

    Args:
        arguments: the arguments of `fit`, by name.
        replicas: number of replicas.
        classes: number of classes of the labels that must come with the images; 0 ignores labels.
        pack: the number of images that D judges together.

    Raises:
        UserError: if `fit` would ignore an argument, or images or labels have a wrong type, shape
            or range.
    """
    if arguments.get("validation_data") is not None or arguments.get("validation_split"):
        check_evaluate(_validated(arguments), replicas, classes, pack)
    for name in ("sample_weight", "class_weight"):
        if arguments.get(name) is not None:
            raise UserError(
                f"{name}: a GAN's objectives are plain means over the batch; repeat images in the "
                "dataset instead"
            )
    x = arguments.get("x")
    if isinstance(x, (np.ndarray, tf.Tensor)):
        check_values(np.asarray(x))
        if classes:
            y = arguments.get("y")
            check_labels(np.asarray(y) if isinstance(y, tf.Tensor) else y, classes)
    elif isinstance(x, tf.data.Dataset):
        check_spec(x.element_spec, replicas, classes=classes)
    elif isinstance(x, tf.distribute.DistributedDataset):
        check_spec(x.element_spec, replicas, shared=True, classes=classes)


def check_evaluate(
    arguments: Mapping[str, Any], replicas: int, classes: int = 0, pack: int = 1
) -> None:
    """Makes sure that `evaluate` can do what its arguments ask for; see `check_fit`."""
    if replicas > 1:
        raise UserError(
            "evaluate and validation_data: work on one replica; compute losses outside of the "
            "strategy"
        )
    check_fit(arguments, replicas, classes)
    x = arguments.get("x")
    if isinstance(x, (np.ndarray, tf.Tensor)):
        check_packs(min(len(x), arguments.get("batch_size") or BATCH_SIZE), pack)


def check_packs(count: int, pack: int) -> None:
    """Makes sure that `evaluate`, which leaves out incomplete packs, has a complete one.

    Args:
        count: number of images that D judges.
        pack: the number of images that D judges together.

    Raises:
        UserError: if it has none.
    """
    if count < pack:
        raise UserError(
            f"images: evaluate needs a batch of at least {pack}, as many as D judges together"
        )


def check_values(images: np.ndarray) -> None:
    """Makes sure that images in memory are floats in [-1, 1].

    Raises:
        UserError: if they are not.
    """
    if not np.issubdtype(images.dtype, np.floating):
        raise UserError(f"images: have the type {images.dtype}; must be {_IN_WORDS}")
    if images.size and not -1.001 <= float(np.min(images)) <= float(np.max(images)) <= 1.001:
        low, high = float(np.min(images)), float(np.max(images))
        raise UserError(f"images: lie in [{low:g}, {high:g}]; must be {_IN_WORDS}")


def check_labels(labels: Any, classes: int) -> None:
    """Makes sure that labels, or their spec, are valid.

    Args:
        labels: an array, a tensor, or a spec of either.
        classes: number of classes.

    Raises:
        UserError: if there are no labels, or they are not integers `(batch,)`, or an array has
            values outside [0, classes).
    """
    if labels is None or not hasattr(labels, "shape"):
        raise UserError("labels: a conditional GAN needs batches of (images, labels)")
    dtype = tf.as_dtype(labels.dtype)
    if not dtype.is_integer or len(labels.shape) != 1:
        raise UserError(
            f"labels: have the type {dtype.name} and the shape {tuple(labels.shape)}; must be "
            f"whole numbers (batch,) from 0 to {classes - 1}"
        )
    if isinstance(labels, np.ndarray) and labels.size:
        low, high = int(labels.min()), int(labels.max())
        if low < 0 or high >= classes:
            raise UserError(f"labels: lie in [{low}, {high}]; must lie in [0, {classes - 1}]")


def _validated(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments of `evaluate` for the validation data of `fit`."""
    data = arguments.get("validation_data")
    size = arguments.get("validation_batch_size") or arguments.get("batch_size")
    if isinstance(data, (list, tuple)):
        return {"batch_size": size, **dict(zip(("x", "y"), data, strict=False))}  # weights follow
    return {"batch_size": size, "x": data}


def check_spec(
    spec: Any, replicas: int, shared: bool = False, classes: int = 0, multiple: int = 1
) -> None:
    """Makes sure that the elements of a dataset are batches of images.

    Args:
        spec: the spec of an element.
        replicas: number of replicas that train on it.
        shared: whether the batches are already those of single replicas.
        classes: number of classes of the labels; see `check_fit`.
        multiple: the size of a single replica's batch must be a multiple of this.

    Raises:
        UserError: if images have weights, lack labels, are of an integer type, or cannot be shared
            evenly.
    """
    images, labels, weights = keras.utils.unpack_x_y_sample_weight(spec)
    # `train_on_batch` says by a spec without a type that there are none.
    given = hasattr(weights, "dtype") or hasattr(weights, "_value_specs")
    check_fit({"sample_weight": weights if given else None}, replicas)
    if isinstance(images, (dict, list, tuple)):
        raise UserError(
            "images: the dataset must yield one array of images, alone or before labels"
        )
    parts = _of_replicas(images)
    if not parts[0].dtype.is_floating:
        raise UserError(f"images: have the type {parts[0].dtype.name}; must be {_IN_WORDS}")
    if classes:
        for each in _of_replicas(labels):
            check_labels(each, classes)
    sizes = {part.shape[0] if part.shape.rank else None for part in parts}
    if multiple > 1:
        multiple *= 1 if shared else replicas
        if any(size is None or size % multiple for size in sizes):
            raise UserError(
                f"images: not all batch sizes are a multiple of {multiple}, which d_steps and "
                "packs of images need; use such a batch size, with drop_remainder=True"
            )
    even = None not in sizes and len(sizes) == 1
    if even and not shared:
        even = parts[0].shape[0] % replicas == 0
    if replicas > 1 and not even:
        raise UserError(
            f"images: batches may have sizes that {replicas} replicas cannot share evenly; batch "
            f"by a multiple of {replicas}, with drop_remainder=True"
        )


def _of_replicas(spec: Any) -> tuple[Any, ...]:
    """The specs of the replicas, if the spec is of distributed values; else the spec alone."""
    return getattr(spec, "_value_specs", (spec,))


def compiles(*networks: keras.Model) -> bool:
    """Whether XLA may compile all layers of all networks, by their `supports_jit`."""
    return all(layer.supports_jit for network in networks for layer in network._flatten_layers())


class StopOnNaN(keras.callbacks.Callback):
    """Like `keras.callbacks.TerminateOnNaN`, for losses that are not named "loss"."""

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        if not np.isfinite(self.model.step_logs).all():
            print(f"Batch {batch}: Invalid loss, terminating training")
            self.model.stop_training = True


def with_nan_watch(callbacks: Any) -> Any:
    """The callbacks of `fit`, with `TerminateOnNaN` replaced by `StopOnNaN`."""
    listed = callbacks if isinstance(callbacks, (list, tuple)) else [callbacks]
    if not any(isinstance(each, keras.callbacks.TerminateOnNaN) for each in listed):
        return callbacks
    return [
        StopOnNaN() if isinstance(each, keras.callbacks.TerminateOnNaN) else each for each in listed
    ]

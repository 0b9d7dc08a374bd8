"""Networks that a library user gives: made, checked, recorded, and rebuilt from the record."""

import contextlib
import json
import random
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tfgan.ground.errors import UserError, first_line
from tfgan.networks import packing, precision, strided
from tfgan.run.config import TrainConfig

# From `config, image_shape` to generator and discriminator; a conditional run's, with `classes`.
Networks = Callable[..., tuple[keras.Model, keras.Model]]
NAMES = ("generator", "discriminator")
_NAMING = ("name", "keras_history", "input_layers", "output_layers")  # in Keras' configs


@contextlib.contextmanager
def seeded(seed: int) -> Iterator[None]:
    """A context with seeded Keras random numbers: the same call creates the same weights.

    It restores the states of Python's and NumPy's random numbers.
    """
    before = random.getstate(), np.random.get_state()
    keras.utils.set_random_seed(seed)
    try:
        yield
    finally:
        random.setstate(before[0])
        np.random.set_state(before[1])


def make(
    networks: Networks, config: TrainConfig, image_shape: tuple[int, ...], told: Mapping[str, int]
) -> tuple[keras.Model, keras.Model]:
    """Calls `networks`, in the run's scope.

    Args:
        networks: the function.
        config: the run's options.
        image_shape: `(height, width, channels)`.
        told: `classes`, the number of classes, if the run is conditional.

    Raises:
        UserError: if it does not return two networks that fit the images and latents.
    """
    made = networks(config, image_shape, **told)
    if not (
        isinstance(made, (tuple, list))
        and len(made) == 2
        and all(isinstance(each, keras.Model) for each in made)
    ):
        raise UserError("networks: must return (generator, discriminator), two Keras models")
    for name, network in zip(NAMES, made, strict=True):
        if not getattr(network, "inputs", None):
            raise UserError(
                f"networks: the {name} is a {type(network).__name__}; must be a functional or "
                "Sequential model, which may contain it as a layer: "
                f"keras.Sequential([keras.Input(shape), {type(network).__name__}()])"
            )
    generator, discriminator = made
    pack = packing.pack_of(discriminator)
    if pack != config.pack:
        raise UserError(
            f"networks: the discriminator judges {pack} images together, and pack={config.pack}"
        )
    labels = [tf.zeros((pack,), tf.int64)] if told else []
    latents = [tf.zeros((pack, config.latent_size)), *labels]
    images = _give("generator", generator, latents, "latents")
    if tuple(images.shape) != (pack, *image_shape):
        raise UserError(
            f"networks: the generator gives {_rows(images)}; the images are "
            f"(batch, {', '.join(map(str, image_shape))})"
        )
    logits = _give("discriminator", discriminator, [images, *labels], "images")
    if tuple(logits.shape) != (1, 1):
        raise UserError(f"networks: the discriminator gives {_rows(logits)}; must be (batch, 1)")
    precision.in_float32(generator)  # as the run's export will be
    return generator, discriminator


def _give(name: str, network: keras.Model, inputs: list[tf.Tensor], what: str) -> tf.Tensor:
    """The output of a network for one or two inputs."""
    told = len(inputs) > 1
    try:
        return tf.convert_to_tensor(network(tuple(inputs) if told else inputs[0]))
    except (ValueError, TypeError, tf.errors.InvalidArgumentError) as error:
        given = f"({what}, labels) of {inputs[0].shape}" if told else f"{what} {inputs[0].shape}"
        raise UserError(f"networks: the {name} cannot take {given}: {first_line(error)}") from None


def _rows(value: tf.Tensor) -> str:
    return f"(batch, {', '.join(map(str, value.shape[1:]))})"


def convolve(*networks: keras.Model) -> bool:
    """Whether networks have convolutions that XLA compiles badly for CPUs; see `networks.Kind`."""
    kinds = (
        *(keras.layers.Conv1D, keras.layers.Conv2D, keras.layers.Conv3D),
        *(keras.layers.Conv1DTranspose, keras.layers.Conv2DTranspose),
        *(keras.layers.Conv3DTranspose, keras.layers.DepthwiseConv1D, keras.layers.DepthwiseConv2D),
        *(keras.layers.SeparableConv1D, keras.layers.SeparableConv2D),
    )
    strided_kinds = (strided.StridedConv, strided.StridedConvTranspose)
    return any(
        isinstance(layer, kinds) and not isinstance(layer, strided_kinds)
        for network in networks
        for layer in network._flatten_layers()
    )


def record(generator: keras.Model, discriminator: keras.Model) -> dict[str, Any]:
    """The record of both networks for `config.json`, by their names.

    It is Keras' config, with names that do not depend on earlier objects in the process. For a
    network without a config, it has the types of the layers and the shapes of the weights: that
    distinguishes it from others, but cannot rebuild it.
    """
    return {
        name: architecture(network)
        for name, network in zip(NAMES, (generator, discriminator), strict=True)
    }


def architecture(network: keras.Model) -> dict[str, Any]:
    """The record of one network; see `record`."""
    shapes = [list(weight.shape) for weight in network.weights]
    try:
        config = json.loads(json.dumps(keras.saving.serialize_keras_object(network)))
    except (NotImplementedError, TypeError, ValueError):
        kinds = [type(layer).__qualname__ for layer in network._flatten_layers()]
        return {"layers": kinds, "shapes": shapes}
    layers = [layer.name for layer in network._flatten_layers()]
    places = {name: f"layer_{place}" for place, name in enumerate(dict.fromkeys(layers))}
    return {"config": _renamed(config, places), "shapes": shapes}


def _renamed(config: Any, names: Mapping[str, str], here: bool = False) -> Any:
    """The same config with other names of layers, `here` and wherever a name is used."""
    if isinstance(config, dict):
        if config.get("class_name") == "__lambda__":
            return {"class_name": "__lambda__"}  # no code: it changes with the line it stands in
        return {key: _renamed(each, names, key in _NAMING) for key, each in config.items()}
    if isinstance(config, list):
        return [_renamed(each, names, here) for each in config]
    return names.get(config, config) if here and isinstance(config, str) else config


def remake(recorded: Mapping[str, Any], named: str) -> Networks:
    """A function that rebuilds the networks from their record.

    Args:
        recorded: the result of `record`.
        named: the record's file, for messages.
    """

    def made(*_: Any, **told: Any) -> tuple[keras.Model, keras.Model]:
        generator, discriminator = (_remade(recorded, name, named) for name in NAMES)
        return generator, discriminator

    return made


def _remade(recorded: Mapping[str, Any], name: str, named: str) -> keras.Model:
    of_own = f"{named}: the run's {name} was passed as networks="
    try:
        config = recorded[name].get("config")
    except (LookupError, AttributeError, TypeError):
        raise UserError(f"{named}: does not say what its {name} is") from None
    if config is None:
        raise UserError(
            f"{of_own}, which Keras cannot record; add get_config to its class, or make it a "
            "functional or Sequential model"
        )
    try:
        network = keras.saving.deserialize_keras_object(config, safe_mode=True)
    except Exception as error:  # whatever Keras makes of what stands in the file
        raise UserError(
            f"{of_own}, and Keras cannot make it here: {_without_config(error)}"
        ) from None
    if not isinstance(network, keras.Model):
        raise UserError(f"{named}: does not say what its {name} is")
    return network


def _without_config(error: Exception) -> str:
    """Keras' message in one line, without the configuration that it quotes."""
    return first_line(error).partition(" Full object config")[0]

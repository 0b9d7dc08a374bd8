"""A generator as the steps that `web/network.js` computes, with their weights."""

import base64
from collections.abc import Callable, Iterator
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tfgan import noise
from tfgan.ground.errors import UserError
from tfgan.networks import labelled
from tfgan.networks.labelled import Beside, ClassScale, Modulation, ToldLayer
from tfgan.networks.resnet import Residual
from tfgan.noise import Stream

Step = dict[str, Any]
Shape = tuple[int, ...]


def describe(generator: keras.Model) -> list[Step]:
    """The steps of a generator for `web/network.js`, in order, with their weights.

    Raises:
        UserError: if a layer is not supported, or the layers are not a chain.
    """
    return [step for layer, x, y in chain(generator) for step in _describe(layer, x, y)]


def chain(generator: keras.Model) -> list[tuple[keras.layers.Layer, Shape, Shape]]:
    """The layers, including those of inner models, with their input and output shapes.

    Raises:
        UserError: if the layers, applied in sequence, do not give the generator's output.
    """
    x = z = noise.latents(0, Stream.SAMPLES, 0, 2, labelled.latent_size_of(generator))
    classes = labelled.classes_of(generator)
    told = labelled.heard(generator, z, tf.eye(2, classes))
    found = []
    try:
        for layer in _flat(generator):
            y = layer((x, told)) if isinstance(layer, ToldLayer) else layer(x)
            found.append((layer, tuple(x.shape[1:]), tuple(y.shape[1:])))
            x = y
        given = (z, tf.constant([0, 1], tf.int64)) if classes else z
        same = np.allclose(x, generator(given, training=False), atol=1e-5)
    except (TypeError, ValueError):  # of a layer that takes two
        same = False
    if not same:
        raise UserError(
            f"--format=html: {generator.name} is not a plain chain of layers, which is all that "
            "the page can compute; choose another format"
        )
    return found


def _flat(model: keras.Model) -> Iterator[keras.layers.Layer]:
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            yield from _flat(layer)
        elif not isinstance(layer, labelled.NOT_IN_CHAIN):
            yield layer


def _describe(layer: keras.layers.Layer, before: Shape, after: Shape) -> list[Step]:
    for kind in type(layer).__mro__:
        if kind in _KNOWN:
            return _KNOWN[kind](layer, before, after)
    known = ", ".join(sorted(kind.__name__ for kind in _KNOWN))
    raise _unknown(layer, f"is a {type(layer).__name__}; the page can compute {known}")


def _unknown(layer: keras.layers.Layer, problem: str) -> UserError:
    return UserError(f"--format=html: layer {layer.name} {problem}")


def _dense(layer: Any, before: Shape, after: Shape) -> list[Step]:
    kernel = np.asarray(layer.kernel)
    if len(before) != 1:
        raise _unknown(layer, "must take vectors, (batch, size)")
    sizes = {"inputs": kernel.shape[0], "units": kernel.shape[1]}
    step = {"kind": "dense", **sizes, "kernel": as_base64(kernel.T), "bias": _bias(layer)}
    return [step, *_activation(layer)]


def _convolution(layer: Any, before: Shape, after: Shape) -> list[Step]:
    transposed = isinstance(layer, keras.layers.Conv2DTranspose)
    if (
        layer.data_format != "channels_last"
        or tuple(layer.dilation_rate) != (1, 1)
        or getattr(layer, "groups", 1) != 1  # a transposed one has none
        or layer.padding not in ("same", "valid")
        or getattr(layer, "output_padding", None) is not None
    ):
        raise _unknown(layer, "must have channels last, and neither dilation nor groups")
    kernel = np.asarray(layer.kernel)
    small, large = before, after
    if not transposed:
        kernel, small, large = kernel.swapaxes(2, 3), large, small
    # TensorFlow's "same": what is missing is padded, the smaller half of it before.
    missing = [
        max((small[axis] - 1) * layer.strides[axis] + kernel.shape[axis] - large[axis], 0)
        for axis in (0, 1)
    ]
    step = {
        "kind": "convolution",
        "from": before,
        "to": after,
        "size": kernel.shape[:2],
        "strides": layer.strides,
        "before": [part // 2 if layer.padding == "same" else 0 for part in missing],
        "transposed": transposed,
        "kernel": as_base64(kernel),
        "bias": _bias(layer),
    }
    return [step, *_activation(layer)]


def _batch_normalization(layer: Any, before: Shape, after: Shape) -> list[Step]:
    if layer.axis not in (-1, len(before)):
        raise _unknown(layer, "must normalise the last axis")
    mean, variance = (
        np.asarray(part, np.float64) for part in (layer.moving_mean, layer.moving_variance)
    )
    scale = 1 / np.sqrt(variance + layer.epsilon)
    if layer.scale:
        scale = scale * np.asarray(layer.gamma, np.float64)
    offset = -mean * scale
    if layer.center:
        offset = offset + np.asarray(layer.beta, np.float64)
    return [{"kind": "affine", "scale": as_base64(scale), "offset": as_base64(offset)}]


def _rescaling(layer: Any, *shapes: Shape) -> list[Step]:
    scale, offset = (np.ravel(part) for part in (layer.scale, layer.offset))
    if scale.size != 1 or offset.size != 1:
        raise _unknown(layer, "must have one scale and one offset")
    return [{"kind": "affine", "scale": as_base64(scale), "offset": as_base64(offset)}]


def _relu(layer: Any, *shapes: Shape) -> list[Step]:
    if layer.max_value is not None or layer.negative_slope or layer.threshold:
        raise _unknown(layer, "must be a plain ReLU; use LeakyReLU for a slope")
    return [_function("relu")]


def _up_sampling(layer: Any, before: Shape, after: Shape) -> list[Step]:
    if layer.interpolation != "nearest" or layer.data_format != "channels_last":
        raise _unknown(layer, "must have channels last and interpolation nearest")
    return [{"kind": "enlarge", "from": before, "factor": layer.size}]


def _function(name: str, parameter: float = 1.0) -> Step:
    return {"kind": "activation", "name": name, "parameter": parameter}


# The functions of `network.js`, by the names under which Keras registers them.
_FUNCTIONS: dict[str, list[Step]] = {
    "linear": [],
    "relu": [_function("relu")],
    "leaky_relu": [_function("leaky_relu", 0.2)],
    "tanh": [_function("tanh")],
    "sigmoid": [_function("sigmoid")],
    "tfgan>leaky_relu": [_function("leaky_relu", 0.2)],
    "tfgan>sigmoid_image": [_function("tanh", 0.5)],
}


def _activation(layer: Any, *shapes: Shape) -> list[Step]:
    name = keras.saving.get_registered_name(layer.activation)
    if name not in _FUNCTIONS:
        known = ", ".join(sorted({each.split(">")[-1] for each in _FUNCTIONS}))
        raise _unknown(layer, f"has the activation {name}; the page can compute {known}")
    return _FUNCTIONS[name]


def _residual(layer: Any, before: Shape, after: Shape) -> list[Step]:
    return [{"kind": "sum", "parts": [_part(layer.branch, before), _part(layer.shortcut, before)]}]


def _part(chain: keras.Sequential, before: Shape) -> list[Step]:
    steps = []
    for layer in _flat(chain):
        after = tuple(layer.compute_output_shape((None, *before))[1:])
        steps += _describe(layer, before, after)
        before = after
    return steps


def _beside(layer: Any, *shapes: Shape) -> list[Step]:
    return [{"kind": "beside", "embedding": as_base64(layer.embedding)}]


def _class_scale(layer: Any, *shapes: Shape) -> list[Step]:
    scale, offset = as_base64(layer.gamma), as_base64(layer.beta)
    kind = "modulate" if isinstance(layer, Modulation) else "classAffine"
    return [{"kind": kind, "scale": scale, "offset": offset}]


def _nothing(layer: Any, *shapes: Shape) -> list[Step]:
    return []  # the order of the numbers stays


def _leaky_relu(layer: Any, *shapes: Shape) -> list[Step]:
    return [_function("leaky_relu", float(layer.negative_slope))]


_KNOWN: dict[type, Callable[[Any, Shape, Shape], list[Step]]] = {
    keras.layers.Activation: _activation,
    keras.layers.BatchNormalization: _batch_normalization,
    keras.layers.Conv2D: _convolution,
    keras.layers.Conv2DTranspose: _convolution,
    keras.layers.Dense: _dense,
    keras.layers.Dropout: _nothing,
    keras.layers.Flatten: _nothing,
    keras.layers.LeakyReLU: _leaky_relu,
    keras.layers.ReLU: _relu,
    keras.layers.Rescaling: _rescaling,
    keras.layers.Reshape: _nothing,
    keras.layers.UpSampling2D: _up_sampling,
    Beside: _beside,
    ClassScale: _class_scale,
    Residual: _residual,
}


def _bias(layer: Any) -> str:
    outputs = layer.units if isinstance(layer, keras.layers.Dense) else layer.filters
    return as_base64(layer.bias if layer.use_bias else np.zeros(outputs))


def as_base64(values: Any) -> str:
    """Numbers in the page's encoding: float32, little-endian, as base64."""
    return base64.b64encode(np.ascontiguousarray(values, "<f4").tobytes()).decode()

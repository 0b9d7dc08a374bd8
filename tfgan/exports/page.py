"""The generator as one HTML file that draws in the browser: no network, no server, no Python."""

import base64
import pathlib
from collections.abc import Callable, Iterator
from typing import Any

import keras
import numpy as np

from tfgan import noise
from tfgan.ground import pictures
from tfgan.ground.errors import UserError
from tfgan.ground.files import write_file
from tfgan.networks.resnet import Residual
from tfgan.noise import Stream
from tfgan.run.workdir import Workdir
from tfgan.web import html

COUNT = 64  # pictures that the page shows at once
DIRECTIONS = 8
# Of the file. Chromium opens 500 MB; a string, which the data are until they are read, ends at 512
# MiB in every browser built on it.
MOST_BYTES = 500_000_000
_PROBES = 4
_PARTS = ("explore", "training", "check")

Step = dict[str, Any]
Shape = tuple[int, ...]


def write_page(path: pathlib.Path, generator: keras.Model, workdir: Workdir | None = None) -> None:
    """Writes one self-contained HTML file that runs the generator.

    For a seed it draws what `python -m tfgan.sample --n=64` draws for it. It carries a few
    latents with the pictures that Keras makes of them, and says how far its own are away.

    Args:
        path: the file; one that is there is replaced.
        generator: model from latents `(batch, latent_size)` to images in [-1, 1], a chain of
            layers that `describe` knows.
        workdir: the run that trained it: its curves, its pictures through time, the distribution
            of its latents. None: the generator alone, N(0, I).

    Raises:
        UserError: if the generator has a layer that the page cannot compute, gives pixels that are
            not finite, or is so large that no browser would open the file.
        OSError: if the file cannot be written.
    """
    weights = 16 * generator.count_params() // 3  # bytes of float32 in base64
    if weights > MOST_BYTES:
        raise UserError(
            f"--format=html: {generator.name} has {generator.count_params():,} parameters, a page "
            f"of {weights / 1e6:,.0f} MB; browsers open at most {MOST_BYTES / 1e6:,.0f} MB, so "
            f"take another format"
        )
    latent_size = generator.input_shape[-1]
    z = noise.latents(0, Stream.SAMPLES, 0, _PROBES, latent_size).numpy()
    probes = pictures.to_uint8(generator(z, training=False).numpy())
    layers = describe(generator)
    config = ((workdir.recorded() if workdir else None) or {}).get("config", {})
    history = html.history(workdir) if workdir else {"frames": [], "curves": [], "epochs": []}
    data = {
        "layers": layers,
        "shape": generator.output_shape[1:],
        "parameters": generator.count_params(),
        "latentSize": latent_size,
        "distribution": config.get("latents", "normal"),
        "stream": noise.derive_seed(0, Stream.SAMPLES),
        "count": COUNT,
        "directions": _base64(directions(generator)),
        "probes": {"latents": _base64(z), "bytes": base64.b64encode(probes.tobytes()).decode()},
        "dataset": config.get("dataset"),
        "history": history,
    }
    write_file(path, html.compose("A generator to walk through", _PARTS, data))


def describe(generator: keras.Model) -> list[Step]:
    """The generator for `web/network.js`: what to compute, in order, with the weights.

    Raises:
        UserError: if a layer is not known, or the layers are no chain.
    """
    return [step for layer, x, y in _chain(generator) for step in _describe(layer, x, y)]


def directions(generator: keras.Model) -> np.ndarray:
    """The directions of latent space that the first layer hears most, the loudest first.

    Returns:
        float32 `(up to 8, latent_size)`, orthonormal: singular vectors of the first layer's
        kernel, each with the sign that makes its largest part positive. Without a dense first
        layer, the latent's own axes.
    """
    first = _chain(generator)[0][0]
    axes = np.eye(generator.input_shape[-1])
    if isinstance(first, keras.layers.Dense):
        kernel = np.asarray(first.kernel, np.float64)
        axes = np.linalg.svd(kernel, full_matrices=False)[0].T
    axes = axes[:DIRECTIONS]
    largest = np.take_along_axis(axes, np.abs(axes).argmax(1, keepdims=True), 1)
    return (axes * np.sign(largest)).astype(np.float32)


def _chain(generator: keras.Model) -> list[tuple[keras.layers.Layer, Shape, Shape]]:
    """The layers, those of models inside too, each with the shapes that it takes and gives.

    Raises:
        UserError: if one after the other they do not give what the generator gives.
    """
    x = z = noise.latents(0, Stream.SAMPLES, 0, 2, generator.input_shape[-1])
    chain = []
    try:
        for layer in _flat(generator):
            y = layer(x)
            chain.append((layer, tuple(x.shape[1:]), tuple(y.shape[1:])))
            x = y
        same = np.allclose(x, generator(z, training=False), atol=1e-5)
    except (TypeError, ValueError):  # of a layer that takes two
        same = False
    if not same:
        raise UserError(
            f"--format=html: {generator.name} is no plain chain of layers, and the page can "
            f"compute nothing else; take another format"
        )
    return chain


def _flat(model: keras.Model) -> Iterator[keras.layers.Layer]:
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            yield from _flat(layer)
        elif not isinstance(layer, keras.layers.InputLayer):
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
    step = {"kind": "dense", **sizes, "kernel": _base64(kernel.T), "bias": _bias(layer)}
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
        "kernel": _base64(kernel),
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
    return [{"kind": "affine", "scale": _base64(scale), "offset": _base64(offset)}]


def _rescaling(layer: Any, *shapes: Shape) -> list[Step]:
    scale, offset = (np.ravel(part) for part in (layer.scale, layer.offset))
    if scale.size != 1 or offset.size != 1:
        raise _unknown(layer, "must have one scale and one offset")
    return [{"kind": "affine", "scale": _base64(scale), "offset": _base64(offset)}]


def _relu(layer: Any, *shapes: Shape) -> list[Step]:
    if layer.max_value is not None or layer.negative_slope or layer.threshold:
        raise _unknown(layer, "must be a plain ReLU; take LeakyReLU for a slope")
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
        raise _unknown(layer, f"has the activation {name}; the page knows {known}")
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
    Residual: _residual,
}


def _bias(layer: Any) -> str:
    outputs = layer.units if isinstance(layer, keras.layers.Dense) else layer.filters
    return _base64(layer.bias if layer.use_bias else np.zeros(outputs))


def _base64(values: Any) -> str:
    return base64.b64encode(np.ascontiguousarray(values, "<f4").tobytes()).decode()

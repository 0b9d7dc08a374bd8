"""The generator as one HTML file that draws in the browser: no network, no server, no Python."""

import base64
import pathlib
from typing import Any

import keras
import numpy as np

from tfgan import noise
from tfgan.datasets.image_set import ImageSet
from tfgan.exports.saved_model import classes_of
from tfgan.exports.steps import as_base64, chain, describe
from tfgan.ground import pictures
from tfgan.ground.errors import UserError
from tfgan.ground.files import write_file
from tfgan.networks import labelled
from tfgan.networks.labelled import Beside
from tfgan.noise import Stream
from tfgan.run.workdir import Workdir
from tfgan.web import html

COUNT = 64  # pictures that the page shows at once
DIRECTIONS = 8
# Of the file. Chromium opens 500 MB; a string, which the data are until they are read, ends at 512
# MiB in every browser built on it.
MOST_BYTES = 500_000_000
_PROBES = 4
_CENTRED = ("mnist",)  # sets whose images have their centre of mass in the middle


def write_page(
    path: pathlib.Path,
    generator: keras.Model,
    workdir: Workdir | None = None,
    trained_on: dict[str, Any] | None = None,
) -> None:
    """Writes one self-contained HTML file that runs the generator.

    For a seed it draws what `python -m tfgan.sample --n=64` draws for it. It carries a few
    latents with the pictures that Keras makes of them, and says how far its own are away.

    Args:
        path: the file; one that is there is replaced.
        generator: model from latents `(batch, latent_size)`, and labels if it is conditional, to
            images in [-1, 1], a chain of layers that `describe` knows.
        workdir: the run that trained it: its curves, its pictures through time, the distribution
            of its latents. None: the generator alone, N(0, I).
        trained_on: the record of the set, see `ImageSet.record`, with its classes.

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
            "choose another format"
        )
    latent_size = labelled.latent_size_of(generator)
    z = noise.latents(0, Stream.SAMPLES, 0, _PROBES, latent_size).numpy()
    classes = classes_of(generator, trained_on)
    labels = np.resize(classes.present, _PROBES) if classes else np.array([], int)
    drawn = generator((z, labels) if classes else z, training=False)
    probes = pictures.to_uint8(drawn.numpy())
    layers = describe(generator)
    shape = generator.output_shape[1:]
    config = ((workdir.recorded() if workdir else None) or {}).get("config", {})
    dataset = config.get("dataset") or (trained_on or {}).get("name")
    empty: dict[str, Any] = {"frames": [], "curves": [], "epochs": [], "rows": [], "count": 0}
    history = html.history(workdir) if workdir else empty
    data = {
        "layers": layers,
        "shape": shape,
        "parameters": generator.count_params(),
        "latentSize": latent_size,
        "distribution": config.get("latents", "normal"),
        "stream": noise.derive_seed(0, Stream.SAMPLES),
        "count": COUNT,
        "directions": as_base64(directions(generator)),
        "probes": {
            "latents": as_base64(z),
            "labels": labels.tolist(),
            "bytes": base64.b64encode(probes.tobytes()).decode(),
        },
        "classes": list(classes.names) if classes else [],
        "present": classes.present if classes else [],
        "ends": as_base64(noise.ends_of(classes.shares) if classes else []),
        "dataset": dataset,
        "centred": ImageSet(dataset or "").family in _CENTRED,
        "light": bool(probes.mean() > 127),
        "history": history,
    }
    # What is drawn on the pad is white or black.
    parts = ("explore", *(("draw",) if shape[-1] == 1 else ()), "between", "training", "check")
    write_file(path, html.compose("Explore a generator", parts, data))


def directions(generator: keras.Model) -> np.ndarray:
    """The largest singular directions of the first layer in latent space, largest first.

    Returns:
        float32 `(up to 8, latent_size)`, orthonormal: singular vectors of the first layer's
        kernel, of its rows for z, each with the sign that makes its largest part positive. Without
        a dense first layer, the latent's own axes.
    """
    size = labelled.latent_size_of(generator)
    layers = [layer for layer, *_ in chain(generator) if not isinstance(layer, Beside)]
    axes = np.eye(size)
    if isinstance(layers[0], keras.layers.Dense):
        kernel = np.asarray(layers[0].kernel, np.float64)[:size]  # the class comes after z
        axes = np.linalg.svd(kernel, full_matrices=False)[0].T
    axes = axes[:DIRECTIONS]
    largest = np.take_along_axis(axes, np.abs(axes).argmax(1, keepdims=True), 1)
    return (axes * np.sign(largest)).astype(np.float32)

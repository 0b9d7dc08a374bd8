"""`python -m tfgan.project`: writes images next to their nearest generated images."""

import io
from collections.abc import Callable
from typing import Any

import numpy as np

from tfgan.exports import loading
from tfgan.exports.projection import Projection, project_images
from tfgan.exports.targets import Targets
from tfgan.ground import pictures
from tfgan.ground.errors import UserError
from tfgan.ground.files import user_path, write_file


def project(
    model: str,
    targets: Targets,
    output: str,
    label: str,
    restarts: int,
    steps: int,
    seed: int,
    say: Callable[[str], None] = print,
) -> None:
    """Finds images in a generator, says how near it comes, and writes a picture or an archive.

    Args:
        model: folder of a SavedModel, or one of `pretrained.NAMES`.
        targets: the images.
        output: a .png, rows of images with what was found below each; or a .npz with `z`,
            `distances`, `reconstructions` and `images`, uint8, and `labels`, if there are classes.
        label: classes to try, see `loading.labels_of`; all if it is empty.
        restarts: of each image and class.
        steps: of each restart.
        seed: of the latents that the search begins at.
        say: takes each line.

    Raises:
        UserError: if the model or the images cannot be had, the model has no gradient, or the
            file cannot be written.
    """
    loaded = loading.load(model)
    classes = loading.labels_of(label, loaded)
    names, images = targets.read(loaded.sample(1, seed).shape[1:], say)
    found = project_images(loaded, images, classes, restarts, steps, seed)
    for number, name in enumerate(names):
        kind = ""
        if found.labels is not None:
            kind = f", class {loaded.classes.names[found.labels[number]]}"
        say(f"{name}: distance {found.distances[number]:.4f}{kind}, seed {seed}")
    middle, largest = np.median(found.distances), found.distances.max()
    if len(names) > 1:
        say(f"{len(names):,} images: median distance {middle:.4f}, largest {largest:.4f}")
    try:
        if output.lower().endswith(".npz"):
            write_file(user_path(output, "--output"), _archive(found, images))
        else:
            pictures.save_png(user_path(output, "--output"), _picture(found, images))
    except OSError as error:
        raise UserError(f"--output={output}: {error.strerror}") from None


def _archive(found: Projection, images: np.ndarray) -> bytes:
    arrays: dict[str, Any] = {"z": found.z, "distances": found.distances, "images": images}
    arrays["reconstructions"] = pictures.unit_to_uint8(found.images)
    if found.labels is not None:
        arrays["labels"] = found.labels
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)
    return buffer.getvalue()


def _picture(found: Projection, images: np.ndarray) -> np.ndarray:
    """Rows of up to 8 images, and below each what was found."""
    drawn = pictures.unit_to_uint8(found.images)
    columns = min(len(images), pictures.COLUMNS)
    blank = np.zeros((-len(images) % columns, *images.shape[1:]), np.uint8)
    rows = [
        np.concatenate([each, blank]).reshape(-1, 1, columns, *images.shape[1:])
        for each in (images, drawn)
    ]
    return pictures.grid(np.concatenate(rows, axis=1).reshape(-1, *images.shape[1:]), columns)

"""Picture grids in torchvision's layout, PNGs and animations."""

import io
import math
import pathlib
from collections.abc import Sequence

import numpy as np
from PIL import Image

from tfgan.ground.errors import UserError
from tfgan.ground.files import write_file, writing

COLUMNS = 8
PADDING = 2


def to_uint8(images: np.ndarray) -> np.ndarray:
    """Maps pixels in [-1, 1] to uint8 as `save_image((x + 1) / 2)` does: clipped, rounded.

    Raises:
        UserError: if a pixel is not finite.
    """
    return unit_to_uint8((np.asarray(images, np.float32) + 1) / 2)


def unit_to_uint8(images: np.ndarray) -> np.ndarray:
    """Maps pixels in [0, 1] to uint8 as `save_image` does: clipped, rounded; see `to_uint8`."""
    check_finite(images)
    return (np.clip(images, 0, 1) * 255 + 0.5).astype(np.uint8)


def check_finite(images: np.ndarray, named: str = "the generator") -> None:
    """Makes sure that images are numbers: NaN would become a pixel of any brightness.

    Args:
        images: of any shape.
        named: what gave them, for the message.

    Raises:
        UserError: if a pixel is not finite.
    """
    if not np.isfinite(images).all():
        raise UserError(
            f"{named}: gives pixels that are NaN or infinite; its training may have diverged"
        )


def spread(count: int, most: int) -> list[int]:
    """At most `most` of the indices 0 ... count - 1, at equal distances, both ends among them."""
    return np.unique(np.linspace(0, count - 1, min(most, count)).round().astype(int)).tolist()


def grid(images: np.ndarray, columns: int = COLUMNS) -> np.ndarray:
    """Lays images out row by row with 2 black pixels around each, as torchvision's `make_grid`.

    Args:
        images: uint8 `(count, height, width, channels)` in [0, 255].
        columns: images in a row.

    Returns:
        uint8 `(rows * (height + 2) + 2, columns * (width + 2) + 2, channels)`; fewer columns
        if there are fewer images.
    """
    count, height, width, channels = images.shape
    columns = min(columns, count)
    rows = math.ceil(count / columns)
    cell_height, cell_width = height + PADDING, width + PADDING
    canvas = np.zeros(
        (rows * cell_height + PADDING, columns * cell_width + PADDING, channels), np.uint8
    )
    for index, image in enumerate(images):
        top = index // columns * cell_height + PADDING
        left = index % columns * cell_width + PADDING
        canvas[top : top + height, left : left + width] = image
    return canvas


def save_png(path: pathlib.Path, image: np.ndarray, flush: bool = True) -> None:
    """Writes uint8 `(height, width, channels)` with 1 or 3 channels; see `files.writing`."""
    with writing(path, flush) as file:
        file.write(to_png(image))


def to_png(image: np.ndarray) -> bytes:
    """Encodes uint8 `(height, width, channels)` with 1 or 3 channels."""
    return _encode(_to_pillow(image), "PNG")


def load_png(path: pathlib.Path) -> np.ndarray:
    """Reads what `save_png` wrote."""
    pixels = np.asarray(Image.open(path))
    return pixels[..., np.newaxis] if pixels.ndim == 2 else pixels


def save_gif(
    path: pathlib.Path, frames: Sequence[np.ndarray], seconds: float = 10, colours: int = 0
) -> None:
    """Writes an endless animation of uint8 frames; the last one stays a second longer.

    Args:
        path: the file.
        frames: `(height, width, channels)` each.
        seconds: how long one pass takes, at 20 to 500 milliseconds a frame.
        colours: of one palette for all frames, up to 256, taken from the middle and the last;
            drawings become a third as large. 0: each frame has its own.
    """
    first, *rest = [_to_pillow(frame) for frame in frames]
    if colours:
        sources = np.concatenate([frames[len(frames) // 2], frames[-1]])
        palette = _to_pillow(sources).quantize(colours, dither=Image.Dither.NONE)
        first, *rest = [
            frame.quantize(palette=palette, dither=Image.Dither.NONE) for frame in (first, *rest)
        ]
    write_file(path, _animation(first, rest, "GIF", seconds))


def save_webp(path: pathlib.Path, frames: Sequence[np.ndarray], seconds: float = 10) -> None:
    """Writes an endless animation as `save_gif` does, but with every colour as it is."""
    first, *rest = [_to_pillow(frame) for frame in frames]
    write_file(path, _animation(first, rest, "WEBP", seconds, lossless=True))


def _animation(
    first: Image.Image, rest: list[Image.Image], kind: str, seconds: float, **options: object
) -> bytes:
    duration = int(np.clip(1000 * seconds / (len(rest) + 1), 20, 500))
    durations = [duration] * len(rest) + [duration + 1000]
    options |= {"save_all": True, "append_images": rest, "duration": durations, "loop": 0}
    return _encode(first, kind, **options)


def _to_pillow(image: np.ndarray) -> Image.Image:
    return Image.fromarray(image[..., 0] if image.shape[-1] == 1 else image)


def _encode(image: Image.Image, kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()

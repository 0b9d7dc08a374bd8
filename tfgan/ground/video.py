"""Videos, by the extra `video`: PyAV, which contains FFmpeg's libraries."""

import itertools
from collections.abc import Iterable, Iterator
from typing import BinaryIO

import numpy as np

from tfgan.ground.errors import UserError

_SMALLEST = 256  # pixels: half of a film's colours are left out, and players show pixels small
_QUALITY = "15"  # constant rate factor of H.264, 0 to 51: no loss that is seen


def check(output: str) -> None:
    """Makes sure that a video can be written.

    Raises:
        UserError: if PyAV is not installed.
    """
    try:
        import av  # noqa: F401
    except ImportError:
        raise UserError(f"--output={output}: .mp4 needs PyAV: pip install -e '.[video]'") from None


def write_mp4(file: BinaryIO, frames: Iterable[np.ndarray], frames_a_second: int) -> None:
    """Writes frames as H.264, one at a time.

    Args:
        file: a seekable file.
        frames: uint8 `(height, width, 1 or 3)` each, enlarged by an integer so that the shorter
            side has at least 256 pixels.
        frames_a_second: frames a second.
    """
    import av

    first, frames = _peek(map(_enlarged, frames))
    with av.open(file, "w", format="mp4") as container:
        stream = container.add_stream("libx264", frames_a_second, {"crf": _QUALITY})
        stream.height, stream.width = first.shape[:2]
        stream.pix_fmt = "yuv420p"  # what every player takes
        for frame in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        container.mux(stream.encode())


def _peek(frames: Iterator[np.ndarray]) -> tuple[np.ndarray, Iterator[np.ndarray]]:
    first = next(frames)
    return first, itertools.chain([first], frames)


def _enlarged(frame: np.ndarray) -> np.ndarray:
    """An enlarged frame in colour, with even sides, because colours are stored for 2 x 2 pixels."""
    height, width, channels = frame.shape
    factor = -(-_SMALLEST // min(height, width))
    large = frame.repeat(factor, 0).repeat(factor, 1).repeat(3 // channels, 2)
    return np.pad(large, ((0, factor * height % 2), (0, factor * width % 2), (0, 0)), "edge")

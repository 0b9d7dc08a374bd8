"""Converts a picture of any kind to the size and the colours of a set."""

import dataclasses
import functools
import io
import warnings

import numpy as np
from PIL import Image, ImageColor, ImageOps, UnidentifiedImageError

from tfgan.ground.errors import UserError

FITS = ("crop", "pad", "stretch")
CHANNELS = ("auto", "1", "3")
# Told by content. Of the others that Pillow knows, some run programs (EPS), some tell by nothing
# but the suffix (TGA).
_FORMATS = {"AVIF", "BMP", "DIB", "GIF", "ICO", "JPEG", "JPEG2000", "PNG", "PPM", "TIFF", "WEBP"}
MOST_PIXELS = 1024**3 // 12  # what Pillow decodes without a warning: 256 MiB of colours
_SIXTEEN_BIT = 65535
_TRANSPARENT = ("LA", "La", "PA", "RGBA", "RGBa")


class NotTaken(Exception):  # noqa: N818, one picture less and not an error
    """A file that gives no picture; the message says why, in words that count well."""


@dataclasses.dataclass(frozen=True)
class Preparation:
    """How pictures become images of one size.

    Attributes:
        image_size: side of the images, in pixels.
        fit: what happens to a picture that is not square: "crop" keeps the middle, "pad" adds
            background at two sides, "stretch" distorts.
        background: what shows through transparent parts, and pads; a colour as CSS writes it.
        channels: "1" makes grey images, "3" colour images, "auto" grey ones if all pictures are.

    Raises:
        UserError: if a value is not allowed; the message names the flag.
    """

    image_size: int = 64
    fit: str = "crop"
    background: str = "white"
    channels: str = "auto"

    def __post_init__(self) -> None:
        if self.image_size < 1:
            raise UserError(f"--image_size={self.image_size}: must be at least 1 pixel")
        for name, choices in (("fit", FITS), ("channels", CHANNELS)):
            if getattr(self, name) not in choices:
                raise UserError(
                    f"--{name}={getattr(self, name)}: must be one of {', '.join(choices)}"
                )
        try:
            ImageColor.getrgb(self.background)
        except ValueError:
            raise UserError(
                f"--background={self.background}: is not a colour; use CSS notation, such as "
                "white, '#ff8800' or 'rgb(0,128,255)'"
            ) from None

    @property
    def background_rgb(self) -> tuple[int, int, int]:
        """Red, green and blue of the background, in [0, 255]."""
        return ImageColor.getrgb(self.background)[:3]


@dataclasses.dataclass(frozen=True)
class Prepared:
    """A picture, prepared.

    Attributes:
        png: the image as a PNG file, grey if the picture is.
        is_grey: whether red, green and blue are equal everywhere.
        size: width and height of the picture, upright.
    """

    png: bytes
    is_grey: bool
    size: tuple[int, int]


def prepare(content: bytes, how: Preparation) -> Prepared:
    """Decodes a picture and brings it to its size.

    The first frame, turned as its EXIF orientation says, over the background, fitted, resized by
    a Lanczos filter whose support grows with the reduction: without that, fine detail turns into
    noise (Parmar et al., On Aliased Resizing and Surprising Subtleties in GAN Evaluation, 2022).
    A picture that has the right size already keeps each of its pixels.

    Args:
        content: of the file.
        how: what to make of it.

    Raises:
        NotTaken: if the file holds no picture, a damaged one, or one that is too large.
    """
    image = _decoded(content)
    fitted = _fit(_opaque(_eight_bits(image), how), how)
    pixels = np.asarray(fitted)
    is_grey = bool((pixels == pixels[..., :1]).all())
    encoded = io.BytesIO()
    (fitted.getchannel(0) if is_grey else fitted).save(encoded, "PNG")
    return Prepared(encoded.getvalue(), is_grey, image.size)


def pixels(content: bytes) -> np.ndarray:
    """The pixels of a picture as it is, uint8 `(height, width, 1 or 3)`.

    The first frame, turned as its EXIF orientation says.

    Args:
        content: of the file.

    Raises:
        NotTaken: as of `prepare`, or if parts of it are transparent.
    """
    image = _eight_bits(_decoded(content))
    if image.mode in _TRANSPARENT or "transparency" in image.info:
        image = image.convert("RGBA")
        if np.asarray(image)[..., 3].min() < 255:
            raise NotTaken("partly transparent")
    grey = image.mode in ("1", "L")
    return np.atleast_3d(np.asarray(image.convert("L" if grey else "RGB")))


def _decoded(content: bytes) -> Image.Image:
    """The first frame, upright."""
    if not content:
        raise NotTaken("empty")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of what is odd in a file that can be read all the same
        try:
            image = Image.open(io.BytesIO(content), formats=_formats())
            if image.width * image.height > MOST_PIXELS:
                raise NotTaken(_TOO_LARGE)
            image.load()
            return ImageOps.exif_transpose(image)
        except NotTaken:
            raise
        except Image.DecompressionBombError:
            raise NotTaken(_TOO_LARGE) from None
        except MemoryError:
            raise NotTaken("too large for this machine's memory") from None
        except UnidentifiedImageError:
            raise NotTaken("not a picture") from None
        except Exception:  # Pillow has no class of its own for what a file has wrong
            raise NotTaken("damaged") from None


@functools.cache
def _formats() -> tuple[str, ...]:
    """Those that this Pillow was built with."""
    Image.init()
    return tuple(sorted(_FORMATS & set(Image.OPEN)))


@functools.cache
def suffixes() -> frozenset[str]:
    """What the names of pictures end in, in small letters."""
    Image.init()
    return frozenset(suffix for suffix, kind in Image.EXTENSION.items() if kind in _FORMATS)


_TOO_LARGE = f"more than {MOST_PIXELS // 10**6} million pixels"


def _eight_bits(image: Image.Image) -> Image.Image:
    """With numbers in [0, 255]."""
    if not image.mode.startswith(("I", "F")):
        return image
    values = np.asarray(image)
    if image.mode == "F":
        if not (np.isfinite(values).all() and values.min() >= 0 and values.max() <= 1):
            raise NotTaken("floating-point numbers outside [0, 1]")
        values = np.rint(values * 255)
    else:
        if values.min() < 0 or values.max() > _SIXTEEN_BIT:
            raise NotTaken("whole numbers of more than 16 bits")
        values = np.rint(values.astype(np.float64) * (255 / _SIXTEEN_BIT))
    return Image.fromarray(values.astype(np.uint8), "L")


def _opaque(image: Image.Image, how: Preparation) -> Image.Image:
    """In red, green and blue, over the background where it is transparent."""
    if image.mode in _TRANSPARENT or "transparency" in image.info:
        colours = image.convert("RGBA")
        below = Image.new("RGBA", image.size, (*how.background_rgb, 255))
        return Image.alpha_composite(below, colours).convert("RGB")
    return image.convert("RGB")


def _fit(image: Image.Image, how: Preparation) -> Image.Image:
    side = (how.image_size, how.image_size)
    lanczos = Image.Resampling.LANCZOS
    if how.fit == "crop":
        return ImageOps.fit(image, side, lanczos)
    if how.fit == "pad":
        return ImageOps.pad(image, side, lanczos, color=how.background_rgb)
    return image.resize(side, lanczos)


def in_colour(png: bytes) -> bytes:
    """A grey PNG as one with three channels."""
    encoded = io.BytesIO()
    Image.open(io.BytesIO(png)).convert("RGB").save(encoded, "PNG")
    return encoded.getvalue()


def in_grey(png: bytes) -> bytes:
    """A PNG as one with one channel: its luma, by ITU-R 601."""
    encoded = io.BytesIO()
    Image.open(io.BytesIO(png)).convert("L").save(encoded, "PNG")
    return encoded.getvalue()

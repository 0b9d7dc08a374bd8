"""One picture of every kind that people have, by its pixels."""

import contextlib
import io
import itertools

import numpy as np
import pytest
from PIL import Image

from tfgan import UserError
from tfgan.datasets.own import picture
from tfgan.datasets.own.picture import NotTaken, Preparation

ORANGE = (255, 136, 0)


def encoded(image: Image.Image, kind: str = "PNG", **options) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def pixels(content: bytes, size: int = 4, **options) -> np.ndarray:
    """What becomes of it: uint8 `(size, size)` if grey, else `(size, size, 3)`."""
    made = picture.prepare(content, Preparation(size, **options))
    array = np.asarray(Image.open(io.BytesIO(made.png)))
    assert made.is_grey == (array.ndim == 2)
    assert array.shape[:2] == (size, size)
    return array


@pytest.mark.parametrize("kind", ["BMP", "GIF", "JPEG", "JPEG2000", "PNG", "PPM", "TIFF", "WEBP"])
def test_each_format_is_told_by_its_content(kind):
    found = pixels(encoded(Image.new("RGB", (9, 7), ORANGE), kind))
    np.testing.assert_allclose(found, np.broadcast_to(ORANGE, (4, 4, 3)), atol=3)


@pytest.mark.parametrize(
    ("image", "kind", "expected"),
    [
        (Image.new("1", (8, 8), 1), "PNG", 255),
        (Image.new("L", (8, 8), 77), "PNG", 77),
        (Image.new("RGB", (8, 8), (77, 77, 77)), "PNG", 77),
        (Image.new("RGB", (8, 8), ORANGE).quantize(4), "PNG", ORANGE),
        # Cyan 0, magenta, yellow: 255 - (0, 100, 200).
        (Image.new("CMYK", (8, 8), (0, 100, 200, 0)), "JPEG", (255, 155, 55)),
        (Image.new("YCbCr", (8, 8), (120, 128, 128)), "JPEG", 120),
        # 16 bits: 65535 is white, and half of it half.
        (Image.fromarray(np.full((8, 8), 65535, np.uint16)), "PNG", 255),
        (Image.fromarray(np.full((8, 8), 32896, np.uint16)), "TIFF", 128),
        (Image.fromarray(np.full((8, 8), 257, np.int32)), "TIFF", 1),
        (Image.fromarray(np.full((8, 8), 0.5, np.float32)), "TIFF", 128),
    ],
)
def test_each_mode_keeps_its_colour(image, kind, expected):
    found = pixels(encoded(image, kind))
    assert (found.ndim == 2) == isinstance(expected, int)
    np.testing.assert_allclose(found, np.broadcast_to(expected, found.shape), atol=2)


@pytest.mark.parametrize(
    "transparent",
    [
        Image.new("RGBA", (8, 8), (1, 2, 3, 0)),
        Image.new("LA", (8, 8), (1, 0)),
        Image.new("RGBA", (8, 8), (1, 2, 3, 0)).quantize(2),
    ],
)
def test_transparent_parts_show_the_background(transparent):
    content = encoded(transparent)
    np.testing.assert_array_equal(pixels(content), np.full((4, 4), 255))
    found = pixels(content, background="#ff8800")
    np.testing.assert_array_equal(found, np.broadcast_to(ORANGE, (4, 4, 3)))


def test_a_transparent_colour_of_a_png_shows_the_background():
    content = encoded(Image.new("RGB", (8, 8), ORANGE), transparency=ORANGE)
    np.testing.assert_array_equal(pixels(content), np.full((4, 4), 255))


def test_half_transparent_is_half_of_each():
    found = pixels(encoded(Image.new("RGBA", (8, 8), (0, 0, 0, 128))), background="white")
    np.testing.assert_allclose(found, np.full((4, 4), 127), atol=1)


@pytest.mark.parametrize(
    ("orientation", "corner"),
    [(1, (0, 0)), (2, (0, -1)), (3, (-1, -1)), (6, (0, -1)), (8, (-1, 0))],
)
def test_exif_turns_it(orientation, corner):
    array = np.zeros((8, 8), np.uint8)
    array[:4, :4] = 255
    exif = Image.Exif()
    exif[0x0112] = orientation
    found = pixels(encoded(Image.fromarray(array), exif=exif), 8)
    assert found[corner] == 255
    assert (found == 255).sum() == 16


@pytest.mark.parametrize("kind", ["GIF", "PNG", "TIFF", "WEBP"])
def test_the_first_frame_is_taken(kind):
    frames = [Image.new("L", (8, 8), grey) for grey in (0, 255)]
    options = {"lossless": True} if kind == "WEBP" else {}
    content = encoded(frames[0], kind, save_all=True, append_images=frames[1:], **options)
    np.testing.assert_array_equal(pixels(content), np.zeros((4, 4)))


@pytest.mark.parametrize("size", [(1, 1), (10_000, 10), (10, 10_000), (3, 2)])
@pytest.mark.parametrize("fit", picture.FITS)
def test_any_shape_fits(size, fit):
    found = pixels(encoded(Image.new("RGB", size, ORANGE)), 8, fit=fit, background="#ff8800")
    np.testing.assert_array_equal(found, np.broadcast_to(ORANGE, (8, 8, 3)))


def test_the_three_fits():
    # Black, a white middle, black: the middle third of a picture three times as wide as high.
    array = np.zeros((4, 12), np.uint8)
    array[:, 4:8] = 255
    content = encoded(Image.fromarray(array))
    np.testing.assert_array_equal(pixels(content, fit="crop"), np.full((4, 4), 255))
    padded = pixels(content, 12, fit="pad", background="#808080")
    np.testing.assert_array_equal(padded[4:8], array)
    np.testing.assert_array_equal(padded[[0, 11]], np.full((2, 12), 128))
    stretched = pixels(content, 12, fit="stretch")
    np.testing.assert_array_equal(stretched, np.repeat(stretched[:1], 12, axis=0))


def test_fine_detail_becomes_grey_and_not_noise():
    # Every second pixel: a filter without antialiasing gives black, white or stripes.
    array = np.indices((256, 256)).sum(axis=0) % 2 * 255
    found = pixels(encoded(Image.fromarray(array.astype(np.uint8))), 32)
    np.testing.assert_allclose(found[2:-2, 2:-2], np.full((28, 28), 127.5), atol=2)


def test_right_size_keeps_every_pixel():
    array = np.random.default_rng(0).integers(0, 256, (16, 16, 3), np.uint8)
    np.testing.assert_array_equal(pixels(encoded(Image.fromarray(array)), 16), array)


NOISE = encoded(Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)))


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "empty"),
        (b"Dear diary", "not a picture"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "not a picture"),
        (NOISE[:-3000], "damaged"),
        (NOISE[:30], "not a picture"),
        (NOISE[:5000] + b"\0" * 100 + NOISE[5100:], "damaged"),
        (encoded(Image.fromarray(np.full((2, 2), 9.5, np.float32)), "TIFF"), r"outside \[0, 1\]"),
        (encoded(Image.fromarray(np.full((2, 2), 2**20, np.int32)), "TIFF"), "more than 16 bits"),
    ],
    ids=itertools.count(),
)
def test_what_is_no_picture_says_why(content, why):
    with pytest.raises(NotTaken, match=why):
        picture.prepare(content, Preparation(4))


@pytest.mark.parametrize("side", [10_000, 30_000])
def test_more_pixels_than_fit_into_memory_are_counted_first(side):
    content = encoded(Image.new("1", (side, side)))
    with pytest.raises(NotTaken, match="more than 89 million pixels"):
        picture.prepare(content, Preparation(4))


def test_any_bytes_are_taken_or_refused():
    rng = np.random.default_rng(0)
    samples = [encoded(Image.open(io.BytesIO(NOISE)), kind) for kind in ("PNG", "GIF", "TIFF")]
    for number in range(300):
        content = bytearray(samples[number % 3])
        for place in rng.integers(0, min(len(content), 400), 3):
            content[place] = rng.integers(256)
        with contextlib.suppress(NotTaken):
            assert pixels(bytes(content)).shape[:2] == (4, 4)


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"image_size": 0}, "^--image_size=0: must be at least 1"),
        ({"fit": "squeeze"}, "^--fit=squeeze: must be one of crop, pad, stretch"),
        ({"channels": "2"}, "^--channels=2: must be one of"),
        ({"background": "rot"}, "^--background=rot: is not a colour"),
    ],
)
def test_wrong_options_are_named(options, problem):
    with pytest.raises(UserError, match=problem):
        Preparation(**options)


def test_grey_and_colour_are_made_of_each_other():
    grey = encoded(Image.new("L", (2, 2), 77))
    assert (
        np.asarray(Image.open(io.BytesIO(picture.in_colour(grey)))).tolist() == [[[77] * 3] * 2] * 2
    )
    # ITU-R 601: 0.299 * 255 + 0.587 * 136 = 156.08.
    luma = picture.in_grey(encoded(Image.new("RGB", (2, 2), ORANGE)))
    assert np.asarray(Image.open(io.BytesIO(luma))).tolist() == [[156] * 2] * 2

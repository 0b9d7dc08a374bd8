"""Sizes and positions are worked out by hand from torchvision's layout."""

import numpy as np
import pytest
from PIL import Image

from tfgan.ground import pictures


def numbered(count: int, height=28, width=28, channels=1) -> np.ndarray:
    return np.ones((count, height, width, channels), np.uint8) * np.arange(
        1, count + 1, dtype=np.uint8
    ).reshape(-1, 1, 1, 1)


def test_grid_of_the_tutorials_batch():
    # 100 images, 8 a row: 13 rows. 13 * (28 + 2) + 2 = 392 high, 8 * 30 + 2 = 242 wide.
    grid = pictures.grid(numbered(100))
    assert grid.shape == (392, 242, 1)
    # Image 1 covers rows and columns 2 ... 29; image 2 starts at column 32; image 9 at row 32.
    assert (grid[2:30, 2:30] == 1).all()
    assert (grid[2:30, 32:60] == 2).all()
    assert (grid[32:60, 2:30] == 9).all()
    # Image 100 is number 99 from 0: row 12, column 3, at (12 * 30 + 2, 3 * 30 + 2).
    assert (grid[362:390, 92:120] == 100).all()
    # Two black pixels around each, and black where images are missing.
    assert not grid[:2].any()
    assert not grid[:, :2].any()
    assert not grid[30:32].any()
    assert not grid[:, 30:32].any()
    assert not grid[390:].any()
    assert not grid[362:, 122:].any()
    assert (grid > 0).sum() == 100 * 28 * 28


def test_grid_with_few_images_and_colour():
    # make_grid takes min(8, count) columns: 3 * (4 + 2) + 2 = 20 wide, one row of 6 + 2 = 8... 2.
    assert pictures.grid(numbered(3, 4, 4, 3)).shape == (8, 20, 3)
    assert pictures.grid(numbered(1, 4, 6)).shape == (8, 10, 1)
    assert pictures.grid(numbered(4, 4, 4), columns=2).shape == (14, 14, 1)


def test_pixels_round_as_save_image_does():
    # (x + 1) / 2 clipped to [0, 1], times 255, plus 0.5, cut off: 0.5 * 255 + 0.5 = 128.
    x = np.array([-3, -1, 0, 1, 7, 2 * 0.7 / 255 - 1, 2 * 0.4 / 255 - 1])
    assert pictures.to_uint8(x).tolist() == [0, 0, 128, 255, 255, 1, 0]


@pytest.mark.parametrize("channels", [1, 3])
def test_png_holds_each_pixel(tmp_path, channels):
    image = np.random.default_rng(0).integers(0, 256, (5, 7, channels), np.uint8)
    pictures.save_png(tmp_path / "a.png", image)
    np.testing.assert_array_equal(pictures.load_png(tmp_path / "a.png"), image)
    assert [file.name for file in tmp_path.iterdir()] == ["a.png"]


def test_gif_holds_each_frame(tmp_path):
    frames = [np.full((6, 6, 1), level, np.uint8) for level in (0, 100, 255)]
    pictures.save_gif(tmp_path / "a.gif", frames, seconds=0.3)
    with Image.open(tmp_path / "a.gif") as gif:
        assert gif.n_frames == 3
        assert gif.info["loop"] == 0
        levels, durations = [], []
        for index in range(3):
            gif.seek(index)
            levels.append(gif.convert("L").getpixel((3, 3)))
            durations.append(gif.info["duration"])
    assert levels == [0, 100, 255]
    assert durations == [100, 100, 1100]


def test_webp_holds_each_frame_exactly(tmp_path):
    frames = np.random.default_rng(0).integers(0, 256, (3, 5, 7, 3), np.uint8)
    pictures.save_webp(tmp_path / "a.webp", list(frames), seconds=0.3)
    with Image.open(tmp_path / "a.webp") as animation:
        for index, frame in enumerate(frames):
            animation.seek(index)
            np.testing.assert_array_equal(np.asarray(animation.convert("RGB")), frame)
        assert (animation.info["loop"], animation.info["duration"]) == (0, 1100)


def test_one_palette_keeps_a_drawings_colours(tmp_path):
    frames = [np.full((4, 6, 3), (255, 255, 255), np.uint8) for _ in range(3)]
    for index, frame in enumerate(frames):
        frame[:, index] = (200, 30, 40)
    pictures.save_gif(tmp_path / "a.gif", frames, colours=4)
    with Image.open(tmp_path / "a.gif") as animation:
        for index, frame in enumerate(frames):
            animation.seek(index)
            np.testing.assert_array_equal(np.asarray(animation.convert("RGB")), frame)

"""Samples of somebody else: how arrays and folders are read, and what is not taken."""

import numpy as np
import pytest
from PIL import Image

from tfgan import UserError
from tfgan.evaluation.given import Given, shuffled

IMAGES = np.random.default_rng(0).integers(0, 256, (6, 4, 5, 3), np.uint8)
GREY = IMAGES[..., :1]
ORDER = shuffled(6)


def read(path, count, shape):
    """The images, and what was said of how they are read."""
    lines = []
    source = Given(str(path), lines.append)
    assert source.check(count, shape) == source.draw(count).shape[1:]
    assert source.draw(count).dtype == np.uint8
    assert len(lines) <= 1
    found = source.draw(count)
    order = ORDER[: len(found)]
    images = np.zeros_like(found, shape=(6, *found.shape[1:]))
    images[order] = found  # each where it was
    return images, "".join(lines).removeprefix(f"--samples={path}: ")


@pytest.mark.parametrize("images", [IMAGES, GREY], ids=["colour", "grey"])
@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda x: x, ""),
        (lambda x: np.moveaxis(x, -1, 1), "channels first"),
        (lambda x: np.asfortranarray(x), ""),
        (lambda x: x.astype(np.float32) / 255, "floats in [0, 1]"),
        (lambda x: x / 255, "floats in [0, 1]"),
        (lambda x: x / 127.5 - 1, "floats in [-1, 1]"),
        (lambda x: np.moveaxis(x / 127.5 - 1, -1, 1), "channels first, floats in [-1, 1]"),
        (lambda x: x / 255 + 1e-7, "floats in [0, 1]"),
        (lambda x: (x / 127.5 - 1) * (1 + 1e-6), "floats in [-1, 1]"),
    ],
)
def test_arrays_are_read_as_what_they_are(images, change, said, tmp_path):
    changed = change(images)
    np.save(tmp_path / "a.npy", changed)
    np.savez(tmp_path / "a.npz", np.ascontiguousarray(changed))
    np.savez_compressed(tmp_path / "b.npz", images=np.ascontiguousarray(changed))
    for name in ("a.npy", "a.npz", "b.npz"):
        found, words = read(tmp_path / name, 6, images.shape[1:])
        np.testing.assert_array_equal(found, images)
        assert words == said
    found, words = read(tmp_path / "a.npz", 4, images.shape[1:])
    np.testing.assert_array_equal(found[ORDER[:4]], images[ORDER[:4]])
    assert words.startswith(("4 of its 6 images", "channels first, 4 of its 6 images"))


def test_half_precision_and_arrays_without_channels(tmp_path):
    np.save(tmp_path / "a.npy", (GREY[..., 0] / 255).astype(np.float16))
    np.testing.assert_allclose(read(tmp_path / "a.npy", 6, (4, 5, 1))[0], GREY, atol=1)
    np.save(tmp_path / "b.npy", GREY[..., 0])
    np.testing.assert_array_equal(read(tmp_path / "b.npy", 6, (4, 5, 1))[0], GREY)


def test_one_of_several_arrays(tmp_path):
    np.savez(tmp_path / "a.npz", GREY, np.arange(6))  # arr_0, arr_1: images and labels
    assert read(tmp_path / "a.npz", 6, (4, 5, 1))[1] == "arr_0"
    np.savez(tmp_path / "b.npz", samples=GREY, images=GREY)
    with pytest.raises(UserError, match="has the arrays samples, images; one of them must be"):
        read(tmp_path / "b.npz", 6, (4, 5, 1))


@pytest.mark.parametrize(
    ("array", "problem"),
    [
        (GREY / 1.0, r"has pixels from \S+ to 25\d; use uint8, or floats that span"),
        (GREY / 255 - 0.2, r"has pixels from -0.\d+ to 0.\d+; use uint8"),
        (GREY / 255 * 2, "has pixels from"),
        (np.full((6, 4, 5, 1), np.nan), "has pixels that are NaN or infinite"),
        (np.full((6, 4, 5, 1), np.inf), "has pixels that are NaN or infinite"),
        (GREY // 255 + (GREY > 99), "has only the pixels 0 and 1"),
        (GREY.astype(np.int64), r"is int64 \(6, 4, 5, 1\), but uint8 or floats"),
        (GREY.astype(complex), "is complex128"),
        (GREY > 99, "is bool"),
        (GREY.reshape(6, 20), r"is uint8 \(6, 20\)"),
        (GREY[:3], "has 3 images; the protocol needs 6"),
        (np.float32(1), r"is float32 \(\)"),
        (np.array([{}]), "is not a .npy or .npz file of numbers"),
    ],
)
def test_what_is_ambiguous_or_no_images_is_refused(array, problem, tmp_path):
    np.save(tmp_path / "a.npy", array)
    with pytest.raises(UserError, match=f"^--samples={tmp_path}/a.npy: {problem}") as error:
        read(tmp_path / "a.npy", 6, (4, 5, 1))
    assert "\n" not in str(error.value)


def test_damaged_archives_are_refused(tmp_path):
    np.savez(tmp_path / "a.npz", GREY)
    content = (tmp_path / "a.npz").read_bytes()
    np.savez_compressed(tmp_path / "b.npz", IMAGES)
    compressed = bytearray((tmp_path / "b.npz").read_bytes())
    compressed[120:160] = bytes(40)
    (tmp_path / "half.npz").write_bytes(content[: len(content) // 2])
    (tmp_path / "spoilt.npz").write_bytes(compressed)
    np.savez(tmp_path / "objects.npz", np.array([{}], dtype=object))
    for name in ("half", "spoilt", "objects"):
        with pytest.raises(UserError, match=r"is not a .npy or .npz file of numbers$"):
            read(tmp_path / f"{name}.npz", 6, (4, 5, 3))


def save_folder(folder, images, suffix=".png", names=()):
    for index, image in enumerate(images):
        name = names[index] if names else f"{index}{suffix}"
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image[..., 0] if image.shape[-1] == 1 else image).save(folder / name)


def test_folders_of_pictures(tmp_path):
    for name, images in (("colour", IMAGES), ("grey", GREY)):
        folder = tmp_path / name
        save_folder(folder, images)
        (folder / "notes.txt").write_text("of a person")
        (folder / ".hidden.png").write_text("no picture")
        found, words = read(folder, 6, images.shape[1:])
        np.testing.assert_array_equal(found, images)
        assert words == ""
        assert read(folder, 4, images.shape[1:])[1] == "4 of its 6 images"
    # As torchvision's save_image writes them: grey ones in three channels.
    found, words = read(tmp_path / "grey", 6, (4, 5, 3))
    np.testing.assert_array_equal(found, GREY.repeat(3, -1))
    assert words == "grey pictures converted to colour"
    save_folder(tmp_path / "repeated", GREY.repeat(3, -1))
    found, words = read(tmp_path / "repeated", 6, (4, 5, 1))
    np.testing.assert_array_equal(found, GREY)
    assert words == "colour pictures without colours converted to grey"
    assert read(tmp_path / "colour", 6, (4, 5, 1))[0].shape[1:] == (4, 5, 3)  # the harness says so


def test_classes_that_follow_one_another_are_mixed(tmp_path):
    labels = np.repeat(np.arange(10, dtype=np.uint8), 1000)
    np.save(tmp_path / "a.npy", labels[:, np.newaxis, np.newaxis] * np.ones((1, 2, 2), np.uint8))
    source = Given(str(tmp_path / "a.npy"), lambda line: None)
    source.check(5000, (2, 2, 1))
    drawn = source.draw(5000)[:, 0, 0, 0]
    for start in range(0, 5000, 1000):  # standard deviation of each count: 9
        counts = np.bincount(drawn[start : start + 1000], minlength=10)
        assert np.abs(counts - 100).max() < 45
    again = Given(str(tmp_path / "a.npy"), lambda line: None)
    again.check(2000, (2, 2, 1))
    np.testing.assert_array_equal(again.draw(2000)[:, 0, 0, 0], drawn[:2000])


def test_pictures_of_sub_folders(tmp_path):
    names = [f"{label}/{index}.png" for label in "ab" for index in range(3)]
    save_folder(tmp_path, IMAGES, names=names)
    found, words = read(tmp_path, 6, (4, 5, 3))
    np.testing.assert_array_equal(found, IMAGES)
    assert words == "sub-folders ignored"
    found, words = read(tmp_path, 2, (4, 5, 3))
    np.testing.assert_array_equal(found[ORDER[:2]], IMAGES[ORDER[:2]])
    assert words == "2 of its 6 images, sub-folders ignored"


def test_folders_that_cannot_be_scored_are_refused(tmp_path):
    def refused(problem):
        with pytest.raises(UserError, match=f"^--samples={tmp_path}: .*{problem}") as error:
            read(tmp_path, 2, (4, 5, 3))
        assert "\n" not in str(error.value)

    refused("has no pictures")
    save_folder(tmp_path, IMAGES[:2])
    (tmp_path / "1.png").write_bytes((tmp_path / "1.png").read_bytes()[:60])
    refused(r"1\.png: damaged")
    (tmp_path / "1.png").write_bytes(b"")
    refused(r"1\.png: empty")
    Image.fromarray(np.full((4, 5, 4), 99, np.uint8)).save(tmp_path / "1.png")
    refused(r"1\.png: partly transparent")
    save_folder(tmp_path, IMAGES[:1, :3], names=["1.png"])
    refused(r"\.png is \(\d, 5, 3\), but others are \(\d, 5, 3\)")
    (tmp_path / "1.png").unlink()
    refused("has 1 images; the protocol needs 2")

"""Decoded images are kept for the next start, and taken for nothing else than what they are."""

import json
import os
import pathlib
import shutil

import filelock
import numpy as np
import pytest

from tfgan.datasets import pipeline, sources
from tfgan.datasets.image_set import ImageSet


@pytest.fixture
def image_set(tiny_data_dir, tmp_path) -> ImageSet:
    shutil.copytree(tiny_data_dir / "mnist", tmp_path / "mnist")
    return ImageSet("mnist", data_dir=str(tmp_path))


@pytest.fixture
def decodings(monkeypatch):
    """The splits that were decoded, one after the other."""
    done = []
    decode = pipeline._decode

    def noted(builder, image_set):
        done.append(image_set.split)
        return decode(builder, image_set)

    monkeypatch.setattr(pipeline, "_decode", noted)
    return done


def load(image_set: ImageSet, keep: bool = True) -> tuple[np.ndarray, np.ndarray]:
    builder = sources.prepare(image_set, lambda line: None)
    return pipeline.load(builder, image_set, labels=True, keep=keep)


def kept(image_set: ImageSet) -> list[pathlib.Path]:
    return sorted(pathlib.Path(image_set.data_dir).glob("tfgan-decoded-v1/mnist/*/*"))


def test_each_part_is_decoded_once(image_set, decodings):
    for split in ("train", "train[:30]", "test"):
        part = image_set.with_split(split)
        first, again = load(part), load(part)
        for one, other in zip(first, again, strict=True):
            np.testing.assert_array_equal(one, other)
            assert one.dtype == other.dtype
        # TensorFlow shares the memory: nothing is copied.
        np.testing.assert_array_equal(pipeline.as_tensor(again[0]).numpy(), first[0])
        assert again[0].ctypes.data % 64 == 0
    assert decodings == ["train", "train[:30]", "test"]
    assert [folder.name for folder in kept(image_set)] == ["test", "train", "train%5B%3A30%5D"]
    stacked = pipeline.load_images(
        ImageSet("stacked_mnist", data_dir=image_set.data_dir), lambda line: None
    )
    assert stacked.shape == (60, 28, 28, 3)
    assert len(decodings) == 3


def test_the_first_images_are_those_that_are_kept(image_set, decodings, monkeypatch):
    monkeypatch.setenv("TFDS_DATA_DIR", image_set.data_dir)
    image_set = ImageSet("mnist")
    before = pipeline.first_labelled(image_set, 7)  # of those that nobody has kept
    assert decodings == []
    images, labels = load(image_set)
    for count in (7, 1000):
        firsts = pipeline.first_labelled(image_set, count)
        for first, array in zip(firsts, (images, labels), strict=True):
            np.testing.assert_array_equal(first, array[:count])
            assert first.dtype == array.dtype
        np.testing.assert_array_equal(pipeline.first_images(image_set, count), images[:count])
    for one, other in zip(before, (images, labels), strict=True):
        np.testing.assert_array_equal(one, other[:7])
    assert decodings == ["train"]
    for _ in range(2):  # a whole split is kept by whoever needs it
        assert len(pipeline.first_images(image_set.with_split("test"), 10_000)) == 10
    assert decodings == ["train", "test"]


@pytest.mark.parametrize("what", ["images.npy", "labels.npy", "set.json"])
@pytest.mark.parametrize("damage", ["cut", "empty", "flipped", "header", "reshaped", "gone"])
def test_a_damaged_file_is_no_harm(image_set, decodings, what, damage):
    before = load(image_set)
    file = kept(image_set)[0] / what
    content = bytearray(file.read_bytes())
    if damage == "cut":
        file.write_bytes(content[:-1])
    elif damage == "empty":
        file.write_bytes(b"")
    elif damage == "header":
        content[10:20] = b"(" * 10
        file.write_bytes(content)
    elif damage == "reshaped":
        if what == "set.json":
            file.write_text("[]")
        else:
            np.save(file, np.load(file)[np.newaxis])
    elif damage == "flipped":
        content[-5] ^= 1
        file.write_bytes(content)
    else:
        file.unlink()
    for _ in range(2):
        for one, other in zip(before, load(image_set), strict=True):
            np.testing.assert_array_equal(one, other)
    assert decodings == ["train"] * 2  # and the whole one is kept again


def test_other_files_of_the_set_are_decoded(image_set, decodings):
    load(image_set)
    file = next(pathlib.Path(image_set.data_dir).glob("mnist/*/mnist-train*"))
    os.utime(file, ns=(1, 1))
    load(image_set)
    load(image_set)
    assert decodings == ["train"] * 2


def change_the_set(image_set: ImageSet) -> None:
    for file in pathlib.Path(image_set.data_dir).glob("mnist/*/mnist-train*"):
        os.utime(file, ns=(2, 2))


def test_what_was_decoded_from_other_files_is_not_kept(image_set, monkeypatch):
    decode = pipeline._decode

    def meanwhile(*arguments):
        found = decode(*arguments)
        change_the_set(image_set)
        return found

    monkeypatch.setattr(pipeline, "_decode", meanwhile)
    load(image_set)
    assert kept(image_set) == []


def test_nobody_waits_for_who_prepares_another_set(image_set, decodings):
    with filelock.FileLock(pathlib.Path(image_set.data_dir) / ".tfgan.lock"):
        load(image_set)
        assert kept(image_set) == []
    load(image_set)
    assert len(kept(image_set)) == 1
    assert decodings == ["train"] * 2


def test_what_another_process_has_kept_meanwhile_stays(image_set, monkeypatch):
    decode = pipeline._decode

    def meanwhile(*arguments):
        monkeypatch.setattr(pipeline, "_decode", decode)
        load(image_set)  # as the other process
        inodes.append(kept(image_set)[0].stat().st_ino)
        return decode(*arguments)

    inodes = []
    monkeypatch.setattr(pipeline, "_decode", meanwhile)
    load(image_set)
    assert [folder.stat().st_ino for folder in kept(image_set)] == inodes


def test_record_without_images_is_no_record(image_set, decodings):
    load(image_set)
    record = kept(image_set)[0] / "set.json"
    record.write_text(json.dumps(json.loads(record.read_text()) | {"sums": {}}))
    load(image_set)
    load(image_set)
    assert decodings == ["train"] * 2


def test_without_room_nothing_is_kept(image_set, decodings, monkeypatch):
    def full(*arguments):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "save", full)
    load(image_set)
    load(image_set)
    assert decodings == ["train"] * 2
    assert kept(image_set) == []


def test_only_who_may_keeps_something_in_a_folder_that_is_named(image_set, monkeypatch):
    load(image_set, keep=False)
    assert kept(image_set) == []
    monkeypatch.setenv("TFDS_DATA_DIR", image_set.data_dir)
    load(ImageSet("mnist"), keep=False)
    assert len(kept(image_set)) == 1

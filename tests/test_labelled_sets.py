"""Sets with labels: each image with its own, wherever a batch comes from."""

import dataclasses
import json
import types

import numpy as np
import pytest
import tensorflow_datasets as tfds
from conftest import make_images, prepare_tiny

from tfgan import UserError
from tfgan.cluster.replicas import WHOLE, Share
from tfgan.datasets import derived, pipeline, training_set
from tfgan.datasets.classes import Classes
from tfgan.datasets.image_set import ImageSet
from tfgan.datasets.training_set import InMemory, Streamed

COUNT, SHARDS, BATCH = 1400, 3, 100  # 1.1 MB decoded
DIGITS = tuple("0123456789")


def numbered(count: int) -> np.ndarray:
    """Images that no two are alike of: the first pixels say which it is."""
    images = make_images(count)
    images[:, 0, 0, 0], images[:, 0, 1, 0] = np.arange(count) // 256, np.arange(count) % 256
    return images


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory):
    """MNIST's features, every image another, and label = number % 10."""
    folder = tmp_path_factory.mktemp("data")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("conftest.make_images", lambda count, shape: numbered(count))
        prepare_tiny(tfds.image_classification.MNIST, folder, "mnist", (28, 28, 1), COUNT, SHARDS)
    return folder


def opened(data_dir, split="train", limit=1024, **options) -> InMemory | Streamed:
    return training_set.open_set(
        ImageSet("mnist", split, data_dir), limit, lambda line: None, labelled=True, **options
    )


def numbers(images: np.ndarray) -> np.ndarray:
    """Which images of `numbered` these are."""
    pixels = np.round((images[:, 0, :2, 0] + 1) * 127.5).astype(int)
    return pixels[:, 0] * 256 + pixels[:, 1]


def take(data, count: int, first: int = 0, share: Share = WHOLE) -> tuple[np.ndarray, np.ndarray]:
    batches = data.batches(BATCH, 1, first, share).take(count).as_numpy_iterator()
    images, labels = zip(*batches, strict=True)
    return np.concatenate(images), np.concatenate(labels)


@pytest.mark.parametrize("limit", [1024, 1], ids=["in_memory", "streamed"])
def test_each_image_comes_with_its_label(data_dir, limit):
    data = opened(data_dir, limit=limit)
    assert isinstance(data, Streamed) == (limit == 1)
    assert data.classes == Classes(DIGITS, (COUNT // 10,) * 10)
    spec = data.batches(BATCH, 1).element_spec
    assert [(part.shape[0], part.dtype.name) for part in spec] == [(100, "float32"), (100, "int64")]
    for epoch in range(2):
        images, labels = take(data, COUNT // BATCH, epoch * COUNT // BATCH)
        assert sorted(numbers(images)) == list(range(COUNT))
        np.testing.assert_array_equal(labels, numbers(images) % 10)
        assert len(np.unique(labels[:BATCH])) == 10  # no batch is of one class


@pytest.mark.parametrize("limit", [1024, 1], ids=["in_memory", "streamed"])
def test_a_resumed_run_and_shares_get_the_pairs_of_the_whole(data_dir, limit):
    data = opened(data_dir, limit=limit)
    whole = take(data, 6, first=12)  # over the end of an epoch
    for mine, theirs in zip(take(data, 4, first=14), whole, strict=True):
        np.testing.assert_array_equal(mine, theirs[2 * BATCH :])
    halves = [take(data, 6, 12, Share(2, first, 1)) for first in (0, 1)]
    for part, expected in enumerate(whole):
        joined = [half[part].reshape(6, BATCH // 2, *expected.shape[1:]) for half in halves]
        np.testing.assert_array_equal(
            np.concatenate(joined, axis=1).reshape(expected.shape), expected
        )


def test_labels_do_not_change_the_images_of_a_run(data_dir):
    for limit in (1024, 1):
        plain = training_set.open_set(ImageSet("mnist", "train", data_dir), limit, str)
        images = np.concatenate(list(plain.batches(BATCH, 1).take(3).as_numpy_iterator()))
        np.testing.assert_array_equal(take(opened(data_dir, limit=limit), 3)[0], images)
        np.testing.assert_array_equal(
            opened(data_dir, limit=limit).batch_at(BATCH, 1, 2), plain.batch_at(BATCH, 1, 2)
        )


def test_part_of_a_split_has_its_own_counts(data_dir):
    data = opened(data_dir, "train[:35]")
    images, labels = next(iter(data.batches(35, 1)))
    np.testing.assert_array_equal(labels, numbers(images.numpy()) % 10)
    assert data.classes.counts == tuple(np.bincount(labels, minlength=10))
    assert sum(data.classes.shares) == pytest.approx(1)


def test_a_part_with_one_class_is_refused(data_dir):
    with pytest.raises(UserError, match=r"^--dataset=mnist: all images of --split=train\[:1\] are"):
        opened(data_dir, "train[:1]")


def test_stacked_digits_are_labelled_channel_by_channel(data_dir):
    data = training_set.open_set(
        ImageSet("stacked_mnist", "train", data_dir), say=str, labelled=True
    )
    images, labels = next(iter(data.batches(50, 1)))
    for place, channel in ((100, 0), (10, 1), (1, 2)):
        digits = numbers(images.numpy()[..., channel : channel + 1]) % 10
        np.testing.assert_array_equal(labels // place % 10, digits)
    assert len(data.classes.names) == len(data.classes.counts) == 1000
    assert data.classes.names[407] == "407"
    assert sum(data.classes.counts) == COUNT
    assert derived.SETS["stacked_mnist"].names(DIGITS) == data.classes.names


def test_identity_knows_classes_and_labels(data_dir):
    images, labels = numbered(40), np.arange(40) % 10
    classes = Classes.of(DIGITS, labels)
    own = InMemory(images, "1", labels, classes).identity()
    assert own == json.loads(json.dumps(own))  # as config.json has it
    assert own["classes"] == {"names": list(DIGITS), "counts": [4] * 10}
    swapped = labels.copy()
    swapped[[0, 1]] = swapped[[1, 0]]
    assert InMemory(images, "1", swapped, classes).identity() != own
    renamed = Classes(tuple("abcdefghij"), classes.counts)
    assert InMemory(images, "1", labels, renamed).identity() != own
    plain = InMemory(images, "1").identity()
    assert set(plain) == {"version", "shape", "fingerprint"}
    assert plain.items() <= own.items()


def test_identity_of_a_streamed_set_knows_its_labels(data_dir, tmp_path, monkeypatch):
    before = opened(data_dir, limit=1).identity()
    assert before == opened(data_dir, limit=1).identity()
    order = Streamed._labels

    def swapped(self):
        labels = order(self)
        labels[[0, 1]] = labels[[1, 0]]  # the counts, and the files' sizes, are the same
        return labels

    monkeypatch.setattr(Streamed, "_labels", swapped)
    after = opened(data_dir, limit=1).identity()
    assert [name for name in before if before[name] != after[name]] == ["labels"]


def test_labels_of_no_class_are_told():
    with pytest.raises(UserError, match=r"^--split=test: 2 of 3 images have no class; use a"):
        Classes.of(("a", "b"), np.array([-1, 1, 2]), "test")


@pytest.mark.parametrize(
    "content",
    [
        None,
        [],
        {},
        {"names": ["a", "b"]},
        {"names": ["a", "b"], "counts": [1]},
        {"names": ["a"], "counts": [1]},
        {"names": ["a", 2], "counts": [1, 1]},
        {"names": ["a", "b"], "counts": [1, -1]},
        {"names": ["a", "b"], "counts": [1, 0.5]},
        {"names": ["a", "b"], "counts": [True, True]},
        {"names": ["a", "b"], "counts": [0, 0]},
        {"names": 7, "counts": [1, 1]},
    ],
)
def test_what_is_read_back_as_classes_is_checked(content):
    with pytest.raises((ValueError, LookupError, TypeError)):
        Classes.from_dict(content)


def test_classes_come_back_as_they_were():
    classes = Classes(("cat", "dog"), (3, 1))
    again = Classes.from_dict(json.loads(json.dumps(dataclasses.asdict(classes))))
    assert again == classes
    assert again.shares == (0.75, 0.25)


def test_set_without_labels_is_told():
    builder = types.SimpleNamespace(info=types.SimpleNamespace(features={"image": None}))
    with pytest.raises(UserError, match=r"^--dataset=photos: its images have no labels; take"):
        pipeline.class_names(builder, ImageSet("photos"))

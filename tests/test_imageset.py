"""Sets that stay on disk: every image once an epoch, in an order that a resumed run finds again."""

import re
import shlex
import shutil
import signal

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_datasets as tfds
from conftest import assert_one_line_error, make_images, prepare_tiny, run
from fingerprint import log_lines, outcome
from test_exact import stop_after_first_log_line

from tfgan import UserError
from tfgan.cluster.replicas import Share
from tfgan.datasets import training_set
from tfgan.datasets.image_set import ImageSet
from tfgan.datasets.training_set import InMemory, Streamed

COUNT, SHARDS = 1400, 3  # 1.1 MB decoded


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    mnist = tfds.image_classification.MNIST
    prepare_tiny(mnist, folder, "mnist", (28, 28, 1), COUNT, SHARDS)
    prepare_tiny(tfds.image_classification.EMNIST, folder, "emnist", (28, 28, 1), 30)
    return folder


@pytest.fixture(scope="module")
def streamed(data_dir):
    builder = tfds.builder("mnist", data_dir=data_dir)
    assert builder.info.splits["train"].num_shards == SHARDS
    return Streamed(builder, "train", window=300)


def take(streamed, count, first_step=0, seed=1, batch_size=100) -> list[np.ndarray]:
    batches = streamed.batches(batch_size, seed, first_step).take(count)
    return [((batch + 1) * 127.5).round().astype(np.uint8) for batch in batches.as_numpy_iterator()]


def test_an_epoch_visits_every_image_once(streamed):
    assert streamed.shape == (COUNT, 28, 28, 1)
    originals = sorted(image.tobytes() for image in make_images(COUNT))
    for epoch in range(2):
        seen = np.concatenate(take(streamed, 14, first_step=14 * epoch))
        assert sorted(image.tobytes() for image in seen) == originals


def test_epochs_drop_the_remainder(streamed):
    # 1400 = 4 * 300 + 200: the fifth batch belongs to the next epoch.
    five = take(streamed, 5, batch_size=300)
    np.testing.assert_array_equal(five[4], take(streamed, 1, 4, batch_size=300)[0])
    assert [len(batch) for batch in five] == [300] * 5


def test_starts_anywhere(streamed):
    batches = take(streamed, 30)
    for first in (1, 13, 14, 20, 28):
        np.testing.assert_array_equal(take(streamed, 2, first), batches[first : first + 2])
        np.testing.assert_array_equal(streamed.batch_at(100, 1, first), batches[first])


def test_shares_put_together_are_the_batches(streamed):
    whole = np.concatenate(take(streamed, 4, first_step=12))
    parts = [
        list(streamed.batches(100, 1, 12, Share(4, first, 2)).take(8).as_numpy_iterator())
        for first in (0, 2)
    ]
    joined = [part for step in range(4) for half in parts for part in half[2 * step : 2 * step + 2]]
    again = ((np.concatenate(joined) + 1) * 127.5).round().astype(np.uint8)
    np.testing.assert_array_equal(again, whole)


def test_epochs_seeds_and_windows_have_orders_of_their_own(streamed):
    first, second = (np.concatenate(take(streamed, 14, 14 * epoch)) for epoch in (0, 1))
    other = np.concatenate(take(streamed, 14, seed=2))
    for one, another in ((first, second), (first, other)):
        same = (one == another).all(axis=(1, 2, 3)).mean()
        assert same < 0.2  # the bars have few positions, so some images are alike by chance


def test_a_batch_mixes_the_shards(data_dir, streamed):
    info = tfds.builder("mnist", data_dir=data_dir).info
    shard_of = {
        image.tobytes(): shard
        for shard, path in enumerate(info.splits["train"].filepaths)
        for image in tf.data.TFRecordDataset(str(path))
        .map(lambda example: info.features.deserialize_example(example)["image"])
        .as_numpy_iterator()
    }
    assert {shard_of[image.tobytes()] for image in take(streamed, 1)[0]} == set(range(SHARDS))


def test_the_limit_decides(data_dir):
    lines = []
    assert isinstance(
        training_set.open_set(ImageSet("mnist", data_dir=data_dir), say=lines.append), InMemory
    )
    small = training_set.open_set(
        ImageSet("mnist", data_dir=data_dir), cache_limit_mb=1, say=lines.append
    )
    assert isinstance(small, Streamed)
    assert lines[-1] == (
        "Data: mnist takes 1 MB in memory, more than --cache_limit_mb=1; streaming 3 files"
    )


def test_part_of_a_split(data_dir):
    halves = [
        training_set.open_set(ImageSet("mnist", split, data_dir), say=lambda line: None)
        for split in ("train[:50%]", "train[50%:]")
    ]
    assert [half.shape for half in halves] == [(COUNT // 2, 28, 28, 1)] * 2
    seen = np.concatenate([half.batch_at(COUNT // 2, 0, 0) for half in halves])
    originals = sorted(image.tobytes() for image in make_images(COUNT))
    assert sorted(image.tobytes() for image in seen) == originals
    for split, words in (
        ("valid", "mnist has train, test, and parts of them"),
        ("train[:", "mnist has train, test"),
        ("all[:9]", "mnist has train, test"),
        ("train[:0]", "that part of"),
    ):
        with pytest.raises(UserError, match=rf"^--split={re.escape(split)}: .*{words}"):
            training_set.open_set(ImageSet("mnist", split, data_dir), say=lambda line: None)


def test_part_of_a_split_does_not_stream(data_dir):
    builder = tfds.builder("mnist", data_dir=data_dir)
    assert "train[1:]" not in builder.info.splits
    with pytest.raises(UserError, match=r"^--split=train\[1:\]: .*only whole splits stream"):
        training_set.open_set(ImageSet("mnist", "train[1:]", data_dir), 1, say=lambda line: None)


def test_mean_image_is_that_of_all(data_dir, streamed, monkeypatch):
    memory = training_set.open_set(ImageSet("mnist", data_dir=data_dir), say=lambda line: None)
    expected = make_images(COUNT).mean(axis=0) / 255
    for data in (memory, streamed):
        np.testing.assert_allclose(training_set.mean_image(data), expected, rtol=1e-12)
    monkeypatch.setattr(training_set, "_MEAN_BYTES", 10 * 28 * 28)
    few = memory.batch_at(10, 0, 0)
    np.testing.assert_allclose(training_set.mean_image(memory), few.mean(axis=0) / 255)


def test_emnist_is_upright_either_way(data_dir):
    memory = training_set.open_set(ImageSet("emnist", data_dir=data_dir), say=lambda line: None)
    builder = tfds.builder("emnist", data_dir=data_dir)
    upright = {image.tobytes() for image in memory.batch_at(30, 0, 0)}
    assert {
        image.tobytes() for image in Streamed(builder, "train", 9).batch_at(30, 0, 0)
    } == upright
    assert {image.tobytes() for image in make_images(30).transpose(0, 2, 1, 3)} == upright


@pytest.fixture
def flags(data_dir):
    return [
        f"--data_dir={data_dir}",
        "--cache_limit_mb=1",
        "--epochs=3",
        "--batch_size=100",
        "--hidden_size=512",
        "--steps_per_execution=1",
        "--log_every=1",
    ]


@pytest.mark.parametrize(
    "more",
    [
        pytest.param([], id="plain", marks=pytest.mark.slow),  # test_exact.py stops one in memory
        pytest.param(["--conditional"], id="conditional"),
    ],
)
def test_stopped_run_ends_as_the_unbroken_one(more, flags, tmp_path):
    flags = [*flags, *more]
    unbroken = run("train", *flags, f"--workdir={tmp_path}/unbroken")
    assert unbroken.returncode == 0, unbroken.stderr
    assert "streaming 3 files" in unbroken.stdout
    stopped = stop_after_first_log_line(signal.SIGINT, *flags, f"--workdir={tmp_path}/run")
    assert stopped.returncode == 128 + signal.SIGINT
    resumed = run("train", *shlex.split(stopped.stdout.splitlines()[-1])[3:])
    assert resumed.returncode == 0, resumed.stderr
    assert outcome(tmp_path / "run") == outcome(tmp_path / "unbroken")
    assert log_lines(stopped.stdout + resumed.stdout) == log_lines(unbroken.stdout)


def test_damaged_file_is_told(data_dir, tmp_path, flags):
    shutil.copytree(data_dir, tmp_path / "data")
    shard = sorted((tmp_path / "data").rglob("mnist-train.tfrecord-00001*"))[0]
    content = bytearray(shard.read_bytes())
    content[len(content) // 2] ^= 255
    shard.write_bytes(content)
    done = run("train", *flags, f"--data_dir={tmp_path}/data", f"--workdir={tmp_path}/run")
    assert_one_line_error(done, "--dataset=mnist: its prepared files in ", "are damaged (")


def test_identity_tells_sets_of_one_name_apart(data_dir):
    images = make_images(40)
    own = InMemory(images, "1.0.0").identity()
    assert own == InMemory(images.copy(), "1.0.0").identity()
    assert own["shape"] == [40, 28, 28, 1]
    changed = images.copy()
    changed[17, 5, 5] ^= 255
    for other in (InMemory(changed, "1.0.0"), InMemory(images, "1.0.1"), InMemory(images[:39])):
        assert other.identity() != own

"""An error's cause is named only where it is known, and its own words stay."""

import errno
import types

import pytest
import tensorflow as tf
from conftest import make_images
from test_checkpointing import make_gan

from tfgan import TrainConfig, UserError, training
from tfgan.cluster import strategies
from tfgan.datasets import damage, training_set
from tfgan.ground.errors import WorkerLost
from tfgan.run import callbacks, checkpointing


@pytest.fixture
def config(tmp_path, monkeypatch) -> TrainConfig:
    data = training_set.InMemory(make_images(60))
    data.read_errors = training_set.Streamed.read_errors
    monkeypatch.setattr(training_set, "open_set", lambda *args: data)
    return TrainConfig(
        workdir=str(tmp_path / "run"), epochs=1, batch_size=15, hidden_size=4, jit_compile=False
    )


def failing(error: Exception):
    def fail(*args, **kwargs):
        raise error

    return fail


def of(kind: type, text: str) -> Exception:
    return kind(None, None, text)


@pytest.mark.parametrize("kind", training_set.Streamed.read_errors)
def test_error_of_training_does_not_blame_whole_files(kind, config, monkeypatch):
    monkeypatch.setattr(callbacks.Pictures, "on_whole_epoch", failing(of(kind, "matrix size")))
    with pytest.raises(kind, match="matrix size"):
        training.train_and_export(config)


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (of(tf.errors.DataLossError, "corrupted record at 7"), ["damaged (corrupted record at 7)"]),
        (of(tf.errors.InvalidArgumentError, "no PNG"), ["damaged (no PNG)", "remove that folder"]),
        (of(tf.errors.NotFoundError, "x; No such file"), ["damaged (x; No such file)"]),
        (of(tf.errors.ResourceExhaustedError, "x; Too many open files"), ["open files", "ulimit"]),
        (of(tf.errors.ResourceExhaustedError, "OOM"), ["does not fit in memory"]),
        (of(tf.errors.PermissionDeniedError, "x; no right"), ["cannot be read: x; no right"]),
        (OSError(errno.EMFILE, "Too many open files"), ["cannot be read", "ulimit -n"]),
    ],
)
def test_unreadable_set_says_why(error, words):
    message = str(damage.unreadable("mnist", types.SimpleNamespace(data_path="/d"), error))
    assert all(word in message for word in ["--dataset=mnist", *words]), message
    assert ("damaged" in message) == ("damaged" in words[0])


def test_only_a_cluster_of_several_loses_a_worker():
    error = of(tf.errors.InternalError, "libdevice not found")
    alone = strategies.Cluster(("a:1",), 0)
    with pytest.raises(tf.errors.InternalError), strategies.lost_workers(alone):
        raise error
    two = strategies.Cluster(("a:1", "b:1"), 0)
    with pytest.raises(WorkerLost, match="libdevice not found"), strategies.lost_workers(two):
        raise error


def test_only_the_run_s_files_blame_its_folder(config, monkeypatch):
    for error, words in (
        (OSError(errno.ENOENT, "No such file", "/elsewhere/x"), "/elsewhere/x"),
        (OSError(errno.ECONNRESET, "Connection reset"), "Connection reset"),
    ):
        monkeypatch.setattr(callbacks.Pictures, "on_whole_epoch", failing(error))
        with pytest.raises(UserError, match=words) as raised:
            training.train_and_export(config, overwrite=True)
        assert "workdir" not in str(raised.value)
    inside = OSError(errno.ENOSPC, "No space left", f"{config.workdir}/samples/real.png")
    monkeypatch.setattr(callbacks.Pictures, "on_whole_epoch", failing(inside))
    with pytest.raises(UserError, match=r"^--workdir=.*cannot be written: No space left"):
        training.train_and_export(config, overwrite=True)


def test_checkpoint_that_cannot_be_opened_is_not_damaged(tmp_path, monkeypatch):
    gan = make_gan()
    checkpoints = checkpointing.Checkpoints(tmp_path, gan)
    checkpoints.save()
    too_many = OSError(errno.EMFILE, "Too many open files")
    monkeypatch.setattr(checkpointing, "_sha256", failing(too_many))
    with pytest.raises(UserError, match="cannot be read: Too many open files") as raised:
        checkpoints.restore_newest(lambda line: None)
    assert "overwrite" not in str(raised.value)


def test_advice_after_a_divergence_can_be_followed():
    # A run's own rates cannot be changed: `TrainConfig.differences` refuses that.
    message = str(checkpointing.diverged(7, "D_loss is", None))
    assert "start over with a lower --d_learning_rate" in message
    assert "another --workdir or with --overwrite" in message

"""Each fault is induced: the run says one line, ends, and loses nothing that was written."""

import dataclasses
import os
import resource
import shutil
import signal
import subprocess
import sys
import time

import forked
import keras
import numpy as np
import pytest
import tensorflow as tf
from conftest import ROOT, SMALL, assert_one_line_error, run, run_afresh, small_config, start
from fingerprint import outcome, tree

from tfgan import TrainConfig, UserError, training
from tfgan.datasets import pipeline
from tfgan.ground.errors import Diverged
from tfgan.run import building, callbacks
from tfgan.run.checkpointing import Checkpoints


def can_mount() -> bool:
    """Whether this user may mount a file system, in a name space that ends with the command."""
    command = ["unshare", "--mount", "mount", "-t", "tmpfs", "none", "/mnt"]
    try:
        return subprocess.run(command, capture_output=True).returncode == 0
    except OSError:
        return False


needs_mount = pytest.mark.skipif(not can_mount(), reason="needs the right to mount a tmpfs")


@pytest.fixture(scope="module")
def tiny(tiny_data_dir):
    """Flags of a run with 4 steps an epoch and a checkpoint after each."""
    flags = [f"--data_dir={tiny_data_dir}", *SMALL]
    return [*flags, "--steps_per_execution=1", "--checkpoint_every_steps=1"]


@pytest.fixture(scope="module")
def whole(tiny, tmp_path_factory):
    """The outcome of five epochs that no fault befell."""
    workdir = tmp_path_factory.mktemp("runs") / "whole"
    assert run("train", *tiny, "--epochs=5", f"--workdir={workdir}").returncode == 0
    return outcome(workdir)


def start_training(*flags: str) -> forked.Python:
    """Starts a run and waits until it has taken its first steps."""
    process = start("train", *flags)
    process.read_until("First")
    return process


LIMITED = """
import resource, runpy, sys
_, name, limit, *flags = sys.argv
resource.setrlimit(getattr(resource, name), (int(limit), int(limit)))
sys.argv = ["train", *flags]
runpy.run_module("tfgan.train", run_name="__main__")
"""


def test_file_size_limit_ends_in_one_line_and_the_run_goes_on_later(tiny, whole, tmp_path):
    # A state takes about 330 kB, so its data cannot be written, but pictures can.
    flags = [*tiny, "--epochs=5", f"--workdir={tmp_path}/run"]
    done = forked.Python("-c", LIMITED, "RLIMIT_FSIZE", "100000", *flags).finish()
    assert_one_line_error(done, "--workdir=", "cannot be written")
    assert not list((tmp_path / "run" / "checkpoints").glob("0*"))
    assert run("train", *flags).returncode == 0
    assert outcome(tmp_path / "run") == whole


# A name space of its own for one process, and in it a small tmpfs on /mnt.
ON_MOUNT = """
import ctypes, runpy, shutil, subprocess, sys
CLONE_NEWNS = 0x20000
assert ctypes.CDLL(None).unshare(CLONE_NEWNS) == 0
def mount(*arguments):
    subprocess.run(["mount", *arguments], check=True)
_, options, kept, *flags = sys.argv
mount("--make-rprivate", "/")
mount("-t", "tmpfs", "-o", "size=3m", "none", "/mnt")
if options:
    mount("-o", options, "/mnt")
sys.argv = ["train", *flags]
try:
    runpy.run_module("tfgan.train", run_name="__main__")
finally:
    if kept:
        shutil.copytree("/mnt/run", kept)
"""


@needs_mount
def test_full_disk_keeps_the_last_whole_checkpoint(tiny, whole, tmp_path):
    # Room for a few states of 330 kB, not for four and what is beside them.
    flags = [*tiny, "--epochs=30", "--keep_checkpoints=100", "--workdir=/mnt/run"]
    done = forked.Python("-c", ON_MOUNT, "", f"{tmp_path}/run", *flags).finish()
    assert_one_line_error(done, "--workdir=/mnt/run", "cannot be written")
    resumed = run("train", *tiny, "--epochs=5", f"--workdir={tmp_path}/run")
    assert resumed.returncode == 0, resumed.stderr
    assert "Resuming after step" in resumed.stdout
    assert "damaged" not in resumed.stdout
    assert outcome(tmp_path / "run") == whole


@needs_mount
def test_read_only_file_system_is_one_line(tiny):
    done = forked.Python("-c", ON_MOUNT, "remount,ro", "", *tiny, "--workdir=/mnt/run").finish()
    assert_one_line_error(done, "--workdir=/mnt/run", "cannot be written")


def test_workdir_removed_under_the_run(tiny, tmp_path):
    process = start_training(*tiny, "--epochs=100000", f"--workdir={tmp_path}/run")
    while (tmp_path / "run").exists():  # the run may write while it is being removed
        shutil.rmtree(tmp_path / "run", ignore_errors=True)
    assert_one_line_error(process.finish(), "--workdir=", "cannot be written")
    assert not (tmp_path / "run" / "config.json").exists()


def test_two_processes_on_one_workdir(tiny, tmp_path):
    flags = [*tiny, f"--workdir={tmp_path}/run"]
    first = start_training(*flags, "--epochs=100000")
    second = run("train", *flags, "--epochs=100000")
    assert_one_line_error(second, f"--workdir={tmp_path}/run", "another process")
    assert first.runs(), "the first goes on"
    first.send_signal(signal.SIGKILL)
    first.finish()
    third = start_training(*flags, "--epochs=100000")  # a dead process keeps no lock
    third.send_signal(signal.SIGTERM)
    assert third.finish().returncode == 128 + signal.SIGTERM


def test_run_that_another_process_made_meanwhile_is_left_alone(
    tiny_data_dir, tmp_path, monkeypatch
):
    config = small_config(tiny_data_dir, tmp_path / "run", epochs=1)
    load = pipeline.load

    def load_slowly(*args, **kwargs):
        monkeypatch.setattr(pipeline, "load", load)
        training.train_and_export(dataclasses.replace(config, seed=1))  # the other process
        load_slowly.left = tree(tmp_path)
        return load(*args, **kwargs)

    monkeypatch.setattr(pipeline, "load", load_slowly)
    with pytest.raises(UserError, match=r"another process has just used it"):
        training.train_and_export(config)
    assert tree(tmp_path) == load_slowly.left


def test_removed_checkpoints_do_not_cost_the_generator(tiny_data_dir, finished):
    shutil.rmtree(finished / "checkpoints")
    before = tree(finished)
    flags = [f"--data_dir={tiny_data_dir}", *SMALL, f"--workdir={finished}"]
    done = run("train", *flags, "--epochs=2")
    assert_one_line_error(done, "checkpoints", "is empty", "--overwrite")
    assert tree(finished) == before


def test_removed_results_are_written_again(tiny_data_dir, finished):
    flags = [f"--data_dir={tiny_data_dir}", *SMALL, f"--workdir={finished}"]
    for name in ("generator", "samples"):
        shutil.rmtree(finished / name)
    with open(finished / "metrics.csv", "a") as file:
        file.write("\n")  # as an editor may
    assert run("train", *flags, "--epochs=1").returncode == 0
    assert (finished / "generator" / "saved_model.pb").exists()
    assert run("train", *flags, "--epochs=2").returncode == 0
    assert (finished / "generator" / "training_step.txt").read_text() == "8\n"


def test_closed_output_is_no_fault_of_the_workdir(tiny, tmp_path):
    flags = [*tiny, "--epochs=100000", "--log_every=1", f"--workdir={tmp_path}/run"]
    process = subprocess.Popen(
        [sys.executable, "-m", "tfgan.train", *flags],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )
    process.stdout.readline()
    process.stdout.close()
    err = process.stderr.read()
    assert process.wait(timeout=120) == 128 + signal.SIGPIPE
    assert "Traceback" not in err
    assert "workdir" not in err


def test_diverged_run_names_step_and_quantity(tiny, tmp_path):
    flags = [*tiny, f"--workdir={tmp_path}/run"]
    done = run("train", *flags, "--epochs=9", "--d_learning_rate=1e30", "--g_learning_rate=1e30")
    assert_one_line_error(done, "step ", "not finite", "--d_learning_rate")
    # What is kept was good: every state that can be loaded holds finite weights.
    for folder in (tmp_path / "run" / "checkpoints").glob("0*"):
        reader = tf.train.load_checkpoint(str(folder / "state"))
        for name in reader.get_variable_to_shape_map():
            if "VARIABLE_VALUE" in name and ("generator" in name or "discriminator" in name):
                assert np.isfinite(reader.get_tensor(name)).all()


def test_not_finite_loss_names_the_very_step():
    class Model:
        metrics_names = ("D_loss", "G_loss", "D(x)", "D(G(z))")
        step_logs = np.array([[1, 1, 0.5, 0.5], [1, float("nan"), 0.5, 0.5], [9, 9, 9, 9]])

        class step:  # noqa: N801
            @staticmethod
            def numpy():
                return 30

    class Checkpoints:
        @staticmethod
        def newest():
            return None

    callback = callbacks.FiniteLosses(Checkpoints)
    callback.set_model(Model)
    # Three steps were taken, the last is number 30, so the second is number 29.
    with pytest.raises(UserError, match=r"^step 29: G_loss is not finite"):
        callback.on_train_batch_end(0)


def test_weights_that_the_last_step_spoilt_end_the_run_before_it_is_drawn_with(tmp_path):
    gan = building.build(TrainConfig(hidden_size=4, latent_size=2), (4, 4, 1), 1)
    callback = callbacks.FiniteLosses(Checkpoints(tmp_path, gan))
    callback.on_epoch_end(0)
    gan.step.assign(7)
    gan.generator.weights[0].assign(tf.fill(gan.generator.weights[0].shape, np.inf))
    with pytest.raises(Diverged, match=r"^step 7: weights of the generator not finite"):
        callback.on_epoch_end(0)


def test_out_of_memory_at_start_is_one_line(tmp_path, tiny_data_dir):
    flags = [f"--data_dir={tiny_data_dir}", "--batch_size=15", f"--workdir={tmp_path}/run"]
    flags += ["--hidden_size=200000"]
    done = forked.Python("-c", LIMITED, "RLIMIT_AS", str(12 << 30), *flags).finish()
    assert_one_line_error(done, "out of memory", "--hidden_size=200000")
    assert not (tmp_path / "run").exists()


@pytest.mark.slow  # test_out_of_memory_at_start is of its kind
def test_huge_batch_is_one_line_before_anything_is_written(tmp_path):
    def limit():
        resource.setrlimit(resource.RLIMIT_AS, (7 << 30, 7 << 30))

    # 2 * 60,000 * (2 * 8,192 + 1) numbers of 4 bytes are 7.3 GiB.
    flags = ["--batch_size=60000", "--hidden_size=8192", f"--workdir={tmp_path}/run"]
    done = run_afresh("train", *flags, preexec_fn=limit)
    assert_one_line_error(done, "--batch_size=60000", "out of memory", "GiB are free")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("bytes_kept", [-10, 0], ids=["torn", "empty"])
def test_truncated_shard_is_named(bytes_kept, tiny_data_dir, tmp_path):
    shutil.copytree(tiny_data_dir, tmp_path / "data")
    (shard,) = (tmp_path / "data").rglob("mnist-train.tfrecord*")
    shard.write_bytes(shard.read_bytes()[:bytes_kept])
    done = run("train", f"--data_dir={tmp_path}/data", f"--workdir={tmp_path}/run")
    assert_one_line_error(done, "--dataset=mnist", "damaged", str(shard.parent))
    assert not (tmp_path / "run").exists()


def test_clock_set_back_changes_nothing(tiny_data_dir, tmp_path, monkeypatch):
    def train(name):
        keras.utils.clear_session()  # names of layers go into a checkpoint, and count up
        return training.train_and_export(
            small_config(tiny_data_dir, tmp_path / name, epochs=2, checkpoint_every_minutes=1e-6)
        )

    train("usual")
    now = [time.time()]

    def set_back():
        now[0] -= 3600
        return now[0]

    monkeypatch.setattr(time, "time", set_back)
    train("back")
    assert outcome(tmp_path / "back") == outcome(tmp_path / "usual")
    assert len(list((tmp_path / "back" / "checkpoints").glob("0*"))) == 2


def test_a_failed_start_touches_nothing(tmp_path, tiny_data_dir):
    (tmp_path / "run").mkdir()
    before = tree(tmp_path)
    done = run("train", f"--data_dir={tiny_data_dir}", f"--workdir={tmp_path}/run")
    assert_one_line_error(done, "--batch_size=100", "has only 60")
    assert tree(tmp_path) == before
    assert os.listdir(tmp_path / "run") == []

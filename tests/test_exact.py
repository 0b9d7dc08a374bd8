"""A run ends where an unbroken one would have, whatever happens to it.

Without XLA, whose compiling would take longer than all else here; `test_imageset.py` stops a run
that XLA compiles.
"""

import json
import os
import shlex
import shutil
import signal
import subprocess
import sys

import forked
import pytest
from conftest import ROOT, SMALL, assert_one_line_error, run, start
from fingerprint import log_lines, outcome
from PIL import Image


@pytest.fixture
def tiny(tiny_data_dir):
    """Flags of a run that takes seconds: 60 images, 4 steps an epoch."""
    return [f"--data_dir={tiny_data_dir}", *SMALL]


def stop_after_first_log_line(signum: int, *flags: str) -> subprocess.CompletedProcess:
    process = start("train", *flags)
    process.read_until("Epoch:")
    process.send_signal(signum)
    return process.finish()


@pytest.fixture(scope="module")
def unbroken(tiny_data_dir, tmp_path_factory):
    """Flags of a run with a checkpoint after each third step, its folder, and its log lines."""
    # 10 steps an epoch, one a call, slow enough to be stopped inside an epoch.
    flags = [f"--data_dir={tiny_data_dir}", "--epochs=3", "--batch_size=6", "--log_every=1"]
    flags += ["--hidden_size=256", "--steps_per_execution=1", "--checkpoint_every_steps=3"]
    flags += ["--nojit_compile"]
    workdir = tmp_path_factory.mktemp("runs") / "unbroken"
    done = run("train", *flags, f"--workdir={workdir}")
    assert done.returncode == 0, done.stderr
    lines = log_lines(done.stdout)
    assert len(lines) == 30
    return flags, workdir, lines


# test_callbacks.py asks after each of the three; test_launch.py sends a cluster SIGINT.
@pytest.mark.parametrize(
    "signum",
    [
        signal.SIGTERM,
        pytest.param(signal.SIGINT, marks=pytest.mark.slow),
        pytest.param(signal.SIGHUP, marks=pytest.mark.slow),
    ],
)
def test_stopped_run_ends_as_the_unbroken_one(signum, unbroken, tmp_path):
    flags, workdir, lines = unbroken
    stopped = stop_after_first_log_line(signum, *flags, f"--workdir={tmp_path}/run")
    assert stopped.returncode == 128 + signum
    assert stopped.stderr == ""
    first, command = stopped.stdout.splitlines()[-2:]
    assert f"{signal.Signals(signum).name}: stopped after step" in first
    assert "checkpoint written" in first
    resumed = run("train", *shlex.split(command)[3:])
    assert resumed.returncode == 0, resumed.stderr
    assert "Resuming after step" in resumed.stdout
    assert outcome(tmp_path / "run") == outcome(workdir)
    # A stopped run repeats no step.
    assert log_lines(stopped.stdout + resumed.stdout) == lines
    assert len(log_lines(stopped.stdout)) + len(log_lines(resumed.stdout)) == len(lines)


# Kills itself at the n-th call of a function.
SUICIDE = """
import importlib, os, signal, sys
module, name, nth = sys.argv[1], sys.argv[2], int(sys.argv[3])
owner = importlib.import_module(module)
original, calls = getattr(owner, name), 0
def replaced(*args, **kwargs):
    global calls
    calls += 1
    if calls == nth:
        os.kill(os.getpid(), signal.SIGKILL)
    return original(*args, **kwargs)
from tfgan.training import train_and_export
from tfgan.run import config
from absl import flags
config.define_flags()
flags.FLAGS(["train", *sys.argv[4:]])
setattr(owner, name, replaced)
train_and_export(config.from_flags())
"""


@pytest.mark.parametrize(
    ("module", "name", "nth"),
    [
        # The second checkpoint is written but not yet in its place.
        pytest.param("os", "replace", 3, marks=pytest.mark.slow),
        # Events are flushed, the checkpoint is due.
        pytest.param("tfgan.run.checkpointing", "write_folder", 5, marks=pytest.mark.slow),
        ("tfgan.exports.saved_model", "write_file", 1),  # the generator is half exported
        # The second checkpoint lacks its sums: test_checkpointing.py has such folders.
        pytest.param("tfgan.run.checkpointing", "_sha256", 4, marks=pytest.mark.slow),
        # The first epoch has one of its pictures.
        pytest.param("tfgan.ground.pictures", "save_png", 3, marks=pytest.mark.slow),
        # config.json is written but not yet in its place.
        pytest.param("os", "replace", 1, marks=pytest.mark.slow),
        # A picture is written but not yet in its place.
        pytest.param("os", "fsync", 4, marks=pytest.mark.slow),
    ],
)
def test_killed_run_ends_as_the_unbroken_one(module, name, nth, unbroken, tmp_path):
    flags, workdir, lines = unbroken
    arguments = [*flags, f"--workdir={tmp_path}/run"]
    killed = forked.Python("-c", SUICIDE, module, name, str(nth), *arguments).finish()
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    resumed = run("train", *arguments)
    assert resumed.returncode == 0, resumed.stderr
    assert outcome(tmp_path / "run") == outcome(workdir)
    assert log_lines(killed.stdout + resumed.stdout) == lines
    leftovers = {file.name for file in (tmp_path / "run").rglob(".*")}
    assert leftovers == {".lock"}


@pytest.mark.slow  # all others here compare processes too
def test_same_command_in_another_process_gives_the_same_bits(tiny, tmp_path):
    for name in ("a", "b"):
        assert run("train", *tiny, "--epochs=2", f"--workdir={tmp_path}/{name}").returncode == 0
    assert outcome(tmp_path / "a") == outcome(tmp_path / "b")


@pytest.mark.slow  # the next one extends a run with options
def test_more_epochs_extend_a_run(tiny, tmp_path):
    for epochs in (1, 3):
        done = run("train", *tiny, f"--epochs={epochs}", f"--workdir={tmp_path}/longer")
        assert done.returncode == 0, done.stderr
    assert "Resuming after step 4 of 12" in done.stdout
    assert run("train", *tiny, "--epochs=3", f"--workdir={tmp_path}/once").returncode == 0
    assert outcome(tmp_path / "longer") == outcome(tmp_path / "once")
    with Image.open(tmp_path / "longer" / "samples" / "training.gif") as gif:
        assert gif.n_frames == 3


WASSERSTEIN = "--loss=wasserstein --gradient_penalty=10 --updates=alternating --d_steps=2"
PACKED = f"mlp --pack=3 {WASSERSTEIN}"
SLOW = (
    "mlp",
    "infogan",
    "resnet",
    "mlp --conditional",
    "maxout --conditional",
    "resnet --conditional",
    "infogan --conditional",
    "conv --conditional",
    f"conv_modulated --conditional --pack=3 {WASSERSTEIN}",
)


@pytest.mark.parametrize(
    "network", [PACKED, *(pytest.param(name, marks=pytest.mark.slow) for name in SLOW)]
)
def test_more_epochs_extend_a_run_with_options(network, tiny, tmp_path):
    flags = [*tiny, "--d_dropout=0.3", "--spectral_norm", "--ema=0.9"]
    flags += ["--loss=relativistic", "--r1=1", "--optimizer=sgd", "--momentum=0.5"]
    flags += ["--final_momentum=0.7", "--momentum_epochs=2", "--updates=simultaneous"]
    flags += f"--network={network}".split()
    for epochs in (1, 2):
        done = run("train", *flags, f"--epochs={epochs}", f"--workdir={tmp_path}/longer")
        assert done.returncode == 0, done.stderr
    assert f"Resuming after step {2 if 'd_steps' in network else 4} of" in done.stdout
    # Histograms look at gradients, and leave batch normalisation's statistics as they were.
    flags += ["--epochs=2", "--histograms_every=1", f"--workdir={tmp_path}/once"]
    assert run("train", *flags).returncode == 0
    longer, once = outcome(tmp_path / "longer"), outcome(tmp_path / "once")
    assert longer.pop("events") != once.pop("events")
    assert longer == once


def test_damaged_checkpoint_falls_back_and_ends_the_same(unbroken, tmp_path):
    flags, workdir, _ = unbroken
    shutil.copytree(workdir, tmp_path / "hit")
    shutil.rmtree(tmp_path / "hit" / "generator")
    data = tmp_path / "hit" / "checkpoints" / "000000030" / "state.data-00000-of-00001"
    data.write_bytes(data.read_bytes()[:-100])
    done = run("train", *flags, f"--workdir={tmp_path}/hit")
    assert done.returncode == 0, done.stderr
    assert "000000030 is damaged" in done.stdout
    assert "Resuming after step 27 of 30" in done.stdout
    shutil.rmtree(tmp_path / "hit" / "checkpoints" / "000000030.damaged")
    assert outcome(tmp_path / "hit") == outcome(workdir)


def test_recorded_thread_count_is_taken_and_another_device_told(tiny, finished):
    flags = [*tiny, f"--workdir={finished}"]
    file = finished / "config.json"
    content = json.loads(file.read_text())
    content["environment"] |= {"intra_op_threads": 1, "devices": "one GPU"}
    file.write_text(json.dumps(content))
    done = run("train", *flags, "--epochs=2")
    assert done.returncode == 0, done.stderr
    assert "Warning: the run used one GPU and now uses one CPU" in done.stdout
    if len(os.sched_getaffinity(0)) > 1:
        assert "CPU threads: 1, as before, so that results stay the same to the bit" in done.stdout
    assert json.loads(file.read_text())["environment"]["intra_op_threads"] == 1
    assert_one_line_error(run("train", *flags, "--epochs=3", "--threads=3"), "--threads is 3")


@pytest.mark.slow  # test_imageset.py stops a conditional run inside an epoch
def test_killed_conditional_run_ends_as_the_unbroken_one(unbroken, tmp_path):
    flags = [*unbroken[0], "--conditional"]
    assert run("train", *flags, f"--workdir={tmp_path}/unbroken").returncode == 0
    arguments = [*flags, f"--workdir={tmp_path}/run"]
    killing = ["tfgan.run.checkpointing", "write_folder", "5"]
    killed = forked.Python("-c", SUICIDE, *killing, *arguments).finish()
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    resumed = run("train", *arguments)
    assert "Resuming after step" in resumed.stdout
    assert outcome(tmp_path / "run") == outcome(tmp_path / "unbroken")


@pytest.mark.slow
def test_soak_in_full():
    done = subprocess.run([sys.executable, "tests/soak.py", "--kills=100"], cwd=ROOT)
    assert done.returncode == 0

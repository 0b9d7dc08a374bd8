"""`ExactBackup` in a script whose process is killed or stopped."""

import signal

import forked
import numpy as np
import pytest
from test_gan import assert_equal

# A user's script, which ends itself by a signal after a step, if it is told to.
SCRIPT = """
import os, signal, sys
sys.path.insert(0, "tests")
import keras, numpy as np
from test_exact_backup import IMAGES
from fingerprint import tree
from test_gan import make_gan, state
from tfgan import ExactBackup
folder, signum, step = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
class Signal(keras.callbacks.Callback):
    def on_train_batch_end(self, batch, logs=None):
        if int(self.model.step) == step:
            os.kill(os.getpid(), signum)
gan = make_gan()
backup = ExactBackup(folder, every_minutes=0, every_steps=3)
given = {"batch_size": 5, "epochs": 3, "verbose": 0}
history = gan.fit(IMAGES, **given, callbacks=[backup, Signal()] if signum else [backup])
np.savez(folder + "/end.npz", *state(gan), *history.history.values())
"""


def ended(folder):
    with np.load(folder / "end.npz") as file:
        return [file[name] for name in file.files]


def run_script(folder, signum=0, step=0):
    return forked.Python("-c", SCRIPT, str(folder), str(int(signum)), str(step)).finish()


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory):
    folder = tmp_path_factory.mktemp("backup") / "whole"
    done = run_script(folder)
    assert done.returncode == 0, done.stderr
    return ended(folder)


def end_as(unbroken, folder):
    done = run_script(folder)
    assert done.returncode == 0, done.stderr
    assert_equal(ended(folder), unbroken)


def test_a_process_that_is_killed_goes_on(unbroken, tmp_path):
    folder = tmp_path / "run"
    assert run_script(folder, signal.SIGKILL, 8).returncode == -signal.SIGKILL
    end_as(unbroken, folder)


def test_a_signal_writes_a_checkpoint_first(unbroken, tmp_path):
    folder = tmp_path / "run"
    done = run_script(folder, signal.SIGTERM, 8)
    assert "SIGTERM: stopped after step 8, checkpoint written" in done.stderr
    assert (folder / "checkpoints" / "000000008").is_dir()
    end_as(unbroken, folder)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(5))
def test_processes_that_are_killed_at_random_go_on(seed, unbroken, tmp_path):
    rng = np.random.default_rng(seed)
    folder = tmp_path / "run"
    for _ in range(4):
        signum = rng.choice([signal.SIGKILL, signal.SIGTERM])
        run_script(folder, signum, int(rng.integers(1, 19)))
    end_as(unbroken, folder)

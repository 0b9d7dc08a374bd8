"""On one GPU: PyTorch's numbers, the same bits after a stop, and how fast it is.

python -m pytest -m gpu -s
"""

import os
import signal

import pytest
import tensorflow as tf
import tensorflow_datasets as tfds
import test_exact
import test_parity
from conftest import prepare_tiny, run
from test_exact import unbroken  # noqa: F401, a fixture
from test_parity import dtype  # noqa: F401, a fixture

VISIBLE = len(tf.config.list_physical_devices("GPU"))
pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(
        VISIBLE != 1,
        reason=f"needs one GPU that TensorFlow can use and sees {VISIBLE}; "
        f"CUDA_VISIBLE_DEVICES=0 picks one, docs/gpu.md says how to install",
    ),
]


@pytest.fixture(autouse=True, scope="module")
def _room_for_other_processes():
    """TensorFlow takes all of a GPU's memory at its first use, and the commands need some."""
    os.environ.setdefault("TF_FORCE_GPU_ALLOW_GROWTH", "true")


@pytest.fixture
def _every_bit_of_float32():
    """Products of float32 have 10 bits of mantissa on a GPU, unless one asks for all 23."""
    before = tf.config.experimental.tensor_float_32_execution_enabled()
    tf.config.experimental.enable_tensor_float_32_execution(False)
    yield
    tf.config.experimental.enable_tensor_float_32_execution(before)


@pytest.mark.usefixtures("_every_bit_of_float32")
@pytest.mark.parametrize("jit_compile", [False, True], ids=["graph", "xla"])
@pytest.mark.parametrize("g_loss", ["non_saturating", "minimax"])
def test_the_numbers_of_pytorch(dtype, g_loss, jit_compile, record_property):  # noqa: F811
    test_parity.test_recorded_trajectory(dtype, g_loss, jit_compile, record_property)


def test_stopped_run_ends_as_the_unbroken_one(unbroken, tmp_path):  # noqa: F811
    test_exact.test_stopped_run_ends_as_the_unbroken_one(signal.SIGTERM, unbroken, tmp_path)


def test_same_command_gives_the_same_bits(tiny_data_dir, tmp_path):
    flags = [f"--data_dir={tiny_data_dir}", *test_exact.SMALL]
    test_exact.test_same_command_in_another_process_gives_the_same_bits(flags, tmp_path)


def test_speed(tmp_path, record_property, capsys):
    """The tutorial's networks, by the command; nothing is asserted of the ratio."""
    epochs, images = 11, 6000
    prepare_tiny(tfds.image_classification.MNIST, tmp_path, "mnist", (28, 28, 1), count=images)
    speed = {}
    for device in ("CPU", "GPU"):
        workdir = tmp_path / device
        flags = [f"--data_dir={tmp_path}", f"--epochs={epochs}", f"--devices={device}"]
        done = run("train", *flags, f"--workdir={workdir}")
        assert done.returncode == 0, done.stderr
        assert f" on one {device} " in done.stdout
        first, last = ((workdir / "samples" / f"fake_{n}.png") for n in (0, epochs - 1))
        seconds = last.stat().st_mtime - first.stat().st_mtime  # without the first, which compiles
        speed[device] = (epochs - 1) * images / seconds
    record_property("gpu_to_cpu", speed["GPU"] / speed["CPU"])
    with capsys.disabled():
        words = (f"{device} {value:,.0f}" for device, value in speed.items())
        ratio = speed["GPU"] / speed["CPU"]
        print(f"\nimages a second: {', '.join(words)}; GPU / CPU: {ratio:.2f}")

"""On one GPU: PyTorch's numbers, the same bits again, mixed precision, and how fast it is.

`make gpu` runs this and prints one table. It needs no network.
"""

import csv
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_datasets as tfds
import test_exact
import test_parity
import test_precision
from conftest import ROOT, prepare_tiny, run
from test_exact import unbroken  # noqa: F401, a fixture
from test_parity import dtype  # noqa: F401, a fixture

pytestmark = pytest.mark.gpu

TABLE: list[tuple[str, str]] = []  # what was looked at, and what came out


@pytest.fixture(autouse=True, scope="module")
def _one_gpu() -> None:
    """Ends the session: whoever asks for these checks must not take skipped ones for passed."""
    if (visible := len(tf.config.list_physical_devices("GPU"))) != 1:
        pytest.exit(
            f"needs one GPU that TensorFlow can use and sees {visible}; CUDA_VISIBLE_DEVICES=0 "
            "picks one, docs/gpu.md says how to install",
            returncode=1,
        )


@pytest.fixture(autouse=True)
def _row(request) -> Iterator[None]:
    """Notes how each check ended, unless it holds and has noted more."""
    before, failed = len(TABLE), request.session.testsfailed
    yield
    failed = request.session.testsfailed > failed
    if failed or len(TABLE) == before:
        name = request.node.name.removeprefix("test_").replace("_", " ")
        TABLE.append((name, "failed" if failed else "holds"))


@pytest.fixture(autouse=True, scope="module")
def _table() -> Iterator[None]:
    yield
    width = max((len(name) for name, _ in TABLE), default=0)
    print("\n\n" + "\n".join(f"{name:{width}}  {value}" for name, value in TABLE))


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


@pytest.mark.parametrize(
    "network",
    [
        "mlp",
        "conv",
        "resnet",
        "mlp --precision=mixed_bfloat16",
        "conv --precision=mixed_float16",
        "conv_modulated --conditional --precision=mixed_bfloat16",
    ],
)
def test_same_command_gives_the_same_bits_under_xla(network, tiny_data_dir, tmp_path):
    flags = [f"--data_dir={tiny_data_dir}", "--batch_size=15", "--r1=1"]
    flags += f"--network={network}".split()
    test_exact.test_same_command_in_another_process_gives_the_same_bits(flags, tmp_path)


@pytest.mark.parametrize(("kind", "classes", "policy"), test_precision.ALL + test_precision.TOLD)
def test_gradients_of_mixed_precision(kind, classes, policy):
    test_precision.test_a_step_is_that_of_float32_but_for_rounding(kind, classes, policy)


@pytest.mark.parametrize(("kind", "penalty"), test_precision.PENALTIES)
def test_penalties_of_mixed_precision(kind, penalty):
    test_precision.test_a_penalty_is_that_of_float32_but_for_rounding(kind, penalty)


@pytest.mark.parametrize("jit_compile", [False, True], ids=["graph", "xla"])
def test_loss_scales_of_mixed_precision(jit_compile):
    test_precision.test_both_losses_are_scaled_under_float16_and_an_overflow_skips_both_steps(
        jit_compile
    )


def first_losses(workdir) -> list[float]:
    with (workdir / "metrics.csv").open() as file:
        return [float(value) for name, value in next(csv.DictReader(file)).items() if "(" in name]


@pytest.mark.parametrize(
    "options",
    [
        ["--strategy=mirrored"],
        ["--precision=mixed_bfloat16"],
        ["--precision=mixed_float16"],
        ["--devices=CPU"],
    ],
    ids=lambda options: options[0],
)
def test_first_epoch_is_that_of_float32_on_one_device(options, tiny_data_dir, tmp_path):
    flags = [*test_exact.SMALL, f"--data_dir={tiny_data_dir}", "--epochs=1"]
    for name, more in (("plain", []), ("other", options)):
        done = run("train", *flags, *more, f"--workdir={tmp_path / name}")
        assert done.returncode == 0, done.stderr
    expected, found = first_losses(tmp_path / "plain"), first_losses(tmp_path / "other")
    TABLE.append(
        (
            f"largest difference of D(x), D(G(z)): {options[0]}",
            f"{max(map(abs, np.subtract(found, expected))):.1e}",
        )
    )
    np.testing.assert_allclose(found, expected, atol=0.02)


def test_race(tmp_path):
    """The command beside its peers that are installed; nothing is asserted of who wins."""
    prepare_tiny(tfds.image_classification.MNIST, tmp_path, "mnist", (28, 28, 1), count=6000)
    command = [sys.executable, "-m", "benchmarks.training", "--device=GPU", "--rounds=5"]
    command += [f"--data_dir={tmp_path}", f"--output={tmp_path}/out"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=1200)
    assert done.returncode == 0, done.stderr
    record = json.loads((tmp_path / "out" / "results.json").read_text())
    for name, result in record["results"].items():
        TABLE.append((f"race: {name}", f"{np.median(result['ms']):.3f} ms a step"))
    for name, reason in record["skipped"].items():
        TABLE.append((f"race: {name}", reason))
    assert "tfgan fit" in record["results"]


def test_speed(tmp_path):
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
    for device, value in speed.items():
        TABLE.append((f"speed of the command: {device}", f"{value:,.0f} images a second"))

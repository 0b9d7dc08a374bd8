"""Small data that the tests make themselves, and commands run as a user runs them."""

import contextlib
import json
import os
import pathlib
import shutil
import socket
import subprocess
import sys
import types

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
# Before NumPy: with more processes than cores, OpenBLAS's threads wait for each other in loops,
# and what takes ten seconds took minutes.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import forked
import keras
import numpy as np
import pytest
import tensorflow_datasets as tfds
from picture_sets import save

from tfgan import TrainConfig, networks
from tfgan.exports import formats

ROOT = forked.ROOT
# A run of seconds: XLA's compiling would take as long as all else. What is about XLA says so.
SMALL = ("--batch_size=15", "--hidden_size=16", "--nojit_compile")
# Every option that changes the step, at once: of networks, of the GAN and of `compile`.
EVERYTHING = {
    "loss": "relativistic",
    "r1": 0.5,
    "r2": 0.25,
    "ema": 0.5,
    "dropout": 0.3,
    "input_dropout": 0.1,
    "spectral_norm": True,
}
# Files that take longest begin first, so that no process is left with one at the end.
LONGEST = (
    *("launch", "exact", "faults", "distribution", "train", "gan", "loop", "evaluate", "exporting"),
    *("conditional", "labelled_sets", "doctor_by_class", "web_classes"),
    *("surroundings", "web", "doctor", "evaluation_pictures", "web_page", "imageset"),
    *("exact_backup", "own", "trackers"),
    *("theory_experiment", "saved_model", "formats", "contract", "benchmarks"),
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Orders the files; `pytest -n 4 --dist loadfile --no-loadscope-reorder` keeps the order."""
    first = [f"test_{name}.py" for name in LONGEST]
    items.sort(key=lambda item: first.index(item.path.name) if item.path.name in first else 99)


TRAIN_EXAMPLES, TEST_EXAMPLES = 60, 10


def small_config(data_dir: pathlib.Path, workdir: pathlib.Path, **options) -> TrainConfig:
    """What `SMALL` is, for a run in this process: four steps an epoch of the tiny MNIST."""
    small = {"batch_size": 15, "hidden_size": 16, "jit_compile": False}
    return TrainConfig(data_dir=str(data_dir), workdir=str(workdir), **small | options)


def make_images(count: int, shape=(28, 28, 1), seed: int = 0) -> np.ndarray:
    """Images that a small network can learn: a bright bar somewhere on black."""
    rng = np.random.default_rng(seed)
    images = np.zeros((count, *shape), np.uint8)
    for image in images:
        left = rng.integers(4, shape[1] - 8)
        image[4:-4, left : left + 4] = rng.integers(128, 256)
    return images


def told_generator(
    kind: str, latent_size: int, hidden_size: int, shape, classes: int, spread: float = 0.5
) -> keras.Model:
    """A conditional generator with weights at which each class matters."""
    make = networks.KINDS[kind].generator
    generator = make(latent_size, hidden_size, shape, seed=1, classes=classes)
    rng = np.random.default_rng(2)
    for weight in generator.trainable_variables:
        weight.assign(rng.normal(0, spread, weight.shape))
    return generator


def prepare_tiny(
    base: type,
    data_dir: pathlib.Path,
    registered: str,
    shape,
    count: int = TRAIN_EXAMPLES,
    shards: int = 1,
) -> None:
    """Prepares a few examples under the name and with the features of a real TFDS set."""

    def split_generators(self, dl_manager):
        return {
            "train": self._generate_examples(count),
            "test": self._generate_examples(TEST_EXAMPLES),
        }

    def generate_examples(self, count):
        extra = {"id": "x"} if "id" in self.info.features else {}
        for index, image in enumerate(make_images(count, shape)):
            yield index, {"image": image, "label": index % 10, **extra}

    with tfds.core.registered.skip_registration():
        tiny = type(
            "Tiny",
            (base,),
            {
                "name": registered,
                "_split_generators": split_generators,
                "_generate_examples": generate_examples,
            },
        )
    tiny(data_dir=data_dir).download_and_prepare(
        download_config=tfds.download.DownloadConfig(num_shards=shards)
    )


@pytest.fixture(scope="session")
def tiny_data_dir(tmp_path_factory) -> pathlib.Path:
    """A TFDS folder with "mnist" and "cifar10", 60 images each to train on."""
    folder = tmp_path_factory.mktemp("data")
    prepare_tiny(tfds.image_classification.MNIST, folder, "mnist", (28, 28, 1))
    prepare_tiny(tfds.image_classification.Cifar10, folder, "cifar10", (32, 32, 3))
    return folder


@pytest.fixture(scope="session")
def one_epoch(tiny_data_dir, tmp_path_factory) -> pathlib.Path:
    """The folder of a run of `SMALL` that has done one epoch; tests copy it."""
    workdir = tmp_path_factory.mktemp("runs") / "one_epoch"
    flags = [f"--data_dir={tiny_data_dir}", *SMALL, "--epochs=1", f"--workdir={workdir}"]
    done = run("train", *flags)
    assert done.returncode == 0, done.stderr
    return workdir


@pytest.fixture
def finished(one_epoch, tmp_path) -> pathlib.Path:
    """A run of `SMALL` of one epoch, in `tmp_path / "run"`."""
    return shutil.copytree(one_epoch, tmp_path / "run")


@pytest.fixture
def photos(tmp_path):
    """A folder of 12 pictures."""
    for number in range(12):
        save(tmp_path / "photos" / f"{number}.jpeg", number)  # PNG, whatever the suffix says
    return tmp_path / "photos"


@pytest.fixture
def float64():
    """Keras in float64."""
    before = keras.config.floatx()
    policy = keras.config.dtype_policy()
    keras.config.set_floatx("float64")
    keras.config.set_dtype_policy("float64")
    yield
    keras.config.set_floatx(before)
    keras.config.set_dtype_policy(policy)


@pytest.fixture
def quick_check(monkeypatch):
    """Exported SavedModels are tried in a process that need not import TensorFlow first.

    `test_formats.py` tries them in fresh ones, as users' exports do.
    """

    def run(command: list[str], **kwargs) -> subprocess.CompletedProcess:
        return forked.Python(*command[1:], env=kwargs["env"]).finish()

    quick = types.SimpleNamespace(run=run, DEVNULL=subprocess.DEVNULL)
    monkeypatch.setattr(formats, "subprocess", quick)


@pytest.fixture(scope="module")
def browser():
    """A Chromium; for tests with `chromium.NEEDED`."""
    import chromium  # with Selenium, an extra

    driver = chromium.start()
    yield driver
    driver.quit()


@pytest.fixture
def visit(browser):
    """Opens a file; afterwards, nothing was asked of the network and nothing complained."""
    import chromium

    yield from chromium.visits(browser)


def start(command: str, *arguments: object, env: dict[str, str] | None = None) -> forked.Python:
    """Starts `python -m tfgan.COMMAND` in a process of its own."""
    return forked.Python("-m", f"tfgan.{command}", *map(str, arguments), env=env)


def run(command: str, *arguments: object, **kwargs) -> subprocess.CompletedProcess:
    """Starts it and waits for its end."""
    return start(command, *arguments, **kwargs).finish()


def run_afresh(command: str, *arguments: object, **kwargs) -> subprocess.CompletedProcess:
    """Runs it in a process that imports everything itself, as a user's does."""
    return subprocess.run(
        [sys.executable, "-m", f"tfgan.{command}", *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=300,
        cwd=ROOT,
        **kwargs,
    )


def free_ports(count: int) -> list[int]:
    """Ports of this machine that nobody listens on."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


def tf_config(addresses: list[str], index: int) -> dict[str, str]:
    """The environment of one worker of a cluster."""
    task = {"type": "worker", "index": index}
    return os.environ | {"TF_CONFIG": json.dumps({"cluster": {"worker": addresses}, "task": task})}


def assert_one_line_error(done: subprocess.CompletedProcess, *words: str) -> None:
    """The command failed, and said why in one line that holds all `words`."""
    assert done.returncode not in (0, -11), done.stdout
    assert "Traceback" not in done.stderr + done.stdout
    lines = done.stderr.strip().splitlines()
    assert len(lines) == 1, done.stderr
    assert lines[0].startswith("error: ")
    for word in words:
        assert word in lines[0]

"""A GPU that TensorFlow cannot use is told; one that it uses computes the same bits again."""

import pytest
import tensorflow as tf
from conftest import small_config
from tensorflow.python.util import _pywrap_determinism

from tfgan import GAN, TrainConfig, UserError, training
from tfgan.cluster import gpus, strategies

TOLD = "this machine has an NVIDIA GPU, which TensorFlow cannot use: pip install -e '.[cuda]'"


@pytest.fixture
def machine(tmp_path, monkeypatch):
    """The device files of a machine with a GPU; TensorFlow has none."""
    for name in ("nvidia0", "nvidiactl", "nvidia-uvm", "null"):
        (tmp_path / name).touch()
    (tmp_path / "nvidia-caps").mkdir()
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: [])
    return tmp_path


@pytest.mark.parametrize("devices", ["", "GPU:0"])
@pytest.mark.parametrize("variable", [None, "0", "0,7", " 0 ", "GPU-8932f937", "MIG-1"])
def test_idle_gpu_is_told(devices, variable, machine, monkeypatch):
    if variable is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", variable)
    told = gpus.unusable_gpus(devices, machine)
    assert told.startswith(TOLD)
    assert "\n" not in told
    (machine / "nvidia1").touch()
    assert "2 NVIDIA GPUs" in gpus.unusable_gpus(devices, machine)


@pytest.mark.parametrize("variable", ["", "-1", "NoDevFiles"])
def test_hidden_gpu_is_not(variable, machine, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", variable)
    assert gpus.unusable_gpus("", machine) is None


@pytest.mark.parametrize("variable", ["1", "abc", "²", ",0", "0x0"])
def test_gpu_that_is_hidden_by_mistake(variable, machine, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", variable)
    told = gpus.unusable_gpus("", machine)
    assert (
        told == f"CUDA_VISIBLE_DEVICES={variable}: names none of the GPUs; they are numbered from 0"
    )
    (machine / "nvidia0").unlink()
    assert gpus.unusable_gpus("", machine) is None


def test_nothing_is_told_where_nothing_is_idle(machine, tmp_path, monkeypatch):
    assert gpus.unusable_gpus("cpu:0,cpu:1", machine) is None
    assert gpus.unusable_gpus("", machine / "nvidia-caps") is None
    assert gpus.unusable_gpus("", machine / "no such folder") is None
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: ["GPU:0"])
    assert gpus.unusable_gpus("", machine) is None


def test_gpu_that_was_asked_for_is_not_said_to_be_missing(machine, monkeypatch):
    monkeypatch.setattr(strategies, "unusable_gpus", lambda: gpus.unusable_gpus("", machine))
    with pytest.raises(UserError, match=r"^--devices=GPU:0: this machine has an NVIDIA GPU, which"):
        strategies.choose_devices("GPU:0")
    (machine / "nvidia0").unlink()
    with pytest.raises(UserError, match=r"^--devices=GPU:0: this machine has no GPUs"):
        strategies.choose_devices("GPU:0")


def test_training_tells_it_at_its_start(monkeypatch, capsys, tmp_path):
    class EnoughError(Exception):
        pass

    def enough(*args):
        raise EnoughError

    monkeypatch.setattr(gpus, "unusable_gpus", lambda devices: "a GPU stands idle")
    monkeypatch.setattr(training.training_set, "open_set", enough)
    with pytest.raises(EnoughError):
        training.train_and_export(TrainConfig(workdir=str(tmp_path / "run")))
    first, second = capsys.readouterr().out.splitlines()
    assert first.startswith("tfgan ")
    assert second == "Warning: a GPU stands idle"


def is_deterministic() -> bool:
    return _pywrap_determinism.is_enabled()


def test_gpus_add_up_in_a_fixed_order_while_a_run_lasts(tiny_data_dir, tmp_path, monkeypatch):
    seen = []

    class Watched(GAN):
        def update(self, real, z):
            seen.append(is_deterministic())
            return super().update(real, z)

    config = small_config(tiny_data_dir, tmp_path / "cpu", epochs=1)
    training.train_and_export(config, gan_class=Watched)
    assert seen == [False]
    one_gpu = tf.config.PhysicalDevice("/physical_device:GPU:0", "GPU")
    monkeypatch.setattr(tf.config, "get_visible_devices", lambda kind=None: [one_gpu])
    config = small_config(tiny_data_dir, tmp_path / "gpu", epochs=1)
    training.train_and_export(config, gan_class=Watched)
    assert seen == [False, True]
    assert not is_deterministic()  # what the process does next is its own affair


def test_determinism_of_ones_own_is_left_on(monkeypatch):
    entered = []
    monkeypatch.setattr(tf.config, "get_visible_devices", lambda kind=None: ["GPU:0"])
    with gpus.same_bits(), gpus.same_bits():
        entered.append(is_deterministic())
    assert entered == [True]
    assert not is_deterministic()

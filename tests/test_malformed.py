"""Malformed surroundings: each is one line that names the variable or flag."""

import json
import os
import types

import numpy as np
import pytest
import tensorflow_datasets as tfds
from conftest import run_afresh

from tfgan import UserError
from tfgan.cluster import strategies
from tfgan.datasets import pipeline, sources
from tfgan.datasets.image_set import ImageSet
from tfgan.exports import loading
from tfgan.ground import files
from tfgan.run.workdir import Workdir

SLURM = {
    "SLURM_JOB_ID": "2007",
    "SLURM_PROCID": "1",
    "SLURM_STEP_NUM_TASKS": "2",
    "SLURM_STEP_NODELIST": "n[07-08]",
    "SLURM_STEP_TASKS_PER_NODE": "1(x2)",
}


@pytest.mark.parametrize(
    "address", ["a:99999", "a:0", "a:65536", "a:-1", "a:x", "a:", ":1", "a b:1", "a:१", "a"]
)
def test_address_without_a_usable_port(address, monkeypatch):
    config = {"cluster": {"worker": ["h:1", address]}, "task": {"type": "worker", "index": 0}}
    monkeypatch.setenv("TF_CONFIG", json.dumps(config))
    with pytest.raises(UserError, match=r"^TF_CONFIG: .*is not host:port"):
        strategies.find_cluster()


@pytest.mark.parametrize("index", ["-1", "2", "1e999", '"x"', "null", "[]"])
def test_task_that_the_cluster_lacks(index, monkeypatch):
    text = '{"cluster": {"worker": ["a:1", "b:65535"]}, "task": {"type": "worker", "index": %s}}'
    monkeypatch.setenv("TF_CONFIG", text % index)
    with pytest.raises(UserError, match=r"^TF_CONFIG: "):
        strategies.find_cluster()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SLURM_STEP_NUM_TASKS", "abc"),
        ("SLURM_STEP_NUM_TASKS", "-2"),
        ("SLURM_JOB_ID", "job"),
        ("SLURM_PROCID", "x"),
        ("SLURM_PROCID", "7"),
        ("SLURM_STEP_NODELIST", "n[07-"),
        ("SLURM_STEP_TASKS_PER_NODE", "many"),
        ("SLURM_STEP_NODELIST", None),
    ],
)
def test_slurm_step_that_makes_no_sense(name, value, monkeypatch):
    monkeypatch.delenv("TF_CONFIG", raising=False)
    for variable, usual in SLURM.items():
        monkeypatch.setenv(variable, usual)
    assert strategies.find_cluster().index == 1
    monkeypatch.setenv(name, value) if value else monkeypatch.delenv(name)
    with pytest.raises(UserError, match=rf"^[A-Z_, ]*{name}"):
        strategies.find_cluster()


@pytest.mark.parametrize(
    "split", ["train[50:40]", "train[50%:40%]", "train[", "train[:x]", "train[7:7]", "", "+", "é"]
)
def test_part_of_a_set_that_is_none(split, tiny_data_dir):
    image_set = ImageSet("mnist", split=split, data_dir=str(tiny_data_dir))
    builder = sources.prepare(image_set, lambda line: None)
    with pytest.raises(UserError, match=r"^--split="):
        pipeline.split_info(builder, image_set)


@pytest.mark.parametrize("backend", ["torch", "nonsense"])
def test_another_keras_backend(backend, monkeypatch):
    from tfgan.ground import cli

    monkeypatch.setenv("KERAS_BACKEND", backend)
    with pytest.raises(UserError, match=f"^KERAS_BACKEND={backend}: "):
        cli.load_tensorflow()


@pytest.mark.parametrize("variable", ["", "~/sets"])
def test_data_folder_follows_the_environment(variable, monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("TFDS_DATA_DIR", variable)
    expected = tmp_path / ("sets" if variable else "tensorflow_datasets")
    assert sources.data_folder("") == expected
    assert sources.data_folder("/given") == files.user_path("/given", "")


@pytest.mark.parametrize("letter", "*?[")
def test_data_folder_that_would_not_be_found_again(letter, monkeypatch):
    with pytest.raises(UserError, match=r"^--data_dir=/a.b: .*patterns"):
        sources.prepare(ImageSet("mnist", data_dir=f"/a{letter}b"))
    monkeypatch.setenv("TFDS_DATA_DIR", f"/a{letter}b")
    with pytest.raises(UserError, match=r"^TFDS_DATA_DIR=/a.b: .*patterns"):
        sources.prepare(ImageSet("mnist"))


def test_unknown_home_makes_no_folder_of_that_name(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("TFDS_DATA_DIR", raising=False)
    # As `os.path.expanduser` does for a user that the system does not know.
    monkeypatch.setattr("os.path.expanduser", lambda path: path)
    for call in (
        lambda: sources.prepare(ImageSet("mnist")),
        lambda: sources.prepare(ImageSet("mnist", data_dir="~/x")),
        lambda: Workdir("~/run"),
        lambda: loading.load("~/model"),
    ):
        with pytest.raises(UserError, match=r"=~/.*: the home folder is unknown; set HOME"):
            call()
    assert list(tmp_path.iterdir()) == []


def test_grey_images_with_transparency_are_not_called_damaged(monkeypatch, tmp_path):
    image = tfds.features.Image(shape=(8, 8, 2), dtype=np.uint8)
    pale = types.SimpleNamespace(info=types.SimpleNamespace(features={"image": image}))
    monkeypatch.setattr(tfds, "builder", lambda name, data_dir: pale)
    with pytest.raises(UserError, match=r"^--dataset=pale: its images have 2 channels"):
        sources.prepare(ImageSet("pale", data_dir=str(tmp_path)))


def test_wrong_backend_is_one_line(tmp_path):
    done = run_afresh(
        "train", f"--workdir={tmp_path}/run", env=os.environ | {"KERAS_BACKEND": "torch"}
    )
    assert done.returncode == 2
    assert done.stderr == "error: KERAS_BACKEND=torch: tfgan runs on the tensorflow backend\n"

"""A run's model comes back without the run's data."""

import json
import shutil

import numpy as np
import pytest

from tfgan import TrainConfig, UserError, training
from tfgan.run import restoring
from tfgan.run.workdir import Workdir


@pytest.fixture(scope="module")
def conditional(tiny_data_dir, tmp_path_factory):
    """The configuration of a conditional run, and what its `config.json` says."""
    workdir = tmp_path_factory.mktemp("runs") / "run"
    config = TrainConfig(
        conditional=True,
        data_dir=str(tiny_data_dir),
        workdir=str(workdir),
        epochs=1,
        batch_size=20,
        hidden_size=16,
        split="train[:40]",  # whose classes are not alike probable
        jit_compile=False,
    )
    training.train_and_export(config)
    return config, json.loads((workdir / "config.json").read_text())


@pytest.fixture
def changed(conditional):
    """Writes another `data` into the run's record; afterwards it is as it was."""
    config, content = conditional
    file = Workdir(config.workdir).config

    def change(**data):
        environment = content["environment"]
        recorded = {**environment, "data": {**environment["data"], **data}}
        file.write_text(json.dumps({**content, "environment": recorded}))
        return config

    yield change
    file.write_text(json.dumps(content))


def test_a_conditional_run_is_restored_with_its_shares(conditional):
    config, content = conditional
    counts = content["environment"]["data"]["classes"]["counts"]
    assert sum(counts) == 40
    gan, found, *_ = restoring.restore(Workdir(config.workdir), pytest.fail)
    assert found == config
    assert gan.shares == tuple(count / 40 for count in counts)


@pytest.mark.parametrize("classes", [None, {"names": ["a", "b"], "counts": [1, -1]}])
def test_damaged_classes_are_told(classes, changed):
    config = changed(classes=classes)
    with pytest.raises(
        UserError, match=r"config.json: belongs to a conditional run but does not list"
    ):
        restoring.restore(Workdir(config.workdir), pytest.fail)
    with pytest.raises(UserError, match=r"^--dataset=mnist: .* trained on: classes .* then, "):
        training.train_and_export(config)


def test_a_set_whose_labels_have_changed_is_refused(changed):
    config = changed(labels="0" * 64)
    with pytest.raises(UserError, match=r"^--dataset=mnist: .* trained on: labels 0+ then, "):
        training.train_and_export(config)


def test_a_run_is_restored_without_its_data(tiny_data_dir, tmp_path):
    data_dir = shutil.copytree(tiny_data_dir, tmp_path / "data")
    config = TrainConfig(
        network="maxout",  # which begins at the set's mean image
        data_dir=str(data_dir),
        workdir=str(tmp_path / "run"),
        epochs=1,
        batch_size=60,
        hidden_size=16,
        ema=0.9,
        jit_compile=False,
    )
    trained = training.train_and_export(config)
    shutil.rmtree(data_dir)
    gan, found, checkpoint, _ = restoring.restore(Workdir(config.workdir), pytest.fail)
    assert found == config
    assert checkpoint.name == "000000001"
    assert len(gan.weights) == len(trained.weights)
    for mine, theirs in zip(gan.weights, trained.weights, strict=True):
        np.testing.assert_array_equal(mine.numpy(), theirs.numpy())

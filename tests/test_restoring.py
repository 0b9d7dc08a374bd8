"""A run's model comes back without the run's data."""

import shutil

import numpy as np
import pytest

from tfgan import TrainConfig, training
from tfgan.run import restoring
from tfgan.run.workdir import Workdir


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
    gan, found, checkpoint = restoring.restore(Workdir(config.workdir), pytest.fail)
    assert found == config
    assert checkpoint.name == "000000001"
    assert len(gan.weights) == len(trained.weights)
    for mine, theirs in zip(gan.weights, trained.weights, strict=True):
        np.testing.assert_array_equal(mine.numpy(), theirs.numpy())

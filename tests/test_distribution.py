"""Several devices need a process that splits its CPU before TensorFlow starts."""

import json
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf
from conftest import ROOT

from tfgan import UserError, distribution

# Trains 12 steps through `fit` and prints the logs of each and where the weights ended.
SCRIPT = """
import json, sys
import keras, numpy as np, tensorflow as tf
name, devices = sys.argv[1], int(sys.argv[2])
cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * devices)
keras.config.set_floatx("float64")
keras.config.set_dtype_policy("float64")
from tfgan import TrainConfig, distribution, pipeline, training
config = TrainConfig(batch_size=8, latent_size=5, hidden_size=16, strategy=name)
images = np.random.default_rng(0).integers(0, 256, (48, 4, 4, 1), np.uint8)
strategy = distribution.strategy(name, config.batch_size)
with strategy.scope():
    gan = training.build(config, images.shape[1:], steps_per_execution=3)
logs = []
class Logs(keras.callbacks.Callback):
    def on_train_batch_end(self, batch, **kwargs):
        logs.extend(gan.step_logs.tolist())
history = gan.fit(
    pipeline.batches(images, 8, 777), epochs=2, steps_per_epoch=6, verbose=0, callbacks=[Logs()]
).history
weights = gan.generator.weights + gan.discriminator.weights
copies = [strategy.experimental_local_results(weight.value) for weight in weights]
print(json.dumps({
    "description": distribution.describe(strategy),
    "logs": logs,
    "means": [history[name][-1] for name in gan.metrics_names],
    "weights": [float(np.linalg.norm(weight.numpy())) for weight in weights],
    "copies": [len(copy) for copy in copies],
    "equal": all(np.array_equal(c[0], other) for c in copies for other in c),
    "step": int(gan.step.numpy()),
}))
"""


def train(name: str, devices: int) -> dict:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, name, str(devices)],
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])


def test_mirrored_devices_follow_one_device():
    one, two = train("one_device", 1), train("mirrored", 2)
    assert (one["description"], two["description"]) == ("one CPU", "2 mirrored CPUs")
    assert set(two["copies"]) == {2}
    assert two["equal"], "replicas must be identical to the bit"
    assert one["step"] == two["step"] == 12
    assert len(one["logs"]) == 12
    for what in ("logs", "means", "weights"):
        np.testing.assert_allclose(one[what], two[what], rtol=1e-9, atol=1e-12)


FULL = """
import sys
import tensorflow as tf
cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
import tfgan
for epochs in (1, 2):
    config = tfgan.TrainConfig(data_dir=sys.argv[1], workdir=sys.argv[2], epochs=epochs,
                               batch_size=10, hidden_size=16, strategy="mirrored")
    tfgan.train(config)
"""


def test_mirrored_run_leaves_and_resumes_everything(tiny_data_dir, tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", FULL, tiny_data_dir, tmp_path / "run"],
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert "on 2 mirrored CPUs" in done.stdout
    assert "Resuming after step 6 of 12" in done.stdout
    names = {path.name for path in (tmp_path / "run").iterdir()}
    assert {"config.json", "metrics.csv", "generator", "samples", "checkpoints"} <= names
    assert (tmp_path / "run" / "samples" / "fake_1.png").exists()


def test_uneven_share_names_the_nearest_batch_sizes(monkeypatch):
    class Three:
        num_replicas_in_sync = 3

    monkeypatch.setitem(distribution.STRATEGIES, "mirrored", Three)
    with pytest.raises(UserError, match=r"^--batch_size=100: 3 devices .* take 99 or 102$"):
        distribution.strategy("mirrored", 100)
    with pytest.raises(UserError, match=r"take 3$"):
        distribution.strategy("mirrored", 2)


def test_auto_without_gpus_is_one_device():
    if not tf.config.list_physical_devices("GPU"):
        assert distribution.strategy("auto", 7).num_replicas_in_sync == 1

"""The SavedModel in a process that does not know tfgan, and in TensorFlow's own tool."""

import subprocess
import sys

import forked
import numpy as np
import pytest
import tensorflow as tf

from tfgan import networks
from tfgan.exports import saved_model
from tfgan.run.workdir import exported_step

SCRIPT = """
import sys
import numpy as np, tensorflow as tf
generator = tf.saved_model.load(sys.argv[1])
generate = generator.signatures["generate"]
np.save(sys.argv[3], generate(z=tf.constant(np.load(sys.argv[2])))["images"])
for batch in (1, 7, 1000):
    assert generate(z=tf.zeros((batch, 5)))["images"].shape == (batch, 4, 6, 1)
assert "tfgan" not in sys.modules
"""


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    generator = networks.mlp_generator(5, 16, (4, 6, 1))
    path = tmp_path_factory.mktemp("run") / "generator"
    saved_model.save_generator(path, generator)
    return path, generator


def test_fresh_process_without_tfgan_draws_the_same(exported, tmp_path):
    path, generator = exported
    z = np.random.default_rng(0).normal(size=(9, 5)).astype("float32")
    np.save(tmp_path / "z.npy", z)
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, path, tmp_path / "z.npy", tmp_path / "images.npy"],
        capture_output=True,
        text=True,
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr
    images = np.load(tmp_path / "images.npy")
    assert images.dtype == np.float32
    expected = (generator(z).numpy() + 1) / 2
    np.testing.assert_allclose(images, expected, atol=1e-6)


def test_sample_is_decided_by_its_seed(exported):
    sample = tf.saved_model.load(str(exported[0])).signatures["sample"]

    def draw(n, seed):
        return sample(n=tf.constant(n, tf.int64), seed=tf.constant(seed, tf.int64))["images"]

    images = draw(50, 1).numpy()
    assert images.shape == (50, 4, 6, 1)
    assert images.min() >= 0
    assert images.max() <= 1
    assert images.std(axis=0).min() > 0
    np.testing.assert_array_equal(images, draw(50, 1))
    assert not np.array_equal(images, draw(50, 2))


NO_ROOM = """
import pathlib, resource, sys
from tfgan import networks
from tfgan.exports import saved_model
path = pathlib.Path(sys.argv[1])
saved_model.save_generator(path, networks.mlp_generator(5, 8, (4, 6, 1)), step=7)
resource.setrlimit(resource.RLIMIT_FSIZE, (3000, 3000))
try:
    saved_model.save_generator(path, networks.mlp_generator(5, 99, (4, 6, 1)), step=8)
except OSError:
    print("OSError")
"""


def test_full_disk_is_an_os_error_and_leaves_the_old_one(exported, tmp_path):
    done = forked.Python("-c", NO_ROOM, f"{tmp_path}/generator").finish()
    assert done.stdout.strip().endswith("OSError"), done.stderr
    assert exported_step(tmp_path / "generator") == 7
    assert exported_step(tmp_path / "none") is None


def cli(*arguments) -> str:
    command = "from tensorflow.python.tools.saved_model_cli import main; main()"
    done = forked.Python("-c", command, *map(str, arguments)).finish()
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_saved_model_cli_shows_and_runs_it(exported, tmp_path):
    path, generator = exported
    shown = cli("show", "--dir", path, "--all")
    for signature in ("generate", "sample", "serving_default"):
        assert f"signature_def['{signature}']" in shown
    for line in ("shape: (-1, 5)", "shape: (-1, 4, 6, 1)", "inputs['z']", "inputs['seed']"):
        assert line in shown
    run = ["run", "--dir", path, "--tag_set", "serve", "--outdir", tmp_path, "--overwrite"]
    cli(*run, "--signature_def", "sample", "--input_exprs", "n=3;seed=1")
    assert np.load(tmp_path / "images.npy").shape == (3, 4, 6, 1)
    z = np.ones((2, 5), np.float32)
    np.save(tmp_path / "z.npy", z)
    cli(*run, "--signature_def", "serving_default", "--inputs", f"z={tmp_path / 'z.npy'}")
    np.testing.assert_allclose(
        np.load(tmp_path / "images.npy"), (generator(z).numpy() + 1) / 2, atol=1e-6
    )


def test_replaces_the_one_before_and_says_how_to_use_it(exported, tmp_path):
    other = networks.mlp_generator(3, 8, (2, 2, 3), seed=5)
    for generator in (exported[1], other):
        saved_model.save_generator(tmp_path / "generator", generator)
    readme = (tmp_path / "generator" / "README.md").read_text()
    assert "`(batch, 2, 2, 3)`" in readme
    assert "`z`: float32 `(batch, 3)`" in readme
    assert [file.name for file in tmp_path.iterdir()] == ["generator"]

import csv

import numpy as np
import pytest
import tensorflow as tf
from conftest import assert_one_line_error, run

from tfgan import TrainConfig, noise
from tfgan.datasets import training_set
from tfgan.datasets.image_set import ImageSet
from tfgan.noise import Stream
from tfgan.run import building
from tfgan.theory import two_losses


def test_curves_in_closed_form():
    d = np.array([0.01, 0.5, 0.9])
    curves = two_losses.curves(d)
    minimax, non_saturating = curves["minimax"], curves["non_saturating"]
    np.testing.assert_allclose(minimax[0], np.log(1 - d))
    np.testing.assert_allclose(non_saturating[0], -np.log(d))
    # By D's logit l, with dD/dl = D (1 - D): -D and -(1 - D).
    np.testing.assert_allclose(minimax[1], -d)
    np.testing.assert_allclose(non_saturating[1], -(1 - d))


def config(folder, **options) -> TrainConfig:
    small = {"epochs": 2, "batch_size": 20, "hidden_size": 8, "latent_size": 4}
    return TrainConfig(data_dir=str(folder), jit_compile=False, **small | options)


def test_measured_norm_is_that_of_the_gradient(tiny_data_dir):
    options = config(tiny_data_dir)
    measured = two_losses.measure(options)
    np.testing.assert_array_equal(measured.steps, [3, 6])  # 60 images: 3 steps an epoch
    gan = building.build(options, (28, 28, 1), 3)
    images = training_set.open_set(ImageSet("mnist", data_dir=str(tiny_data_dir)), 100, say=print)
    gan.fit(images.batches(20, options.seed), epochs=2, steps_per_epoch=3, shuffle=False, verbose=0)
    z = noise.latents(options.seed, Stream.SAMPLES, 6, 20, 4)
    with tf.GradientTape() as tape:
        d = tf.sigmoid(gan.discriminator(gan.generator(z)))
        loss = -tf.reduce_mean(tf.math.log(d))
    gradients = tape.gradient(loss, gan.generator.trainable_variables)
    norm = np.sqrt(sum(np.sum(np.square(gradient)) for gradient in gradients))
    assert measured.norms[-1] == pytest.approx(norm, rel=1e-4)
    assert measured.probabilities[-1] == pytest.approx(np.mean(d), rel=1e-4)


def test_command_draws_and_writes_what_it_measured(tiny_data_dir, tmp_path):
    pytest.importorskip("matplotlib")
    output = tmp_path / "both.png"
    flags = ["--batch_size=20", "--hidden_size=8", "--epochs=1", f"--data_dir={tiny_data_dir}"]
    done = run("theory", *flags, f"--output={output}")
    assert done.returncode == 0, done.stderr
    assert output.read_bytes().startswith(b"\x89PNG")
    with open(output.with_suffix(".csv")) as file:
        rows = list(csv.DictReader(file))
    assert [(row["loss"], row["step"]) for row in rows] == [
        ("minimax", "3"),
        ("non_saturating", "3"),
    ]
    # The first steps, D about 1/2: both gradients are D or 1 - D times the same, and comparable.
    norms = [float(row["gradient_norm"]) for row in rows]
    assert 0.5 < norms[0] / norms[1] < 2


@pytest.mark.parametrize("flag", ["--output=losses.jpg", "--epochs=0"])
def test_bad_flags_are_one_line(flag):
    assert_one_line_error(run("theory", flag), flag)

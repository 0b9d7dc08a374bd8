import dataclasses
import json
import re
import shlex
import signal

import conftest
import forked
import numpy as np
import pytest
import tensorflow as tf
import tensorflow_datasets as tfds
from conftest import make_images, prepare_tiny, run, small_config
from fingerprint import outcome
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.custom_scalar import layout_pb2

from tfgan import TrainConfig, UserError, noise, training
from tfgan.datasets import pipeline
from tfgan.datasets.image_set import ImageSet
from tfgan.doctor import monitors, probe
from tfgan.noise import Stream
from tfgan.run.workdir import Workdir


@pytest.fixture(scope="module")
def monitored(tiny_data_dir, tmp_path_factory):
    """A run of four epochs of four steps, looked at after the second and the last."""
    config = small_config(
        tiny_data_dir, tmp_path_factory.mktemp("runs") / "run", epochs=4, monitor_every=2
    )
    gan = training.train_and_export(config)
    return config, gan, Workdir(config.workdir)


def rows(workdir):
    return [json.loads(line) for line in workdir.monitors.read_text().splitlines()]


def test_records_at_the_interval(monitored):
    _, _, workdir = monitored
    assert [row["step"] for row in rows(workdir)] == [8, 16]


def test_record_is_what_the_networks_say(monitored):
    config, gan, workdir = monitored
    last = rows(workdir)[-1]
    held = pipeline.load_images(ImageSet("mnist", "test", config.data_dir), say=lambda line: None)
    train = pipeline.load_images(
        ImageSet("mnist", data_dir=config.data_dir), say=lambda line: None
    )[:10_000]
    z = noise.latents(777, Stream.MONITOR_LATENTS, 16, len(held), 64)
    fakes = probe.fakes(gan.generator, z)

    def probability(images):
        return 1 / (1 + np.exp(-probe.logits(gan.discriminator, images)))

    fake_term = np.log(1 - probability(fakes)).mean()
    assert last["value_heldout"] == pytest.approx(np.log(probability(held)).mean() + fake_term)
    assert last["value_train"] == pytest.approx(np.log(probability(train)).mean() + fake_term)
    assert last["d_real"] == pytest.approx(probability(held).mean())
    assert last["d_fake"] == pytest.approx(probability(fakes).mean())
    right = ((probability(held) > 0.5).mean() + (probability(fakes) < 0.5).mean()) / 2
    assert last["accuracy"] == pytest.approx(right)
    assert last["value_probe"] > last["value_heldout"]  # bars against noise are easily told
    with tf.GradientTape() as tape:
        logits = gan.discriminator(gan.generator(z))
        loss = tf.reduce_mean(tf.math.softplus(-logits))
    squares = sum(np.square(g).sum() for g in tape.gradient(loss, gan.generator.weights))
    assert last["g_gradient"] == pytest.approx(squares**0.5, rel=1e-4)


def test_tensorboard_draws_curves_with_their_limits(monitored):
    _, _, workdir = monitored
    events = EventAccumulator(str(workdir.tensorboard), {"tensors": 0})
    events.Reload()
    (layout,) = {
        event.tensor_proto.string_val[0] for event in events.Tensors("custom_scalars__config__")
    }
    charts = layout_pb2.Layout.FromString(layout).category[-1].chart
    patterns = [chart.multiline.tag[0] for chart in charts]
    assert patterns == ["monitors/value_.*", "monitors/divergence_.*"]
    for name, limit in (("value", -np.log(4)), ("divergence", np.log(2))):
        tags = [tag for tag in events.Tags()["tensors"] if tag.startswith(f"monitors/{name}_")]
        assert len(tags) == 4
        (line,) = (tag for tag in tags if "limit" in tag)
        drawn = [float(tf.make_ndarray(e.tensor_proto)) for e in events.Tensors(line)]
        assert drawn == pytest.approx([limit, limit])
    points = events.Tensors("monitors/divergence_heldout")
    shown = [float(tf.make_ndarray(point.tensor_proto)) for point in points]
    expected = [max(0, np.log(2) + row["value_heldout"] / 2) for row in rows(workdir)]
    assert shown == pytest.approx(expected, abs=1e-6)
    assert [point.step for point in points] == [row["step"] for row in rows(workdir)]
    # The run's own curves come first.
    groups = {tag.split("/")[0] for tag in events.Tags()["tensors"] if "/" in tag}
    assert min(groups - {"_hparams_", "discriminator"}) == "epoch"


def test_training_is_the_same_with_monitors(monitored, tmp_path):
    config, gan, _ = monitored
    without = dataclasses.replace(config, workdir=str(tmp_path / "run"), monitor_every=0)
    plain = training.train_and_export(without)
    assert not Workdir(without.workdir).monitors.exists()
    for one, other in zip(gan.get_weights(), plain.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


# Kills itself when the second record is in its place, before the checkpoint that it belongs to.
SUICIDE = """
import os, signal, sys
from absl import flags
from tfgan.run import config
from tfgan.doctor import record
from tfgan.training import train_and_export
original = record.append
def append(workdir, new):
    original(workdir, new)
    if new.step == 8:
        os.kill(os.getpid(), signal.SIGKILL)
record.append = append
config.define_flags()
flags.FLAGS(["train", *sys.argv[1:]])
train_and_export(config.from_flags())
"""


def test_killed_run_ends_as_the_unbroken_one(monitored, tmp_path):
    config, _, unbroken = monitored
    config = dataclasses.replace(config, workdir=str(tmp_path / "run"), checkpoint_every_steps=4)
    flags = shlex.split(config.command())[3:]
    killed = forked.Python("-c", SUICIDE, *flags).finish()
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    workdir = Workdir(config.workdir)
    assert [row["step"] for row in rows(workdir)] == [8]
    assert [path.name for path in workdir.checkpoints.iterdir()] == ["000000004"]
    training.train_and_export(config)
    # But for checkpoints: a process that makes a second model gives other names to what is in them.
    expected, found = (
        {name: value for name, value in outcome(path).items() if not name.startswith("checkpoints")}
        for path in (unbroken.path, workdir.path)
    )
    assert {"monitors.jsonl", "generator", "events"} <= set(expected)
    assert found == expected


@pytest.mark.slow
def test_several_replicas(tiny_data_dir, tmp_path):
    """Evidence is of the whole model, not of one device's share."""
    config = small_config(tiny_data_dir, tmp_path / "one", epochs=1, batch_size=20, monitor_every=1)
    training.train_and_export(config)
    two = dataclasses.replace(
        config, workdir=str(tmp_path / "two"), strategy="mirrored", devices="CPU:0,CPU:1"
    )
    done = run("train", *shlex.split(two.command())[3:])
    assert done.returncode == 0, done.stderr
    (one,), (other,) = (rows(Workdir(each.workdir)) for each in (config, two))
    for name in ("value_heldout", "value_train", "d_fake", "g_gradient", "diversity"):
        assert one[name] == pytest.approx(other[name], rel=1e-3), name


def test_set_without_a_test_split(tiny_data_dir, tmp_path):
    class OnlyTrain(tfds.image_classification.MNIST, skip_registration=True):
        name = "mnist"

        def _split_generators(self, dl_manager):
            return {"train": self._generate_examples(20)}

        def _generate_examples(self, count):
            for index, image in enumerate(make_images(count)):
                yield index, {"image": image, "label": 0}

    OnlyTrain(data_dir=tmp_path).download_and_prepare()
    config = TrainConfig(
        data_dir=str(tmp_path), workdir=str(tmp_path / "run"), batch_size=10, monitor_every=1
    )
    with pytest.raises(
        UserError, match=r"^--dataset=mnist: .*need a test split, and it has train$"
    ):
        training.train_and_export(config)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("split", "seen"),
    [("train+test", 10), ("all", 10), ("train[:30]+test[7:]", 3), ("test[:50%]", 5)],
)
def test_run_that_trains_on_the_test_split_is_not_looked_at(tiny_data_dir, tmp_path, split, seen):
    config = TrainConfig(
        data_dir=str(tiny_data_dir), workdir=str(tmp_path / "run"), split=split, batch_size=5
    )
    config = dataclasses.replace(config, monitor_every=1)
    problem = rf"trains on the test split \({seen} images of it\)"
    with pytest.raises(UserError, match=f"^--split={re.escape(split)}: {problem}"):
        training.train_and_export(config)
    assert not (tmp_path / "run").exists()
    monitors.check(dataclasses.replace(config, split="train[:30]"))


@pytest.mark.parametrize("test_images", [1, 3])
def test_held_out_images_that_are_alike_are_told_before_the_work(
    tmp_path, monkeypatch, test_images
):
    monkeypatch.setattr(conftest, "TEST_EXAMPLES", test_images)
    monkeypatch.setattr(
        conftest, "make_images", lambda count, shape: np.ones((count, *shape), np.uint8)
    )
    prepare_tiny(tfds.image_classification.MNIST, tmp_path, "mnist", (28, 28, 1), 1)
    config = TrainConfig(
        data_dir=str(tmp_path), workdir=str(tmp_path / "run"), batch_size=1, monitor_every=1
    )
    with pytest.raises(UserError, match=r"^--dataset=mnist: .* in its test split that differ"):
        training.train_and_export(config)
    assert not (tmp_path / "run").exists()

"""Data and callbacks of a library user's own, in a run that is resumed like any other."""

import dataclasses
import json
import math
import signal

import keras
import numpy as np
import pytest
import tensorflow as tf
from conftest import make_images
from fingerprint import outcome
from test_page import data_of

import tfgan
from tfgan import TrainConfig, UserError, train_and_export
from tfgan.datasets import pipeline
from tfgan.datasets.training_set import InMemory
from tfgan.evaluation import harness
from tfgan.run import own_callbacks, own_data, restoring
from tfgan.run.workdir import Workdir

SHAPE = (8, 8, 1)
IMAGES = np.random.default_rng(0).integers(0, 256, (60, *SHAPE), np.uint8)
LABELS = np.arange(60) % 3


def configured(workdir, **options) -> TrainConfig:
    """Four steps an epoch."""
    small = {"batch_size": 15, "hidden_size": 8, "latent_size": 4, "jit_compile": False}
    return TrainConfig(**{"workdir": str(workdir), "epochs": 2, **small, **options})


def nets(config, image_shape, activation="relu"):
    """Networks whose first weights and dropout have seeds that only Keras knows."""
    layers = keras.layers
    generator = keras.Sequential(
        [
            keras.Input((config.latent_size,)),
            layers.Dense(16, activation, name="relu"),
            layers.Dropout(0.2),
            layers.Dense(math.prod(image_shape), "tanh"),
            layers.Reshape(image_shape),
        ]
    )
    inputs = keras.Input(image_shape)
    hidden = layers.Dropout(0.3)(layers.Flatten()(inputs))
    hidden = layers.BatchNormalization()(layers.Dense(16, "leaky_relu")(hidden))
    return generator, keras.Model(inputs, layers.Dense(1)(hidden))


class Seen(keras.callbacks.Callback):
    """What a callback sees, in order; it may send the process a signal at a step."""

    def __init__(self, signal_at=None):
        super().__init__()
        self.events = []
        self._signal_at = signal_at

    def on_train_begin(self, logs=None):
        self.events.append(("train begins", self.params["epochs"], self.params["steps"]))

    def on_epoch_begin(self, epoch, logs=None):
        self.events.append(("epoch begins", epoch))

    def on_train_batch_begin(self, batch, logs=None):
        self.events.append(("batch begins", batch))

    def on_train_batch_end(self, batch, logs=None):
        self.events.append(("batch", batch, float(logs["D_loss"])))
        if int(self.model.step) == self._signal_at:
            signal.raise_signal(signal.SIGTERM)

    def on_epoch_end(self, epoch, logs=None):
        rows = Workdir(self.workdir).epochs() if hasattr(self, "workdir") else ()
        self.events.append(("epoch", epoch, len(rows), sorted(logs)))

    def on_train_end(self, logs=None):
        self.events.append(("train ends", bool(logs)))


def test_own_images_train_as_the_same_set_does(tiny_data_dir, tmp_path):
    small = {"batch_size": 15, "hidden_size": 8, "jit_compile": False, "epochs": 1}
    named = TrainConfig(workdir=str(tmp_path / "set"), data_dir=str(tiny_data_dir), **small)
    expected = train_and_export(named)
    images = pipeline.load_images(named.image_set, lambda line: None)
    own = dataclasses.replace(named, workdir=str(tmp_path / "own"), data_dir="")
    gan = train_and_export(own, data=images)
    for a, b in zip(gan.weights, expected.weights, strict=True):
        np.testing.assert_array_equal(a, b)
    recorded = json.loads(Workdir(own.workdir).config.read_text())
    assert recorded["config"]["dataset"] == "own_data"
    assert data_of(Workdir(own.workdir).report)["command"] == (
        "tfgan.train_and_export(config, data=...)"
    )
    # What needs a set that is kept says so.
    with pytest.raises(UserError, match="own_data: was passed as data="):
        harness.evaluate([harness.run(own.workdir, "", "")], quick=True)
    with pytest.raises(UserError, match="own_data: this run needs data= again"):
        train_and_export(restoring.recorded_config(Workdir(own.workdir)))


def test_forms_of_the_same_data_are_one_set():
    floats = pipeline.to_unit(tf.constant(IMAGES)).numpy()
    dataset = tf.data.Dataset.from_tensor_slices(IMAGES)
    arrays = own_data.open_given(IMAGES, False, 1)
    for data in (tf.constant(IMAGES), dataset, (IMAGES, LABELS)):
        assert own_data.open_given(data, False, 1).identity() == arrays.identity()
    given = own_data.open_given(floats, False, 1)
    assert given.identity() != arrays.identity()
    for one, other in zip(given.batches(15, 7).take(2), arrays.batches(15, 7).take(2), strict=True):
        np.testing.assert_array_equal(one, other)
    np.testing.assert_array_equal(given.batch_at(15, 7, 1), arrays.batch_at(15, 7, 1))
    changed = IMAGES.copy()
    changed[1, 2, 3] += 1  # one pixel of one image, of more than are hashed of other sets
    many, others = (np.concatenate([each] * 40) for each in (IMAGES, changed))
    assert own_data.open_given(many, False, 1).identity() != InMemory(others, whole=True).identity()
    labelled = own_data.open_given((IMAGES, LABELS), True, 1)
    assert labelled.classes.counts == (20, 20, 20)
    examples = tf.data.Dataset.from_tensor_slices((IMAGES, LABELS))
    assert own_data.open_given(examples, True, 1).identity() == labelled.identity()


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        ("photos", "is a str; must be an array of images"),
        ([IMAGES[0]] * 3, "is a list; must be an array"),
        (IMAGES[..., 0], r"shape \(60, 8, 8\); must be \(size, height, width, channels\)"),
        (IMAGES[:0], r"shape \(0, 8, 8, 1\)"),
        (np.zeros((9, 8, 8, 2), np.uint8), "with 1 or 3 channels"),
        (IMAGES.astype(int), "type int64; must be floats in"),
        (IMAGES.astype("float32"), r"lie in \[0, 255\]; must be floats in"),
        (IMAGES / 255, r"lie in \[0, 1\]; floats must be in \[-1, 1\]: pass 2 \* images - 1"),
        (np.full((9, *SHAPE), np.nan), "must be floats in"),
        (tf.data.Dataset.from_tensor_slices(IMAGES).batch(5), "must give single examples"),
        (tf.data.Dataset.from_tensor_slices(IMAGES).repeat(), "never ends"),
        (tf.data.Dataset.from_tensor_slices({"image": IMAGES}), r"must give single examples.*map"),
        (tf.data.Dataset.from_tensor_slices(IMAGES).take(0), "is empty"),
    ],
)
def test_bad_data_are_one_line(data, problem):
    with pytest.raises(UserError, match=f"^data: .*{problem}"):
        own_data.open_given(data, False, 1)


@pytest.mark.parametrize(
    ("labels", "problem"),
    [
        (None, "needs \\(images, labels\\)"),
        (LABELS / 2, "type float64"),
        (LABELS[:7], "shape \\(7,\\)"),
        (LABELS - 1, "lie in \\[-1, 1\\]"),
        (LABELS * 0, "of several classes"),
        (LABELS + 58, r"lie in \[58, 60\], more classes than the 60 images"),
    ],
)
def test_bad_labels_are_one_line(labels, problem):
    with pytest.raises(UserError, match=f"^data: .*{problem}"):
        own_data.open_given(IMAGES if labels is None else (IMAGES, labels), True, 1)


@pytest.mark.parametrize("known", [True, False])
def test_a_dataset_beyond_the_limit_is_refused_saying_how(known):
    dataset = tf.data.Dataset.from_tensors(np.zeros((100, 100, 3), np.uint8)).repeat(2000)
    if not known:
        dataset = dataset.filter(lambda image: True)
    with pytest.raises(UserError, match=r"cache_limit_mb=1; .*tfgan.data --images=FOLDER"):
        own_data.open_given(dataset, False, 1)


def test_other_data_are_refused_and_a_streamed_set_is_not_wanted(tmp_path):
    config = configured(tmp_path / "run", epochs=1)
    train_and_export(config, data=IMAGES)
    before = outcome(tmp_path / "run")
    more = dataclasses.replace(config, epochs=2)
    with pytest.raises(UserError, match=r"own_data: is not what the run .* fingerprint"):
        train_and_export(more, data=IMAGES[::-1])
    with pytest.raises(UserError, match="--dataset is 'mnist' but the run has 'own_data'"):
        train_and_export(more)
    assert outcome(tmp_path / "run") == before
    for options, words in (
        ({"dataset": "kmnist"}, "--dataset=kmnist: conflicts with data="),
        ({"split": "test"}, "--split=test: data= is used for training only"),
        ({"evaluate_every": 1}, "--evaluate_every=1: data= is used for training only.*--images"),
    ):
        with pytest.raises(UserError, match=words):
            train_and_export(dataclasses.replace(config, **options), data=IMAGES)


@pytest.mark.parametrize("xla", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_a_stopped_run_of_ones_own_ends_as_the_unbroken_one(xla, tmp_path, capsys):
    options = {"steps_per_execution": 1, "ema": 0.5, "jit_compile": xla}
    own = {"data": IMAGES, "networks": nets}
    whole, unbroken = configured(tmp_path / "whole", **options), Seen()
    keras.utils.clear_session()  # names of layers count on, and a checkpoint has them
    train_and_export(whole, callbacks=[unbroken], **own)
    config = configured(tmp_path / "run", **options)
    first, second = Seen(signal_at=2), Seen()
    keras.utils.clear_session()
    with pytest.raises(tfgan.Interrupted, match=r"call of tfgan.train_and_export to resume"):
        train_and_export(config, callbacks=[first], **own)
    keras.utils.clear_session()
    keras.utils.set_random_seed(5)  # another process
    second.workdir = config.workdir
    train_and_export(config, callbacks=[second], **own)
    assert outcome(tmp_path / "run") == outcome(tmp_path / "whole")
    # What both callbacks saw is what one saw: batches and epochs once, counted alike.
    begun = ("train begins", 2, 4)
    assert first.events[0] == second.events[0] == unbroken.events[0] == begun
    assert first.events[-1] == ("train ends", False)
    rest = [event for event in second.events[2:] if event[0] != "epoch"]
    whole_rest = [event for event in unbroken.events if event[0] != "epoch"]
    assert [*first.events[:-1], *rest] == whole_rest
    # The run's own row of an epoch is there when they are told of it.
    assert [event[:3] for event in second.events if event[0] == "epoch"] == [
        ("epoch", 0, 1),
        ("epoch", 1, 2),
    ]


def test_a_callback_may_end_the_run_well_and_the_same_call_goes_on(tmp_path, capsys):
    class Enough(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            self.model.stop_training = epoch == 0

    config = configured(tmp_path / "run")
    train_and_export(config, callbacks=[Enough()], data=IMAGES)
    said = capsys.readouterr().out
    assert "callbacks: Enough: ended after step 4 of 8. Repeat the call" in said
    assert Workdir(config.workdir).report.exists()
    assert int(train_and_export(config, data=IMAGES).step) == 8


def test_an_error_of_a_callback_names_it_and_leaves_the_run_whole(tmp_path):
    class Unreachable(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            raise ConnectionError("no such host")

    config = configured(tmp_path / "run", epochs=1)
    with pytest.raises(UserError, match=r"^callbacks: Unreachable.on_epoch_end: no such host"):
        train_and_export(config, callbacks=[Unreachable()], data=IMAGES)
    assert int(train_and_export(config, data=IMAGES).step) == 4


@pytest.mark.parametrize(
    ("callbacks", "problem"),
    [
        ([Seen], "Seen is a class; pass Seen()"),
        (["tensorboard"], "'tensorboard' is not a keras.callbacks.Callback"),
        (print, "is not a keras.callbacks.Callback"),
        ([tfgan.ExactBackup("x")], "ExactBackup is for fit"),
    ],
)
def test_bad_callbacks_are_one_line(callbacks, problem):
    with pytest.raises(UserError, match=r"^callbacks: ") as caught:
        own_callbacks.check(callbacks)
    assert problem in str(caught.value)


def test_a_run_says_with_which_class_it_was_begun(tmp_path):
    class Mine(tfgan.GAN):
        pass

    config = configured(tmp_path / "run", epochs=1)
    train_and_export(config, gan_class=Mine, data=make_images(60, (16, 16, 1)))
    more = dataclasses.replace(config, epochs=2)
    with pytest.raises(UserError, match=r"was started with gan_class=.*Mine; pass"):
        train_and_export(more, data=make_images(60, (16, 16, 1)))

"""`ExactBackup`: a script that is stopped and run again ends as one that was not."""

import functools

import keras
import numpy as np
import pytest
import tensorflow as tf
from fingerprint import tree
from test_gan import SHAPE, assert_equal, make_gan, state

import tfgan
from tfgan import ExactBackup, UserError, networks
from tfgan.run import replay

IMAGES = np.random.default_rng(0).uniform(-1, 1, (30, *SHAPE)).astype("float32")
EPOCHS = 3


class KilledError(Exception):
    """What a kill is in a test: nothing after it is run."""


class KillAt(keras.callbacks.Callback):
    def __init__(self, step):
        super().__init__()
        self._step = step

    def on_train_batch_end(self, batch, logs=None):
        if int(self.model.step) == self._step:
            raise KilledError


class Means(keras.callbacks.Callback):
    """The epochs' means, and the numbers of the batches."""

    def __init__(self):
        super().__init__()
        self.epochs, self.batches = [], []

    def on_train_batch_end(self, batch, logs=None):
        self.batches.append(batch)

    def on_epoch_end(self, epoch, logs=None):
        self.epochs.append((epoch, dict(logs)))


def shuffled(reshuffle=True):
    dataset = tf.data.Dataset.from_tensor_slices(IMAGES)
    return dataset.shuffle(30, seed=3, reshuffle_each_iteration=reshuffle).batch(5)


def generated():
    def images():
        yield from IMAGES

    spec = tf.TensorSpec(SHAPE, "float32")
    return tf.data.Dataset.from_generator(images, output_signature=spec).batch(5)


# Six steps an epoch, as a script gives them to `fit`.
DATA = {
    "arrays": lambda: {"x": IMAGES, "batch_size": 5},
    "as they are": lambda: {"x": IMAGES, "batch_size": 5, "shuffle": False},
    "cut short": lambda: {"x": IMAGES[:28], "batch_size": 5, "shuffle": False},
    "dataset": lambda: {"x": shuffled(reshuffle=False)},
    "reshuffled": lambda: {"x": shuffled()},
    "endless": lambda: {"x": shuffled().repeat(), "steps_per_epoch": 6},
    "longer": lambda: {"x": shuffled(), "steps_per_epoch": 4},
    "generator": lambda: {"x": generated(), "steps_per_epoch": 6},
}


def script(folder, kind="arrays", epochs=EPOCHS, callbacks=(), every_steps=1, **options):
    """What a user runs again and again; networks are as in a new process."""
    gan = make_gan(**options)
    backup = ExactBackup(folder, every_minutes=0, every_steps=every_steps)
    given = {**DATA[kind](), "epochs": epochs, "verbose": 0}
    return gan, gan.fit(**given, callbacks=[backup, *callbacks])


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A kind of data to the state, history and means of a training that was not stopped."""

    @functools.cache
    def train(kind="arrays", steps_per_execution=1):
        means = Means()
        folder = tmp_path_factory.mktemp("whole") / "backup"
        gan, history = script(
            folder, kind, callbacks=[means], steps_per_execution=steps_per_execution
        )
        return state(gan), history, means

    return train


@pytest.mark.parametrize(
    ("kind", "steps_per_execution"),
    [
        ("arrays", 1),
        *(
            pytest.param(kind, steps, marks=pytest.mark.slow)
            for kind in DATA
            for steps in (1, 4)
            if (kind, steps) != ("arrays", 1)
        ),
    ],
)
def test_killed_training_ends_as_the_unbroken_one(kind, steps_per_execution, whole, tmp_path):
    expected, history, means = whole(kind, steps_per_execution)
    per_epoch = 4 if kind == "longer" else 6
    seen = []

    def resumed(callbacks):
        options = {"steps_per_execution": steps_per_execution, "every_steps": 2}
        return script(tmp_path / "run", kind, callbacks=callbacks, **options)

    # Inside the first epoch, and at the end of a later one: after its last call.
    for step in (4 if steps_per_execution == 4 else 3, 2 * per_epoch):
        seen.append(Means())
        with pytest.raises(KilledError):
            resumed([seen[-1], KillAt(step)])
    seen.append(Means())
    again, restored = resumed([seen[-1]])
    assert_equal(state(again), expected)
    assert restored.history == history.history
    assert restored.epoch == history.epoch == [0, 1, 2]
    # An epoch may have been told twice, the same; batches count on from the checkpoint.
    assert dict(each for one in seen for each in one.epochs) == dict(means.epochs)
    if steps_per_execution == 1:
        assert seen[-1].batches == means.batches[-len(seen[-1].batches) :]


def test_data_come_in_another_order_each_epoch_and_every_image_once():
    gan = make_gan()
    data = replay.data_of(gan, {"x": np.arange(30.0).reshape(30, 1, 1, 1) / 30, "batch_size": 5})
    first, second = (
        np.concatenate([batch.numpy().ravel() for batch in data.batches(start).take(6)])
        for start in (0, 6)
    )
    assert sorted(first) == sorted(second)
    assert list(first) != list(second)


def test_first_weights_that_are_chance_and_keras_own_dropout_are_kept(tmp_path):
    """What networks without a seed began with is in the first checkpoint."""

    def unseeded(callbacks=()):
        layers = [keras.Input((3,)), keras.layers.Dense(16, "tanh"), keras.layers.Reshape(SHAPE)]
        generator = keras.Sequential([layers[0], keras.layers.Dropout(0.5), *layers[1:]])
        gan = tfgan.GAN(generator, networks.mlp_discriminator(8, SHAPE, 1), latent_size=3)
        gan.compile(d_optimizer=tfgan.Adam(), g_optimizer=tfgan.Adam(), jit_compile=False)
        backup = ExactBackup(tmp_path / "run", every_minutes=0)
        gan.fit(IMAGES, batch_size=5, epochs=1, verbose=0, callbacks=[backup, *callbacks])
        return gan

    begun = []

    class Begin(KillAt):
        def on_train_begin(self, logs=None):
            begun.append([weight.numpy() for weight in self.model.generator.variables])

    for step in (2, 4):
        with pytest.raises(KilledError):
            unseeded([Begin(step)])
    assert_equal(*begun)


def test_a_script_that_has_ended_trains_no_more_and_goes_on_with_more_epochs(whole, tmp_path):
    gan, history = script(tmp_path / "run", epochs=2)
    again, restored = script(tmp_path / "run", epochs=2)
    assert_equal(state(again), state(gan))
    assert restored.history == history.history
    more, longer = script(tmp_path / "run")
    expected, unbroken, _ = whole()
    assert_equal(state(more), expected)
    assert longer.history == unbroken.history


def test_early_stopping_ends_for_good(tmp_path):
    def stopped(**options):
        stopping = keras.callbacks.EarlyStopping(
            "G_loss", mode="min", baseline=-1, patience=0, **options
        )
        return script(tmp_path / "run", callbacks=[stopping])

    with pytest.raises(UserError, match=r"restore_best_weights=True.*also resets the step"):
        stopped(restore_best_weights=True)

    gan, history = stopped()
    again, restored = stopped()
    assert len(history.epoch) == 2  # of three
    assert restored.history == history.history
    assert_equal(state(again), state(gan))


def test_validation_losses_are_in_the_history(tmp_path):
    def fit(callbacks=()):
        gan = make_gan()
        backup = ExactBackup(tmp_path / "run", every_minutes=0)
        return gan.fit(
            IMAGES,
            batch_size=5,
            epochs=2,
            verbose=0,
            validation_data=IMAGES[:5],
            callbacks=[backup, *callbacks],
        ).history

    with pytest.raises(KilledError):
        fit([KillAt(8)])
    history = fit()
    assert [len(values) for values in history.values()] == [2] * 8
    assert "val_D_loss" in history


@pytest.mark.slow
def test_conditional_gan_on_arrays(tmp_path):
    labels = np.arange(30) % 3

    def fit(folder, callbacks=()):
        generator = networks.mlp_generator(3, 8, SHAPE, 1, classes=3)
        discriminator = networks.mlp_discriminator(8, SHAPE, 1, classes=3)
        gan = tfgan.ConditionalGAN(generator, discriminator, 3, [1 / 3] * 3)
        gan.compile(d_optimizer=tfgan.Adam(), g_optimizer=tfgan.Adam(), jit_compile=False)
        backup = ExactBackup(tmp_path / folder, every_minutes=0, every_steps=1)
        given = {"batch_size": 5, "epochs": 1, "verbose": 0}
        gan.fit(IMAGES, labels, callbacks=[backup, *callbacks], **given)
        return gan

    with pytest.raises(KilledError):
        fit("run", [KillAt(4)])
    assert_equal(state(fit("run")), state(fit("whole")))


def test_a_damaged_checkpoint_is_passed_over(whole, tmp_path, capsys):
    with pytest.raises(KilledError):
        script(tmp_path / "run", callbacks=[KillAt(8)], every_steps=2)
    newest = max((tmp_path / "run" / "checkpoints").glob("0*"))
    (newest / "state.index").write_bytes(b"")
    gan, _ = script(tmp_path / "run", every_steps=2)
    assert "is damaged" in capsys.readouterr().out
    assert_equal(state(gan), whole()[0])
    for path in (tmp_path / "run" / "checkpoints").glob("0*"):
        (path / "state.index").write_bytes(b"") if path.is_dir() else None
    with pytest.raises(UserError, match=r"all checkpoints are damaged; remove .*run to start over"):
        script(tmp_path / "run")


@pytest.fixture(scope="module")
def begun(tmp_path_factory):
    """The backup of one epoch."""
    folder = tmp_path_factory.mktemp("begun") / "backup"
    script(folder, epochs=1)
    return folder


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"r1": 1.0}, r"another r1, 0.0 then and 1.0 now"),
        ({"seed": 2}, "another generator"),
        ({"d_optimizer": tfgan.Adam(0.5)}, "another d_optimizer"),
        ({"kind": "as they are"}, "another shape"),
    ],
)
def test_another_training_is_refused_and_the_backup_stays(change, problem, begun):
    before = tree(begun)
    with pytest.raises(UserError, match=problem):
        script(begun, **change)
    assert tree(begun) == before


@pytest.fixture(scope="module", autouse=True)
def _no_global_seed():
    tf.random.set_seed(None)  # that a test before has set, and that shuffles without one would take


def refused(tmp_path, problem, **given):
    gan = make_gan()
    with pytest.raises(UserError, match=problem):
        gan.fit(**given, callbacks=[ExactBackup(tmp_path / "run")], verbose=0)
    assert not int(gan.step)


def test_data_whose_order_is_lost_are_refused(tmp_path):
    unseeded = tf.data.Dataset.from_tensor_slices(IMAGES).shuffle(30).batch(5)
    refused(tmp_path, "shuffled without a seed", x=unseeded)
    refused(tmp_path, "shuffled without a seed", x=unseeded.map(lambda x: x).prefetch(1))
    refused(tmp_path, "pass steps_per_epoch", x=generated().filter(lambda x: True))
    refused(tmp_path, "pass steps_per_epoch", x=shuffled().repeat())
    refused(tmp_path, "not a list_iterator", x=iter([IMAGES]))
    refused(tmp_path, "has only 30 images", x=IMAGES, batch_size=31)
    refused(tmp_path, "validation_split", x=IMAGES, validation_split=0.5)
    refused(tmp_path, "initial_epoch", x=IMAGES, initial_epoch=1)
    assert not (tmp_path / "run").exists()


def test_data_that_begin_otherwise_are_refused(tmp_path):
    def fit(offset):
        numbers = tf.data.Dataset.from_tensor_slices(np.roll(IMAGES, offset, axis=0))
        make_gan().fit(numbers.batch(5), callbacks=[ExactBackup(tmp_path / "run")], verbose=0)

    fit(0)
    with pytest.raises(UserError, match="another first batch"):
        fit(1)


def test_bad_arguments_and_uses_are_one_line(tmp_path):
    with pytest.raises(UserError, match=r"every_minutes=-1: must be a finite number, 0 or more"):
        ExactBackup(tmp_path / "run", every_minutes=-1)
    with pytest.raises(UserError, match=r"every_steps=-1: must be at least 0"):
        ExactBackup(tmp_path / "run", every_steps=-1)
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match=r"folder=.*file: is a file; name a folder"):
        ExactBackup(tmp_path / "file")
    with pytest.raises(UserError, match=r"holds files but no backup; use an empty folder"):
        script(tmp_path)
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    zeros = np.zeros((4, 1))
    with pytest.raises(UserError, match=r"pass it to fit of a tfgan.GAN"):
        model.fit(zeros, zeros, callbacks=[ExactBackup(tmp_path / "other")], verbose=0)
    twice = [ExactBackup(tmp_path / "a"), ExactBackup(tmp_path / "b")]
    with pytest.raises(UserError, match="only one of them"):
        make_gan().fit(IMAGES, callbacks=twice, verbose=0)

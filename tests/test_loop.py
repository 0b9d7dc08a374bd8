"""Every batch is trained once, whatever the data set and however many steps a call takes."""

import json

import forked
import keras
import numpy as np
import pytest
import tensorflow as tf

from tfgan import GAN, Adam

BATCH = 5
SHAPE = (2, 3, 1)
IMAGES = np.random.default_rng(0).uniform(-1, 1, (16 * BATCH, *SHAPE)).astype("float32")


def make_gan(size: int = 4, **options) -> GAN:
    """The smallest networks: the loop does not depend on them, and they take long to compile."""
    start = {"kernel_initializer": keras.initializers.GlorotUniform(seed=1)}
    pixels = [keras.layers.Dense(6, "tanh", **start), keras.layers.Reshape(SHAPE)]
    generator = keras.Sequential([keras.Input((size,)), *pixels], name="generator")
    judge = [keras.layers.Flatten(), keras.layers.Dense(1, **start)]
    discriminator = keras.Sequential([keras.Input(SHAPE), *judge], name="discriminator")
    gan = GAN(generator, discriminator, latent_size=size)
    gan.compile(Adam(0.01), Adam(0.01), **options)
    return gan


class StepLogs(keras.callbacks.Callback):
    """Keeps what was logged at each step, by epoch."""

    def on_train_begin(self, logs=None):
        self.epochs = []

    def on_epoch_begin(self, epoch, logs=None):
        self.epochs.append([])

    def on_train_batch_end(self, batch, logs=None):
        self.epochs[-1] += self.model.step_logs.tolist()


def known(count: int) -> tf.data.Dataset:
    return tf.data.Dataset.from_tensor_slices(IMAGES[: count * BATCH]).batch(
        BATCH, drop_remainder=True
    )


def filtered(count: int) -> tf.data.Dataset:
    return known(count).filter(lambda images: True)


def generated(count: int) -> tf.data.Dataset:
    def batches():
        for start in range(0, count * BATCH, BATCH):
            yield IMAGES[start : start + BATCH]

    spec = tf.TensorSpec((None, *SHAPE), tf.float32)
    return tf.data.Dataset.from_generator(batches, output_signature=spec)


def repeated(count: int) -> tf.data.Dataset:
    return known(count).repeat()


def check(gan: GAN, data, batches: int, epochs: int = 2, **arguments) -> None:
    """Trains, and compares steps and means with what each step has logged."""
    steps = StepLogs()
    history = gan.fit(data, epochs=epochs, callbacks=[steps], verbose=0, **arguments).history
    assert [len(epoch) for epoch in steps.epochs] == [batches] * epochs
    assert int(gan.step.numpy()) == epochs * batches
    means = np.array([history[name] for name in gan.metrics_names]).T
    np.testing.assert_allclose(means, [np.mean(epoch, axis=0) for epoch in steps.epochs], rtol=1e-5)


@pytest.mark.parametrize(
    ("make", "count", "steps_per_execution"),
    [(known, 10, 4), (known, 3, 4), (filtered, 10, 4), (filtered, 4, 1), (generated, 3, 4)],
)
def test_every_batch_is_trained_once(make, count, steps_per_execution):
    gan = make_gan(jit_compile=False, steps_per_execution=steps_per_execution)
    check(gan, make(count), count)


@pytest.mark.parametrize("make", [known, generated])
def test_every_batch_is_trained_once_by_xla(make):
    check(make_gan(steps_per_execution=4), make(6), 6)


@pytest.mark.parametrize("jit_compile", [False, True])
def test_an_epoch_has_the_steps_that_were_asked_for(jit_compile):
    gan = make_gan(jit_compile=jit_compile, steps_per_execution=4)
    check(gan, repeated(3), 5, steps_per_epoch=5)


def test_steps_op_by_op():
    check(make_gan(run_eagerly=True, steps_per_execution=2), filtered(3), 3, epochs=1)


@pytest.mark.parametrize("jit_compile", [False, True])
def test_a_smaller_last_batch_is_a_step_too(jit_compile):
    data = tf.data.Dataset.from_tensor_slices(IMAGES[: 2 * BATCH + 2]).batch(BATCH)
    check(make_gan(jit_compile=jit_compile, steps_per_execution=2), data, 3)


def test_neither_the_kind_of_set_nor_the_call_changes_the_numbers():
    ends = []
    for make, steps_per_execution in [(known, 1), (filtered, 4), (generated, 3), (repeated, 4)]:
        gan = make_gan(steps_per_execution=steps_per_execution, jit_compile=False)
        gan.fit(make(6), steps_per_epoch=6 if make is repeated else None, epochs=2, verbose=0)
        ends.append(np.concatenate([weight.numpy().ravel() for weight in gan.weights]))
    for end in ends[1:]:
        np.testing.assert_array_equal(end, ends[0])


def test_data_that_end_early_leave_what_they_gave():
    gan = make_gan(jit_compile=False, steps_per_execution=4)
    with pytest.warns(UserWarning, match="ran out of data"):
        gan.fit(filtered(6), steps_per_epoch=10, epochs=1, verbose=0)
    assert int(gan.step.numpy()) == 6


ON_REPLICAS = """
import json, sys
import numpy as np, tensorflow as tf
from tfgan.cluster import strategies
strategies.choose_devices("CPU:0,CPU:1")
strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
sys.path.insert(0, "tests")
import test_loop
test_loop.BATCH = 4
found = []
for make, count, most in [("filtered", 5, 2), ("repeated", 3, 4)]:
    with strategy.scope():
        gan = test_loop.make_gan(steps_per_execution=most)
    arguments = {"steps_per_epoch": 5} if make == "repeated" else {}
    data = getattr(test_loop, make)(count)
    test_loop.check(gan, data, arguments.get("steps_per_epoch", count), **arguments)
    found.append(int(gan.step.numpy()))
print(json.dumps(found))
"""


def test_every_batch_is_trained_once_by_replicas():
    done = forked.Python("-c", ON_REPLICAS).finish()
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1]) == [10, 10]


SEVERAL = """
import sys
import tensorflow as tf
from tfgan.cluster import strategies
sys.path.insert(0, "tests")
import test_loop
test_loop.BATCH = 4
strategies.choose_devices("CPU:0,CPU:1")
for size in (4, 7, 2):
    strategy = strategies.make_strategy("mirrored", 4)
    with strategy.scope():
        gan = test_loop.make_gan(size)
    gan.fit(test_loop.repeated(3), steps_per_epoch=2, verbose=0)
    print(int(gan.step.numpy()))
"""


def test_mirrored_runs_of_several_sizes_in_one_process():
    done = forked.Python("-c", SEVERAL).finish()
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["2", "2", "2"]

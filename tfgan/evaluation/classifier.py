"""The classifier whose features and probabilities the metrics use: its recipe and weights.

The weights for MNIST are in the package, and their SHA-256 is checked. For any other set the
same recipe trains a classifier on first use, and stores it beside the data.
"""

import contextlib
import dataclasses
import hashlib
import importlib.resources
import io
import zipfile
from collections.abc import Callable

import keras
import numpy as np
import scipy.special
import tensorflow as tf

from tfgan import noise
from tfgan.datasets import derived, sources
from tfgan.datasets.image_set import ImageSet
from tfgan.evaluation import splits
from tfgan.ground.errors import UserError
from tfgan.ground.files import write_file
from tfgan.noise import Stream, derive_seed

PINNED = {
    "mnist": "480dc5106797f7d0f898b9b1fe311daf49eb5c8d7cf970e820a7f36ac377795a"
}  # SHA-256 of the file {name}.npz

FEATURES = 128
SEED = 0
EPOCHS = 10
BATCH_SIZE = 128
LEARNING_RATE = 1e-3
_CHUNK = 500


def network(image_shape: tuple[int, ...], classes: int) -> keras.Model:
    """Images `(batch, *image_shape)` in [0, 1] to features `(batch, 128)` and logits.

    Two convolutions of 32 and 64 filters, each followed by pooling, and a dense layer with ReLU,
    whose outputs are the features; 225,034 parameters for MNIST.
    """

    def initializer(index: int) -> keras.initializers.Initializer:
        seed = derive_seed(SEED, Stream.CLASSIFIER_WEIGHTS, index)
        return keras.initializers.GlorotUniform(seed=seed)

    layers = keras.layers
    options = {"activation": "relu", "dtype": "float32"}
    order = {"data_format": "channels_last"}  # whatever keras.json says
    x = images = keras.Input(image_shape, dtype="float32", name="x")
    for index, filters in enumerate((32, 64)):
        x = layers.Conv2D(filters, 3, kernel_initializer=initializer(index), **options, **order)(x)
        x = layers.MaxPooling2D(dtype="float32", **order)(x)
    x = layers.Flatten(dtype="float32", **order)(x)
    features = layers.Dense(FEATURES, kernel_initializer=initializer(2), **options)(x)
    seed = derive_seed(SEED, Stream.CLASSIFIER_WEIGHTS, 4)
    x = layers.Dropout(0.5, seed=seed, dtype="float32")(features)
    logits = layers.Dense(classes, kernel_initializer=initializer(3), dtype="float32")(x)
    return keras.Model(images, [features, logits], name="classifier")


class Classifier:
    """A trained classifier. Every call works in chunks of 500, so no score depends on a batch size.

    Args:
        weights: content of an .npz file that `train` has made.

    Attributes:
        image_shape: `(height, width, channels)`.
        classes: number of classes.
        sha256: SHA-256 of the weights' file; features of different classifiers cannot be compared.

    Raises:
        ValueError: if the content is something else.
    """

    def __init__(self, weights: bytes):
        with np.load(io.BytesIO(weights), allow_pickle=False) as file:
            self.image_shape = tuple(int(size) for size in file["image_shape"])
            arrays = [file[str(index)] for index in range(len(file.files) - 1)]
        self.classes = len(arrays[-1])
        self.sha256 = hashlib.sha256(weights).hexdigest()
        self._model = network(self.image_shape, self.classes)
        self._model.set_weights(arrays)
        shape = (_CHUNK, *self.image_shape)
        self._forward = tf.function(
            lambda x: self._model(tf.cast(x, tf.float32) / 255, training=False),
            autograph=False,
        ).get_concrete_function(tf.TensorSpec(shape, tf.uint8))

    def __call__(self, images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Features and probabilities in one pass.

        Args:
            images: uint8 `(count, *image_shape)` in [0, 255].

        Returns:
            float64 `(count, 128)` in [0, inf), and `(count, classes)` in [0, 1].
        """
        parts = []
        for start in range(0, len(images), _CHUNK):
            chunk = images[start : start + _CHUNK]
            padding = [(0, _CHUNK - len(chunk))] + [(0, 0)] * (images.ndim - 1)
            outputs = self._forward(tf.constant(np.pad(chunk, padding)))
            parts.append([output.numpy()[: len(chunk)].astype(np.float64) for output in outputs])
        features, logits = (np.concatenate(part) for part in zip(*parts, strict=True))
        return features, scipy.special.softmax(logits, axis=1)

    def features(self, images: np.ndarray) -> np.ndarray:
        """float64 `(count, 128)` of uint8 `(count, *image_shape)`."""
        return self(images)[0]

    def probabilities(self, images: np.ndarray) -> np.ndarray:
        """float64 `(count, classes)` of uint8 `(count, *image_shape)`."""
        return self(images)[1]

    def accuracy(self, images: np.ndarray, labels: np.ndarray) -> float:
        """The share of images, in [0, 1], whose most probable class is their label."""
        return float(np.mean(self.probabilities(images).argmax(axis=1) == labels))


def train(images: np.ndarray, labels: np.ndarray, classes: int, epochs: int = EPOCHS) -> bytes:
    """Trains a classifier: Adam, learning rate 1e-3 falling to 0 along a cosine, dropout 0.5.

    Args:
        images: uint8 `(count, height, width, channels)`.
        labels: int64 `(count,)` in [0, classes).
        classes: number of classes.
        epochs: passes over the images.

    Returns:
        The content of an .npz file, for `Classifier`.
    """
    model = network(images.shape[1:], classes)
    batch_size = min(BATCH_SIZE, len(images))
    steps = len(images) // batch_size
    schedule = keras.optimizers.schedules.CosineDecay(LEARNING_RATE, epochs * steps)
    crossentropy = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(schedule), loss=[None, crossentropy], jit_compile=False)
    pixels, targets = tf.constant(images), tf.constant(labels)

    def order(epoch: tf.Tensor) -> tf.data.Dataset:
        indices = noise.permutation(SEED, Stream.CLASSIFIER_ORDER, epoch, len(images))
        return tf.data.Dataset.from_tensor_slices(indices[: steps * batch_size])

    def batch(indices: tf.Tensor) -> tuple[tf.Tensor, tuple[tf.Tensor, tf.Tensor]]:
        y = tf.gather(targets, indices)
        return tf.cast(tf.gather(pixels, indices), tf.float32) / 255, (y, y)

    batches = tf.data.Dataset.range(epochs).flat_map(order).batch(batch_size).map(batch)
    model.fit(batches.prefetch(4), steps_per_epoch=steps, epochs=epochs, shuffle=False, verbose=0)
    buffer = io.BytesIO()
    arrays = {str(index): array for index, array in enumerate(model.get_weights())}
    np.savez(buffer, image_shape=np.array(images.shape[1:]), **arrays)
    return buffer.getvalue()


def load(image_set: ImageSet, say: Callable[[str], None] = print) -> Classifier:
    """The classifier of a set: from the package, or trained on first use and then stored.

    Args:
        image_set: the set; its split is ignored. Trained classifiers are stored beside its data. A
            set of `derived.SETS` uses the classifier of its base.
        say: called with each line of output.

    Raises:
        UserError: if the package's weights are damaged, or the set is not available or has no
            labels.
    """
    if image_set.name in derived.SETS:
        image_set = dataclasses.replace(image_set, name=derived.SETS[image_set.name].base)
    dataset = image_set.family
    if dataset in PINNED:
        file = importlib.resources.files("tfgan.evaluation") / f"{dataset}.npz"
        content = file.read_bytes() if file.is_file() else b""
        if hashlib.sha256(content).hexdigest() != PINNED[dataset]:
            raise UserError(f"{file}: is not the classifier that ships with tfgan; reinstall tfgan")
        return Classifier(content)
    return _cached(image_set, say)


def _cached(image_set: ImageSet, say: Callable[[str], None]) -> Classifier:
    builder = sources.prepare(image_set, lambda line: None)
    path = splits.cache(builder) / "classifier.npz"
    with contextlib.suppress(OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return Classifier(path.read_bytes())  # a damaged one is trained again
    images, labels = splits.load(image_set, "fit")
    say(f"Classifier: none yet for {image_set.name}; training one on {len(images):,} images")
    content = train(images, labels, builder.info.features["label"].num_classes)
    found = Classifier(content)
    accuracy = found.accuracy(*splits.load(image_set, "test"))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_file(path, content)
        place = f"saved in {path.parent}"
    except OSError as error:
        place = f"not saved, {path.parent}: {error.strerror}"
    say(f"Classifier: {100 * accuracy:.2f} % accuracy on the test images; {place}")
    return found

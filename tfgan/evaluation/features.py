"""Features for pictures without classes: a small network, trained on a set's own images.

It learns which two of many altered images come from the same image (SimCLR, Chen et al. 2020). It
needs no labels, and is stored beside the data.
"""

import contextlib
import hashlib
import io
import zipfile
from collections.abc import Callable

import keras
import numpy as np
import tensorflow as tf

from tfgan.datasets.image_set import ImageSet
from tfgan.evaluation import picture_parts
from tfgan.ground.files import write_file
from tfgan.noise import Stream, derive_seed

SIDE = 64  # at most, of the images that the network sees
FEATURES = 64
SEED = 0
STEPS = 1000
BATCH_SIZE = 128
LEARNING_RATE = 1e-3
TEMPERATURE = 0.2
SMALLEST_CROP = 0.6  # of each side
COLOUR = 0.3  # a channel's gain changes by up to 30 %, its brightness by half of that
_FILTERS = (32, 64, 128, 128)
_SMALLEST = 4  # of the last convolution's sides
_CHUNK = 500


def _initializer(index: int) -> keras.initializers.Initializer:
    return keras.initializers.HeNormal(seed=derive_seed(SEED, Stream.FEATURES, index))


def network(image_shape: tuple[int, ...]) -> keras.Model:
    """Images `(batch, *image_shape)` in [0, 1] to features `(batch, 64)`.

    Convolutions with stride 2 of 32, 64, 128 ... filters down to 4 pixels, and a dense layer; each
    is followed by ReLU.
    """
    layers = keras.layers
    options = {"activation": "relu", "dtype": "float32"}
    order = {"data_format": "channels_last"}  # whatever keras.json says
    x = images = keras.Input(image_shape, dtype="float32", name="x")
    for index, filters in enumerate(_FILTERS):
        if -(-min(x.shape[1:3]) // 2) < _SMALLEST:
            break
        x = layers.Conv2D(
            filters,
            3,
            strides=2,
            padding="same",
            kernel_initializer=_initializer(index),
            **options,
            **order,
        )(x)
    x = layers.Flatten(dtype="float32", **order)(x)
    features = layers.Dense(FEATURES, kernel_initializer=_initializer(10), **options)(x)
    return keras.Model(images, features, name="features")


class Features:
    """A trained network. Every call works in chunks of 500, so no score depends on a batch size.

    Args:
        weights: content of an .npz file that `train` has made.

    Attributes:
        sha256: SHA-256 of the weights' file; scores in different features cannot be compared.

    Raises:
        ValueError: if the content is something else.
    """

    def __init__(self, weights: bytes):
        with np.load(io.BytesIO(weights), allow_pickle=False) as file:
            shape = tuple(int(size) for size in file["image_shape"])
            arrays = [file[str(index)] for index in range(len(file.files) - 1)]
        self.sha256 = hashlib.sha256(weights).hexdigest()
        self._model = network(shape)
        self._model.set_weights(arrays)
        self._forward = tf.function(
            lambda x: self._model(tf.cast(x, tf.float32) / 255, training=False),
            autograph=False,
        ).get_concrete_function(tf.TensorSpec((_CHUNK, *shape), tf.uint8))

    def __call__(self, images: np.ndarray) -> np.ndarray:
        """float64 `(count, 64)` in [0, inf) of uint8 `(count, height, width, channels)`."""
        parts = []
        for start in range(0, len(images), _CHUNK):
            chunk = picture_parts.at_most(images[start : start + _CHUNK], SIDE)
            padding = [(0, _CHUNK - len(chunk))] + [(0, 0)] * (images.ndim - 1)
            found = self._forward(tf.constant(np.pad(chunk, padding)))
            parts.append(found.numpy()[: len(chunk)].astype(np.float64))
        return np.concatenate(parts)


def train(images: np.ndarray, steps: int = STEPS) -> bytes:
    """Trains a network without labels: SimCLR, by Adam, 1e-3 falling to 0 along a cosine.

    Each image of a batch is altered twice, and the network must find the second form among all
    others. Two more dense layers come between the features and the loss; they are not kept.

    Args:
        images: uint8 `(count, height, width, channels)`, of at most 64 pixels.
        steps: number of batches of 128, each drawn independently; 0 keeps the initial weights.

    Returns:
        The content of an .npz file, for `Features`.
    """
    model, head = network(images.shape[1:]), _head()

    def loss(x: tf.Tensor, index: tf.Tensor) -> tf.Tensor:
        return contrast(*(head(model(altered(x, index, form))) for form in (1, 2)))

    descend(loss, [model, head], images, steps)
    return packed(model)


def packed(model: keras.Model) -> bytes:
    """The content of an .npz file with the weights of a `network`, for `Features`."""
    buffer = io.BytesIO()
    arrays = {str(index): array for index, array in enumerate(model.get_weights())}
    np.savez(buffer, image_shape=np.array(model.input_shape[1:]), **arrays)
    return buffer.getvalue()


def descend(
    loss: Callable[[tf.Tensor, tf.Tensor], tf.Tensor],
    models: list[keras.Model],
    images: np.ndarray,
    steps: int,
) -> None:
    """Trains models together.

    Args:
        loss: a function of a batch, float32 in [0, 1], and of the index of the step.
        models: the models whose weights it depends on.
        images: see `train`.
        steps: see `train`.
    """
    variables = [each for model in models for each in model.trainable_variables]
    schedule = keras.optimizers.schedules.CosineDecay(LEARNING_RATE, max(1, steps))
    optimizer = keras.optimizers.Adam(schedule)
    optimizer.build(variables)
    pixels = tf.constant(images)

    @tf.function(input_signature=[tf.TensorSpec((), tf.int32)], autograph=False)
    def step(index: tf.Tensor) -> None:
        shape, seed = (min(BATCH_SIZE, len(images)),), _seed(index, 0)
        chosen = tf.random.stateless_uniform(shape, seed, 0, len(images), tf.int32, alg="philox")
        x = tf.cast(tf.gather(pixels, chosen), tf.float32) / 255
        with tf.GradientTape() as tape:
            value = loss(x, index)
        optimizer.apply_gradients(zip(tape.gradient(value, variables), variables, strict=True))

    for index in range(steps):
        step(tf.constant(index))


def _head() -> keras.Model:
    features = keras.Input((FEATURES,), dtype="float32")
    x = features
    for index, (size, activation) in enumerate(((2 * FEATURES, "relu"), (FEATURES, None))):
        x = keras.layers.Dense(
            size, activation, kernel_initializer=_initializer(20 + index), dtype="float32"
        )(x)
    return keras.Model(features, x)


def _seed(index: tf.Tensor, kind: int) -> tf.Tensor:
    return tf.stack([derive_seed(SEED, Stream.FEATURES, 100 + kind), index])


def altered(images: tf.Tensor, index: tf.Tensor, form: int) -> tf.Tensor:
    """Images that are cropped, enlarged to their old size, perhaps mirrored, and recoloured.

    Args:
        images: float32 `(batch, height, width, channels)` in [0, 1].
        index: index of the step.
        form: 1 or 2; the same arguments give the same images.
    """
    count, (height, width, channels) = tf.shape(images)[0], images.shape[1:]

    def uniform(kind: int, *shape: int, low: float = 0.0, high: float = 1.0) -> tf.Tensor:
        seed = _seed(index, 10 * form + kind)
        return tf.random.stateless_uniform((count, *shape), seed, low, high, alg="philox")

    size = uniform(0, 1, low=SMALLEST_CROP)
    top, left = uniform(1, 1) * (1 - size), uniform(2, 1) * (1 - size)
    ends = [left, left + size]
    mirrored = uniform(3, 1) < 0.5
    start, end = (tf.where(mirrored, *pair) for pair in (ends[::-1], ends))
    boxes = tf.concat([top, start, top + size, end], 1)
    images = tf.image.crop_and_resize(images, boxes, tf.range(count), (height, width))
    gain = uniform(4, 1, 1, channels, low=1 - COLOUR, high=1 + COLOUR)
    return images * gain + uniform(5, 1, 1, channels, low=-COLOUR / 2, high=COLOUR / 2)


def contrast(one: tf.Tensor, other: tf.Tensor) -> tf.Tensor:
    """SimCLR's loss: the cross-entropy of finding an image's other form among all forms.

    Args:
        one: float32 `(batch, size)`, features of the images' first forms.
        other: features of their second forms, in the same order.
    """
    count = tf.shape(one)[0]
    forms = tf.math.l2_normalize(tf.concat([one, other], 0), axis=1)
    logits = tf.matmul(forms, forms, transpose_b=True) / TEMPERATURE
    logits = tf.linalg.set_diag(logits, tf.fill([2 * count], -1e9))  # not itself
    partners = tf.concat([tf.range(count, 2 * count), tf.range(count)], 0)
    losses = tf.nn.sparse_softmax_cross_entropy_with_logits(partners, logits)
    return tf.reduce_mean(losses)


def load(image_set: ImageSet, fit: str, say: Callable[[str], None] = print) -> Features:
    """The features of a set, trained on first use and stored beside its data.

    Args:
        image_set: the set; its split is ignored.
        fit: the split to train on.
        say: called with each line of output.
    """
    path = picture_parts.cache(image_set, "features.npz", fit)
    with contextlib.suppress(OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return Features(path.read_bytes())  # damaged ones are trained again
    images = picture_parts.at_most(picture_parts.load(image_set, fit), SIDE)
    say(
        f"Features: none yet for {image_set.name}; training a network on {len(images):,} images "
        "without labels"
    )
    content = train(images)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_file(path, content)
        say(f"Features: saved in {path.parent}")
    except OSError as error:
        say(f"Features: not saved, {path.parent}: {error.strerror}")
    return Features(content)

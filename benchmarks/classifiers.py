"""How far the scores of Stacked MNIST depend on the classifier that reads the digits.

python -m tfgan.sample --model=runs/stacked/generator --n=26000 --output=stacked.npy
python -m benchmarks.classifiers --samples=stacked.npy

The classifier of the evaluation, LeNet-5 (LeCun et al. 1998) and a perceptron, all trained on the
same images, read the same samples and the same triples of test images. "Same digits" is the share
of the samples in which a classifier reads the same three digits as that of the evaluation.
"""

from collections.abc import Callable, Mapping

import keras
import numpy as np
from absl import flags

from tfgan.datasets.image_set import ImageSet
from tfgan.evaluation import modes, splits
from tfgan.evaluation.classifier import Classifier
from tfgan.evaluation.given import Given
from tfgan.ground import cli
from tfgan.ground.errors import UserError
from tfgan.run import config

_SEED = 0
_EPOCHS = 5
_SHAPE = (28, 28, 1)
_HEAD = ["classifier", "accuracy", "modes", "mode KL", "same digits", "modes, real", "KL, real"]


def lenet() -> keras.Model:
    """LeNet-5 with average pooling, tanh and softmax; 61,706 parameters."""
    layers = keras.layers
    return keras.Sequential(
        [
            keras.Input(_SHAPE),
            layers.Conv2D(6, 5, padding="same", activation="tanh"),
            layers.AveragePooling2D(2),
            layers.Conv2D(16, 5, activation="tanh"),
            layers.AveragePooling2D(2),
            layers.Flatten(),
            layers.Dense(120, activation="tanh"),
            layers.Dense(84, activation="tanh"),
            layers.Dense(10, activation="softmax"),
        ]
    )


def perceptron() -> keras.Model:
    """Two hidden layers of 512 units with ReLU and dropout; 669,706 parameters."""
    layers = keras.layers
    return keras.Sequential(
        [
            keras.Input(_SHAPE),
            layers.Flatten(),
            layers.Dense(512, activation="relu"),
            layers.Dropout(0.2),
            layers.Dense(512, activation="relu"),
            layers.Dropout(0.2),
            layers.Dense(10, activation="softmax"),
        ]
    )


class Trained:
    """A network after `_EPOCHS` epochs of Adam; it reads digits as `Classifier` does.

    Args:
        network: images `(batch, 28, 28, 1)` in [0, 1] to probabilities `(batch, 10)`.
        images: uint8 `(count, 28, 28, 1)`.
        labels: int64 `(count,)`.
    """

    def __init__(self, network: keras.Model, images: np.ndarray, labels: np.ndarray):
        network.compile("adam", "sparse_categorical_crossentropy", jit_compile=False)
        network.fit(images / np.float32(255), labels, 128, _EPOCHS, verbose=0)
        self._network = network

    def probabilities(self, images: np.ndarray) -> np.ndarray:
        """float32 `(count, 10)` of uint8 `(count, 28, 28, 1)`."""
        return self._network.predict(images / np.float32(255), 500, verbose=0)


def rows(
    classifiers: Mapping[str, Classifier | Trained],
    samples: np.ndarray,
    images: np.ndarray,
    labels: np.ndarray,
    shares: np.ndarray,
) -> list[list[str]]:
    """The rows of the table, a list of cells for each classifier.

    Args:
        classifiers: by name, that of the evaluation first.
        samples: uint8 `(count, 28, 28, 3)`.
        images: test images, uint8 `(number, 28, 28, 1)`, of which triples are drawn.
        labels: of them, int64 `(number,)`.
        shares: of the modes in the data, `(1000,)`, with sum 1.
    """
    places = np.random.default_rng(_SEED).integers(len(images), size=(len(samples), 3))
    triples = np.concatenate([images[column] for column in places.T], axis=-1)
    first = None
    found = []
    for name, classifier in classifiers.items():
        accuracy = (classifier.probabilities(images).argmax(axis=1) == labels).mean()
        read = modes.modes(samples, classifier)
        first = read if first is None else first
        drawn, real = (
            modes.score(each, shares) for each in (read, modes.modes(triples, classifier))
        )
        cells = [name, f"{accuracy:.4f}", f"{drawn['modes']:.0f}", f"{drawn['mode_kl']:.4f}"]
        cells += [f"{(read == first).mean():.4f}"]
        found.append([*cells, f"{real['modes']:.0f}", f"{real['mode_kl']:.4f}"])
    return found


def table(image_set: ImageSet, samples: np.ndarray) -> str:
    """The table, in Markdown.

    Args:
        image_set: MNIST.
        samples: uint8 `(count, 28, 28, 3)`.
    """
    of_evaluation, shares, _ = modes.load(image_set)
    fit = splits.load(image_set, "fit")
    keras.utils.set_random_seed(_SEED)
    classifiers = {
        "of the evaluation": of_evaluation,
        "LeNet-5": Trained(lenet(), *fit),
        "perceptron": Trained(perceptron(), *fit),
    }
    lines = [_HEAD, ["---"] * len(_HEAD)]
    lines += rows(classifiers, samples, *splits.load(image_set, "test"), shares)
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def _prepare() -> Callable[[], None]:
    image_set = ImageSet("mnist", data_dir=flags.FLAGS.data_dir)
    given, wanted = Given(flags.FLAGS.samples), (*_SHAPE[:2], 3)
    shape = given.check(modes.SAMPLES, wanted)
    if shape != wanted:
        raise UserError(
            f"--samples={flags.FLAGS.samples}: has images {shape}, but those of Stacked MNIST are "
            f"{wanted}"
        )
    return lambda: print(table(image_set, given.draw(modes.SAMPLES)))


if __name__ == "__main__":
    flags.DEFINE_string("samples", "stacked.npy", "26,000 samples, as `tfgan.sample` writes them.")
    config.define_flags("data_dir")
    cli.run(_prepare)

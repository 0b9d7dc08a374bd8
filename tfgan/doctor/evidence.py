"""What the doctor looks at: one record of numbers for each time that a run is looked at."""

import dataclasses
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tfgan import divergence, pipeline
from tfgan.board import statistics_kept, whole
from tfgan.divergence import Probe
from tfgan.evaluation.classifier import Classifier
from tfgan.gan import GAN
from tfgan.noise import Stream

MOST_IMAGES = 10_000  # of each kind that discriminators judge
LOOKED_AT = 1000  # fakes that a classifier sees and whose neighbours are looked for


@dataclasses.dataclass(frozen=True)
class Evidence:
    """A generator and a discriminator at one step, in numbers.

    All on fresh latents, with dropout off; "held out" is the set's test split.

    Attributes:
        step: training steps done.
        value_train: V(D, G) on training images, in nats, at most 0.
        value_heldout: V(D, G) on held-out images.
        value_probe: V of a fresh discriminator trained on this G alone, on held-out images.
        d_real: mean D(x) of held-out images.
        d_fake: mean D(G(z)).
        accuracy: how many held-out images and fakes D tells right, the mean of both shares.
        g_gradient: Euclidean norm of the gradient of G's objective, all weights together.
        dead_generator: share of G's hidden units that give the same for every latent.
        dead_discriminator: share of D's that give the same for every image.
        diversity: spread of the fakes' pixels over that of held-out images; the root of the
            trace of their covariance, so that 1 is as varied as the data.
        feature_diversity: the same of a classifier's features; None without a classifier.
        classes: share of each class among the fakes; None without a classifier.
        copied: share of training images among the images nearest to fakes, where there are as
            many held-out ones: 0.5 for a generator that does not copy.
        neighbours: how many images are nearest to some fake.
    """

    step: int
    value_train: float
    value_heldout: float
    value_probe: float
    d_real: float
    d_fake: float
    accuracy: float
    g_gradient: float
    dead_generator: float
    dead_discriminator: float
    diversity: float
    feature_diversity: float | None
    classes: tuple[float, ...] | None
    copied: float
    neighbours: int

    @classmethod
    def from_dict(cls, row: dict[str, Any]) -> "Evidence":
        """The inverse of `dataclasses.asdict`, also after JSON."""
        classes = row["classes"]
        return cls(**{**row, "classes": None if classes is None else tuple(classes)})


class Examiner:
    """Takes evidence of one model.

    Args:
        gan: the model.
        train: uint8 images that it trains on.
        heldout: uint8 images that it never sees.
        classifier: tells classes; None where there is none for the set.
    """

    def __init__(
        self, gan: GAN, train: np.ndarray, heldout: np.ndarray, classifier: Classifier | None
    ):
        self._gan = gan
        self._train, self._heldout = train, heldout
        self._classifier = classifier
        self._probe = Probe(gan.discriminator)
        looked_at = heldout[:LOOKED_AT]
        self._spread = _spread(looked_at)
        if classifier:
            self._feature_spread = _spread(classifier.features(looked_at))

    def look(self) -> Evidence:
        """Evidence of the model as it is now, a pure function of its weights, seed and step."""
        gan, step = self._gan, int(self._gan.step.numpy())
        z = gan.global_latents(Stream.MONITOR_LATENTS, step, len(self._heldout))
        fakes = divergence.fakes(gan.generator, z)
        on_train, on_heldout, on_fakes = (
            divergence.logits(gan.discriminator, images)
            for images in (self._train, self._heldout, fakes)
        )
        if gan.objective.paired:  # scores that are known up to a constant
            middle = (on_train.mean() + on_fakes.mean()) / 2
            on_train, on_heldout, on_fakes = (
                scores - middle for scores in (on_train, on_heldout, on_fakes)
            )
        probe = self._probe.train(gan, self._train)
        looked_at = fakes[:LOOKED_AT]
        both = np.concatenate([self._heldout[:LOOKED_AT], looked_at])
        classes, feature_diversity = None, None
        if self._classifier:
            told = self._classifier.probabilities(looked_at)
            counts = np.bincount(told.argmax(axis=1), minlength=told.shape[1])
            classes = tuple((counts / len(looked_at)).tolist())
            feature_spread = _spread(self._classifier.features(looked_at))
            feature_diversity = feature_spread / self._feature_spread
        copied_share, neighbours = copied(looked_at, self._train, self._heldout)
        return Evidence(
            step=step,
            value_train=divergence.value(on_train, on_fakes),
            value_heldout=divergence.value(on_heldout, on_fakes),
            value_probe=divergence.value(
                divergence.logits(probe, self._heldout), divergence.logits(probe, fakes)
            ),
            d_real=_mean_probability(on_heldout),
            d_fake=_mean_probability(on_fakes),
            accuracy=float(((on_heldout > 0).mean() + (on_fakes <= 0).mean()) / 2),
            g_gradient=self._generator_gradient(z),
            dead_generator=dead_units(gan.generator, z[:LOOKED_AT]),
            dead_discriminator=dead_units(gan.discriminator, pipeline.to_unit(both)),
            diversity=_spread(looked_at) / self._spread,
            feature_diversity=feature_diversity,
            classes=classes,
            copied=copied_share,
            neighbours=neighbours,
        )

    def _generator_gradient(self, z: tf.Tensor) -> float:
        gan = self._gan
        count = min(LOOKED_AT, len(z), len(self._train))
        real = pipeline.to_unit(self._train[:count])
        with statistics_kept(gan):
            gradients, _ = gan.generator_gradients(z[:count], real)
        return float(tf.linalg.global_norm(whole(gan, gradients)).numpy())


def _mean_probability(logits: np.ndarray) -> float:
    return float(np.exp(-np.logaddexp(0, -logits)).mean())


def _spread(values: np.ndarray) -> float:
    """Root of the trace of the covariance of `(count, ...)`."""
    flat = np.asarray(values, np.float64).reshape(len(values), -1)
    return float(np.sqrt(flat.var(axis=0).sum()))


def dead_units(network: keras.Model, inputs: tf.Tensor) -> float:
    """The share of hidden units behind an activation that give one value whatever the input.

    A channel of a convolution counts as one unit. A unit is dead if its range over all inputs
    is below a millionth of the largest range in its layer: a ReLU that never opens, a tanh that
    is stuck. 0 for a network without such layers, or whose layers are not a graph.
    """
    layers = network.layers
    last = max((index for index, layer in enumerate(layers) if layer.weights), default=0)
    hidden = [layer.output for layer in layers[:last] if _is_activation(layer)]
    if not hidden:
        return 0.0
    dead = units = 0
    for values in keras.Model(network.inputs[0], hidden)(inputs, training=False):
        flat = tf.reshape(values, (-1, values.shape[-1])).numpy()
        ranges = np.ptp(flat, axis=0)
        dead += int((ranges <= 1e-6 * ranges.max()).sum())
        units += len(ranges)
    return dead / units


def _is_activation(layer: keras.layers.Layer) -> bool:
    if isinstance(layer, (keras.layers.ReLU, keras.layers.LeakyReLU, keras.layers.Activation)):
        return True
    activation = getattr(layer, "activation", keras.activations.linear)
    return activation is not keras.activations.linear


def copied(fakes: np.ndarray, train: np.ndarray, heldout: np.ndarray) -> tuple[float, int]:
    """Whether fakes lie nearer to training images than to held-out ones, by pixels.

    Each fake has a nearest image in the union of both sets, cut to one size. Of the images
    that are nearest to some fake, each counted once, half belong to either set if the generator
    knows the distribution but not the training images, however sharp or blurred it draws. An
    image that a set repeats is one image: else more held-out ones would compete.
    (The idea is that of Meehan et al. 2020, A Non-Parametric Test to Detect Data-Copying in
    Generative Models; there each fake counts, which many fakes of one shape mislead.)

    Returns:
        The share of training images among those neighbours, and how many neighbours there are.
    """
    train, heldout = _distinct(train), _distinct(heldout)
    size = min(len(train), len(heldout))
    at_train, to_train = nearest(fakes, train[:size])
    at_heldout, to_heldout = nearest(fakes, heldout[:size])
    from_train = len(np.unique(at_train[to_train < to_heldout]))
    from_heldout = len(np.unique(at_heldout[to_train >= to_heldout]))
    return from_train / (from_train + from_heldout), from_train + from_heldout


def _distinct(images: np.ndarray) -> np.ndarray:
    """The images in their order, each once."""
    found = {image.tobytes(): at for at, image in enumerate(images)}
    return images[list(found.values())]


def nearest(images: np.ndarray, references: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Index of the nearest reference to each uint8 image, and its squared distance in [0, 1]."""
    queries, points = (
        each.reshape(len(each), -1).astype(np.float32) / 255 for each in (images, references)
    )
    squares = (points**2).sum(axis=1) - 2 * queries @ points.T
    squares += (queries**2).sum(axis=1, keepdims=True)
    at = squares.argmin(axis=1)
    return at, np.maximum(squares[np.arange(len(at)), at], 0)

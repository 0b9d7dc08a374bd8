"""Collects the doctor's evidence about a model."""

from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tfgan import loop
from tfgan.conditional import ConditionalGAN
from tfgan.doctor import probe
from tfgan.doctor.class_evidence import ClassExaminer, spread
from tfgan.doctor.evidence import Evidence
from tfgan.doctor.probe import Probe
from tfgan.evaluation import neighbours
from tfgan.evaluation.classifier import Classifier
from tfgan.gan import GAN
from tfgan.noise import Stream
from tfgan.theory.divergence import value

MOST_IMAGES = 10_000  # of each kind that discriminators judge
LOOKED_AT = 1000  # fakes that a classifier sees and whose neighbours are looked for


class Examiner:
    """Collects evidence about one model.

    Args:
        gan: the model.
        train: uint8 images that it trains on; for a conditional GAN, with their labels.
        heldout: images that it is not trained on; at least two of the first 1,000 must differ.
        classifier: recognises classes; None if there is none for the set.
    """

    def __init__(self, gan: GAN, train: Any, heldout: Any, classifier: Classifier | None):
        self._gan = gan
        self._train, self._heldout = train, heldout
        self._classifier = classifier
        self._probe = Probe(gan.discriminator)
        # As a graph, as in training: eagerly, resnet's gradient has oneDNN log an error of int32.
        self._gradients = tf.function(gan.generator_gradients, autograph=False)
        looked_at = loop.images(heldout)[:LOOKED_AT]
        self._spread = spread(looked_at)
        if classifier:
            self._feature_spread = spread(classifier.features(looked_at))
        self._by_class = None
        if isinstance(gan, ConditionalGAN):
            some = probe.of_rows(heldout, slice(LOOKED_AT))
            self._by_class = ClassExaminer(train, some, len(gan.shares), classifier)

    def look(self) -> Evidence:
        """Evidence about the model now, a pure function of its weights, seed and step."""
        gan, step = self._gan, int(self._gan.step.numpy())
        z = gan.global_latents(Stream.MONITOR_LATENTS, step, loop.rows(self._heldout))
        fakes = probe.fakes(gan.generator, z)
        judged = probe.beside_labels(fakes, z)
        on_train, on_heldout, on_fakes = (
            probe.logits(gan.discriminator, each) for each in (self._train, self._heldout, judged)
        )
        if gan.objective.up_to_constant:
            middle = (on_train.mean() + on_fakes.mean()) / 2
            on_train, on_heldout, on_fakes = (
                scores - middle for scores in (on_train, on_heldout, on_fakes)
            )
        fresh = self._probe.train(gan, self._train)
        looked_at = fakes[:LOOKED_AT]
        some = [probe.of_rows(each, slice(LOOKED_AT)) for each in (self._heldout, judged)]
        both = tf.nest.map_structure(lambda *parts: np.concatenate(parts), *some)
        classes, feature_diversity = None, None
        if self._classifier:
            told = self._classifier.probabilities(looked_at)
            counts = np.bincount(told.argmax(axis=1), minlength=told.shape[1])
            classes = tuple((counts / len(looked_at)).tolist())
            feature_spread = spread(self._classifier.features(looked_at))
            if self._feature_spread:  # else the classifier sees one thing in all that is real
                feature_diversity = feature_spread / self._feature_spread
        real = loop.images(self._train), loop.images(self._heldout)
        copied_share, neighbour_count = copied(looked_at, *real)
        return Evidence(
            step=step,
            value_train=value(on_train, on_fakes),
            value_heldout=value(on_heldout, on_fakes),
            value_probe=value(probe.logits(fresh, self._heldout), probe.logits(fresh, judged)),
            d_real=_mean_probability(on_heldout),
            d_fake=_mean_probability(on_fakes),
            accuracy=float(((on_heldout > 0).mean() + (on_fakes <= 0).mean()) / 2),
            g_gradient=self._generator_gradient(z),
            dead_generator=dead_units(gan.generator, probe.of_rows(z, slice(LOOKED_AT))),
            dead_discriminator=dead_units(gan.discriminator, probe.to_unit(both)),
            diversity=spread(looked_at) / self._spread,
            feature_diversity=feature_diversity,
            classes=classes,
            copied=copied_share,
            neighbours=neighbour_count,
            **(self._by_class.look(*some[1]) if self._by_class else {}),
        )

    def _generator_gradient(self, z: Any) -> float:
        gan = self._gan
        count = min(LOOKED_AT, loop.rows(z), loop.rows(self._train))
        real = probe.to_unit(probe.of_rows(self._train, slice(count)))
        with gan.statistics_kept():
            gradients, _ = self._gradients(real, probe.of_rows(z, slice(count)))
        return float(tf.linalg.global_norm(gan.of_whole_batch(gradients)).numpy())


def _mean_probability(logits: np.ndarray) -> float:
    return float(np.exp(-np.logaddexp(0, -logits)).mean())


def dead_units(network: keras.Model, inputs: Any) -> float:
    """The share of hidden units with an activation that give the same value for every input.

    A channel of a convolution counts as one unit. A unit is dead if its range over all inputs
    is below a millionth of the largest range in its layer: a ReLU that is always 0, or a saturated
    tanh. The share is 0 for a network without such layers, or whose layers are not a graph.
    """
    layers = network.layers
    last = max((index for index, layer in enumerate(layers) if layer.weights), default=0)
    hidden = [layer.output for layer in layers[:last] if _is_activation(layer)]
    if not hidden:
        return 0.0
    dead = units = 0
    given = tuple(network.inputs) if isinstance(inputs, tuple) else network.inputs[0]
    for values in keras.Model(given, hidden)(inputs, training=False):
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
    """Whether fakes are nearer to training images than to held-out ones, by pixels.

    Each fake has a nearest image in the union of both sets, which are cut to the same size. Count
    each image that is nearest to some fake once. Half of these belong to either set if the
    generator knows the distribution but not the training images, however sharp or blurred its
    images are. An image that a set repeats counts once, because otherwise there would be more
    different held-out images. (The idea is that of Meehan et al. 2020, A Non-Parametric Test to
    Detect Data-Copying in Generative Models. There each fake counts, and many similar fakes
    mislead the test.)

    Returns:
        The share of training images among those neighbours, and the number of neighbours.
    """
    train, heldout = _distinct(train), _distinct(heldout)
    size = min(len(train), len(heldout))
    at_train, to_train = neighbours.nearest(fakes, train[:size])
    at_heldout, to_heldout = neighbours.nearest(fakes, heldout[:size])
    from_train = len(np.unique(at_train[to_train < to_heldout]))
    from_heldout = len(np.unique(at_heldout[to_train >= to_heldout]))
    return from_train / (from_train + from_heldout), from_train + from_heldout


def _distinct(images: np.ndarray) -> np.ndarray:
    """The images in their order, without duplicates."""
    found = {image.tobytes(): at for at, image in enumerate(images)}
    return images[list(found.values())]

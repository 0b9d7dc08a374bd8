"""Networks that take a class: the layers that use it, and chains with such layers."""

from collections.abc import Callable, Sequence
from typing import Any

import keras
import tensorflow as tf
from keras import ops

from tfgan.networks.layers import BatchNormalization, OfLayers, end_in_full
from tfgan.networks.packing import Packed
from tfgan.noise import Stream, derive_seed

MOST_WIDTH = 64
_EMBEDDING = 99  # which weight of a network, for its seed


@keras.saving.register_keras_serializable("tfgan")
class OneHot(keras.layers.Layer):
    """One-hot vectors `(batch, classes)` of labels, integers `(batch,)` in [0, classes).

    A matrix that multiplies such a vector is an embedding with a dense gradient. A label out of
    range gives NaN, on every device and in every format.

    Args:
        classes: number of classes.
    """

    def __init__(self, classes: int, **kwargs: Any):
        super().__init__(**kwargs)
        self.classes = classes

    def call(self, labels: tf.Tensor) -> tf.Tensor:
        labels = labels[:, tf.newaxis]
        known = (labels >= 0) & (labels < self.classes)
        row = tf.cast(labels == tf.range(self.classes, dtype=labels.dtype), self.compute_dtype)
        return tf.where(known, row, tf.constant(float("nan"), self.compute_dtype))

    def compute_output_spec(self, labels: Any) -> keras.KerasTensor:
        return keras.KerasTensor((labels.shape[0], self.classes), self.compute_dtype)

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"classes": self.classes}


class ToldLayer(keras.layers.Layer):
    """A layer of the previous layer's output `(batch, ...)` and the class `(batch, classes)`."""

    def compute_output_shape(self, input_shape: Any) -> Any:
        return input_shape[0]


@keras.saving.register_keras_serializable("tfgan")
class Beside(ToldLayer):
    """Concatenates a vector with an embedding of the class: `(batch, n)` to `(batch, n + width)`.

    Args:
        width: length of the embedding; initial values are drawn from N(0, 1), as in PyTorch.
        seed: seed of the initial values.

    Reference:
        Mirza & Osindero, Conditional Generative Adversarial Nets, 2014, section 3.2.
    """

    def __init__(self, width: int, seed: int = 777, **kwargs: Any):
        super().__init__(**kwargs)
        self.width = width
        self.seed = seed

    def build(self, input_shape: Any) -> None:
        start = keras.initializers.RandomNormal(stddev=1.0, seed=self.seed)
        shape = (input_shape[1][-1], self.width)
        self.embedding = self.add_weight(shape=shape, initializer=start, name="embedding")

    def call(self, inputs: Any) -> Any:
        x, told = inputs
        return ops.concatenate([x, ops.matmul(told, self.embedding)], axis=-1)

    def compute_output_shape(self, input_shape: Any) -> Any:
        *before, size = input_shape[0]
        return (*before, size + self.width)

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"width": self.width, "seed": self.seed}


@keras.saving.register_keras_serializable("tfgan")
class ClassScale(ToldLayer):
    """gamma_y x + beta_y for each channel: after batch normalisation, a conditional one.

    Reference:
        Dumoulin et al., A Learned Representation for Artistic Style, 2017, eq. 5.
    """

    def build(self, input_shape: Any) -> None:
        shape = (input_shape[1][-1], input_shape[0][-1])
        self.gamma, self.beta = (
            self.add_weight(shape=shape, initializer=self._initial(weight), name=name)
            for weight, name in enumerate(("gamma", "beta"))
        )

    def _initial(self, weight: int) -> Callable[..., Any]:
        return (keras.initializers.Ones(), keras.initializers.Zeros())[weight]

    def call(self, inputs: Any) -> Any:
        x, told = inputs
        around = (1,) * (len(x.shape) - 2)
        scale, offset = (
            ops.reshape(ops.matmul(told, each), (-1, *around, x.shape[-1]))
            for each in (self.gamma, self.beta)
        )
        return x * scale + offset


@keras.saving.register_keras_serializable("tfgan")
class Style(keras.layers.Layer):
    """What `Modulation` hears: the class and z, `(batch, classes + latent_size)`.

    Its inputs are the classes `(batch, classes)`, if there are any, and z. Without classes, a 1
    stands before z.
    """

    def call(self, inputs: Any) -> Any:
        told, z = inputs if isinstance(inputs, (list, tuple)) else (None, inputs)
        return ops.concatenate([ops.ones_like(z[:, :1]) if told is None else told, z], axis=-1)

    def compute_output_shape(self, input_shape: Any) -> Any:
        told, z = input_shape if isinstance(input_shape[0], (list, tuple)) else ((1,), input_shape)
        return (z[0], told[-1] + z[-1])


@keras.saving.register_keras_serializable("tfgan")
class Modulation(ClassScale):
    """gamma(y, z) x + beta(y, z), both linear, for each channel, after batch normalisation.

    Its second input is `Style`. Initially gamma is near 1 and beta near 0 for every class and z.

    Args:
        latent_size: length of z.
        seed: seed of the initial values.

    Reference:
        Brock et al., Large Scale GAN Training, 2019, section 3.1 (skip-z, without its chunks);
        Chen et al., On Self Modulation for Generative Adversarial Networks, 2019, eq. 3.
    """

    def __init__(self, latent_size: int, seed: int = 777, **kwargs: Any):
        super().__init__(**kwargs)
        self.latent_size = latent_size
        self.seed = seed

    def _initial(self, weight: int) -> Callable[..., Any]:
        of_class = (keras.initializers.Ones(), keras.initializers.Zeros())[weight]
        of_z = keras.initializers.RandomNormal(
            0, 0.02, derive_seed(self.seed, Stream.GENERATOR_WEIGHTS, weight)
        )

        def initial(shape: tuple[int, ...], dtype: Any = None) -> Any:
            rows, channels = shape
            known = of_class((rows - self.latent_size, channels), dtype)
            return ops.concatenate([known, of_z((self.latent_size, channels), dtype)])

        return initial

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"latent_size": self.latent_size, "seed": self.seed}


@keras.saving.register_keras_serializable("tfgan")
class Projection(OfLayers, ToldLayer):
    """The logit l(x) + <v_y, x> of features x `(batch, n)`: `(batch, 1)`.

    Args:
        last: the layer l, whose output is one number.
        by_class: a layer without a bias, which maps the class to n numbers, v_y.

    Reference:
        Miyato & Koyama, cGANs with Projection Discriminator, 2018, eq. 4.
    """

    parts = ("last", "by_class")

    def __init__(self, last: keras.layers.Layer, by_class: keras.layers.Layer, **kwargs: Any):
        super().__init__(**kwargs)
        self.last = last
        self.by_class = by_class

    def build(self, input_shape: Any) -> None:
        for layer, shape in zip((self.last, self.by_class), input_shape, strict=True):
            if not layer.built:  # as it is where it comes from a configuration
                layer.build(shape)

    def call(self, inputs: Any) -> Any:
        x, told = inputs
        return self.last(x) + ops.sum(self.by_class(told) * x, axis=-1, keepdims=True)

    def compute_output_shape(self, input_shape: Any) -> Any:
        return (*input_shape[0][:-1], 1)


# The layers of a network beside its chain.
NOT_IN_CHAIN = (keras.layers.InputLayer, OneHot, Style)


def width(classes: int) -> int:
    """Length of an embedding: the number of classes, but at most 64."""
    return min(classes, MOST_WIDTH)


def beside(classes: int, seed: int, stream: Stream) -> list[keras.layers.Layer]:
    """The layer that concatenates a vector with the class, in a list; empty without classes."""
    return [Beside(width(classes), derive_seed(seed, stream, _EMBEDDING))] if classes else []


def projected(
    last: keras.layers.Layer, classes: int, by_class: Callable[[], keras.layers.Layer]
) -> keras.layers.Layer:
    """The last layer of a discriminator: with classes, a `Projection`."""
    return Projection(last, by_class()) if classes else last


def batch_norm(
    classes: int, modulation: Modulation | None = None, **kwargs: Any
) -> list[keras.layers.Layer]:
    """Batch normalisation; with classes, with a scale and an offset for each class.

    Args:
        classes: number of classes; 0 for none.
        modulation: the layer that scales instead, which hears z, too.
        kwargs: of `BatchNormalization`.
    """
    if not (classes or modulation):
        return [BatchNormalization(**kwargs)]
    return [BatchNormalization(scale=False, center=False, **kwargs), modulation or ClassScale()]


def network(
    inputs: keras.KerasTensor,
    layers: Sequence[keras.layers.Layer],
    classes: int,
    name: str,
    pack: int = 1,
) -> keras.Model:
    """A chain of layers; with classes, a function of the input and of `label`, int64 `(batch,)`.

    Args:
        inputs: from `keras.Input`.
        layers: the layers in order; each `ToldLayer` among them also gets the class.
        classes: number of classes; 0 if no layer takes one.
        name: name of the network.
        pack: number of rows of a batch that are joined to one; see `Packed`.
    """
    end_in_full(layers)
    packed = [Packed(pack)] if pack > 1 else []
    modulated = any(isinstance(layer, Modulation) for layer in layers)
    if not (classes or modulated):
        return keras.Sequential([inputs, *packed, *layers], name=name)
    label = [keras.Input((), dtype="int64", name="label")] if classes else []
    x, told = inputs, OneHot(classes)(*label) if classes else None
    for layer in packed:
        x, told = layer(x), layer(told)
    if modulated:
        told = Style()((told, x) if classes else x)
    for layer in layers:
        x = layer((x, told)) if isinstance(layer, ToldLayer) else layer(x)
    return keras.Model((inputs, *label) if classes else inputs, x, name=name)


def blend(network: keras.Model, x: tf.Tensor, weights: tf.Tensor) -> tf.Tensor:
    """The output of a network for mixtures of classes, in inference mode.

    Args:
        network: a network made by `network`, with classes.
        x: its first input.
        weights: weight of each class, `(batch, classes)`; a one-hot row is that class.
    """
    told = heard(network, x, weights)
    for layer in network.layers:
        if isinstance(layer, ToldLayer):
            x = layer((x, told), training=False)
        elif not isinstance(layer, NOT_IN_CHAIN):
            x = layer(x, training=False)
    return x


def heard(network: keras.Model, z: Any, weights: Any) -> Any:
    """What each `ToldLayer` of a network hears beside the previous layer's output.

    Args:
        network: a network made by `network`.
        z: its first input.
        weights: weights of the classes, `(batch, classes)`; not used without classes.
    """
    for layer in network.layers:
        if isinstance(layer, Style):
            return layer((weights, z) if classes_of(network) else z)
    return weights


def classes_of(network: keras.Model) -> int:
    """The number of classes of a network; 0 if it takes none."""
    return next((each.classes for each in network.layers if isinstance(each, OneHot)), 0)


def latent_size_of(generator: keras.Model) -> int:
    """The length of a generator's latents."""
    return int(generator.inputs[0].shape[-1])

"""What a mixed run exports: a network with the same weights that computes in float32."""

import keras
import numpy as np
import pytest
from test_precision import CLASSES, LABELS, Z, make_gan

from tfgan import TrainConfig, UserError
from tfgan.evaluation import samples
from tfgan.networks import precision
from tfgan.run import own_networks


def test_a_network_in_float32_has_the_weights_and_draws_the_same_but_for_rounding():
    mixed = make_gan("conv", "mixed_bfloat16", CLASSES).generator
    twin = precision.in_float32(mixed)
    assert precision.in_float32(twin) is twin
    assert precision.compute_dtypes(twin) == {"float32"}
    assert all(map(np.array_equal, twin.get_weights(), mixed.get_weights()))
    expected = make_gan("conv", "float32", CLASSES).generator((Z, LABELS))
    np.testing.assert_array_equal(twin((Z, LABELS)), expected)


def test_scores_in_training_are_of_what_will_be_exported():
    mixed, twin = (make_gan("conv", policy, CLASSES) for policy in ("mixed_bfloat16", "float32"))
    np.testing.assert_array_equal(samples.from_gan(mixed, 1000), samples.from_gan(twin, 1000))


class Unregistered(keras.layers.Layer):
    """A layer that Keras does not know by its name."""

    def __init__(self, units: int, **kwargs):
        super().__init__(**kwargs)
        self.units = units

    def build(self, input_shape):
        self.kernel = self.add_weight((input_shape[-1], self.units))

    def call(self, x):
        return keras.ops.matmul(x, self.kernel)

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], self.units)

    def get_config(self):
        return super().get_config() | {"units": self.units}


@pytest.mark.parametrize("nested", [False, True])
def test_a_network_of_unregistered_layers_can_be_in_float32(nested):
    with precision.of_new_layers("mixed_bfloat16"):
        layers = [Unregistered(16), keras.layers.BatchNormalization(), Unregistered(4)]
        layers = [keras.Sequential([keras.Input((8,)), *layers])] if nested else layers
        x = z = keras.Input((8,))
        for layer in layers:
            x = layer(x)
        networks = [keras.Model(z, x), keras.Sequential([keras.Input((8,)), *layers])]
    for network in networks:
        assert precision.is_mixed(network)
        twin = precision.in_float32(network)
        assert precision.compute_dtypes(twin) == {"float32"}
        assert all(map(np.array_equal, twin.get_weights(), network.get_weights()))
        np.testing.assert_allclose(twin(Z), network(Z), rtol=0.1, atol=0.05)


@pytest.mark.parametrize(
    "layer",
    [
        lambda: keras.layers.Lambda(lambda x: 2 * x),
        lambda: keras.layers.Dense(4, activation=lambda x: 2 * x),
        lambda: keras.layers.TimeDistributed(Unregistered(4)),
    ],
)
def test_a_network_that_cannot_be_in_float32_is_refused_before_the_training(layer):
    with precision.of_new_layers("mixed_bfloat16"):
        reshape = keras.layers.Reshape((2, 4))
        generator = keras.Sequential(
            [keras.Input((8,)), reshape, layer(), keras.layers.Flatten(dtype="float32")]
        )
        judge = keras.layers.Dense(1, dtype="float32")
        discriminator = keras.Sequential([keras.Input((8,)), judge])
    config = TrainConfig(latent_size=8, precision="mixed_bfloat16")
    told = "sequential.*cannot be made again for its export in float32"
    with pytest.raises(UserError, match=told) as found:
        own_networks.make(lambda *_: (generator, discriminator), config, (8,), {})
    assert "\n" not in str(found.value)

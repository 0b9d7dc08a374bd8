"""Layers and networks that are told a class, by hand computation."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfgan import networks
from tfgan.networks import labelled
from tfgan.networks.labelled import Beside, ClassScale, Modulation, OneHot, Projection, Style

TOLD = np.array([[0, 1], [1, 0]], "float32")  # the classes 1 and 0
X = np.array([[1, 2, 3], [4, 5, 6]], "float32")
SHAPES = {"mlp": (4, 4, 1), "maxout": (4, 4, 1), "conv": (8, 8, 1)}
SHAPES |= {"conv_modulated": (8, 8, 1), "resnet": (16, 16, 3)}


@pytest.mark.parametrize("dtype", ["int32", "int64"])
def test_one_hot_by_hand(dtype):
    labels = tf.constant([2, 0], dtype)
    np.testing.assert_array_equal(OneHot(3)(labels), [[0, 0, 1], [1, 0, 0]])


@pytest.mark.parametrize("jit_compile", [False, True])
def test_a_label_out_of_range_is_no_row(jit_compile):
    row = tf.function(OneHot(3), jit_compile=jit_compile)
    found = row(tf.constant([-1, 1, 3, 2**40], tf.int64)).numpy()
    assert np.isnan(found[[0, 2, 3]]).all()
    np.testing.assert_array_equal(found[1], [0, 1, 0])


def test_beside_by_hand():
    layer = Beside(2)
    layer.build([(None, 3), (None, 2)])
    layer.set_weights([np.array([[10, 20], [30, 40]])])
    np.testing.assert_array_equal(layer((X, TOLD)), [[1, 2, 3, 30, 40], [4, 5, 6, 10, 20]])
    assert layer.compute_output_shape([(7, 3), (7, 2)]) == (7, 5)


def test_beside_starts_as_pytorchs_embedding():
    layer, again, other = Beside(64, 1), Beside(64, 1), Beside(64, 2)
    for each in (layer, again, other):
        each.build([(None, 3), (None, 100)])
    start = layer.get_weights()[0]
    # N(0, 1); standard errors of 6,400 numbers: 0.0125 and 0.009.
    assert abs(start.mean()) < 0.05
    assert start.std() == pytest.approx(1, abs=0.04)
    np.testing.assert_array_equal(start, again.get_weights()[0])
    assert (start != other.get_weights()[0]).all()


@pytest.mark.parametrize("sides", [(), (1, 1)])
def test_class_scale_by_hand(sides):
    layer = ClassScale()
    x = X.reshape(2, *sides, 3)
    np.testing.assert_array_equal(layer((x, TOLD)), x)  # it begins at the identity
    gamma, beta = np.array([[1, 2, 3], [4, 5, 6]]), np.array([[10, 20, 30], [0, 0, 1]])
    layer.set_weights([gamma, beta])
    expected = [[4, 10, 19], [14, 30, 48]]  # the first is of class 1
    np.testing.assert_array_equal(np.reshape(layer((x, TOLD)), (2, 3)), expected)


def test_modulation_by_hand():
    z = np.array([[2], [-1]], "float32")
    style = Style()((TOLD, z))
    np.testing.assert_array_equal(style, [[0, 1, 2], [1, 0, -1]])
    np.testing.assert_array_equal(Style()(z), [[1, 2], [1, -1]])
    layer = Modulation(latent_size=1)
    layer.build([(None, 3), (None, 3)])
    gamma, beta = np.array([[1, 2, 3], [4, 5, 6], [1, 0, 1]]), np.array(3 * [[0, 0, 1]])
    layer.set_weights([gamma, beta])
    # gamma is [4, 5, 6] + 2 [1, 0, 1], and [1, 2, 3] - [1, 0, 1]; beta 3 and 0 times [0, 0, 1].
    np.testing.assert_array_equal(layer((X, style)), [[6, 10, 27], [0, 10, 12]])


def test_modulation_starts_near_the_identity():
    starts = []
    for seed in (1, 1, 2):
        layer = Modulation(40, seed)
        layer.build([(None, 50), (None, 43)])
        starts.append(layer.get_weights())
    for weight, of_class in zip(starts[0], (1, 0), strict=True):
        assert (weight[:3] == of_class).all()
        assert weight[3:].std() == pytest.approx(0.02, rel=0.1)  # its standard error is 0.0003
    assert (starts[0][0][3:] != starts[0][1][3:]).all()
    np.testing.assert_array_equal(starts[0], starts[1])
    assert (starts[0][0][3:] != starts[2][0][3:]).all()


def test_projection_by_hand():
    last, by_class = keras.layers.Dense(1), keras.layers.Dense(3, use_bias=False)
    layer = Projection(last, by_class)
    layer.build([(None, 3), (None, 2)])
    last.set_weights([np.array([[1], [0], [0]]), np.array([100])])
    by_class.set_weights([np.array([[1, 1, 1], [0, 0, 2]])])
    # l = x_1 + 100; v_0 sums all three, v_1 doubles the last.
    np.testing.assert_array_equal(layer((X, TOLD)), [[101 + 6], [104 + 15]])


@pytest.mark.parametrize(
    "layer",
    [
        OneHot(3),
        Beside(2, seed=5),
        ClassScale(),
        Style(),
        Modulation(4, seed=5),
        Projection(keras.layers.Dense(1), OneHot(3)),
    ],
    ids=lambda layer: type(layer).__name__,
)
def test_layers_are_made_again_from_their_config(layer):
    config = keras.saving.serialize_keras_object(layer)
    again = keras.saving.deserialize_keras_object(config)
    assert keras.saving.serialize_keras_object(again) == config


@pytest.fixture(params=SHAPES)
def kind(request):
    """Both networks of a kind, told one of three classes, and images for D."""
    shape, kind = SHAPES[request.param], networks.KINDS[request.param]
    size = 10 if request.param == "maxout" else 16
    made = (
        kind.generator(5, size, shape, 7, classes=3),
        kind.discriminator(size, shape, 7, classes=3),
    )
    images = np.random.default_rng(0).uniform(-1, 1, (1, *shape)).astype("float32")
    return *made, images


def perturbed(network: keras.Model) -> keras.Model:
    """With weights at random, so that what begins at the identity or at 0 has something to say."""
    rng = np.random.default_rng(3)
    for weight in network.trainable_weights:
        weight.assign_add(rng.normal(0, 0.1, weight.shape))
    return network


def test_every_kind_draws_and_judges_by_class_and_tells_those_that_are_none(kind):
    generator, discriminator, images = kind
    labels = np.array([0, 1, 2, 3, -1])
    z = np.ones((5, 5), "float32")
    for network, x in ((generator, z), (discriminator, images.repeat(5, axis=0))):
        assert labelled.classes_of(network) == 3
        found = perturbed(network)((x, labels)).numpy().reshape(5, -1)
        assert np.isnan(found[3:]).all()
        assert np.isfinite(found[:3]).all()
        for one, other in ((0, 1), (0, 2), (1, 2)):
            assert np.abs(found[one] - found[other]).max() > 1e-4
    assert labelled.latent_size_of(generator) == 5


def test_between_classes_lies_what_corners_agree_with(kind):
    generator = perturbed(kind[0])
    z = np.random.default_rng(1).normal(size=(3, 5)).astype("float32")
    corners = labelled.blend(generator, z, np.eye(3, dtype="float32"))
    np.testing.assert_allclose(corners, generator((z, np.arange(3))), rtol=1e-5, atol=1e-6)
    middle = labelled.blend(generator, z, np.full((3, 3), 1 / 3, "float32"))
    assert np.isfinite(middle).all()
    assert np.abs(middle - corners).max() > 1e-4


def test_z_modulates_without_classes():
    generator = perturbed(networks.KINDS["conv_modulated"].generator(5, 16, (8, 8, 1), 7))
    z = np.random.default_rng(1).normal(size=(3, 5)).astype("float32")
    assert [tensor.name for tensor in generator.inputs] == ["z"]
    plain = generator(z)
    for layer in generator.layers:
        if isinstance(layer, Modulation):
            rows = np.array([[1.0], *(5 * [[0.0]])])
            layer.set_weights([weight * rows for weight in layer.get_weights()])
    assert np.abs(plain - generator(z)).max() > 1e-4


def test_gradients_of_embeddings_are_dense():
    # Replicas all-reduce them, and XLA has no other.
    generator = networks.mlp_generator(3, 8, (4, 4, 1), classes=4)
    labels = tf.constant([1, 1, 3], tf.int64)
    with tf.GradientTape() as tape:
        out = tf.reduce_sum(generator((tf.ones((3, 3)), labels)))
    gradient = tape.gradient(out, generator.trainable_weights[0])
    assert isinstance(gradient, tf.Tensor)
    assert gradient.shape == (4, 4)
    np.testing.assert_array_equal(np.abs(gradient).sum(axis=1) > 0, [False, True, False, True])


def test_parameters_of_the_tutorials_networks_with_ten_classes():
    # 10 * 10 of the embedding, and ten more rows of the first kernel.
    assert networks.mlp_generator(classes=10).count_params() == 283_920 + 100 + 2560
    assert networks.mlp_discriminator(classes=10).count_params() == 267_009 + 100 + 2560
    # Of a thousand classes, 64 numbers each.
    assert networks.mlp_generator(classes=1000).count_params() == 283_920 + 64_000 + 64 * 256


def test_without_classes_a_network_is_the_chain_that_it_was():
    for network in (networks.mlp_generator(3, 8), networks.mlp_discriminator(8)):
        assert type(network) is keras.Sequential
        assert labelled.classes_of(network) == 0


@pytest.mark.parametrize("kind", ["mlp", "infogan", "resnet"])
def test_a_clone_starts_as_its_original(kind):
    shape = (16, 16, 3)
    network = networks.KINDS[kind].discriminator(16, shape, 777, classes=2)
    clone = keras.models.clone_model(network)
    for mine, its in zip(network.get_weights(), clone.get_weights(), strict=True):
        np.testing.assert_array_equal(mine, its)
    images, labels = np.ones((2, *shape), "float32"), np.array([0, 1])
    np.testing.assert_array_equal(clone((images, labels)), network((images, labels)))

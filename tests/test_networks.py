import math

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfgan import ema, networks
from tfgan.networks import maxout
from tfgan.run import recipe


def test_parameter_counts():
    # 64*256+256 + 256*256+256 + 256*784+784 and 784*256+256 + 256*256+256 + 256+1.
    assert networks.mlp_generator().count_params() == 283_920
    assert networks.mlp_discriminator().count_params() == 267_009


@pytest.mark.parametrize("make", [networks.mlp_generator, networks.mlp_discriminator])
def test_weights_are_uniform_on_one_over_root_fan_in(make):
    for layer in make().layers:
        if not layer.weights:
            continue
        kernel, bias = layer.get_weights()
        bound = 1 / math.sqrt(kernel.shape[0])
        assert np.abs(kernel).max() <= bound
        assert np.abs(bias).max() <= bound
        if kernel.size > 10_000:
            # A uniform variable on [-b, b] has standard deviation b / sqrt(3).
            assert kernel.std() == pytest.approx(bound / math.sqrt(3), rel=0.02)
            assert abs(kernel.mean()) < 0.02 * bound
            assert bias.std() == pytest.approx(bound / math.sqrt(3), rel=0.15)


def test_seed_decides_every_weight():
    first, again, other = (networks.mlp_generator(seed=seed) for seed in (1, 1, 2))
    for a, b, c in zip(first.get_weights(), again.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
        assert not np.array_equal(a, c)


def test_no_two_weights_share_their_numbers():
    generator = networks.mlp_generator(latent_size=32, hidden_size=32, image_shape=(4, 8, 1))
    discriminator = networks.mlp_discriminator(hidden_size=32, image_shape=(4, 8, 1))
    kernels = [w for w in generator.get_weights() + discriminator.get_weights() if w.size == 1024]
    starts = {round(float(kernel[0, 0]), 7) for kernel in kernels}
    assert len(kernels) == len(starts) == 5


@pytest.mark.parametrize("shape", [(28, 28, 1), (32, 32, 3)])
def test_shapes_and_ranges(shape):
    generator = networks.mlp_generator(5, 16, shape)
    images = generator(100 * tf.random.stateless_normal((7, 5), [0, 0]))
    assert images.shape == (7, *shape)
    assert np.abs(images).max() <= 1
    logits = networks.mlp_discriminator(16, shape)(1000 * images)
    assert logits.shape == (7, 1)
    assert np.abs(logits).max() > 1, "D ends in a logit, not in a probability"


def test_leaky_relu_keeps_its_slope_in_float64():
    x = tf.constant([-3.0, 0.0, 2.0], tf.float64)
    np.testing.assert_array_equal(networks.leaky_relu(x), [0.2 * -3.0, 0, 2])


def test_parameter_counts_of_the_papers_networks():
    # 100*1200+1200 + 1200*1200+1200 + 1200*784+784.
    assert networks.maxout_generator().count_params() == 2_503_984
    # 784*1200+1200 + 240*1200+1200 + 240+1: 240 units of five pieces in each hidden layer.
    assert networks.maxout_discriminator().count_params() == 1_231_441


def test_parameter_counts_of_infogan():
    # 64*1024+1024 + 1024*6272+6272 + 16*128*64+64 + 16*64+1, and four numbers for each of the
    # 1024 + 6272 + 64 channels under batch normalisation.
    assert networks.infogan_generator().count_params() == 6_656_961
    # 16*64+64 + 16*64*128+128 + 6272*1024+1024 + 1024+1, and 4 * (128 + 1024).
    assert networks.infogan_discriminator().count_params() == 6_561_473


def plain(network):
    """The layers of a network, those in residual blocks too, but not those under a norm."""
    for layer in network.layers:
        yield layer
        for chain in ("branch", "shortcut"):
            yield from plain(getattr(layer, chain)) if hasattr(layer, chain) else ()


@pytest.mark.parametrize("kind", networks.KINDS)
@pytest.mark.parametrize("shape", [(28, 28, 1), (32, 32, 3)])
def test_every_kind_has_shapes_ranges_and_seeds(kind, shape):
    kind = networks.KINDS[kind]
    generator, again, other = (kind.generator(5, 32, shape, seed) for seed in (1, 1, 2))
    images = generator(100 * tf.random.stateless_normal((7, 5), [0, 0]))
    assert images.shape == (7, *shape)
    assert np.abs(images).max() <= 1
    for a, b, c in zip(generator.weights, again.weights, other.weights, strict=True):
        np.testing.assert_array_equal(a, b)
        if "kernel" in a.path:
            assert not np.array_equal(a, c)
    options = {"dropout": 0.3, "input_dropout": 0.1, "spectral_norm": True}
    for keywords in ({}, options):
        discriminator = kind.discriminator(32, shape, 1, **keywords)
        assert discriminator(images).shape == (7, 1)
    names = [type(layer).__name__ for layer in discriminator.layers]
    layers_with_weights = names.count("SpectralNorm") + names.count("Residual")
    assert names.count("Dropout") == layers_with_weights  # one before each
    bare = [layer for layer in plain(discriminator) if type(layer).__name__ in ("Dense", "Conv2D")]
    assert not bare


@pytest.mark.parametrize("kind", ["maxout", "infogan"])
def test_published_discriminators_see_pixels(kind):
    # Black is 0 to them, and nothing but products and biases of 0 follows.
    discriminator = networks.KINDS[kind].discriminator(32, (28, 28, 1), 1)
    black = -tf.ones((2, 28, 28, 1))
    np.testing.assert_array_equal(discriminator(black), [[0], [0]])
    assert np.all(discriminator(-black) != 0)
    assert np.all(networks.KINDS["conv"].discriminator(32, (28, 28, 1), 1)(black) != 0)


def test_plain_convolutions_judge_each_image_alone():
    # D of conv normalises by its batch. That of conv_modulated does not, and starts with logits
    # whose size is that of the image.
    images = tf.random.stateless_normal((9, 28, 28, 1), [0, 0])
    normed, plain = (
        networks.KINDS[kind].discriminator(64, (28, 28, 1), 1)
        for kind in ("conv", "conv_modulated")
    )
    assert not np.allclose(normed(images, training=True)[:4], normed(images[:4], training=True))
    logits = plain(images, training=True)
    np.testing.assert_allclose(logits[:4], plain(images[:4], training=True), rtol=1e-4)
    assert 0.1 < np.std(logits) < 10
    kernels = {weight.path.partition("/")[2]: weight for weight in normed.trainable_weights}
    assert len(plain.weights) == len(kernels) - 4


def test_kinds_are_offered():
    assert tuple(networks.KINDS) == recipe.NETWORKS


def test_maxout_takes_the_largest_of_each_five():
    x = tf.constant([[1.0, 5, 2, 3, 4, -1, -5, -2, -3, -4]])
    np.testing.assert_array_equal(maxout.Maxout()(x), [[5, -1]])


def test_maxout_generator_starts_at_the_mean_image():
    mean = np.array([[[0.0], [0.25]], [[0.5], [1.0]]])
    generator = networks.maxout_generator(3, 4, (2, 2, 1), mean_image=mean)
    # With z = 0 only the last bias counts; its sigmoid is the mean, clipped at 1e-7.
    np.testing.assert_allclose((generator(tf.zeros((1, 3)))[0] + 1) / 2, mean, atol=1e-6)
    bias = generator.layers[-3].bias.numpy()
    np.testing.assert_allclose(bias, [-math.log(1e7), -math.log(3), 0, math.log(1e7)], rtol=1e-5)


def test_what_does_not_fit_is_told():
    with pytest.raises(networks.DoesNotFit, match="multiples of 4, not 28 x 30"):
        networks.infogan_generator(image_shape=(28, 30, 1))
    with pytest.raises(networks.DoesNotFit, match="at least 16"):
        networks.infogan_discriminator(8)
    with pytest.raises(networks.DoesNotFit, match="multiples of 4, not 30 x 28"):
        networks.resnet_generator(image_shape=(30, 28, 1))
    with pytest.raises(networks.DoesNotFit, match="at least 16"):
        networks.resnet_discriminator(8)
    with pytest.raises(networks.DoesNotFit, match="at least 5"):
        networks.maxout_discriminator(4)


@pytest.mark.parametrize(
    ("shape", "sizes"),
    [
        ((28, 28, 1), [(7, 7, 32), (14, 14, 16)]),
        ((16, 16, 3), [(4, 4, 32), (8, 8, 16)]),
        ((64, 64, 3), [(4, 4, 128), (8, 8, 64), (16, 16, 32), (32, 32, 16)]),
        ((96, 128, 4), [(6, 8, 128), (12, 16, 64), (24, 32, 32), (48, 64, 16)]),
        ((36, 100, 1), [(9, 25, 32), (18, 50, 16)]),
        ((8, 12, 1), [(4, 6, 16)]),
        ((4, 8, 1), [(2, 4, 16)]),
    ],
)
def test_resnet_follows_the_size(shape, sizes):
    generator = networks.resnet_generator(5, 256, shape)
    discriminator = networks.resnet_discriminator(256, shape)
    maps = [
        [
            tuple(layer.output.shape[1:])
            for layer in network.layers
            if type(layer).__name__ in kinds
        ][: len(sizes)]
        for network, kinds in (
            (generator, ("Reshape", "Residual")),
            (discriminator, ("Conv2D", "Residual")),
        )
    ]
    assert maps == [sizes, sizes[::-1]]
    assert generator.output_shape == discriminator.input_shape == (None, *shape)


def test_parameter_counts_of_resnet():
    # 64*1568+1568, a block of 9*32*16 and 32*16+16, and 9*16*1+1.
    assert networks.resnet_generator().count_params() == 107_201
    # 16*1*16, a block of 16*16*32 and 16*32+32, 1568*256+256, and 256+1.
    assert networks.resnet_discriminator().count_params() == 410_913


@pytest.mark.parametrize("side", [16, 64])
def test_resnet_begins_at_one_scale_whatever_the_size(side):
    # A fourth is added to the variance in each block: 1.26 for LeakyReLU(0.2) of normal numbers.
    generator = networks.resnet_generator(64, 256, (side, side, 3))
    z = tf.random.stateless_normal((200, 64), [0, 0])
    variances = []
    for layer in generator.layers[:-5]:
        z = layer(z)
        variances.append(float(tf.math.reduce_variance(z)))
    expected = [1, *(1.26**index for index in range(len(variances) - 1))]
    np.testing.assert_allclose(variances, expected, rtol=0.2)
    logits = networks.resnet_discriminator(256, (side, side, 3))(
        tf.random.stateless_normal((200, side, side, 3), [1, 1])
    )
    assert 0.2 < float(tf.math.reduce_std(logits)) < 2


def test_resnet_is_saved_and_cloned_whole(tmp_path):
    for network in (
        networks.resnet_generator(5, 32, (16, 16, 3)),
        networks.resnet_discriminator(32, (16, 16, 3), dropout=0.3, spectral_norm=True),
    ):
        network.save(tmp_path / "network.keras")
        x = tf.random.stateless_normal((3, *network.input_shape[1:]), [0, 0])
        for again in (
            keras.saving.load_model(tmp_path / "network.keras"),
            ema.clone(network),
        ):
            np.testing.assert_array_equal(again(x), network(x))


def test_infogan_weights_are_normal():
    kernel = networks.infogan_generator().layers[0].get_weights()[0]
    assert kernel.std() == pytest.approx(0.02, rel=0.02)
    assert abs(kernel.mean()) < 0.0005

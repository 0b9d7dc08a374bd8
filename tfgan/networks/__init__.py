"""Generators and discriminators by name."""

import functools
from collections.abc import Callable
from typing import NamedTuple

import keras

from tfgan.networks import infogan, resnet
from tfgan.networks.infogan import infogan_discriminator, infogan_generator
from tfgan.networks.layers import DoesNotFit, leaky_relu
from tfgan.networks.maxout import maxout_discriminator, maxout_generator
from tfgan.networks.mlp import mlp_discriminator, mlp_generator
from tfgan.networks.resnet import resnet_discriminator, resnet_generator

__all__ = [
    "KINDS",
    "DoesNotFit",
    "Kind",
    "infogan_discriminator",
    "infogan_generator",
    "leaky_relu",
    "maxout_discriminator",
    "maxout_generator",
    "mlp_discriminator",
    "mlp_generator",
    "resnet_discriminator",
    "resnet_generator",
]


class Kind(NamedTuple):
    """A generator and the discriminator that it was published with.

    Attributes:
        generator: a function of `latent_size, hidden_size, image_shape, seed`.
        discriminator: a function of `hidden_size, image_shape, seed, dropout, input_dropout,
            spectral_norm, pack`.
        wants_mean_image: whether the generator also takes `mean_image`, the mean of the training
            set in [0, 1], for its initial bias.
        convolves: whether it has convolutions that XLA compiles badly for CPUs. Those of `strided`
            do not count.
        check: a function of `hidden_size, image_shape`, which raises `DoesNotFit` if the networks
            would, without building them.
    """

    generator: Callable[..., keras.Model]
    discriminator: Callable[..., keras.Model]
    wants_mean_image: bool = False
    convolves: bool = False
    check: Callable[[int, tuple[int, ...]], object] = lambda hidden_size, image_shape: None


KINDS = {
    "mlp": Kind(mlp_generator, mlp_discriminator),
    "maxout": Kind(maxout_generator, maxout_discriminator, wants_mean_image=True),
    "infogan": Kind(infogan_generator, infogan_discriminator, check=infogan.channels),
    "conv": Kind(
        functools.partial(infogan_generator, momentum=0.99),
        functools.partial(infogan_discriminator, input_range=(-1, 1), momentum=0.99),
        check=infogan.channels,
    ),
    "conv_modulated": Kind(
        functools.partial(infogan_generator, momentum=0.99, modulated=True),
        functools.partial(infogan_discriminator, input_range=(-1, 1), batch_norm=False),
        check=infogan.channels,
    ),
    "resnet": Kind(resnet_generator, resnet_discriminator, convolves=True, check=resnet.halvings),
}

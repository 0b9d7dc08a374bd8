"""From a configuration to the compiled model."""

import math
from collections.abc import Callable

import keras
import numpy as np

from tfgan import networks, optimizers
from tfgan.cluster import gpus
from tfgan.conditional import ConditionalGAN
from tfgan.datasets.classes import Classes
from tfgan.gan import GAN
from tfgan.ground.errors import UserError
from tfgan.networks import precision
from tfgan.optimizers import SGD, Adam
from tfgan.run import own_networks
from tfgan.run.config import TrainConfig

MOST_STEPS_PER_EXECUTION = 25
_MOST_BYTES_PER_EXECUTION = 2**26  # of the images that one call trains on


def check_networks(config: TrainConfig, image_shape: tuple[int, ...]) -> None:
    """Makes sure that a run's networks support an image shape, before anything is built.

    Raises:
        UserError: if they do not.
    """
    try:
        networks.KINDS[config.network].check(config.hidden_size, image_shape)
    except networks.DoesNotFit as problem:
        raise UserError(f"--network={config.network}: {problem}") from None


def check_class(config: TrainConfig, gan_class: type[GAN] | None) -> None:
    """Makes sure that a model's class fits the run.

    Raises:
        UserError: if only one of the run and the class is conditional.
    """
    conditional = gan_class is not None and issubclass(gan_class, ConditionalGAN)
    if gan_class is not None and conditional != config.conditional:
        raise UserError(
            f"gan_class={gan_class.__name__}: a run with conditional={config.conditional} needs a "
            f"subclass of tfgan.{'ConditionalGAN' if config.conditional else 'GAN'}"
            f"{'' if config.conditional else ' that takes no labels'}"
        )


def build(
    config: TrainConfig,
    image_shape: tuple[int, ...],
    steps_per_execution: int,
    steps_per_epoch: int = 1,
    mean_image: np.ndarray | None = None,
    classes: Classes | None = None,
    gan_class: type[GAN] | None = None,
    own: own_networks.Networks | None = None,
) -> GAN:
    """Builds the compiled model of a configuration. Call it in the strategy's scope.

    Args:
        config: the run's options.
        image_shape: `(height, width, channels)`.
        steps_per_execution: steps a call into TensorFlow.
        steps_per_epoch: steps an epoch, for schedules of learning rate and momentum.
        mean_image: mean of the training set in [0, 1], for networks that use it initially.
        classes: classes of the training set, for a conditional GAN.
        gan_class: the model's class, if it differs from that of the configuration.
        own: a function that makes the networks of `--network=own`.

    Raises:
        UserError: if the networks do not support that shape or size.
    """
    told = {"classes": len(classes.names)} if classes else {}
    with precision.of_new_layers(config.precision):
        if own is not None:
            generator, discriminator = own_networks.make(own, config, image_shape, told)
            convolves = own_networks.convolve(generator, discriminator)
        else:
            generator, discriminator = _of_kind(config, image_shape, mean_image, told)
            convolves = networks.KINDS[config.network].convolves
    gan_class = gan_class or (ConditionalGAN if classes else GAN)
    shares = {"shares": classes.shares} if classes else {}
    gan = gan_class(
        generator,
        discriminator,
        config.latent_size,
        seed=config.seed,
        ema=config.ema,
        distribution=config.latents,
        **shares,
    )
    gan.compile(
        d_optimizer=optimizer(config, config.d_learning_rate, "d", steps_per_epoch, config.d_steps),
        g_optimizer=optimizer(config, config.g_learning_rate, "g", steps_per_epoch),
        loss=config.loss,
        label_smoothing=config.label_smoothing,
        r1=config.r1,
        r2=config.r2,
        gradient_penalty=config.gradient_penalty,
        d_steps=config.d_steps,
        simultaneous=config.updates == "simultaneous",
        augment=config.augment,
        jit_compile=config.jit_compile and not (convolves and gpus.on_cpu()),
        steps_per_execution=steps_per_execution,
    )
    return gan


def _of_kind(
    config: TrainConfig,
    image_shape: tuple[int, ...],
    mean_image: np.ndarray | None,
    told: dict[str, int],
) -> tuple[keras.Model, keras.Model]:
    """The networks of `--network`."""
    kind = networks.KINDS[config.network]
    start_from = {"mean_image": mean_image} if kind.wants_mean_image else {}
    latent_size, hidden_size, seed = config.latent_size, config.hidden_size, config.seed
    try:
        generator = kind.generator(
            latent_size, hidden_size, image_shape, seed, **start_from, **told
        )
        discriminator = kind.discriminator(
            hidden_size,
            image_shape,
            seed,
            dropout=config.d_dropout,
            input_dropout=config.d_input_dropout,
            spectral_norm=config.spectral_norm,
            pack=config.pack,
            **told,
        )
    except networks.DoesNotFit as problem:
        raise UserError(f"--network={config.network}: {problem}") from None
    return generator, discriminator


def largest_divisor(number: int, most: int) -> int:
    """The largest divisor of a number that is at most `most`."""
    return next(each for each in range(min(number, most), 0, -1) if number % each == 0)


def steps_per_execution(config: TrainConfig, shape: tuple[int, ...]) -> int:
    """Steps a call into TensorFlow, for a set of `shape` (size, height, width, channels)."""
    steps_per_epoch, asked = shape[0] // config.images_a_step, config.steps_per_execution
    if not asked:
        fit = _MOST_BYTES_PER_EXECUTION // (4 * config.images_a_step * math.prod(shape[1:]))
        most = max(1, min(MOST_STEPS_PER_EXECUTION, fit))
        return largest_divisor(steps_per_epoch, most)
    if steps_per_epoch % asked:
        raise UserError(
            f"--steps_per_execution={asked}: must divide the {steps_per_epoch} steps of an epoch"
        )
    return asked


def _adam(rate: optimizers.Rate, config: TrainConfig, name: str, updates_an_epoch: int) -> Adam:
    return Adam(rate, beta_1=config.beta_1, beta_2=config.beta_2, name=f"{name}_adam")


def _sgd(rate: optimizers.Rate, config: TrainConfig, name: str, updates_an_epoch: int) -> SGD:
    growth_steps = config.momentum_epochs * updates_an_epoch
    return SGD(rate, config.momentum, config.final_momentum, growth_steps, name=f"{name}_sgd")


OPTIMIZERS: dict[str, Callable[..., keras.optimizers.Optimizer]] = {"adam": _adam, "sgd": _sgd}


def optimizer(
    config: TrainConfig,
    learning_rate: float,
    name: str,
    steps_per_epoch: int,
    updates_a_step: int = 1,
) -> keras.optimizers.Optimizer:
    """The optimizer of one network of a configuration.

    It counts its own updates, so the schedules of a network with several in each step are that
    much longer.
    """
    updates_an_epoch = steps_per_epoch * updates_a_step
    rate = optimizers.learning_rate(
        config.lr_schedule,
        learning_rate,
        config.lr_end,
        config.epochs * updates_an_epoch,
        config.lr_decay ** (1 / updates_a_step),
    )
    return OPTIMIZERS[config.optimizer](rate, config, name, updates_an_epoch)

"""From a configuration to the compiled model."""

import math

import numpy as np
import tensorflow as tf

from tfgan import networks, optimizers
from tfgan.config import TrainConfig
from tfgan.errors import UserError
from tfgan.gan import GAN

_MOST_STEPS_PER_EXECUTION = 25
_MOST_BYTES_PER_EXECUTION = 2**26  # of the images that one call trains on


def build(
    config: TrainConfig,
    image_shape: tuple[int, ...],
    steps_per_execution: int,
    steps_per_epoch: int = 1,
    mean_image: np.ndarray | None = None,
    gan_class: type[GAN] = GAN,
) -> GAN:
    """Makes the compiled model that a configuration asks for, in the strategy's scope.

    Args:
        config: the run's options.
        image_shape: `(height, width, channels)`.
        steps_per_execution: steps a call into TensorFlow.
        steps_per_epoch: schedules of learning rate and momentum need it.
        mean_image: mean of the training set in [0, 1], for the networks that start from it.
        gan_class: the model's class.

    Raises:
        UserError: if the networks cannot have that shape or size.
    """
    kind = networks.KINDS[config.network]
    start_from = {"mean_image": mean_image} if kind.wants_mean_image else {}
    latent_size, hidden_size, seed = config.latent_size, config.hidden_size, config.seed
    try:
        generator = kind.generator(latent_size, hidden_size, image_shape, seed, **start_from)
        discriminator = kind.discriminator(
            hidden_size,
            image_shape,
            seed,
            dropout=config.d_dropout,
            input_dropout=config.d_input_dropout,
            spectral_norm=config.spectral_norm,
        )
    except networks.DoesNotFit as problem:
        raise UserError(f"--network={config.network}: {problem}") from None
    gan = gan_class(generator, discriminator, latent_size, seed, config.ema, config.latents)
    gan.compile(
        d_optimizer=optimizers.make(config, config.d_learning_rate, "d", steps_per_epoch),
        g_optimizer=optimizers.make(config, config.g_learning_rate, "g", steps_per_epoch),
        loss=config.loss,
        label_smoothing=config.label_smoothing,
        r1=config.r1,
        r2=config.r2,
        simultaneous=config.updates == "simultaneous",
        jit_compile=config.jit_compile and not (kind.convolves and _on_cpu()),
        steps_per_execution=steps_per_execution,
    )
    return gan


def _on_cpu() -> bool:
    return not tf.config.get_visible_devices("GPU")


def steps_per_execution(config: TrainConfig, shape: tuple[int, ...]) -> int:
    """Steps a call, for a set of `shape` (size, height, width, channels)."""
    steps_per_epoch, asked = shape[0] // config.batch_size, config.steps_per_execution
    if not asked:
        fit = _MOST_BYTES_PER_EXECUTION // (4 * config.batch_size * math.prod(shape[1:]))
        most = max(1, min(_MOST_STEPS_PER_EXECUTION, steps_per_epoch, fit))
        return next(steps for steps in range(most, 0, -1) if steps_per_epoch % steps == 0)
    if steps_per_epoch % asked:
        raise UserError(
            f"--steps_per_execution={asked}: must divide the {steps_per_epoch} steps of an epoch"
        )
    return asked

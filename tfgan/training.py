"""`train(config)`: the one library entry point."""

import os
import platform
import signal
import time
from typing import Any

import keras
import numpy as np
import tensorflow as tf
import tensorflow_datasets as tfds

import tfgan
from tfgan import callbacks, distribution, export, networks, pipeline
from tfgan.checkpointing import Checkpoints
from tfgan.config import TrainConfig
from tfgan.errors import Interrupted, UserError
from tfgan.gan import GAN
from tfgan.optimizers import Adam
from tfgan.progress import Progress, duration, say
from tfgan.workdir import Workdir

_MOST_STEPS_PER_EXECUTION = 25


def train(config: TrainConfig, overwrite: bool = False) -> GAN:
    """Trains a GAN, or goes on with the run that lives in `config.workdir`.

    Args:
        config: everything that decides the run.
        overwrite: removes a run that is there, instead of going on with it.

    Returns:
        The trained model.

    Raises:
        UserError: if something that the user gave cannot work; nothing is changed then.
        Interrupted: if SIGINT or SIGTERM came; a checkpoint is written.
    """
    _set_threads(config.threads)
    workdir = Workdir(config.workdir)
    workdir.check()
    recorded = workdir.recorded() if not overwrite else None
    if recorded is not None and (differences := config.differences(recorded)):
        raise UserError(
            f"--workdir={workdir.path}: holds a run with other settings: "
            f"{'; '.join(differences)}; take another --workdir, or --overwrite to start anew"
        )
    strategy = distribution.strategy(config.strategy, config.batch_size)
    say(
        f"tfgan {tfgan.__version__} on {distribution.describe(strategy)} (CPU threads: "
        f"{_threads()}); TensorFlow {tf.__version__}, Keras {keras.__version__}"
    )
    images = pipeline.load_images(config.dataset, config.data_dir, config.manual_dir, say=say)
    if config.batch_size > len(images):
        raise UserError(
            f"--batch_size={config.batch_size}: {config.dataset} has only {len(images):,} images"
        )
    steps_per_epoch = len(images) // config.batch_size
    with strategy.scope():
        gan = build(config, images.shape[1:], _steps_per_execution(config, steps_per_epoch))
    say(
        f"Networks: generator {gan.generator.count_params():,} parameters, "
        f"discriminator {gan.discriminator.count_params():,}"
    )
    checkpoints = Checkpoints(workdir.checkpoints, gan)
    newest = checkpoints.restore_newest(say) if recorded is not None else None
    done, wanted = int(gan.step.numpy()), config.epochs * steps_per_epoch
    if done < wanted:
        if newest is None:
            workdir.clear()
        workdir.create(config.to_dict(), _environment(strategy))
        say(f"Run: {workdir.path}; watch it with: tensorboard --logdir {workdir.path.parent}")
        if newest is not None:
            say(f"Resuming after step {done:,} of {wanted:,}, from {newest}")
        _fit(gan, images, config, workdir, checkpoints, steps_per_epoch)
    else:
        say(f"--epochs={config.epochs}: {workdir.path} has {done // steps_per_epoch} already")
    if done < wanted or not workdir.generator.exists():
        callbacks.save_training_gif(workdir.samples)
        export.save_generator(workdir.generator, gan.generator)
    say(
        f"Pictures: {workdir.samples}; generator: {workdir.generator}. Draw with:\n"
        f"python -m tfgan.sample --model={workdir.generator} --n=64 --seed=1 --output=digits.png"
    )
    return gan


def build(config: TrainConfig, image_shape: tuple[int, ...], steps_per_execution: int) -> GAN:
    """Makes the compiled model that a configuration asks for, in the strategy's scope."""
    latent_size, hidden_size, seed = config.latent_size, config.hidden_size, config.seed
    generator = networks.mlp_generator(latent_size, hidden_size, image_shape, seed)
    discriminator = networks.mlp_discriminator(hidden_size, image_shape, seed)
    gan = GAN(generator, discriminator, latent_size, seed)
    gan.compile(
        d_optimizer=Adam(config.d_learning_rate),
        g_optimizer=Adam(config.g_learning_rate),
        loss=config.g_loss,
        jit_compile="auto" if config.jit_compile else False,
        steps_per_execution=steps_per_execution,
    )
    return gan


def _fit(
    gan: GAN,
    images: np.ndarray,
    config: TrainConfig,
    workdir: Workdir,
    checkpoints: Checkpoints,
    steps_per_epoch: int,
) -> None:
    """Trains from `gan.step` to the end of the last epoch."""
    start = time.perf_counter()
    progress = Progress(config.epochs, steps_per_epoch, config.batch_size, config.log_every)
    board = callbacks.TensorBoard(workdir, images, config, steps_per_epoch)
    with callbacks.StopSignals() as stop:
        all_callbacks = [
            progress,
            callbacks.Pictures(workdir.samples, images, config, steps_per_epoch),
            callbacks.MetricsCSV(workdir.metrics, steps_per_epoch),
            board,
            callbacks.CheckpointAndStop(checkpoints, stop, steps_per_epoch),
        ]

        last_step = config.epochs * steps_per_epoch
        try:
            # A run that was stopped inside an epoch first does the rest of it.
            while (step := int(gan.step.numpy())) < last_step and stop.received is None:
                epoch, done = divmod(step, steps_per_epoch)
                gan.fit(
                    pipeline.batches(images, config.batch_size, config.seed, step),
                    initial_epoch=epoch,
                    epochs=epoch + 1 if done else config.epochs,
                    steps_per_epoch=steps_per_epoch - done,
                    shuffle=False,  # the batches are
                    callbacks=all_callbacks,
                    verbose=0,
                )
        finally:
            progress.close()
            board.close()
    if stop.received is not None and step < last_step:
        raise Interrupted(
            f"{signal.Signals(stop.received).name}: stopped after step {step:,}, checkpoint "
            f"written. Go on with:\n{config.command()}",
            stop.received,
        )
    say(
        f"Epoch {config.epochs} of {config.epochs} done; this training took "
        f"{duration(time.perf_counter() - start)}"
    )


def _steps_per_execution(config: TrainConfig, steps_per_epoch: int) -> int:
    asked = config.steps_per_execution
    if not asked:
        most = min(_MOST_STEPS_PER_EXECUTION, steps_per_epoch)
        return next(steps for steps in range(most, 0, -1) if steps_per_epoch % steps == 0)
    if steps_per_epoch % asked:
        raise UserError(
            f"--steps_per_execution={asked}: must divide the {steps_per_epoch} steps of an epoch"
        )
    return asked


def _set_threads(threads: int) -> None:
    if threads and threads != tf.config.threading.get_intra_op_parallelism_threads():
        try:
            tf.config.threading.set_intra_op_parallelism_threads(threads)
        except RuntimeError:
            raise UserError(
                f"--threads={threads}: TensorFlow runs already in this process with another "
                f"number; set it before anything else"
            ) from None


def _threads() -> int:
    return tf.config.threading.get_intra_op_parallelism_threads() or len(os.sched_getaffinity(0))


def _environment(strategy: tf.distribute.Strategy) -> dict[str, Any]:
    return {
        "tfgan": tfgan.__version__,
        "python": platform.python_version(),
        "tensorflow": tf.__version__,
        "keras": keras.__version__,
        "tensorflow_datasets": tfds.__version__,
        "numpy": np.__version__,
        "platform": platform.platform(),
        "devices": distribution.describe(strategy),
        "replicas": strategy.num_replicas_in_sync,
        "intra_op_threads": _threads(),
        "inter_op_threads": tf.config.threading.get_inter_op_parallelism_threads(),
    }

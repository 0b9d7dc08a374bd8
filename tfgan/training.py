"""`train(config)`: the one library entry point."""

import contextlib
import signal
import time
from typing import Any

import keras
import tensorflow as tf

import tfgan
from tfgan import (
    building,
    callbacks,
    distribution,
    environment,
    imageset,
    memory,
    monitors,
    networks,
    rendezvous,
    report,
    saved_model,
)
from tfgan.board import TensorBoard
from tfgan.checkpointing import Checkpoints
from tfgan.config import TrainConfig, python
from tfgan.doctor import record
from tfgan.errors import Diverged, Interrupted, UserError
from tfgan.gan import GAN
from tfgan.imageset import InMemory, Streamed
from tfgan.progress import Progress, duration, say
from tfgan.stopping import StopSignals
from tfgan.workdir import Workdir


def train(config: TrainConfig, overwrite: bool = False, gan_class: type[GAN] = GAN) -> GAN:
    """Trains a GAN, or goes on with the run that lives in `config.workdir`.

    Args:
        config: everything that decides the run.
        overwrite: removes a run that is there, instead of going on with it.
        gan_class: the model's class, for an algorithm that differs in some step.

    Returns:
        The trained model.

    Raises:
        UserError: if something that the user gave cannot work, and nothing is changed; or if
            the run diverges or its folder cannot be written any more, and what is there is whole.
        Interrupted: if SIGINT or SIGTERM came, here or to another worker; a checkpoint is written.
        WorkerLost: if another worker is gone; a new start of all goes on from the checkpoint.
    """
    cluster = distribution.cluster(config.strategy)
    workdir = Workdir(config.workdir)
    recorded = None
    if cluster is None or cluster.index == 0:
        workdir.check()
        recorded = None if overwrite else workdir.recorded()
        if recorded and (differences := config.differences(recorded["config"])):
            raise UserError(
                f"--workdir={workdir.path}: holds a run with other settings: "
                f"{'; '.join(differences)}; take another --workdir, or --overwrite to start anew"
            )
    distribution.choose_devices(config.devices)
    environment.set_threads(config, recorded)
    if cluster:
        plan = config.deciding() | {"TensorFlow": tf.__version__, "tfgan": tfgan.__version__}
        rendezvous.meet(cluster.workers, cluster.index, plan, config.worker_timeout)
    with distribution.lost_workers(cluster):
        strategy = distribution.strategy(
            config.strategy, config.batch_size, cluster, config.worker_timeout
        )
        return _train(config, workdir, strategy, recorded, overwrite, gan_class)


def _train(
    config: TrainConfig,
    workdir: Workdir,
    strategy: tf.distribute.Strategy,
    recorded: dict[str, Any] | None,
    overwrite: bool,
    gan_class: type[GAN],
) -> GAN:
    chief = distribution.is_chief(strategy)
    say(
        f"tfgan {tfgan.__version__} on {distribution.describe(strategy)} (CPU threads: "
        f"{environment.threads()}); TensorFlow {tf.__version__}, Keras {keras.__version__}"
    )
    data = imageset.open_set(
        config.dataset,
        config.data_dir,
        config.manual_dir,
        config.cache_limit_mb,
        config.split,
        say,
    )
    if config.batch_size > data.shape[0]:
        raise UserError(
            f"--batch_size={config.batch_size}: {config.dataset} has only {data.shape[0]:,} images"
        )
    wants_mean = networks.KINDS[config.network].wants_mean_image
    mean_image = imageset.mean_image(data) if wants_mean else None
    steps_per_epoch = data.shape[0] // config.batch_size
    monitors.check(config)
    evaluation = _evaluation(config, steps_per_epoch) if chief else []
    try:
        with strategy.scope():
            steps_per_execution = building.steps_per_execution(config, data.shape)
            gan = building.build(
                config,
                data.shape[1:],
                steps_per_execution,
                steps_per_epoch,
                mean_image,
                gan_class,
            )
        say(
            f"Networks: generator {gan.generator.count_params():,} parameters, "
            f"discriminator {gan.discriminator.count_params():,}"
        )
        memory.check(gan, config.batch_size)
        with workdir.lock() if chief else contextlib.nullcontext():
            if chief and not overwrite and workdir.recorded() != recorded:
                raise UserError(
                    f"--workdir={workdir.path}: another process has just used it; look at it, "
                    f"then give the same command again"
                )
            _run(gan, data, config, workdir, strategy, recorded, evaluation)
    except (tf.errors.ResourceExhaustedError, MemoryError):
        raise UserError(
            f"out of memory with --batch_size={config.batch_size}, --hidden_size="
            f"{config.hidden_size}, --latent_size={config.latent_size}: lower one of them (and "
            f"--overwrite, if the run had begun)"
        ) from None
    except BrokenPipeError:
        raise  # of the output, not of the folder
    except OSError as error:
        raise UserError(
            f"--workdir={workdir.path}: cannot be written: {error.strerror or error}; what is "
            f"there is whole: mend that and give the same command again"
        ) from None
    if chief:
        say(
            f"Report: {workdir.report}; pictures: {workdir.samples}; generator: "
            f"{workdir.generator}. Draw with:\n"
            f"{python()} -m tfgan.sample --model={workdir.generator} --n=64 --seed=1 "
            f"--output=digits.png"
        )
    return gan


def _run(
    gan: GAN,
    data: InMemory | Streamed,
    config: TrainConfig,
    workdir: Workdir,
    strategy: tf.distribute.Strategy,
    recorded: dict[str, Any] | None,
    evaluation: list[keras.callbacks.Callback],
) -> None:
    """Does what is left to do; the chief in the run's folder, which is its alone now."""
    chief = distribution.is_chief(strategy)
    steps_per_epoch = data.shape[0] // config.batch_size
    checkpoints = Checkpoints(workdir.checkpoints, gan, config.keep_checkpoints)
    newest = checkpoints.restore_newest(say) if recorded else None
    if recorded and newest is None and workdir.generator.exists():
        raise UserError(
            f"{workdir.checkpoints}: is empty, but the run has a generator already; --overwrite "
            f"starts the run anew"
        )
    distribution.from_chief(strategy, checkpoints.state())
    done, wanted = int(gan.step.numpy()), config.epochs * steps_per_epoch
    if done >= wanted:
        say(f"--epochs={config.epochs}: {workdir.path} has {done // steps_per_epoch} already")
    elif chief:
        if newest is None:
            workdir.clear()
        image_shape = {"image_shape": data.shape[1:]}  # an export needs it, without the data
        workdir.create(config.to_dict(), environment.versions_and_devices(strategy) | image_shape)
        checkpoints.put_damaged_aside()
        say(f"Run: {workdir.path}; watch it with: tensorboard --logdir {workdir.path.parent}")
        if newest is not None:
            say(f"Resuming after step {done:,} of {wanted:,}, from {newest}")
            _warn_of_another_layout(strategy, recorded)
    if done < wanted:
        _fit(gan, data, config, workdir, checkpoints, strategy, evaluation)
    step = int(gan.step.numpy())
    if chief and saved_model.exported_step(workdir.generator) != step:
        callbacks.save_training_gif(workdir.samples)
        report.write_report(workdir)
        if gan.ema_generator is not None:
            saved_model.save_generator(workdir.raw_generator, gan.generator, step, config.latents)
        saved_model.save_generator(workdir.generator, gan.sampler, step, config.latents)
    distribution.anywhere(strategy, False)  # nobody leaves before the chief has written all


def _warn_of_another_layout(
    strategy: tf.distribute.Strategy, recorded: dict[str, Any] | None
) -> None:
    before = recorded["environment"].get("replicas") if recorded else None
    if before not in (None, strategy.num_replicas_in_sync):
        say(
            f"Warning: the run had {before} replicas and has {strategy.num_replicas_in_sync} "
            f"now; its numbers stay the same but for rounding"
        )


def _fit(
    gan: GAN,
    data: InMemory | Streamed,
    config: TrainConfig,
    workdir: Workdir,
    checkpoints: Checkpoints,
    strategy: tf.distribute.Strategy,
    evaluation: list[keras.callbacks.Callback],
) -> None:
    """Trains from `gan.step` to the end of the last epoch."""
    chief = distribution.is_chief(strategy)
    steps_per_epoch = data.shape[0] // config.batch_size
    last_step = config.epochs * steps_per_epoch
    start = time.perf_counter()
    progress = Progress(config.epochs, steps_per_epoch, config.batch_size, config.log_every)
    board = TensorBoard(workdir, data, config, steps_per_epoch)
    with StopSignals(strategy) as stop:
        everyones = [callbacks.FiniteLosses(checkpoints)]
        the_chiefs = [
            progress,
            *evaluation,
            callbacks.Pictures(workdir.samples, data, config, steps_per_epoch),
            callbacks.MetricsCSV(workdir.metrics, steps_per_epoch),
            board,
        ]
        if config.monitor_every:
            the_chiefs.append(monitors.Monitors(workdir, config, steps_per_epoch, board))
        checkpoint_and_stop = callbacks.CheckpointAndStop(
            checkpoints, stop, config, steps_per_epoch, board.flush, chief
        )
        try:
            # A run that was stopped inside an epoch first does the rest of it.
            while (step := int(gan.step.numpy())) < last_step and stop.agree() is None:
                epoch, done = divmod(step, steps_per_epoch)
                gan.fit(
                    _batches(data, config, step, strategy),
                    initial_epoch=epoch,
                    epochs=epoch + 1 if done else config.epochs,
                    steps_per_epoch=steps_per_epoch - done,
                    shuffle=False,  # the batches are
                    callbacks=[*everyones, *(the_chiefs if chief else []), checkpoint_and_stop],
                    verbose=0,
                )
        except Diverged as error:
            if chief:
                record.note_divergence(workdir, error)
            raise
        except data.read_errors:
            raise UserError(
                f"--dataset={config.dataset}: its prepared files are damaged; remove their "
                f"folder, and the same command prepares the set again and goes on"
            ) from None
        finally:
            progress.close()
            board.close()
    step = int(gan.step.numpy())
    if stop.agreed is not None and step < last_step:
        newest = checkpoints.newest()
        if chief and (newest is None or int(newest.name) != step):  # between two calls of fit
            checkpoints.save()
        distribution.anywhere(strategy, False)  # nobody leaves before the chief has saved
        alone = distribution.workers(strategy) == 1
        raise Interrupted(
            f"{signal.Signals(stop.agreed).name}: stopped after step {step:,}, checkpoint "
            f"written. Go on with{f':{chr(10)}{config.command()}' if alone else ' all workers'}",
            stop.agreed,
        )
    say(
        f"Epoch {config.epochs} of {config.epochs} done; this training took "
        f"{duration(time.perf_counter() - start)}"
    )


def _evaluation(config: TrainConfig, steps_per_epoch: int) -> list[keras.callbacks.Callback]:
    if not config.evaluate_every:
        return []
    from tfgan.evaluation.callback import Evaluation  # with scikit-learn, which takes a second

    return [Evaluation(config, steps_per_epoch)]


def _batches(
    data: InMemory | Streamed, config: TrainConfig, step: int, strategy: tf.distribute.Strategy
) -> Any:
    """The batches from a step on: to each device its part of them."""
    return strategy.distribute_datasets_from_function(
        lambda context: data.batches(
            config.batch_size, config.seed, step, distribution.share(context)
        )
    )

"""`train_and_export(config)`: the one library entry point."""

import contextlib
import os
import pathlib
import shlex
import signal
import time
from typing import Any

import keras
import tensorflow as tf

from tfgan import networks, report
from tfgan.cluster import gpus, rendezvous, strategies
from tfgan.contract import check_policy
from tfgan.datasets import training_set
from tfgan.doctor import monitors, record
from tfgan.exports import saved_model
from tfgan.gan import GAN
from tfgan.ground import errors, surroundings
from tfgan.ground.console import duration, say
from tfgan.ground.errors import Diverged, Interrupted, UserError
from tfgan.ground.version import __version__
from tfgan.networks import precision
from tfgan.run import building, callbacks, environment, memory
from tfgan.run.board import TensorBoard
from tfgan.run.checkpointing import Checkpoints
from tfgan.run.config import TrainConfig, python
from tfgan.run.live_grid import LiveGrid
from tfgan.run.progress import Progress
from tfgan.run.run import Run
from tfgan.run.stopping import StopSignals
from tfgan.run.workdir import Workdir

Record = dict[str, Any]  # what a run's config.json holds


def train_and_export(
    config: TrainConfig, overwrite: bool = False, gan_class: type[GAN] | None = None
) -> GAN:
    """Trains a GAN, or goes on with the run that lives in `config.workdir`, and exports it.

    Args:
        config: everything that decides the run.
        overwrite: removes a run that is there, instead of going on with it.
        gan_class: the model's class, for an algorithm that differs in some step; a subclass of
            `ConditionalGAN` for a conditional one.

    Returns:
        The trained model.

    Raises:
        UserError: if something that the user gave cannot work, and nothing is changed; or if
            the run diverges or its folder cannot be written any more, and what is there is whole.
        Interrupted: if SIGINT, SIGTERM or SIGHUP came, here or to another worker; a checkpoint is
            written.
        WorkerLost: if another worker is gone; a new start of all goes on from the checkpoint.
    """
    surroundings.check_keras()
    check_policy()
    building.check_class(config, gan_class)
    cluster = strategies.find_cluster(config.strategy)
    workdir = Workdir(config.workdir)
    recorded = None
    if cluster is None or cluster.index == 0:
        workdir.check()
        recorded = None if overwrite else workdir.recorded()
        if recorded:
            workdir.epochs()  # which the first epoch's end reads: told before the work
        if recorded and (differences := config.differences(recorded["config"])):
            raise UserError(
                f"--workdir={workdir.path}: holds a run with other settings: "
                f"{'; '.join(differences)}; take another --workdir, or --overwrite to start anew"
            )
    strategies.choose_devices(config.devices)
    environment.set_threads(config, recorded)
    if cluster:
        plan = config.deciding() | {"TensorFlow": tf.__version__, "tfgan": __version__}
        rendezvous.meet(cluster.workers, cluster.index, plan, config.worker_timeout)
    with strategies.lost_workers(cluster), gpus.same_bits():
        strategy = strategies.make_strategy(
            config.strategy, config.batch_size, cluster, config.worker_timeout, config.pack
        )
        say(
            f"tfgan {__version__} on {strategies.describe(strategy)} (CPU threads: "
            f"{environment.threads()}); TensorFlow {tf.__version__}, Keras {keras.__version__}"
        )
        if idle := gpus.unusable_gpus(config.devices):
            say(f"Warning: {idle}")
        if slow := precision.slow_here(config.precision):
            say(f"Warning: {slow}")
        data = training_set.open_set(
            config.image_set, config.cache_limit_mb, say, config.conditional
        )
        run = Run(config, workdir, data, strategy)
        if recorded:
            _check_data(run, recorded)
        return _train_and_export(run, recorded, overwrite, gan_class)


def _train_and_export(
    run: Run, recorded: Record | None, overwrite: bool, gan_class: type[GAN] | None
) -> GAN:
    config, workdir = run.config, run.workdir
    if not run.steps_per_epoch:
        raise UserError(
            f"--batch_size={config.batch_size}: a step takes {config.images_a_step:,} images, and "
            f"{config.dataset} has only {run.data.shape[0]:,}"
        )
    monitors.check(config)
    evaluation = _evaluation(run)
    try:
        gan = _build(run, gan_class)
        memory.check(gan, config.batch_size)
        with workdir.lock() if run.is_chief else contextlib.nullcontext():
            if run.is_chief and not overwrite and workdir.recorded() != recorded:
                raise UserError(
                    f"--workdir={workdir.path}: another process has just used it; look at it, "
                    f"then give the same command again"
                )
            _resume_and_export(run, gan, recorded, evaluation)
    except (tf.errors.ResourceExhaustedError, MemoryError) as error:
        if isinstance(error, tf.errors.OpError) and "open files" in str(error):
            raise UserError(f"{errors.first_line(error)}; raise that limit: ulimit -n") from None
        raise UserError(
            f"out of memory with --batch_size={config.batch_size}, --hidden_size="
            f"{config.hidden_size}, --latent_size={config.latent_size}: lower one of them (and "
            f"--overwrite, if the run had begun)"
        ) from None
    except BrokenPipeError:
        raise  # of the output, not of the folder
    except OSError as error:
        named = error.filename is not None and pathlib.Path(os.fsdecode(error.filename))
        if not (named and workdir.path in (named, *named.parents)):
            raise UserError(str(error)) from None  # the text says all that is known
        raise UserError(
            f"--workdir={workdir.path}: cannot be written: {error.strerror or error}; what is "
            f"there is whole: mend that and give the same command again"
        ) from None
    if run.is_chief:
        model = shlex.quote(f"--model={workdir.generator}")
        which = "--label=all" if config.conditional else "--n=64"
        say(
            f"Report: {workdir.report}; pictures: {workdir.samples}; generator: "
            f"{workdir.generator}. Draw with:\n"
            f"{python()} -m tfgan.sample {model} {which} --seed=1 --output=samples.png"
        )
    return gan


def _check_data(run: Run, recorded: Record) -> None:
    """Makes sure that the run's set is still the one that it was trained on."""
    before, now = recorded["environment"].get("data"), run.data.identity()
    if before in (None, now):  # runs of before 0.2 did not record it
        return
    then = before if isinstance(before, dict) else {}
    names = [name for name in now if then.get(name) != now[name]]
    differences = "; ".join(f"{name} {then.get(name)} then, {now[name]} now" for name in names)
    raise UserError(
        f"--dataset={run.config.dataset}: is not what the run in {run.workdir.path} was trained "
        f"on: {differences}; bring that set back, or --overwrite starts the run anew"
    )


def _build(run: Run, gan_class: type[GAN] | None) -> GAN:
    wants_mean = networks.KINDS[run.config.network].wants_mean_image
    mean_image = training_set.mean_image(run.data) if wants_mean else None
    with run.strategy.scope():
        gan = building.build(
            run.config,
            run.data.shape[1:],
            building.steps_per_execution(run.config, run.data.shape),
            run.steps_per_epoch,
            mean_image,
            run.data.classes,
            gan_class,
        )
    say(
        f"Networks: generator {gan.generator.count_params():,} parameters, "
        f"discriminator {gan.discriminator.count_params():,}"
    )
    return gan


def _resume_and_export(
    run: Run, gan: GAN, recorded: Record | None, evaluation: list[keras.callbacks.Callback]
) -> None:
    """Does what is left to do; the chief in the run's folder, which is its alone now."""
    config, workdir = run.config, run.workdir
    checkpoints = Checkpoints(workdir.checkpoints, gan, config.keep_checkpoints)
    newest = checkpoints.restore_newest(say) if recorded else None
    if recorded and newest is None and workdir.has_progress():
        raise UserError(
            f"{workdir.checkpoints}: is empty, but the run had got further, as its other files "
            f"show; put the checkpoints back, or --overwrite starts the run anew"
        )
    strategies.from_chief(run.strategy, checkpoints.state())
    done = int(gan.step.numpy())
    if done >= run.last_step:
        say(f"--epochs={config.epochs}: {workdir.path} has {done // run.steps_per_epoch} already")
    elif run.is_chief:
        if newest is None:
            workdir.clear()
        image_shape = {"image_shape": run.data.shape[1:]}  # an export needs it, without the data
        facts = environment.versions_and_devices(run.strategy) | image_shape
        networks_of = {"generator": gan.generator, "discriminator": gan.discriminator}
        facts |= {"data": run.data.identity()}
        facts |= {"parameters": {name: each.count_params() for name, each in networks_of.items()}}
        workdir.create(config.to_dict(), facts)
        checkpoints.put_damaged_aside()
        say(
            f"Run: {workdir.path}; watch it with: tensorboard --logdir "
            f"{shlex.quote(str(workdir.path.parent))}"
        )
        if newest is not None:
            say(f"Resuming after step {done:,} of {run.last_step:,}, from {newest}")
            _warn_of_another_layout(run.strategy, recorded)
    if done < run.last_step:
        _fit(run, gan, checkpoints, evaluation)
    step = int(gan.step.numpy())
    if run.is_chief and saved_model.exported_step(workdir.generator) != step:
        known = (step, config.latents, config.image_set.record(run.data.identity()))
        if gan.ema_generator is not None:
            saved_model.save_generator(workdir.raw_generator, gan.generator, *known)
        saved_model.save_generator(workdir.generator, gan.sampler, *known)
    if run.is_chief:
        _decorate(workdir)
    strategies.any_worker(run.strategy, False)  # nobody leaves before the chief has written all


def _decorate(workdir: Workdir) -> None:
    """Writes what shows the run, if that is not there yet; it says what it cannot write.

    After the generator, which is what the run is for.
    """
    made = saved_model.when_exported(workdir.generator)
    for file, write in (
        (workdir.training_gif, callbacks.save_training_gif),
        (workdir.report, report.write_report),
    ):
        try:
            if not file.exists() or file.stat().st_mtime < made:
                write(workdir)
        except Exception as error:  # whatever lies in the folder, the run has ended well
            said = " ".join(str(error).split()) or type(error).__name__
            say(f"Warning: {file} is not written: {said}")


def _warn_of_another_layout(strategy: tf.distribute.Strategy, recorded: Record | None) -> None:
    before = recorded["environment"].get("devices") if recorded else None
    now = strategies.describe(strategy)
    if before not in (None, now):
        say(
            f"Warning: the run was on {before} and is on {now} now; its numbers stay the same but "
            f"for rounding"
        )


def _fit(
    run: Run, gan: GAN, checkpoints: Checkpoints, evaluation: list[keras.callbacks.Callback]
) -> None:
    """Trains from `gan.step` to the end of the last epoch."""
    config = run.config
    start = time.perf_counter()
    progress = Progress(run)
    board = TensorBoard(run)
    with StopSignals(run.strategy) as stop:
        everyones = [callbacks.FiniteLosses(checkpoints)]
        the_chiefs = [
            progress,
            *evaluation,
            callbacks.Pictures(run),
            LiveGrid(),
            callbacks.MetricsCSV(run),
            board,
        ]
        if config.monitor_every:
            the_chiefs.append(monitors.Monitors(run, board))
        checkpoint_and_stop = callbacks.CheckpointAndStop(checkpoints, stop, run, board.flush)
        try:
            # A run that was stopped inside an epoch first does the rest of it.
            while (step := int(gan.step.numpy())) < run.last_step and stop.agree() is None:
                epoch, done = divmod(step, run.steps_per_epoch)
                gan.fit(
                    run.batches(step),
                    initial_epoch=epoch,
                    epochs=epoch + 1 if done else config.epochs,
                    steps_per_epoch=run.steps_per_epoch - done,
                    shuffle=False,  # the batches are
                    callbacks=[
                        *everyones,
                        *(the_chiefs if run.is_chief else []),
                        checkpoint_and_stop,
                    ],
                    verbose=0,
                )
        except Diverged as error:
            if run.is_chief:
                record.note_divergence(run.workdir, error)
            raise
        except run.data.read_errors:
            run.data.check()  # else the error is not of the set's files
            raise
        finally:
            progress.close()
            board.close()
    step = int(gan.step.numpy())
    if stop.agreed is not None and step < run.last_step:
        newest = checkpoints.newest()
        if run.is_chief and (newest is None or int(newest.name) != step):  # between calls of fit
            checkpoints.save()
        strategies.any_worker(run.strategy, False)  # nobody leaves before the chief has saved
        alone = strategies.workers(run.strategy) == 1
        raise Interrupted(
            f"{signal.Signals(stop.agreed).name}: stopped after step {step:,}, checkpoint "
            f"written. Go on with{f':{chr(10)}{config.command()}' if alone else ' all workers'}",
            stop.agreed,
        )
    say(
        f"Epoch {config.epochs} of {config.epochs} done; this training took "
        f"{duration(time.perf_counter() - start)}"
    )


def _evaluation(run: Run) -> list[keras.callbacks.Callback]:
    if not (run.is_chief and run.config.evaluate_every):
        return []
    from tfgan.evaluation.callback import Evaluation  # with scikit-learn, which takes a second

    return [Evaluation(run)]

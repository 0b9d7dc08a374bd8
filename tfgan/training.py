"""`train_and_export(config)`: the one library entry point."""

import contextlib
import os
import pathlib
import shlex
import signal
import time
from collections.abc import Callable, Sequence
from typing import Any

import keras
import tensorflow as tf

from tfgan import report
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
from tfgan.networks import KINDS, precision
from tfgan.run import building, environment, initialising, memory, own, own_networks
from tfgan.run import callbacks as run_callbacks
from tfgan.run.best import Best
from tfgan.run.board import TensorBoard
from tfgan.run.checkpointing import Checkpoints
from tfgan.run.config import TrainConfig, python
from tfgan.run.live_grid import LiveGrid
from tfgan.run.own import Own
from tfgan.run.own_callbacks import OwnCallbacks
from tfgan.run.own_networks import Networks
from tfgan.run.progress import Progress
from tfgan.run.run import Run
from tfgan.run.stopping import StopSignals
from tfgan.run.workdir import Workdir, exported_step

Record = dict[str, Any]  # what a run's config.json holds
Evaluate = Callable[[Best | None], list[keras.callbacks.Callback]]


def train_and_export(
    config: TrainConfig,
    overwrite: bool = False,
    gan_class: type[GAN] | None = None,
    callbacks: Sequence[keras.callbacks.Callback] = (),
    data: Any = None,
    networks: Networks | None = None,
) -> GAN:
    """Trains a GAN, or resumes the run in `config.workdir`, and exports it.

    An interrupted run, called again with the same arguments, ends with the same bits.

    Args:
        config: all settings of the run, except what the other arguments set.
        overwrite: whether to remove an existing run instead of resuming it.
        gan_class: the model's class, to change a step of the algorithm: a subclass of `GAN`, or of
            `ConditionalGAN` for a conditional run.
        callbacks: Keras callbacks. The chief calls them after the run's own, before it writes a
            checkpoint. Each epoch ends once for them, even if the run was resumed inside it.
            `model.stop_training` ends the run with all its results. Their state is not saved: a
            resumed run starts with new ones.
        data: the training set, instead of `config.dataset`: images `(size, height, width,
            channels)`, uint8 or floats in [-1, 1]; `(images, labels)`; or a finite
            `tf.data.Dataset` of single examples, which is read into memory once, up to
            `config.cache_limit_mb`. Do not modify the arrays during the run.
        networks: function that makes both networks, instead of `config.network`: from `(config,
            image_shape)`, and `classes=` for a conditional run, to `(generator, discriminator)`,
            functional or Sequential models. tfgan calls it in the scope of the run's devices and
            with its precision, after setting Keras' random seed.

    Returns:
        The trained model.

    Raises:
        UserError: if an argument cannot work; nothing is changed then. Also if the run diverges or
            its folder can no longer be written; the files in it are intact then.
        Interrupted: after SIGINT, SIGTERM or SIGHUP, here or at another worker, and after a
            checkpoint was written.
        WorkerLost: if another worker is lost; restart all workers to resume from the checkpoint.
    """
    surroundings.check_keras()
    check_policy()
    config, given = own.settle(config, gan_class, callbacks, data, networks)
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
                f"{'; '.join(differences)}; use another --workdir, or --overwrite to start over"
            )
        if config.init_from:
            initialising.check(config, overwrite)
    strategies.choose_devices(config.devices)
    environment.set_threads(config, recorded)
    if cluster:
        plan = config.deciding() | {"TensorFlow": tf.__version__, "tfgan": __version__}
        plan |= {"data": given.data.identity()} if given.data else {}
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
        images = given.data or training_set.open_set(
            config.image_set, config.cache_limit_mb, say, config.conditional
        )
        run = Run(config, workdir, images, strategy)
        if recorded:
            _check_data(run, recorded)
        return _train_and_export(run, recorded, overwrite, given)


def _train_and_export(run: Run, recorded: Record | None, overwrite: bool, given: Own) -> GAN:
    config, workdir = run.config, run.workdir
    if not run.steps_per_epoch:
        raise UserError(
            f"--batch_size={config.batch_size}: a step takes {config.images_a_step:,} images, and "
            f"{config.dataset} has only {run.data.shape[0]:,}"
        )
    monitors.check(config)
    evaluation = _evaluation(run)
    try:
        gan = _build(run, given)
        if recorded:
            given.check_recorded(gan, recorded["environment"], workdir.named)
        memory.check(gan, config.batch_size)
        with workdir.lock() if run.is_chief else contextlib.nullcontext():
            if run.is_chief and not overwrite and workdir.recorded() != recorded:
                raise UserError(
                    f"--workdir={workdir.path}: another process has just used it; check it, then "
                    "rerun the command"
                )
            unfinished = _resume_and_export(run, gan, recorded, evaluation, given)
    except (tf.errors.ResourceExhaustedError, MemoryError) as error:
        if isinstance(error, tf.errors.OpError) and "open files" in str(error):
            raise UserError(f"{errors.first_line(error)}; raise that limit: ulimit -n") from None
        raise UserError(
            f"out of memory with --batch_size={config.batch_size}, "
            f"--hidden_size={config.hidden_size}, --latent_size={config.latent_size}: lower one "
            "of them, and add --overwrite if the run had started"
        ) from None
    except BrokenPipeError:
        raise  # of the output, not of the folder
    except OSError as error:
        named = error.filename is not None and pathlib.Path(os.fsdecode(error.filename))
        if not (named and workdir.path in (named, *named.parents)):
            raise UserError(str(error)) from None  # the text says all that is known
        raise UserError(
            f"--workdir={workdir.path}: cannot be written: {error.strerror or error}; existing "
            "files are intact: fix that and rerun the command"
        ) from None
    if run.is_chief:
        model = shlex.quote(f"--model={workdir.generator}")
        which = "--label=all" if config.conditional else "--n=64"
        say(
            f"Report: {workdir.report}; pictures: {workdir.samples}; generator: "
            f"{workdir.generator}. Draw samples with:\n{python()} -m tfgan.sample {model} {which} "
            "--seed=1 --output=samples.png"
        )
        if unfinished:
            say(unfinished)
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
        f"on: {differences}; restore that set, or use --overwrite to start over"
    )


def _build(run: Run, given: Own) -> GAN:
    kind = KINDS.get(run.config.network)  # none of the user's own
    wants_mean = kind is not None and kind.wants_mean_image
    mean_image = training_set.mean_image(run.data) if wants_mean else None
    seeded = own_networks.seeded(run.config.seed) if given.networks else contextlib.nullcontext()
    with run.strategy.scope(), seeded:
        gan = building.build(
            run.config,
            run.data.shape[1:],
            building.steps_per_execution(run.config, run.data.shape),
            run.steps_per_epoch,
            mean_image,
            run.data.classes,
            given.gan_class,
            given.networks,
        )
    say(
        f"Networks: generator {gan.generator.count_params():,} parameters, "
        f"discriminator {gan.discriminator.count_params():,}"
    )
    return gan


def _resume_and_export(
    run: Run, gan: GAN, recorded: Record | None, evaluation: Evaluate, given: Own
) -> str | None:
    """Does what is left to do; the chief in the run's folder, which it has locked.

    Returns:
        What is to be said of a run that has ended before its last epoch.
    """
    config, workdir = run.config, run.workdir
    best = Best(gan, config.keep_best) if config.keep_best and run.is_chief else None
    checkpoints = Checkpoints(workdir.checkpoints, gan, config.keep_checkpoints, best)
    newest = checkpoints.restore_newest(say) if recorded else None
    if recorded and newest is None and workdir.has_progress():
        raise UserError(
            f"{workdir.checkpoints}: is empty, but other files show that the run has trained; "
            "restore the checkpoints, or use --overwrite to start over"
        )
    taken = None
    if config.init_from and run.is_chief:
        if newest is None:
            taken = initialising.take(gan, Workdir(config.init_from, "--init_from"), say)
        elif recorded:
            taken = recorded["environment"].get("init_from")
    strategies.from_chief(run.strategy, checkpoints.state())
    done = int(gan.step.numpy())
    ended = strategies.any_worker(
        run.strategy, done >= run.last_step or _out_of_patience(config, best)
    )
    if done >= run.last_step:
        say(f"--epochs={config.epochs}: {workdir.path} already has {done // run.steps_per_epoch}")
    elif ended and best is not None:
        say(_no_better(config, best, done))
    elif run.is_chief:
        if newest is None:
            workdir.clear()
        image_shape = {"image_shape": run.data.shape[1:]}  # an export needs it, without the data
        facts = environment.versions_and_devices(run.strategy) | image_shape
        networks_of = {"generator": gan.generator, "discriminator": gan.discriminator}
        facts |= {"data": run.data.identity()}
        facts |= {"parameters": {name: each.count_params() for name, each in networks_of.items()}}
        facts |= {"init_from": taken} if taken else {}
        facts |= given.facts(gan)
        workdir.create(config.to_dict(), facts)
        checkpoints.put_damaged_aside()
        if taken and newest is None:
            checkpoints.save()  # from here on the run needs the other one no more
        say(
            f"Run: {workdir.path}; to watch it: tensorboard --logdir "
            f"{shlex.quote(str(workdir.path.parent))}"
        )
        if newest is not None:
            say(f"Resuming after step {done:,} of {run.last_step:,}, from {newest}")
            _warn_of_another_layout(run.strategy, recorded)
    unfinished = None if ended else _fit(run, gan, checkpoints, best, evaluation(best), given)
    step = int(gan.step.numpy())
    if run.is_chief and exported_step(workdir.generator) != step:
        _export(run, gan, best)
    if run.is_chief:
        _decorate(workdir)
    strategies.any_worker(run.strategy, False)  # nobody leaves before the chief has written all
    return unfinished


def _export(run: Run, gan: GAN, best: Best | None) -> None:
    """Writes the SavedModels of now: the generator or the best, and the last one beside that."""
    workdir, config = run.workdir, run.config
    known = (int(gan.step.numpy()), config.latents, config.image_set.record(run.data.identity()))
    found = best if best and best.step else None
    if config.keep_best:
        workdir.record_best(found.record() if found else None)
        if not found:
            say(f"--keep_best={config.keep_best}: not scored yet; exporting the last generator")
    if gan.ema_generator is not None or found:
        saved_model.save_generator(workdir.raw_generator, gan.generator, *known)
    generator = found.generator if found else gan.sampler
    chosen = found.in_words() if found else ""
    saved_model.save_generator(workdir.generator, generator, *known, chosen)
    if found:
        say(f"Exported: the generator {chosen}")


def _out_of_patience(config: TrainConfig, best: Best | None) -> bool:
    return best is not None and 0 < config.patience <= best.since


def _no_better(config: TrainConfig, best: Best, step: int) -> str:
    return (
        f"--patience={config.patience}: the run has ended after step {step:,}: {config.keep_best} "
        f"has not improved in {best.since} scores; rerun with a larger --patience to continue"
    )


def _decorate(workdir: Workdir) -> None:
    """Writes what shows the run, if that is not there yet; it says what it cannot write.

    After the generator, which is what the run is for.
    """
    made = saved_model.when_exported(workdir.generator)
    for file, write in (
        (workdir.training_gif, run_callbacks.save_training_gif),
        (workdir.report, report.write_report),
    ):
        try:
            if not file.exists() or file.stat().st_mtime < made:
                write(workdir)
        except Exception as error:  # whatever lies in the folder, the run has ended well
            said = " ".join(str(error).split()) or type(error).__name__
            say(f"Warning: {file} was not written: {said}")


def _warn_of_another_layout(strategy: tf.distribute.Strategy, recorded: Record | None) -> None:
    before = recorded["environment"].get("devices") if recorded else None
    now = strategies.describe(strategy)
    if before not in (None, now):
        say(f"Warning: the run used {before} and now uses {now}; results will differ by rounding")


def _fit(
    run: Run,
    gan: GAN,
    checkpoints: Checkpoints,
    best: Best | None,
    evaluation: list[keras.callbacks.Callback],
    given: Own,
) -> str | None:
    """Trains from `gan.step` to the end of the last epoch, or as far as the options say.

    Returns:
        What is to be said of a run that has ended before its last epoch.
    """
    config = run.config
    start, begun = time.perf_counter(), int(gan.step.numpy())
    progress = Progress(run)
    board = TensorBoard(run)
    users = OwnCallbacks(run, given.callbacks if run.is_chief else ())

    def time_is_up() -> bool:
        late = 0 < 60 * config.max_minutes <= time.perf_counter() - start
        return late and int(gan.step.numpy()) > begun  # so that each start gets further

    ends = {
        "patience": lambda: _out_of_patience(config, best),
        "max_minutes": time_is_up,
        "callbacks": lambda: bool(users.stopped_by),
    }
    with StopSignals(run.strategy, ends) as stop:
        everyones = [run_callbacks.FiniteLosses(checkpoints)]
        the_chiefs = [
            progress,
            *evaluation,
            run_callbacks.Pictures(run),
            LiveGrid(),
            run_callbacks.MetricsCSV(run),
            board,
        ]
        if config.monitor_every:
            the_chiefs.append(monitors.Monitors(run, board))
        the_chiefs.append(users)
        checkpoint_and_stop = run_callbacks.CheckpointAndStop(checkpoints, stop, run, board.flush)
        try:
            # A run that was stopped inside an epoch first does the rest of it.
            while (step := int(gan.step.numpy())) < run.last_step and not stop.agree():
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
    if step < run.last_step:
        newest = checkpoints.newest()
        if run.is_chief and (newest is None or int(newest.name) != step):  # between calls of fit
            checkpoints.save()
    users.end()
    if stop.agreed is not None and step < run.last_step:
        strategies.any_worker(run.strategy, False)  # nobody leaves before the chief has saved
        raise Interrupted(
            f"{signal.Signals(stop.agreed).name}: stopped after step {step:,}, checkpoint "
            f"written. {_go_on(run, given)}",
            stop.agreed,
        )
    took = f"this training took {duration(time.perf_counter() - start)}"
    if step >= run.last_step:
        say(f"Epoch {config.epochs} of {config.epochs} done; {took}")
        return None
    say(f"Ended after step {step:,} of {run.last_step:,}; {took}")
    if stop.ended_by == "patience" and best is not None:
        return _no_better(config, best, step)
    why = f"--max_minutes={config.max_minutes:g}"
    if stop.ended_by == "callbacks":
        why = f"callbacks: {users.stopped_by}" if users.stopped_by else "callbacks"
    return f"{why}: ended after step {step:,} of {run.last_step:,}. {_go_on(run, given)}"


def _go_on(run: Run, given: Own) -> str:
    if given:
        return "Repeat the call of tfgan.train_and_export to resume"
    alone = strategies.workers(run.strategy) == 1
    return f"Resume with{f':{chr(10)}{run.config.command()}' if alone else ' all workers'}"


def _evaluation(run: Run) -> Evaluate:
    """What the run is evaluated by; before anything is written, for it may refuse the run."""
    config = run.config
    if not (run.is_chief and config.evaluate_every):
        return lambda best: []
    from tfgan.evaluation.callback import Evaluation, KeepBest  # with scikit-learn: a second
    from tfgan.evaluation.validation import Validation

    if not config.keep_best:
        evaluation = Evaluation(run)
        return lambda best: [evaluation]
    validation = Validation(config.image_set, config.keep_best, say)
    return lambda best: [KeepBest(run, validation, best)] if best else []

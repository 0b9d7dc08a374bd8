"""`train_and_export(config)`: the one library entry point."""

import contextlib
import os
import pathlib
import shlex
from collections.abc import Callable, Sequence
from typing import Any

import keras
import tensorflow as tf

from tfgan.cluster import gpus, rendezvous, strategies
from tfgan.contract import check_policy
from tfgan.datasets import training_set
from tfgan.gan import GAN
from tfgan.ground import errors, surroundings
from tfgan.ground.console import say
from tfgan.ground.errors import UserError
from tfgan.ground.version import __version__
from tfgan.networks import KINDS, precision
from tfgan.run import building, environment, initialising, memory, own, own_networks
from tfgan.run.best import Best
from tfgan.run.checkpointing import Checkpoints
from tfgan.run.config import TrainConfig, python
from tfgan.run.own import Own
from tfgan.run.own_networks import Networks
from tfgan.run.run import Run
from tfgan.run.workdir import Workdir, exported_step
from tfgan.training import ending, fitting

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
    """Trains a GAN, or resumes the run in `config.workdir`, and exports the generator.

    Called again with the same arguments, an interrupted run resumes and ends with the same bits.

    Args:
        config: all settings of the run, except for what the other arguments give.
        overwrite: whether to remove an existing run instead of resuming it.
        gan_class: the model's class, for an algorithm that differs in some step; a subclass of
            `ConditionalGAN` for a conditional run.
        callbacks: Keras callbacks, which the chief calls after the run's own, before a checkpoint
            is written. They see the end of each complete epoch once. `model.stop_training` ends
            the run normally. Their state is not saved: a resumed run begins with new ones.
        data: the training set, instead of `config.dataset`: images `(size, height, width,
            channels)`, uint8 in [0, 255] or floats in [-1, 1]; `(images, labels)`; or a finite
            `tf.data.Dataset` of single examples, which is read once into memory, up to
            `config.cache_limit_mb`. Arrays must not change during the run.
        networks: a function that makes both networks, instead of `config.network`. It takes
            `(config, image_shape)`, and `classes=` in a conditional run, and returns `(generator,
            discriminator)`, functional or Sequential models. It is called in the scope of the
            run's devices, under its precision, with Keras' random numbers set to its seed.

    Returns:
        The trained model.

    Raises:
        UserError: if an argument cannot work (then nothing is changed), or if the run diverges or
            its folder can no longer be written (then its files are intact).
        Interrupted: after SIGINT, SIGTERM or SIGHUP, here or in another worker; a checkpoint is
            written.
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
    if config.monitor_every:
        from tfgan.doctor import monitors  # with SciPy: half a second

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
    """Makes sure that the run's set has not changed since it began."""
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
    """Does the rest of the run; the chief does so in the run's folder, which it has locked.

    Returns:
        A message, if the run ended before its last epoch.
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
        run.strategy, done >= run.last_step or fitting.out_of_patience(config, best)
    )
    if done >= run.last_step:
        say(f"--epochs={config.epochs}: {workdir.path} already has {done // run.steps_per_epoch}")
    elif ended and best is not None:
        say(fitting.no_better(config, best, done))
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
    unfinished = (
        None if ended else fitting.fit(run, gan, checkpoints, best, evaluation(best), given)
    )
    step = int(gan.step.numpy())
    if run.is_chief and exported_step(workdir.generator) != step:
        ending.export(run, gan, best)
    if run.is_chief:
        ending.decorate(workdir)
    strategies.any_worker(run.strategy, False)  # nobody leaves before the chief has written all
    return unfinished


def _warn_of_another_layout(strategy: tf.distribute.Strategy, recorded: Record | None) -> None:
    before = recorded["environment"].get("devices") if recorded else None
    now = strategies.describe(strategy)
    if before not in (None, now):
        say(f"Warning: the run used {before} and now uses {now}; results will differ by rounding")


def _evaluation(run: Run) -> Evaluate:
    """The run's evaluation; made before anything is written, because it may refuse the run."""
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

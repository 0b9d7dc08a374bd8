"""The training of a run, with its callbacks, until its last epoch or until something ends it."""

import signal
import time

import keras

from tfgan.cluster import strategies
from tfgan.doctor import record
from tfgan.gan import GAN
from tfgan.ground.console import duration, say
from tfgan.ground.errors import Diverged, Interrupted
from tfgan.run import callbacks as run_callbacks
from tfgan.run.best import Best
from tfgan.run.board import TensorBoard
from tfgan.run.checkpointing import Checkpoints
from tfgan.run.config import TrainConfig
from tfgan.run.live_grid import LiveGrid
from tfgan.run.own import Own
from tfgan.run.own_callbacks import OwnCallbacks
from tfgan.run.progress import Progress
from tfgan.run.run import Run
from tfgan.run.stopping import StopSignals


def fit(
    run: Run,
    gan: GAN,
    checkpoints: Checkpoints,
    best: Best | None,
    evaluation: list[keras.callbacks.Callback],
    given: Own,
) -> str | None:
    """Trains from `gan.step` to the end of the last epoch, or until an option ends the run.

    Returns:
        A message, if the run ended before its last epoch.
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
        "patience": lambda: out_of_patience(config, best),
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
            from tfgan.doctor import monitors  # with SciPy: half a second

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
        return no_better(config, best, step)
    why = f"--max_minutes={config.max_minutes:g}"
    if stop.ended_by == "callbacks":
        why = f"callbacks: {users.stopped_by}" if users.stopped_by else "callbacks"
    return f"{why}: ended after step {step:,} of {run.last_step:,}. {_go_on(run, given)}"


def out_of_patience(config: TrainConfig, best: Best | None) -> bool:
    """Whether `config.patience` scores in a row were not better than the best one."""
    return best is not None and 0 < config.patience <= best.since


def no_better(config: TrainConfig, best: Best, step: int) -> str:
    """What is said when the patience has ended a run."""
    return (
        f"--patience={config.patience}: the run has ended after step {step:,}: {config.keep_best} "
        f"has not improved in {best.since} scores; rerun with a larger --patience to continue"
    )


def _go_on(run: Run, given: Own) -> str:
    if given:
        return "Repeat the call of tfgan.train_and_export to resume"
    alone = strategies.workers(run.strategy) == 1
    return f"Resume with{f':{chr(10)}{run.config.command()}' if alone else ' all workers'}"

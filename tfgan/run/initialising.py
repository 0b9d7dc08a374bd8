"""`--init_from`: starts a new run from another run's networks."""

import contextlib
import itertools
from collections import defaultdict
from collections.abc import Callable, Iterator
from typing import Any

import filelock
import keras

from tfgan.gan import GAN
from tfgan.ground.errors import UserError
from tfgan.run import checkpointing, restoring
from tfgan.run.config import TrainConfig
from tfgan.run.workdir import LOCK, Workdir


def check(config: TrainConfig, anew: bool) -> None:
    """Makes sure, before the work, that the other run is there and has what this one needs.

    A run that has a checkpoint of its own needs the other one no more.

    Args:
        config: the run's options.
        anew: whether it is to begin again all the same.

    Raises:
        UserError: if not.
    """
    other = Workdir(config.init_from, "--init_from")
    here = Workdir(config.workdir)
    if other.path.resolve() == here.path.resolve():
        raise UserError(f"{other.named}: is the same as --workdir; use another --workdir")
    if checkpointing.newest(here.checkpoints) is not None and not anew:
        return
    if not other.path.is_dir():
        what = "is a file" if other.path.exists() else "no such folder"
        raise UserError(f"{other.named}: {what}; name the folder of a run")
    theirs = restoring.recorded_config(other)
    if theirs.network != config.network:
        raise UserError(
            f"{other.named}: its networks are --network={theirs.network}, and those of this run "
            f"--network={config.network}; they must be the same"
        )
    if checkpointing.newest(other.checkpoints) is None:
        raise UserError(f"{other.named}: has no checkpoint; name a run that has trained")


def take(gan: GAN, other: Workdir, say: Callable[[str], None]) -> dict[str, Any]:
    """Gives the networks the weights of another run's newest whole checkpoint, layer by layer.

    Layers are compared by their kind and their place among those of that kind; one whose weights
    have other shapes stays as it is. The moving average takes the other run's, if it has one, else
    what the generator took.

    Args:
        gan: the model, at step 0.
        other: the other run's folder.
        say: takes a line for each layer that stays.

    Returns:
        What `config.json` keeps of it: "step" and "sha256" of the checkpoint, how many layers were
        "taken", and the names of those that stay "fresh".

    Raises:
        UserError: if there is no whole checkpoint, no layer fits, or the other run is training.
    """
    with _still(other):
        try:
            found = restoring.restore(other, say)
        except checkpointing.NoneWhole:
            raise UserError(f"{other.named}: all of its checkpoints are damaged") from None
        digest = checkpointing.digest(found.checkpoint)
    theirs, step = found.gan, int(found.checkpoint.name)
    pairs = [(gan.generator, theirs.generator), (gan.discriminator, theirs.discriminator)]
    problems: dict[str, str] = {}
    taken = 0
    for mine, source in pairs:
        fresh = dict(_take_layers(mine, source))
        problems |= fresh
        taken += len(_layers(mine)) - len(fresh)
    if not taken:
        raise UserError(
            f"{other.named}: none of its layers fits this run's networks; name a run with the "
            "same --hidden_size, or leave --init_from out"
        )
    if gan.ema_generator is not None:
        averaged = theirs.ema_generator
        for _ in _take_layers(gan.ema_generator, gan.generator if averaged is None else averaged):
            pass  # said of the generator
    for name, problem in problems.items():
        say(f"{other.named}: {name} is initialised as usual: {problem}")
    say(
        f"{other.named}: loaded the weights of {'all ' if not problems else ''}{taken} layers "
        f"from step {step:,}{f'; {len(problems)} are initialised as usual' if problems else ''}"
    )
    return {"step": step, "sha256": digest, "taken": taken, "fresh": list(problems)}


@contextlib.contextmanager
def _still(other: Workdir) -> Iterator[None]:
    """Makes sure that nobody trains the other run, whose checkpoints would come and go."""
    lock = filelock.FileLock(other.path / LOCK, timeout=0)
    try:
        lock.acquire()
    except filelock.Timeout:
        raise UserError(
            f"{other.named}: another process is training there; wait until it ends, or stop it"
        ) from None
    except OSError:
        pass  # a folder that nobody may write to: nobody trains there
    try:
        yield
    finally:
        lock.release()


def _layers(network: keras.Model) -> dict[str, keras.layers.Layer]:
    """The layers that have weights, each by its kind and its number among those: "Dense 2"."""
    counts: dict[str, Iterator[int]] = defaultdict(lambda: itertools.count(1))
    found = {}
    for layer in network.layers:
        if layer.weights:
            kind = type(layer).__name__
            found[f"{kind} {next(counts[kind])}"] = layer
    return found


def _take_layers(mine: keras.Model, theirs: keras.Model) -> Iterator[tuple[str, str]]:
    """Takes the weights of each layer that fits; yields the others, and why each does not."""
    others = _layers(theirs)
    for name, layer in _layers(mine).items():
        label = f"{mine.name} {name}"
        if name not in others:
            yield label, "the other run has no such layer"
            continue
        shapes = [
            [tuple(weight.shape) for weight in each.weights] for each in (layer, others[name])
        ]
        if shapes[0] == shapes[1]:
            layer.set_weights(others[name].get_weights())
        else:
            here, there = (" and ".join(map(str, each)) for each in shapes)
            yield label, f"its weights have the shapes {here}, those of the other run {there}"

"""Checkpoints: everything that the next step depends on, whole or not at all."""

import errno
import hashlib
import pathlib
import shutil
from collections.abc import Callable

import keras
import numpy as np
import tensorflow as tf

from tfgan.gan import GAN
from tfgan.ground.errors import Diverged, UserError, first_line
from tfgan.ground.files import without_patterns, write_folder
from tfgan.run.best import Best

_SUMS = "SHA256SUMS"
_FOLDERS = "[0-9]" * 9
_NOT_OF_THE_FILE = (errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EACCES, errno.EPERM)


class NoneWhole(UserError):  # noqa: N818, what a run's folder has come to
    """There are checkpoints, and each is damaged."""


class Checkpoints:
    """The newest states of a run, each in a folder named after its step.

    A state is all networks, both optimizers, the step and the running means of the epoch; and the
    best generator so far with its score, if the run keeps it. There is no generator of random
    numbers in it, see `tfgan.noise`, but for those of Keras' own layers. Each folder holds its
    files' SHA-256, which `sha256sum -c SHA256SUMS` checks too.

    Args:
        folder: the folder that holds them.
        gan: the compiled model.
        keep: how many of the newest stay.
        best: the best generator so far, if the run keeps it.
    """

    def __init__(self, folder: pathlib.Path, gan: GAN, keep: int = 3, best: Best | None = None):
        self._folder = folder
        self._gan = gan
        self._keep = keep
        self._networks = {"generator": gan.generator, "discriminator": gan.discriminator}
        if gan.ema_generator is not None:
            self._networks["ema_generator"] = gan.ema_generator
        self._checkpoint = tf.train.Checkpoint(
            **self._networks,
            d_optimizer=gan.d_optimizer,
            g_optimizer=gan.g_optimizer,
            step=gan.step.value,
            means=[variable.value for variable in self._means()],
            **({"draws": draws} if (draws := self._draws()) else {}),
            **({"best_generator": best.generator, "best": best.variables} if best else {}),
        )

    def _draws(self) -> list[tf.Variable]:
        """Where layers with random numbers of Keras' are in them: variables, but no weights."""
        return [
            variable.value
            for network in (self._gan.generator, self._gan.discriminator)
            for variable in network.variables
            if all(variable is not weight for weight in network.weights)
        ]

    def state(self) -> list[keras.Variable]:
        """Every variable of a checkpoint that all workers have; the chief alone has the best."""
        gan = self._gan
        parts = (*self._networks.values(), gan.d_optimizer, gan.g_optimizer)
        return [
            *(variable for part in parts for variable in part.variables),
            gan.step,
            *self._means(),
        ]

    def _means(self) -> list[keras.Variable]:
        return [variable for metric in self._gan.metrics for variable in metric.variables]

    def save(self) -> pathlib.Path:
        """Writes the state of now.

        Raises:
            OSError: if it cannot be written; those before it stay.
            Diverged: if a weight is not finite any more.
        """
        self.check_finite()
        step = int(self._gan.step.numpy())
        path = self._folder / f"{step:09d}"
        write_folder(path, self._write)
        for old in self._steps()[self._keep :]:
            shutil.rmtree(old)
        return path

    def check_finite(self) -> None:
        """Makes sure that the networks are worth to be kept and drawn with.

        Raises:
            Diverged: if a weight is not finite any more.
        """
        for name, network in self._networks.items():
            for weight in network.weights:
                if not np.isfinite(weight.numpy()).all():
                    step = int(self._gan.step.numpy())
                    raise diverged(step, f"weights of the {name}", self.newest())

    def _write(self, folder: pathlib.Path) -> None:
        self._checkpoint.write(str(folder / "state"))
        sums = "".join(f"{_sha256(file)}  {file.name}\n" for file in sorted(folder.iterdir()))
        (folder / _SUMS).write_text(sums)

    def _steps(self) -> list[pathlib.Path]:
        """Checkpoint folders, newest first."""
        return sorted(_folders(self._folder), reverse=True)

    def newest(self) -> pathlib.Path | None:
        """The newest checkpoint's folder, if there is one."""
        return newest(self._folder)

    def restore_newest(self, say: Callable[[str], None]) -> pathlib.Path | None:
        """Restores the newest whole checkpoint, and says which newer ones are damaged.

        Returns:
            Its folder; None if there is no checkpoint yet.

        Raises:
            NoneWhole: if there are checkpoints and none is whole.
        """
        folders = self._steps()
        for folder in folders:
            problem = _problem(folder) or self._read(folder)
            if not problem:
                return folder
            say(f"Checkpoint {folder} is damaged ({problem}); trying the previous one")
        if folders:
            raise NoneWhole(
                f"{self._folder}: all checkpoints are damaged; use --overwrite to start over"
            )
        return None

    def put_damaged_aside(self) -> None:
        """Renames what is newer than the restored step: it was damaged, and may not count."""
        for folder in self._steps():
            if int(folder.name) > int(self._gan.step.numpy()):
                aside = folder.with_name(f"{folder.name}.damaged")
                shutil.rmtree(aside, ignore_errors=True)
                folder.rename(aside)

    def _read(self, folder: pathlib.Path) -> str | None:
        """Restores a checkpoint; returns what is wrong with it, or None."""
        try:
            with without_patterns(folder) as plain:
                self._checkpoint.read(str(plain / "state")).assert_existing_objects_matched()
        except (AssertionError, ValueError, tf.errors.NotFoundError):
            return "it is of another model"
        except (tf.errors.OpError, OSError) as error:
            raise UserError(f"{folder}: cannot be read: {first_line(error)}") from None
        if int(self._gan.step.numpy()) != int(folder.name):
            return f"it is of step {int(self._gan.step.numpy())}"
        return None

    def means_keeper(self) -> Callable[[], None]:
        """Remembers the running means; the call that it returns puts them back.

        Keras resets them when `fit` begins an epoch, also one that is resumed in its middle.
        """
        kept = [(variable, variable.numpy()) for variable in self._means()]

        def put_back() -> None:
            for variable, value in kept:
                variable.assign(value)

        return put_back


def newest(folder: pathlib.Path) -> pathlib.Path | None:
    """The newest checkpoint in a run's folder of them, if there is one."""
    return max(_folders(folder), default=None)


def digest(folder: pathlib.Path) -> str:
    """A checkpoint's SHA-256, by which it can be told from another: that of its list of sums."""
    return _sha256(folder / _SUMS)


def _folders(folder: pathlib.Path) -> list[pathlib.Path]:
    return [path for path in folder.glob(_FOLDERS) if path.is_dir()]  # a file is not ours


def diverged(step: int, quantity: str, newest: pathlib.Path | None) -> Diverged:
    """What ends a run whose numbers are not finite any more."""
    kept = f"{newest} is the newest checkpoint" if newest else "there is no checkpoint yet"
    what = f"step {step:,}: {quantity} not finite"
    return Diverged(
        f"{what}: the run has diverged; {kept}; start over with a lower --d_learning_rate or "
        "--g_learning_rate, in another --workdir or with --overwrite",
        what,
    )


def _sha256(file: pathlib.Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


def _problem(folder: pathlib.Path) -> str | None:
    """What is wrong with a checkpoint folder, or None if it is whole."""
    try:
        lines = (folder / _SUMS).read_text().splitlines()
        sums = {name: checksum for checksum, name in (line.split("  ", 1) for line in lines)}
        if "state.index" not in sums or any("/" in name for name in sums):
            return f"{_SUMS} was changed"
        wrong = [name for name, checksum in sums.items() if _sha256(folder / name) != checksum]
    except FileNotFoundError as error:
        return f"{pathlib.Path(error.filename).name} is missing"
    except ValueError:
        return f"{_SUMS} cannot be read"
    except OSError as error:
        if error.errno in _NOT_OF_THE_FILE:
            raise UserError(f"{folder}: cannot be read: {error.strerror}") from None
        return f"{error.strerror}"
    return f"{wrong[0]} has another checksum" if wrong else None

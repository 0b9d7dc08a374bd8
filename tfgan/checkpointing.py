"""Checkpoints: everything that the next step depends on, whole or not at all."""

import hashlib
import pathlib
import shutil
from collections.abc import Callable

import tensorflow as tf

from tfgan.errors import UserError
from tfgan.gan import GAN
from tfgan.workdir import write_folder

KEEP = 3
_SUMS = "SHA256SUMS"


class Checkpoints:
    """The newest states of a run, each in a folder named after its step.

    A state is both networks, both optimizers, the step and the running means of the epoch.
    There is no generator of random numbers in it: see `tfgan.noise`. Each folder holds its
    files' SHA-256, which `sha256sum -c SHA256SUMS` checks too.
    """

    def __init__(self, folder: pathlib.Path, gan: GAN):
        self._folder = folder
        self._gan = gan
        self._checkpoint = tf.train.Checkpoint(
            generator=gan.generator,
            discriminator=gan.discriminator,
            d_optimizer=gan.d_optimizer,
            g_optimizer=gan.g_optimizer,
            step=gan.step.value,
            means=[variable.value for variable in self._means()],
        )

    def _means(self) -> list:
        return [variable for metric in self._gan.metrics for variable in metric.variables]

    def save(self) -> pathlib.Path:
        """Writes the state of now; keeps the newest three."""
        path = self._folder / f"{int(self._gan.step.numpy()):09d}"
        write_folder(path, self._write)
        for old in self._steps()[KEEP:]:
            shutil.rmtree(old)
        return path

    def _write(self, folder: pathlib.Path) -> None:
        self._checkpoint.write(str(folder / "state"))
        sums = "".join(f"{_sha256(file)}  {file.name}\n" for file in sorted(folder.iterdir()))
        (folder / _SUMS).write_text(sums)

    def _steps(self) -> list[pathlib.Path]:
        """Checkpoint folders, newest first."""
        return sorted(self._folder.glob("[0-9]" * 9), reverse=True)

    def restore_newest(self, say: Callable[[str], None]) -> pathlib.Path | None:
        """Restores the newest whole checkpoint, and says which newer ones are damaged.

        Returns:
            Its folder; None if there is no checkpoint yet.

        Raises:
            UserError: if there are checkpoints and none is whole.
        """
        folders = self._steps()
        for folder in folders:
            if problem := _problem(folder):
                say(f"Checkpoint {folder} is damaged ({problem}); trying the one before it")
                continue
            self._checkpoint.read(str(folder / "state")).assert_existing_objects_matched()
            return folder
        if folders:
            raise UserError(
                f"{self._folder}: no checkpoint is whole; --overwrite starts the run anew"
            )
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


def _sha256(file: pathlib.Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


def _problem(folder: pathlib.Path) -> str | None:
    """What is wrong with a checkpoint folder, or None if it is whole."""
    try:
        lines = (folder / _SUMS).read_text().splitlines()
        sums = {name: checksum for checksum, name in (line.split("  ", 1) for line in lines)}
        if "state.index" not in sums:
            return f"{_SUMS} is incomplete"
        wrong = [name for name, checksum in sums.items() if _sha256(folder / name) != checksum]
    except FileNotFoundError as error:
        return f"{pathlib.Path(error.filename).name} is missing"
    except (OSError, ValueError):
        return f"{_SUMS} cannot be read"
    return f"{wrong[0]} has another checksum" if wrong else None

"""The one folder that a run writes to: its names, and writes that are never half done."""

import json
import os
import pathlib
import shutil
from collections.abc import Callable
from typing import Any

from tfgan.errors import UserError


def write_file(path: pathlib.Path, content: bytes) -> None:
    """Writes beside, then renames: `path` holds the old content or the new, whatever happens."""
    beside = path.with_name(f".{path.name}.part")
    with open(beside, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    os.replace(beside, path)


def write_folder(path: pathlib.Path, fill: Callable[[pathlib.Path], None]) -> None:
    """Lets `fill` write a folder beside `path`, then puts it in its place."""
    beside = path.with_name(f".{path.name}.part")
    old = path.with_name(f".{path.name}.old")
    for leftover in (beside, old):
        shutil.rmtree(leftover, ignore_errors=True)
    fill(beside)
    if path.exists():
        os.replace(path, old)
    os.replace(beside, path)
    shutil.rmtree(old, ignore_errors=True)


class Workdir:
    """Names of everything that a run leaves.

    Attributes:
        config: every setting, versions, thread counts.
        samples: pictures.
        checkpoints: the newest states, each a folder named after its step.
        tensorboard: event files.
        metrics: one CSV row an epoch.
        generator: the SavedModel.
    """

    def __init__(self, path: str):
        self.path = pathlib.Path(path).expanduser()
        self.config = self.path / "config.json"
        self.samples = self.path / "samples"
        self.checkpoints = self.path / "checkpoints"
        self.tensorboard = self.path / "tensorboard"
        self.metrics = self.path / "metrics.csv"
        self.generator = self.path / "generator"

    def check(self) -> None:
        """Makes sure, without writing, that a run can live here.

        Raises:
            UserError: if the folder is a file, cannot be written, or holds something else.
        """
        flag = f"--workdir={self.path}"
        if self.path.exists() and not self.path.is_dir():
            raise UserError(f"{flag}: is a file; give a folder")
        nearest = next(parent for parent in (self.path, *self.path.parents) if parent.exists())
        if not nearest.is_dir():
            raise UserError(f"{flag}: {nearest} is a file; give a folder")
        if not os.access(nearest, os.W_OK):
            raise UserError(f"{flag}: {nearest} cannot be written to")
        if self.path.exists() and not self.config.exists() and any(self.path.iterdir()):
            raise UserError(f"{flag}: holds files but no run of tfgan; give an empty folder")

    def recorded(self) -> dict[str, Any] | None:
        """The options of the run that lives here; None if there is none yet.

        Raises:
            UserError: if `config.json` cannot be read.
        """
        if not self.config.exists():
            return None
        try:
            options = json.loads(self.config.read_text())["config"]
            if not isinstance(options, dict):
                raise ValueError
            return options
        except (ValueError, KeyError, TypeError, OSError):
            raise UserError(f"{self.config}: is damaged; --overwrite starts the run anew") from None

    def create(self, config: dict[str, Any], environment: dict[str, Any]) -> None:
        """Makes the folders and writes `config.json`."""
        try:
            for folder in (self.path, self.samples, self.checkpoints, self.tensorboard):
                folder.mkdir(parents=True, exist_ok=True)
            content = {"config": config, "environment": environment}
            write_file(self.config, (json.dumps(content, indent=2) + "\n").encode())
        except OSError as error:
            raise UserError(f"--workdir={self.path}: {error.strerror}") from None

    def clear(self) -> None:
        """Removes what a run left here, and nothing else."""
        for folder in (self.samples, self.checkpoints, self.tensorboard, self.generator):
            shutil.rmtree(folder, ignore_errors=True)
        for file in (self.metrics, self.config):
            file.unlink(missing_ok=True)

"""The one folder that a run writes to."""

import contextlib
import csv
import json
import pathlib
import re
from collections.abc import Iterator
from typing import Any

import filelock

from tfgan.ground.errors import UserError
from tfgan.ground.files import OLD, PART, check_folder, remove, user_path, write_file

LOCK = ".lock"
STEP = "training_step.txt"  # in the folder of an exported generator
# The names of what is written beside its place, whose leftovers are `.NAME.part` and `.NAME.old`.
_WRITTEN = re.compile(
    r"config\.json|metrics\.csv|monitors\.jsonl|diverged\.txt|report\.html|generator|generator_raw|"
    r"real\.png|(fake|fixed)_\d+\.png|training\.gif|\d{9}|events\.out\.tfevents\..*"
)


class Workdir:
    """Names of everything that a run leaves.

    Args:
        path: the folder.
        flag: what it was given as, for messages.

    Attributes:
        path: the folder.
        named: the same as the user gave it, for messages.
        config: every setting, versions, thread counts.
        samples: pictures.
        training_gif: those of the fixed latents, as an animation.
        checkpoints: the newest states, each a folder named after its step.
        tensorboard: event files.
        metrics: one CSV row an epoch.
        monitors: what the doctor saw, one line of JSON each time.
        diverged: why the run ended, if its numbers were not finite any more.
        generator: the SavedModel that draws: the generator, or its moving average.
        raw_generator: the generator itself, where there is such an average.
        evaluation: what `python -m tfgan.evaluate` found.
        exports: what `python -m tfgan.export` wrote, a folder a generator.
        report: what the run did, for a browser.
    """

    def __init__(self, path: str, flag: str = "--workdir"):
        self.path = user_path(path, flag)
        self.named = f"{flag}={self.path}"
        self.config = self.path / "config.json"
        self.samples = self.path / "samples"
        self.training_gif = self.samples / "training.gif"
        self.checkpoints = self.path / "checkpoints"
        self.tensorboard = self.path / "tensorboard"
        self.metrics = self.path / "metrics.csv"
        self.monitors = self.path / "monitors.jsonl"
        self.diverged = self.path / "diverged.txt"
        self.generator = self.path / "generator"
        self.raw_generator = self.path / "generator_raw"
        self.evaluation = self.path / "evaluation"
        self.exports = self.path / "exports"
        self.report = self.path / "report.html"

    def check(self) -> None:
        """Makes sure, without writing, that a run can live here.

        Raises:
            UserError: if the folder is a file, cannot be written, or holds something else.
        """
        try:
            self._check()
        except OSError as error:
            raise UserError(f"{self.named}: {error.strerror}") from None

    def _check(self) -> None:
        check_folder(self.path, "--workdir")
        if not self.path.exists():
            return
        foreign = any(not _is_own_leftover(file) for file in self.path.iterdir())
        if self.config.exists():
            try:
                foreign = not _is_record(json.loads(self.config.read_bytes()))
            except ValueError:
                foreign = False  # damaged; `recorded` says so
        if foreign:
            raise UserError(f"{self.named}: holds files but no run of tfgan; use an empty folder")

    def recorded(self) -> dict[str, Any] | None:
        """The content of `config.json`: "config" and "environment"; None if there is none yet.

        Raises:
            UserError: if `config.json` cannot be read.
        """
        if not self.config.exists():
            return None
        try:
            return json.loads(self.config.read_bytes())
        except ValueError:
            raise UserError(f"{self.config}: is damaged; use --overwrite to start over") from None
        except OSError as error:
            raise UserError(f"{self.config}: cannot be read: {error.strerror}") from None

    def existing_run(self) -> dict[str, Any]:
        """What `recorded` returns, of a folder that must hold a run.

        Raises:
            UserError: if there is none, or `config.json` cannot be read.
        """
        recorded = self.recorded()
        if recorded is None:
            raise UserError(f"{self.named}: no run there; python -m tfgan.train creates one")
        return recorded

    def epochs(self) -> list[dict[str, str]]:
        """The rows of `metrics.csv`, an epoch each; none before the end of the first.

        Raises:
            UserError: if there is something else than numbers.
        """
        if not self.metrics.exists():
            return []
        try:
            with open(self.metrics, newline="", encoding="utf-8") as file:
                rows = list(csv.DictReader(file))
            for row in rows:
                [float(value or "nan") for value in row.values()]
                if int(row["epoch"]) < 0 or int(row["step"]) < 0:
                    raise ValueError
        except (ValueError, KeyError, TypeError, csv.Error):
            raise UserError(
                f"{self.metrics}: is damaged; repair it, or remove it, and the curves start over"
            ) from None
        return rows

    def fixed_pictures(self) -> dict[int, pathlib.Path]:
        """The pictures of the fixed latents by their epoch, in order."""
        found = {
            int(match[1]): file
            for file in self.samples.glob("fixed_*.png")
            if (match := re.fullmatch(r"fixed_(\d+)\.png", file.name))
        }
        return dict(sorted(found.items()))

    @contextlib.contextmanager
    def lock(self) -> Iterator[None]:
        """Keeps the folder, made if need be, to this process; a dead process keeps no lock.

        Raises:
            UserError: if another process has it.
            OSError: if the folder cannot be made.
        """
        self.path.mkdir(parents=True, exist_ok=True)
        try:
            with filelock.FileLock(self.path / LOCK, timeout=0):
                yield
        except filelock.Timeout:
            raise UserError(
                f"{self.named}: another process is training there; use another folder"
            ) from None

    def create(self, config: dict[str, Any], environment: dict[str, Any]) -> None:
        """Writes `config.json`, makes the folders, and removes what a killed run left half done.

        Raises:
            OSError: if something cannot be written.
        """
        content = {"config": config, "environment": environment}
        self.diverged.unlink(missing_ok=True)
        self._write_record(content)
        for folder in (self.samples, self.checkpoints, self.tensorboard):
            folder.mkdir(exist_ok=True)
            for file in filter(_is_own_leftover, folder.iterdir()):
                remove(file)

    def record_best(self, best: dict[str, Any] | None) -> None:
        """Notes in `config.json` which generator is exported as the best; `create` forgets it.

        Raises:
            OSError: if it cannot be written.
        """
        self._write_record(self.existing_run() | {"best": best})

    def _write_record(self, content: dict[str, Any]) -> None:
        write_file(self.config, (json.dumps(content, indent=2) + "\n").encode())

    def has_progress(self) -> bool:
        """Whether something here shows that the run had got further than to its first checkpoint.

        A run writes its first checkpoint by the end of its first epoch, so that a killed one can
        be without only in or right after that. What it lost then is written again, the same.
        """
        made = (self.generator, self.raw_generator, self.exports, self.evaluation)
        if any(path.exists() for path in made):
            return True
        shown = max(len(self.epochs()), len(self.fixed_pictures()))
        removed = not self.checkpoints.exists()  # which was there before anything was shown
        return shown > 1 or (removed and (shown > 0 or self.monitors.exists()))

    def clear(self) -> None:
        """Removes the folders and files that a run writes, and nothing beside them."""
        models = (self.generator, self.raw_generator, self.exports)
        for folder in (self.samples, self.checkpoints, self.tensorboard, self.evaluation, *models):
            remove(folder)  # of a link, the link: what it leads to is not ours
        # The config last: it marks the folder as a run.
        for file in (self.metrics, self.monitors, self.diverged, self.report, self.config):
            file.unlink(missing_ok=True)


def exported_step(path: pathlib.Path) -> int | None:
    """The run's step at which a generator was exported to a folder; None if there is none."""
    try:
        return int((path / STEP).read_text())
    except (OSError, ValueError):
        return None


def _is_record(content: Any) -> bool:
    """Whether parsed JSON is what `Workdir.create` writes."""
    return isinstance(content, dict) and all(
        isinstance(content.get(part), dict) for part in ("config", "environment")
    )


def _is_own_leftover(file: pathlib.Path) -> bool:
    """Whether a file is the lock, or what a write that was cut short left."""
    if file.name == LOCK:
        return True
    cut_short = file.name[0] == "." and file.suffix in (PART, OLD)
    return cut_short and bool(_WRITTEN.fullmatch(file.stem[1:]))

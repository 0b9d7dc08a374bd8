"""One frozen, validated `TrainConfig`; the command line flags are made from it."""

import dataclasses
import os
import shlex
import shutil
import sys
from collections.abc import Callable
from typing import Any

from absl import flags

from tfgan.ground.errors import UserError
from tfgan.run.options import at_least, between, check_all, not_empty, not_negative, option
from tfgan.run.recipe import ENDING_SCHEDULES, Recipe

flags.disclaim_key_flags()  # so that --help shows them as the command's own

STRATEGIES = ("auto", "one_device", "mirrored", "multi_worker")
MOST_THREADS = 4096  # TensorFlow would make however many it is asked for
KEPT_BY = ("", "fcd", "fsd", "coverage", "parzen")  # `tfgan.evaluation.validation.METRICS`
_RENAMED = {"g_loss": "loss"}  # what older runs called an option


@dataclasses.dataclass(frozen=True)
class TrainConfig(Recipe):
    """All settings of a training run. The defaults are the tutorial's recipe.

    Raises:
        UserError: if a value is not allowed; the message names the flag.
    """

    workdir: str = option(
        "runs/tutorial",
        "Folder of the run: everything it writes goes there. Name the same folder again to resume "
        "the run.",
        check=not_empty,
        free=True,
    )
    epochs: int = option(
        200,
        "Passes over the training set. With the tutorial's recipe, 1 gives blobs, 20 give rough "
        "digits, 200 give digits. More epochs extend a finished run.",
        check=at_least(1),
        free=True,
    )
    strategy: str = option(
        "auto",
        "How to distribute training: one_device; mirrored, over all devices of this machine; "
        "multi_worker, over the processes that TF_CONFIG or Slurm describes. auto takes "
        "multi_worker if the environment describes a cluster, else mirrored if there are several "
        "GPUs, else one_device.",
        choices=STRATEGIES,
        free=True,
    )
    devices: str = option(
        "",
        "Devices of this machine to use, such as GPU:1 or GPU:0,GPU:2. CPU uses no GPU. "
        "CPU:0,CPU:1 splits the CPU in two, to try --strategy=mirrored. Empty: all GPUs, or the "
        "CPU if there are none.",
        free=True,
    )
    worker_timeout: int = option(
        120,
        "Abort if a worker fails to join or stops responding for this many seconds. Silence of up "
        "to half of that is always tolerated.",
        check=at_least(1),
        free=True,
    )
    jit_compile: bool = option(
        True,
        "Compile the training step with XLA where that is possible (one device) and faster (on a "
        "CPU, not --network=resnet or mixed precision). With and without it, results differ by "
        "rounding.",
    )
    threads: int = option(
        0,
        "CPU threads for one operation. 0: one per core. Set it to get the same bits on machines "
        "with different numbers of cores.",
        check=between(0, MOST_THREADS),
    )
    steps_per_execution: int = option(
        0,
        "Training steps per call into TensorFlow; must divide the steps of an epoch. With fewer "
        "steps, Ctrl-C acts sooner. More steps have less overhead, but hold more batches in "
        "memory. 0: the largest divisor up to 25 whose images take at most 64 MiB.",
        check=at_least(0),
    )
    log_every: int = option(300, "Print a log line every N steps.", check=at_least(1), free=True)
    checkpoint_every_minutes: float = option(
        1.0,
        "Write a checkpoint every N minutes; a killed run loses at most that much. 0: not by time. "
        "The end of the first epoch, the end of the run, Ctrl-C, SIGTERM and SIGHUP always write "
        "one.",
        check=not_negative,
        free=True,
    )
    checkpoint_every_steps: int = option(
        0,
        "Write a checkpoint every N steps, at the next call into TensorFlow. 0: not by steps.",
        check=at_least(0),
        free=True,
    )
    keep_checkpoints: int = option(
        3,
        "Number of checkpoints to keep. If the newest is damaged, the run resumes from the one "
        "before it.",
        check=at_least(1),
        free=True,
    )
    histograms_every: int = option(
        0,
        "Write histograms of weights and gradients for TensorBoard every N epochs. Look at them "
        "when a network stops learning. 0: never.",
        check=at_least(0),
        free=True,
    )

    monitor_every: int = option(
        0,
        "Run the doctor every N epochs. It writes V(D, G), bounds of the Jensen-Shannon divergence "
        "and its findings to TensorBoard and monitors.jsonl, and takes about as long as an epoch "
        "of MNIST. 0: never; python -m tfgan.doctor examines any run afterwards.",
        check=at_least(0),
        free=True,
    )
    evaluate_every: int = option(
        0,
        "Score samples every N epochs. Scores go to TensorBoard and metrics.csv; the time taken is "
        "printed. With --keep_best, only that score is computed. 0: never. To compare runs, use "
        "python -m tfgan.evaluate instead.",
        check=at_least(0),
        free=True,
    )
    keep_best: str = option(
        "",
        "Export the generator that scored best on the validation images instead of the last one, "
        "by fcd (sets with classes), fsd (pictures without classes), coverage, or parzen (the "
        "paper's log-likelihood). Needs --evaluate_every, and a --split that leaves out the "
        "validation images, such as train[:50000] of MNIST. Empty: the last one.",
        choices=KEPT_BY,
    )
    patience: int = option(
        0,
        "End the run after this many scores in a row that do not improve on the best. A larger "
        "value extends a run that has ended. 0: never.",
        check=at_least(0),
        free=True,
        only_with={"keep_best": KEPT_BY[1:]},
    )
    max_minutes: float = option(
        0.0,
        "End after this many minutes of training in this process, with a checkpoint, the exported "
        "generator and the report. Rerun the command to resume. 0: no limit.",
        check=not_negative,
        free=True,
    )
    init_from: str = option(
        "",
        "Folder of another run to take the initial weights from (its newest checkpoint). "
        "Optimizers are new, and training starts at step 0. Layers whose shapes differ are "
        "initialised as usual. Use it to fine-tune on another set or with another learning rate.",
    )

    def __post_init__(self) -> None:
        check_all(self)
        self.check_together()
        if self.keep_best and not 0 < self.evaluate_every <= self.epochs:
            raise UserError(
                f"--keep_best={self.keep_best}: needs --evaluate_every, the epochs between two "
                f"scores, from 1 to --epochs={self.epochs}"
            )

    @classmethod
    def from_recorded(cls, recorded: dict[str, Any]) -> "TrainConfig":
        """The recorded configuration of a run, whose tfgan may have had other options."""
        recorded = {_RENAMED.get(name, name): value for name, value in recorded.items()}
        known = {field.name for field in dataclasses.fields(cls)}
        return cls(**{name: value for name, value in recorded.items() if name in known})

    def to_dict(self) -> dict[str, Any]:
        """All options by name, as values that JSON can store."""
        return dataclasses.asdict(self)

    def deciding(self) -> dict[str, Any]:
        """The options that decide the result of a run, and the epochs."""
        names = ["epochs", *(["evaluate_every", "patience"] if self.keep_best else [])]
        return {
            field.name: getattr(self, field.name)
            for field in dataclasses.fields(self)
            if not field.metadata["free"] or field.name in names
        }

    def shown(self) -> dict[str, Any]:
        """The same without the paths of folders, for a report that may be passed on."""
        return self.deciding() | {"init_from": os.path.basename(self.init_from.rstrip("/"))}

    def command(self) -> str:
        """The shell command that starts or continues this run."""
        changed = [
            f"--{field.name}={value}"
            for field in dataclasses.fields(self)
            if (value := getattr(self, field.name)) != field.default
        ]
        return " ".join([python(), "-m", "tfgan.train", shlex.join(changed)]).strip()

    def differences(self, recorded: dict[str, Any]) -> list[str]:
        """The differences that prevent these options from resuming a recorded run.

        Args:
            recorded: `to_dict()` of the run's own configuration.

        Returns:
            One phrase for each differing option that affects the weights.
        """
        recorded = {_RENAMED.get(name, name): value for name, value in recorded.items()}
        # Where more epochs, or scorings at other times, would be another run.
        also = {"epochs": self.lr_schedule in ENDING_SCHEDULES, "evaluate_every": self.keep_best}
        return [
            f"--{field.name} is {getattr(self, field.name)!r} but the run has {before!r}"
            for field in dataclasses.fields(self)
            if not field.metadata["free"] or also.get(field.name)
            # An older run lacks the options that came later, and did as their defaults do.
            if (before := recorded.get(field.name, field.default)) != getattr(self, field.name)
        ]


def python() -> str:
    """How to call this Python from here: "python" if that is the one, else its path."""
    found = shutil.which("python")
    if found and os.path.samefile(os.path.dirname(found), os.path.dirname(sys.executable)):
        return "python"
    path = os.path.relpath(sys.executable)
    return shlex.quote(sys.executable if path.startswith("..") else path)


def define_flags(*names: str, flag_values: flags.FlagValues = flags.FLAGS, **uses: str) -> None:
    """Defines one absl flag for each named option of `TrainConfig`; for all, without names.

    Args:
        names: names of the options.
        flag_values: the flags object in which they are defined.
        uses: other help texts by name, for options that the command uses differently.
    """
    define: dict[Any, Callable[..., Any]] = {
        int: flags.DEFINE_integer,
        float: flags.DEFINE_float,
        str: flags.DEFINE_string,
        bool: flags.DEFINE_boolean,
    }
    for field in dataclasses.fields(TrainConfig):
        if (names or uses) and field.name not in (*names, *uses):
            continue
        default: Any = field.default
        why = uses.get(field.name, field.metadata["why"])
        choices = field.metadata["choices"]
        if choices:
            flags.DEFINE_enum(field.name, default, choices, why, flag_values=flag_values)
        else:
            define[field.type](field.name, default, why, flag_values=flag_values)


def from_flags() -> TrainConfig:
    """The configuration of the parsed command line."""
    options: dict[str, Any] = {
        field.name: flags.FLAGS[field.name].value for field in dataclasses.fields(TrainConfig)
    }
    return TrainConfig(**options)

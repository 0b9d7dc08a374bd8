"""One frozen, validated `TrainConfig`; the command line flags are made from it."""

import dataclasses
import math
import os
import shlex
import shutil
import sys
from collections.abc import Callable
from typing import Any

from absl import flags

from tfgan.errors import UserError

flags.disclaim_key_flags()  # so that --help shows them as the command's own

G_LOSSES = ("non_saturating", "minimax")
STRATEGIES = ("auto", "one_device", "mirrored", "multi_worker")

_TYPE_NAMES: dict[Any, str] = {
    int: "a whole number",
    float: "a number",
    str: "text",
    bool: "true or false",
}


def _at_least(low: int) -> Callable[[Any], str | None]:
    return lambda value: None if value >= low else f"must be at least {low}"


def _positive(value: float) -> str | None:
    return None if math.isfinite(value) and value > 0 else "must be a positive number"


def _not_negative(value: float) -> str | None:
    return None if math.isfinite(value) and value >= 0 else "must be a number from 0 up"


def _seed(value: int) -> str | None:
    return None if 0 <= value < 2**31 else "must lie between 0 and 2147483647"


def _not_empty(value: str) -> str | None:
    return None if value else "must not be empty"


def _one_of(choices: tuple[str, ...]) -> Callable[[Any], str | None]:
    return lambda value: None if value in choices else f"must be one of {', '.join(choices)}"


def _option(
    default: Any,
    why: str,
    *,
    check: Callable[[Any], str | None] = lambda value: None,
    choices: tuple[str, ...] = (),
    free: bool = False,
) -> Any:
    """A field with its flag's help text.

    Args:
        default: value of the tutorial's recipe.
        why: help text; says why one would change the option.
        check: returns what is wrong with a value, or None.
        choices: the allowed values, if they are few.
        free: whether a resumed run may change the option, because the
            weights that a run arrives at do not depend on it.
    """
    metadata = {
        "why": why,
        "check": _one_of(choices) if choices else check,
        "choices": choices,
        "free": free,
    }
    return dataclasses.field(default=default, metadata=metadata)


@dataclasses.dataclass(frozen=True)
class TrainConfig:
    """Everything that decides a training run. The defaults are the tutorial's recipe.

    Raises:
        UserError: if a value is not allowed; the message names the flag.
    """

    dataset: str = _option(
        "mnist",
        "Image set to imitate, by its TensorFlow Datasets name: mnist, fashion_mnist, kmnist, "
        "emnist/letters, cifar10, ... The networks follow its image shape.",
        check=_not_empty,
    )
    data_dir: str = _option(
        "",
        "Where prepared sets live. Empty: TFDS_DATA_DIR, else TFDS's own default in your home.",
        free=True,
    )
    manual_dir: str = _option(
        "",
        "Folder with the set's original files, for a machine without internet; they are "
        "checked against the checksums that TFDS has registered.",
        free=True,
    )
    cache_limit_mb: int = _option(
        1024,
        "A set that takes more memory than this, decoded, is streamed from its files instead: "
        "slower, and shuffled within windows of half this size. In MB (10^6 bytes).",
        check=_at_least(1),
    )
    workdir: str = _option(
        "runs/tutorial",
        "The one folder that the run writes to. The same folder again resumes the run.",
        check=_not_empty,
        free=True,
    )
    epochs: int = _option(
        200,
        "Passes over the training set. 1 shows blobs, 20 rough digits, 200 digits. A finished "
        "run goes on where it ended if you ask for more.",
        check=_at_least(1),
        free=True,
    )
    batch_size: int = _option(
        100,
        "Real images a step, over all devices together. Larger is faster per image and "
        "makes fewer updates.",
        check=_at_least(1),
    )
    latent_size: int = _option(
        64,
        "Numbers in z, the generator's input. Fewer make smoother walks, more leave room for "
        "variety.",
        check=_at_least(1),
    )
    hidden_size: int = _option(
        256,
        "Units in each hidden layer of both networks. More draw finer strokes and cost time.",
        check=_at_least(1),
    )
    g_loss: str = _option(
        "non_saturating",
        "Generator's objective: non_saturating maximises log D(G(z)), minimax minimises "
        "log(1 - D(G(z))), the paper's first form, whose gradient vanishes early on.",
        choices=G_LOSSES,
    )
    d_learning_rate: float = _option(
        0.0002,
        "Adam's learning rate for the discriminator. Lower it if D_loss falls to 0.",
        check=_positive,
    )
    g_learning_rate: float = _option(
        0.0002, "Adam's learning rate for the generator.", check=_positive
    )
    seed: int = _option(
        777,
        "Decides every random number: weights, order of the images, latents. Change it to see "
        "how much of a result is luck.",
        check=_seed,
    )
    strategy: str = _option(
        "auto",
        "Where the work goes: one_device, mirrored (all devices of this machine), multi_worker "
        "(the processes of TF_CONFIG or of a Slurm step), or auto: multi_worker if the environment "
        "describes a cluster, else mirrored if there are several GPUs, else one_device.",
        choices=STRATEGIES,
        free=True,
    )
    devices: str = _option(
        "",
        "Devices of this machine to use, such as GPU:1 or GPU:0,GPU:2. CPU leaves the GPUs alone; "
        "CPU:0,CPU:1 splits the CPU in two, to try --strategy=mirrored. Empty: all.",
        free=True,
    )
    worker_timeout: int = _option(
        120,
        "Seconds until a worker that does not come, or falls silent, is given up, and all end. "
        "Half of it is always forgiven.",
        check=_at_least(1),
        free=True,
    )
    jit_compile: bool = _option(
        True,
        "Compile the train step with XLA where that is possible (one device). Faster; rounds "
        "differently in the last digits.",
    )
    threads: int = _option(
        0,
        "CPU threads for one operation; 0 means one a core. Fix it to get the same bits on "
        "machines with different numbers of cores.",
        check=_at_least(0),
    )
    steps_per_execution: int = _option(
        0,
        "Training steps a call into TensorFlow; must divide the steps of an epoch. Fewer react "
        "sooner to Ctrl-C, more save overhead and hold more batches in memory. 0 picks the largest "
        "divisor up to 25 whose images take at most 64 MiB.",
        check=_at_least(0),
    )
    log_every: int = _option(300, "Steps between two log lines.", check=_at_least(1), free=True)
    checkpoint_every_minutes: float = _option(
        1.0,
        "Minutes between two checkpoints: what a killed run loses at most. 0: none by the clock. "
        "The end of the run, Ctrl-C and SIGTERM always write one.",
        check=_not_negative,
        free=True,
    )
    checkpoint_every_steps: int = _option(
        0,
        "Steps between two checkpoints, at the next call into TensorFlow. 0: none by steps.",
        check=_at_least(0),
        free=True,
    )
    keep_checkpoints: int = _option(
        3,
        "How many of the newest checkpoints stay. If one turns out damaged, the one before it is "
        "used.",
        check=_at_least(1),
        free=True,
    )
    histograms_every: int = _option(
        0,
        "Epochs between two histograms of weights and gradients in TensorBoard; 0 writes none. "
        "Look at them when a network stops learning.",
        check=_at_least(0),
        free=True,
    )

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            if field.type is float and type(value) is int:
                object.__setattr__(self, field.name, float(value))
            elif type(value) is not field.type:
                kind = _TYPE_NAMES[field.type]
                raise UserError(f"--{field.name}={value!r}: must be {kind}")
            problem = field.metadata["check"](getattr(self, field.name))
            if problem:
                raise UserError(f"--{field.name}={value}: {problem}")

    def to_dict(self) -> dict[str, Any]:
        """All options by name, as plain values that JSON can hold."""
        return dataclasses.asdict(self)

    def deciding(self) -> dict[str, Any]:
        """The options that decide the weights which a run arrives at, and the epochs."""
        return {
            field.name: getattr(self, field.name)
            for field in dataclasses.fields(self)
            if not field.metadata["free"] or field.name == "epochs"
        }

    def command(self) -> str:
        """The shell command that starts or continues this run."""
        changed = [
            f"--{field.name}={value}"
            for field in dataclasses.fields(self)
            if (value := getattr(self, field.name)) != field.default
        ]
        return " ".join([python(), "-m", "tfgan.train", shlex.join(changed)]).strip()

    def differences(self, recorded: dict[str, Any]) -> list[str]:
        """What keeps a run recorded with other options from being continued with these.

        Args:
            recorded: `to_dict()` of the run's own configuration.

        Returns:
            One phrase for each option that decides the weights and differs.
        """
        return [
            f"--{field.name} is {getattr(self, field.name)!r} but the run has {before!r}"
            for field in dataclasses.fields(self)
            # An older run lacks the options that came later, and did as their defaults do.
            if (before := recorded.get(field.name, field.default)) != getattr(self, field.name)
            and not field.metadata["free"]
        ]


def python() -> str:
    """How to call this Python from here: "python" if that is the one, else its path."""
    found = shutil.which("python")
    if found and os.path.samefile(os.path.dirname(found), os.path.dirname(sys.executable)):
        return "python"
    path = os.path.relpath(sys.executable)
    return shlex.quote(sys.executable if path.startswith("..") else path)


def define_flags(*names: str) -> None:
    """Defines one absl flag for each named option of `TrainConfig`; for all, without names."""
    define: dict[Any, Callable[..., Any]] = {
        int: flags.DEFINE_integer,
        float: flags.DEFINE_float,
        str: flags.DEFINE_string,
        bool: flags.DEFINE_boolean,
    }
    for field in dataclasses.fields(TrainConfig):
        if names and field.name not in names:
            continue
        default: Any = field.default
        why, choices = field.metadata["why"], field.metadata["choices"]
        if choices:
            flags.DEFINE_enum(field.name, default, choices, why)
        else:
            define[field.type](field.name, default, why)


def from_flags() -> TrainConfig:
    """The configuration that the parsed command line asks for."""
    options: dict[str, Any] = {
        field.name: flags.FLAGS[field.name].value for field in dataclasses.fields(TrainConfig)
    }
    return TrainConfig(**options)

"""Who takes part: a name, the command of its process, and the packages that it needs.

Every contestant trains the tutorial's networks on the same images, in a process of its own,
without end. It prints a line after its first step and one after each epoch.
"""

import dataclasses
import importlib.util
import sys

FIRST_STEP, EPOCH = "first step", "epoch"


@dataclasses.dataclass(frozen=True)
class Contestant:
    """How to start a contestant and how to read its output.

    Attributes:
        name: as the tables have it.
        arguments: of `python -m`; {images}, {folder}, {batch_size}, {hidden_size}, {steps},
            {dataset}, {data_dir} and {device} are filled in.
        packages: what it imports and tfgan does not need.
        first_step: regular expression at the start of the line after the first step(s).
        epoch: the same for the line after each epoch.
        on_gpus: whether it can work on one.
    """

    name: str
    arguments: tuple[str, ...]
    packages: tuple[str, ...] = ()
    first_step: str = FIRST_STEP
    epoch: str = EPOCH
    on_gpus: bool = True

    def command(self, **values: object) -> list[str]:
        """The command line, with `values` filled in."""
        return [sys.executable, "-m", *(part.format(**values) for part in self.arguments)]

    def missing(self) -> list[str]:
        """The packages that are not installed."""
        return [name for name in self.packages if importlib.util.find_spec(name) is None]


def _peer(name: str, module: str, *variant: str, packages: tuple[str, ...] = ()) -> Contestant:
    flags = ("--images={images}", "--batch_size={batch_size}", "--hidden_size={hidden_size}")
    arguments = (f"benchmarks.contestants.{module}", *variant, *flags, "--device={device}")
    return Contestant(name, arguments, packages, on_gpus=variant != ("numpy",))


FIT, BARE = "tfgan fit", "tfgan bare"
AS_WRITTEN, IN_MEMORY, JAX = "tutorial as written", "tutorial in memory", "JAX"
FLOORS = ("floor (torch)", "floor (numpy)", "floor (TensorFlow)")

ALL = (
    Contestant(
        FIT,
        (
            "tfgan.train",
            "--epochs=1000000",
            "--workdir={folder}/run",
            # Its clock goes on while the ten others have their turns.
            "--checkpoint_every_minutes=11",
            "--log_every={steps}",  # a line at the end of each epoch, whatever its length
            "--dataset={dataset}",
            "--data_dir={data_dir}",
            "--batch_size={batch_size}",
            "--hidden_size={hidden_size}",
            "--devices={device}",
        ),
        first_step=r"First .*building included",
        epoch=r"Epoch: ",
    ),
    _peer(BARE, "tfgan_bare"),
    _peer(AS_WRITTEN, "pytorch", "as_written", packages=("torch", "torchvision")),
    _peer(IN_MEMORY, "pytorch", "in_memory", packages=("torch",)),
    _peer("PyTorch for speed", "pytorch_for_speed", packages=("torch",)),
    _peer("PyTorch compiled", "pytorch_for_speed", "--compile", packages=("torch",)),
    _peer(JAX, "jax_scan", packages=("jax", "optax")),
    _peer("Keras guide", "keras_guide"),
    _peer(FLOORS[0], "floor", "torch", packages=("torch",)),
    _peer(FLOORS[1], "floor", "numpy"),
    _peer(FLOORS[2], "floor", "tensorflow"),
)

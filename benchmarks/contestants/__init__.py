"""Who takes part: a name, the command of its process, and the packages that it needs.

Every contestant trains the networks of one recipe on the same images, in a process of its own,
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
            {dataset}, {data_dir}, {device} and {recipe} are filled in.
        packages: what it imports and tfgan does not need.
        first_step: regular expression at the start of the line after the first step(s).
        epoch: the same for the line after each epoch.
        on_gpus: whether it can work on one.
        recipes: those that it trains by.
    """

    name: str
    arguments: tuple[str, ...]
    packages: tuple[str, ...] = ()
    first_step: str = FIRST_STEP
    epoch: str = EPOCH
    on_gpus: bool = True
    recipes: tuple[str, ...] = ("tutorial",)

    def command(self, **values: object) -> list[str]:
        """The command line, with `values` filled in."""
        return [sys.executable, "-m", *(part.format(**values) for part in self.arguments)]

    def missing(self) -> list[str]:
        """The packages that are not installed."""
        return [name for name in self.packages if importlib.util.find_spec(name) is None]


def _peer(
    name: str,
    module: str,
    *variant: str,
    packages: tuple[str, ...] = (),
    recipes: tuple[str, ...] = ("tutorial",),
) -> Contestant:
    flags = ("--images={images}", "--batch_size={batch_size}", "--hidden_size={hidden_size}")
    where = ("--device={device}", "--recipe={recipe}")
    arguments = (f"benchmarks.contestants.{module}", *variant, *flags, *where)
    return Contestant(name, arguments, packages, recipes=recipes, on_gpus=variant != ("numpy",))


FIT, BARE = "tfgan fit", "tfgan bare"
AS_WRITTEN, IN_MEMORY, JAX = "tutorial as written", "tutorial in memory", "JAX"
FOR_SPEED, COMPILED = "PyTorch for speed", "PyTorch compiled"
FLOORS = ("floor (torch)", "floor (numpy)", "floor (TensorFlow)")
RECIPES = ("tutorial", "best")

ALL = (
    Contestant(
        FIT,
        (
            "tfgan.train",
            "--recipe={recipe}",
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
        first_step=r"First .*compilation included",
        epoch=r"Epoch: ",
        recipes=RECIPES,
    ),
    _peer(BARE, "tfgan_bare", recipes=RECIPES),
    _peer(AS_WRITTEN, "pytorch", "as_written", packages=("torch", "torchvision")),
    _peer(IN_MEMORY, "pytorch", "in_memory", packages=("torch",)),
    _peer(FOR_SPEED, "pytorch_for_speed", packages=("torch",)),
    _peer(COMPILED, "pytorch_for_speed", "--compile", packages=("torch",)),
    _peer(JAX, "jax_scan", packages=("jax", "optax")),
    _peer("Keras guide", "keras_guide"),
    _peer(FOR_SPEED, "pytorch_best", packages=("torch",), recipes=("best",)),
    _peer(COMPILED, "pytorch_best", "--compile", packages=("torch",), recipes=("best",)),
    _peer(JAX, "jax_best", packages=("jax", "optax"), recipes=("best",)),
    _peer(FLOORS[0], "floor", "torch", packages=("torch",), recipes=RECIPES),
    _peer(FLOORS[1], "floor", "numpy", recipes=RECIPES),
    _peer(FLOORS[2], "floor", "tensorflow", recipes=RECIPES),
)

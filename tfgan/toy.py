"""`python -m tfgan.toy` trains a small GAN on a known density, and draws its progress."""

import dataclasses
from collections.abc import Callable

from absl import flags

from tfgan.ground import cli
from tfgan.ground.errors import UserError
from tfgan.ground.files import check_folder
from tfgan.run import topics
from tfgan.theory.recipes import LOSSES, RECIPES


def _prepare() -> Callable[[], None]:
    values = flags.FLAGS.flag_values_dict()
    recipe = RECIPES[values["density"]]
    steps = values["steps"] or recipe.steps
    workdir = values["workdir"] or f"runs/toy-{recipe.density}"
    if steps < recipe.frames or steps % recipe.frames:
        raise UserError(f"--steps={steps}: must be a positive multiple of {recipe.frames}")
    loss = values["loss"] or recipe.loss
    recipe = dataclasses.replace(recipe, steps=steps, loss=loss, seed=values["seed"])
    check_folder(workdir, "--workdir")

    def work() -> None:
        from tfgan.theory import experiment

        experiment.run(recipe, workdir, values["overwrite"])

    return work


def main() -> None:
    """Entry point of the command."""
    flags.DEFINE_enum(
        "density",
        "mixture",
        list(RECIPES),
        "Density to learn. normal, mixture: one-dimensional, drawn as in Figure 1 of the paper. "
        "ring8, grid25: two-dimensional, with modes that GANs tend to miss. classes: a "
        "one-dimensional mixture with three classes, for a conditional GAN.",
    )
    flags.DEFINE_string("workdir", "", "Folder that the run writes to. Empty: runs/toy-DENSITY.")
    flags.DEFINE_integer(
        "steps", 0, "Training steps, a multiple of 50. 0: the default of --density."
    )
    flags.DEFINE_enum(
        "loss",
        "",
        ["", *LOSSES],
        "Objective, as in tfgan.train. Empty: the default of --density.",
    )
    flags.DEFINE_integer(
        "seed",
        777,
        "Seed of every random number. Change it to see how much results vary.",
        lower_bound=0,
        upper_bound=2**31 - 1,
    )
    flags.DEFINE_boolean("overwrite", False, "Remove the toy run in --workdir first.")
    cli.run(_prepare, topics=topics.TOY)


if __name__ == "__main__":
    main()

"""`python -m tfgan.toy`: a small GAN learns a density that is known, and draws how."""

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
        raise UserError(f"--steps={steps}: must be a multiple of {recipe.frames}, but not 0")
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
        "What to learn: normal and mixture are on the line, and drawn as Figure 1 of the paper; "
        "ring8 and grid25 are in the plane, where GANs lose modes; classes: a mixture on the line "
        "whose three modes are classes, which both networks are told.",
    )
    flags.DEFINE_string(
        "workdir", "", "The one folder that the run writes to. Empty: runs/toy-DENSITY."
    )
    flags.DEFINE_integer("steps", 0, "Training steps, a multiple of 50. 0: the recipe's.")
    flags.DEFINE_enum(
        "loss", "", ["", *LOSSES], "Objective, as that of tfgan.train. Empty: the recipe's."
    )
    flags.DEFINE_integer(
        "seed",
        777,
        "Decides every random number. Change it to see how much of a result is luck.",
        lower_bound=0,
        upper_bound=2**31 - 1,
    )
    flags.DEFINE_boolean("overwrite", False, "Removes another toy run in --workdir.")
    cli.run(_prepare, topics=topics.TOY)


if __name__ == "__main__":
    main()

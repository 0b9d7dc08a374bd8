"""`python -m tfgan.train` trains a GAN. Without flags, it follows the tutorial's recipe."""

from collections.abc import Callable

from absl import flags

from tfgan.ground import cli
from tfgan.ground.errors import UserError
from tfgan.run import config, own_pictures, recipes, topics


# Kept short, since a library is easier to test: flags in, one call of `train_and_export`.
def _prepare() -> Callable[[], None]:
    if name := flags.FLAGS.recipe:
        raise UserError(f"--recipe={name}: must be on the command line, not in a flagfile")
    pictures = own_pictures.from_flags()
    options = config.from_flags()
    overwrite = flags.FLAGS.overwrite

    def work() -> None:
        from tfgan.training import train_and_export

        ready = pictures.for_run(options) if pictures else options
        train_and_export(ready, overwrite=overwrite)

    return work


def main() -> None:
    """Entry point of the command."""
    config.define_flags()
    own_pictures.define_flags()
    recipes.define_flag()
    flags.DEFINE_boolean("overwrite", False, "Remove the run in --workdir and start over.")
    cli.run(_prepare, arguments=recipes.as_flagfiles, topics=topics.TRAIN)


if __name__ == "__main__":
    main()

"""`python -m tfgan.train`: trains a GAN; without flags, the tutorial's recipe.

Kept short: what it does lives in the library, where it can be tested. It parses the flags
and calls `tfgan.training.train`.
"""

from collections.abc import Callable

from absl import flags

from tfgan import cli, config


def _prepare() -> Callable[[], None]:
    options = config.from_flags()
    overwrite = flags.FLAGS.overwrite

    def work() -> None:
        from tfgan.training import train

        train(options, overwrite=overwrite)

    return work


def main() -> None:
    """Entry point of the command."""
    config.define_flags()
    flags.DEFINE_boolean("overwrite", False, "Removes the run in --workdir and starts anew.")
    cli.run(_prepare)


if __name__ == "__main__":
    main()

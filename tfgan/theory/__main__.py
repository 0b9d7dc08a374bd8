"""`python -m tfgan.theory` plots both forms of G's objective, and measures their gradients."""

from collections.abc import Callable

from absl import flags

from tfgan.ground import cli
from tfgan.ground.errors import UserError
from tfgan.ground.files import check_file, user_path
from tfgan.run import config, topics
from tfgan.run.config import TrainConfig

_OPTIONS = ("dataset", "data_dir", "manual_dir", "batch_size", "latent_size", "hidden_size", "seed")


def _prepare() -> Callable[[], None]:
    values = flags.FLAGS.flag_values_dict()
    output = values["output"]
    if not output.lower().endswith(".png"):
        raise UserError(f"--output={output}: must end in .png")
    for file in (output, user_path(output, "--output").with_suffix(".csv")):
        check_file(file, "--output")
    options = TrainConfig(epochs=values["epochs"], **{name: values[name] for name in _OPTIONS})

    def work() -> None:
        from tfgan.theory import two_losses

        two_losses.compare(options, output)
        print(f"Wrote {output}")

    return work


def main() -> None:
    """Entry point of the command."""
    config.define_flags(*_OPTIONS)
    flags.DEFINE_integer("epochs", 3, "Epochs to train with each of the two objectives.")
    flags.DEFINE_string(
        "output",
        "two_losses.png",
        "Picture to write, with a .csv of its figures.",
    )
    cli.run(_prepare, topics=topics.THEORY)


if __name__ == "__main__":
    main()

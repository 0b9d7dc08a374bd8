"""`python -m tfgan.export` exports a run's generator to the formats of other programs."""

from collections.abc import Callable

from absl import flags

from tfgan.exports import formats
from tfgan.ground import cli
from tfgan.ground.files import check_folder
from tfgan.run import config, topics
from tfgan.run.workdir import Workdir


def _prepare() -> Callable[[], None]:
    workdir, which = flags.FLAGS.workdir, flags.FLAGS.generator
    chosen = formats.choose(flags.FLAGS.format)
    place = Workdir(workdir)
    place.existing_run()
    check_folder(place.exports)

    def work() -> None:
        from tfgan.exports import exporting

        exporting.export(workdir, chosen, which)

    return work


def main() -> None:
    """Entry point of the command."""
    config.define_flags(
        workdir="Folder of the run whose generator is exported; the files go to its exports/. The "
        "run may still be training."
    )
    flags.DEFINE_list(
        "format",
        "savedmodel",
        f"Formats, separated by commas: {', '.join(formats.FORMATS)}. Each file but html is "
        f"checked against the generator. onnx and litert need pip install -e '.[export]'. hub "
        f"makes the folder a model repository for the Hugging Face Hub, with savedmodel and keras "
        f"in it.",
    )
    flags.DEFINE_enum(
        "generator",
        "auto",
        ("auto", "ema", "raw"),
        "Weights to export. raw: the last step's. ema: their moving average, if the run was "
        "trained with --ema. auto: the average if there is one.",
    )
    cli.run(_prepare, topics=topics.EXPORT)


if __name__ == "__main__":
    main()

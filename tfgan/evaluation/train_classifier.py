"""`python -m tfgan.evaluation.train_classifier` trains the classifier that ships with tfgan."""

from collections.abc import Callable

from absl import flags

from tfgan.datasets.image_set import ImageSet
from tfgan.ground import cli
from tfgan.ground.errors import UserError
from tfgan.ground.files import check_file
from tfgan.run import config


def _prepare() -> Callable[[], None]:
    values = flags.FLAGS.flag_values_dict()
    dataset, output = values["dataset"], values["output"]
    folders = {name: values[name] for name in ("data_dir", "manual_dir")}
    image_set = ImageSet(dataset, **folders)
    path = check_file(output, "--output")

    def work() -> None:
        from tfgan.datasets import derived, sources
        from tfgan.evaluation import classifier, splits
        from tfgan.ground.files import write_file

        if dataset in derived.SETS:
            base = derived.SETS[dataset].base
            raise UserError(f"--dataset={dataset}: has no classifier of its own; use {base}")
        builder = sources.prepare(image_set)
        splits.check(image_set, fewest=1)  # whose accuracy is told
        fit = splits.load(image_set, "fit")
        content = classifier.train(*fit, builder.info.features["label"].num_classes)
        try:
            write_file(path, content)
        except OSError as error:
            raise UserError(f"--output={output}: {error.strerror}") from None
        found = classifier.Classifier(content)
        for part in ("validation", "test"):
            print(f"Accuracy, {part}: {found.accuracy(*splits.load(image_set, part)):.4f}")
        print(f"Wrote {output}, {len(content):,} bytes, SHA-256 {found.sha256}")

    return work


def main() -> None:
    """Entry point of the command."""
    flags.DEFINE_string("output", "classifier.npz", "File to write the weights to.")
    config.define_flags("dataset", "data_dir", "manual_dir")
    cli.run(_prepare)


if __name__ == "__main__":
    main()

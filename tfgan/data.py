"""`python -m tfgan.data` downloads and prepares an image set, or makes one from pictures."""

from collections.abc import Callable

from absl import flags

from tfgan.datasets.image_set import ImageSet
from tfgan.ground import cli
from tfgan.run import config, own_pictures, topics


def _prepare() -> Callable[[], None]:
    values = flags.FLAGS
    pictures = own_pictures.from_flags(values.name)
    named = ImageSet(values.dataset, data_dir=values.data_dir, manual_dir=values.manual_dir)

    def work() -> None:
        from tfgan.datasets import sources

        image_set = pictures.prepare() if pictures else named
        info = sources.prepare(image_set).info
        sizes = ", ".join(f"{split.num_examples:,} {key}" for key, split in info.splits.items())
        print(f"Images: {info.features['image'].shape}, {sizes}")

    return work


def main() -> None:
    """Entry point of the command."""
    config.define_flags(
        "data_dir", "manual_dir", dataset="Image set to prepare, by its TensorFlow Datasets name."
    )
    own_pictures.define_flags()
    flags.DEFINE_string(
        "name",
        "",
        "Name of the set that --images becomes. Empty: a name made from its folder and content.",
    )
    cli.run(_prepare, topics=topics.DATA)


if __name__ == "__main__":
    main()

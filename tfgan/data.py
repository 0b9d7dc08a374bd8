"""`python -m tfgan.data --dataset=mnist`: brings an image set to this machine."""

from collections.abc import Callable

from absl import flags

from tfgan.datasets.image_set import ImageSet
from tfgan.ground import cli
from tfgan.run import config


def _prepare() -> Callable[[], None]:
    values = flags.FLAGS
    image_set = ImageSet(values.dataset, data_dir=values.data_dir, manual_dir=values.manual_dir)

    def work() -> None:
        from tfgan.datasets import sources

        info = sources.prepare(image_set).info
        sizes = ", ".join(f"{split.num_examples:,} {key}" for key, split in info.splits.items())
        print(f"Images: {info.features['image'].shape}, {sizes}")

    return work


def main() -> None:
    """Entry point of the command."""
    config.define_flags(
        "data_dir", "manual_dir", dataset="Image set to bring, by its TensorFlow Datasets name."
    )
    cli.run(_prepare)


if __name__ == "__main__":
    main()

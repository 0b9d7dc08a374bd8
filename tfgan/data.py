"""`python -m tfgan.data --dataset=mnist`: brings an image set to this machine."""

from collections.abc import Callable

from absl import flags

from tfgan import cli, config


def _prepare() -> Callable[[], None]:
    name = flags.FLAGS.dataset
    data_dir, manual_dir = flags.FLAGS.data_dir, flags.FLAGS.manual_dir

    def work() -> None:
        from tfgan import sources

        info = sources.prepare(name, data_dir, manual_dir).info
        sizes = ", ".join(f"{split.num_examples:,} {key}" for key, split in info.splits.items())
        print(f"Images: {info.features['image'].shape}, {sizes}")

    return work


def main() -> None:
    """Entry point of the command."""
    config.define_flags("dataset", "data_dir", "manual_dir")
    cli.run(_prepare)


if __name__ == "__main__":
    main()

"""The protocol's use of each image, by TFDS's fixed order and in TFDS's split syntax.

TFDS stores MNIST in its own order, not that of the original files. "The first 50,000" here
means `train[:50000]` in that order, which is the same on every machine, and not the first 50,000
of the original files, as in the papers of 2014. Both leave out 10,000 images at random.
"""

import pathlib

import numpy as np
import tensorflow_datasets as tfds

from tfgan.datasets import pipeline, sources
from tfgan.datasets.image_set import ImageSet
from tfgan.ground.errors import UserError

TEST_IMAGES = 10_000  # most that are looked at
_CACHE = "tfgan-eval-v1"  # by its first name: the classifiers in it are those of v2 too


def name(part: str, sizes: dict[str, int]) -> str:
    """The split of a part in TFDS's syntax.

    Args:
        part: "fit", the first five sixths of the training images (`train[:50000]` of MNIST);
            "validation", the rest; or "test", at most the first 10,000 of the test images.
        sizes: numbers of images in "train" and in "test".
    """
    fit = sizes["train"] - sizes["train"] // 6
    return {
        "fit": f"train[:{fit}]",
        "validation": f"train[{fit}:]",
        "test": f"test[:{min(TEST_IMAGES, sizes['test'])}]",
    }[part]


def load(image_set: ImageSet, part: str) -> tuple[np.ndarray, np.ndarray]:
    """Images and labels of a part of a set, whose split is ignored; see `name`.

    Raises:
        UserError: if the set is not available, or lacks labels or one of the two splits.
    """
    builder = sources.prepare(image_set, lambda line: None)
    wanted = image_set.with_split(name(part, _sizes(builder, image_set)))
    return pipeline.load_labelled(wanted, lambda line: None)


def check(image_set: ImageSet, fewest: int) -> None:
    """Makes sure in advance that each part of a set has enough images.

    Args:
        image_set: the set; its split is ignored.
        fewest: smallest number of images for the validation part and the test part.

    Raises:
        UserError: if there are fewer, or the set is not available, or lacks one of the two splits.
    """
    builder = sources.prepare(image_set, lambda line: None)
    sizes = _sizes(builder, image_set)
    if sizes["train"] < 6 * fewest or sizes["test"] < fewest:
        raise UserError(
            f"--dataset={image_set.name}: has {sizes['train']:,} images in train and "
            f"{sizes['test']:,} in test, but the protocol needs at least {6 * fewest} and {fewest}"
        )


def test_images_in(image_set: ImageSet) -> tuple[int, int]:
    """The number of the protocol's test images in a split of a set, and the number of all.

    Args:
        image_set: the set and its split; a split that the set does not have contains none.

    Raises:
        UserError: if the set cannot be had, or lacks train or test.
    """
    builder = sources.prepare(image_set, lambda line: None)
    wanted = image_set.with_split(name("test", _sizes(builder, image_set)))
    count = pipeline.split_info(builder, wanted).num_examples
    try:
        return pipeline.in_common(builder, image_set, wanted), count
    except UserError:
        return 0, count


def validation(image_set: ImageSet) -> tuple[str, str]:
    """The split of a set's validation images, and that of the training images without them.

    Raises:
        UserError: if the set cannot be had, or lacks train or test.
    """
    sizes = _sizes(sources.prepare(image_set, lambda line: None), image_set)
    return name("validation", sizes), name("fit", sizes)


def warnings(image_set: ImageSet) -> list[str]:
    """Warnings about the scores of a run on a split, as sentences.

    Args:
        image_set: the set and its split.

    Raises:
        UserError: if the set cannot be had, or lacks train or test.
    """
    seen, count = test_images_in(image_set)
    if not seen:
        return []
    return [
        f"it was trained on {seen:,} of the {count:,} test images that it is scored against "
        f"(--split={image_set.split}), so its scores are too good"
    ]


def _sizes(builder: tfds.core.DatasetBuilder, image_set: ImageSet) -> dict[str, int]:
    sizes = {split: info.num_examples for split, info in builder.info.splits.items()}
    if not {"train", "test"} <= set(sizes):
        raise UserError(
            f"--dataset={image_set.name}: has the splits {', '.join(sizes)}, but the protocol "
            f"needs train and test"
        )
    return sizes


def cache(builder: tfds.core.DatasetBuilder, protocol: str = _CACHE) -> pathlib.Path:
    """The folder beside a set's data for results that a protocol computes once."""
    root = pathlib.Path(builder.data_dir_root)
    return root / protocol / pathlib.Path(builder.data_path).relative_to(root)

"""Which pictures `tfgan-eval-pictures-v1` uses, at which size."""

import hashlib
import pathlib
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from tfgan.datasets import derived, pipeline, sources
from tfgan.datasets.image_set import ImageSet
from tfgan.datasets.own import writing
from tfgan.evaluation import PICTURES_PROTOCOL, splits
from tfgan.ground.errors import UserError

FEWEST, MOST, MOST_BYTES = 50, 10_000, 2**27  # held-out images
_SHARE = 6  # one in six training images stands for real ones at most
_MOST_FIT, _MOST_FIT_BYTES = 50_000, 2**30


class Parts(NamedTuple):
    """Which images are used for what, by TFDS's fixed order, as splits.

    Attributes:
        fit: trains the features; what copies are looked for in.
        floor: real images that are scored as samples are.
        held_out: what samples are compared with.
        rest: the images of `train` that are in neither of the latter two.
        size: images in `held_out` and in `floor`, and in each set of samples.
    """

    fit: str
    floor: str
    held_out: str
    rest: str
    size: int


def parts(image_set: ImageSet) -> Parts:
    """The parts of a set, whatever its split.

    With a split `test`, its first images are held out; without, the last sixth of `train`.

    Raises:
        UserError: if it cannot be had, has no images to train on, or too few.
    """
    builder = sources.prepare(image_set, lambda line: None)
    sizes = {split: info.num_examples for split, info in builder.info.splits.items()}
    train, test = sizes.get("train", 0), sizes.get("test", 0)
    each = int(np.prod(pipeline.image_shape(builder)))
    most = min(MOST, max(FEWEST, MOST_BYTES // each))
    count = min(most, train // _SHARE, *([test] if test else []))
    if count < FEWEST:
        beside = f" and {test:,} in test" if test else ""
        needed = f" and {FEWEST}" if test else ""
        raise UserError(
            f"--dataset={image_set.name}: has {train:,} images in train{beside}, but the protocol "
            f"needs at least {_SHARE * FEWEST}{needed}"
        )
    most = min(_MOST_FIT, _MOST_FIT_BYTES // each)
    end = train if test else train - count
    return Parts(
        fit=f"train[:{min(end - count, most)}]",
        floor=f"train[{end - count}:{end}]",
        held_out=f"test[:{count}]" if test else f"train[{end}:]",
        rest=f"train[:{end - count}]",
        size=count,
    )


def load(image_set: ImageSet, split: str) -> np.ndarray:
    """The images of a part, uint8 `(count, height, width, channels)`."""
    return pipeline.load_images(image_set.with_split(split), lambda line: None)


def seen(image_set: ImageSet) -> tuple[int, int]:
    """How many held-out images a split of a set holds, and how many there are."""
    builder = sources.prepare(image_set, lambda line: None)
    found = parts(image_set)
    try:
        held_out = image_set.with_split(found.held_out)
        return pipeline.in_common(builder, image_set, held_out), found.size
    except UserError:  # a split that this version of the set does not have
        return 0, found.size


def warnings(image_set: ImageSet) -> list[str]:
    """What makes scores of a run on a split say less than they seem to, a sentence each."""
    common, count = seen(image_set)
    if not common:
        return []
    held_out = parts(image_set).held_out
    rest = "train" if held_out.startswith("test") else f"train[:-{count}]"
    return [
        f"it was trained on {common:,} of the {count:,} images that it is scored against "
        f"(--split={image_set.split}), so its scores are too good; --split={rest} leaves them out"
    ]


def is_for(image_set: ImageSet) -> bool:
    """Whether this protocol is a set's: of one's own pictures, or one without classes or test."""
    if image_set.name in derived.SETS:
        return False
    builder = sources.prepare(image_set, lambda line: None)
    own = (pathlib.Path(builder.data_path) / writing.RECORD).exists()
    return own or not has_classes(image_set) or not {"train", "test"} <= set(builder.info.splits)


def has_classes(image_set: ImageSet) -> bool:
    """Whether each image of a set has a class."""
    features = sources.prepare(image_set, lambda line: None).info.features
    return "label" in features and hasattr(features["label"], "num_classes")


def cache(image_set: ImageSet, kind: str, *of: object) -> pathlib.Path:
    """A file beside a set's data for what is computed once.

    Args:
        image_set: whatever its split.
        kind: begins the file's name; its suffix ends it.
        of: what else it depends on, beside the prepared files.
    """
    builder = sources.prepare(image_set, lambda line: None)
    digest = hashlib.sha256()
    record = pathlib.Path(builder.data_path) / writing.RECORD
    if record.exists():
        digest.update(record.read_bytes())
    lengths = {split: info.shard_lengths for split, info in builder.info.splits.items()}
    digest.update(f"{PICTURES_PROTOCOL} {sorted(lengths.items())} {of}".encode())
    name = pathlib.Path(kind)
    file = f"{name.stem}-{digest.hexdigest()[:16]}{name.suffix}"
    return splits.cache(builder, PICTURES_PROTOCOL) / file


def at_most(images: np.ndarray, side: int) -> np.ndarray:
    """Images with sides of at most `side` pixels, each the mean of those that it replaces.

    Args:
        images: uint8 `(count, height, width, channels)`.
        side: the largest.

    Returns:
        uint8; the images themselves if they are as small already.
    """
    height, width = images.shape[1:3]
    shrink = side / max(height, width)
    if shrink >= 1:
        return images
    size = [max(1, round(height * shrink)), max(1, round(width * shrink))]
    found = [
        np.rint(tf.image.resize(chunk, size, "area").numpy()).astype(np.uint8)
        for chunk in np.array_split(images, max(1, len(images) // 500))
    ]
    return np.concatenate(found)

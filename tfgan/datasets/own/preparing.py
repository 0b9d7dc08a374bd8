"""Prepares your own pictures as a set of TensorFlow Datasets.

An ad-hoc builder writes the set. `tfds.folder_dataset` needs a folder for each split, reads only
two formats, and does not resize; `store_as_tfds_dataset` needs all decoded images.
"""

import collections
import contextlib
import dataclasses
import hashlib
import json
import pathlib
import re
import tempfile
from collections.abc import Iterable, Iterator

import tensorflow_datasets as tfds

from tfgan.datasets import derived, sources
from tfgan.datasets.own import folders
from tfgan.datasets.own.picture import Preparation
from tfgan.datasets.own.picture_sources import Say, Source, shown
from tfgan.datasets.own.writing import LIST, RECORD, VERSION, Picture, Spool, write
from tfgan.ground.console import say as print_line
from tfgan.ground.errors import UserError
from tfgan.ground.files import remove

FEWEST_HELD_OUT = 50
_NAMED = 3  # how many file names a line holds


def prepare(
    source: Source,
    how: Preparation,
    data_dir: str = "",
    name: str = "",
    holdout: float = 0.1,
    say: Say = print_line,
) -> str:
    """Prepares pictures as a set of TensorFlow Datasets, unless that was done before.

    A part is held out as the split "test". A hash of each picture's content chooses it, so that
    copies stay together. Nothing is held out if that would be fewer than `FEWEST_HELD_OUT`
    pictures, or if the source already has a split "test". If all pictures are in at least two
    sub-folders, these are classes.

    Args:
        source: the source of the pictures, which is never written to.
        how: how to prepare a picture.
        data_dir: folder of prepared sets; empty for TFDS's own default.
        name: name of the set; empty for a name from the source, the size and the content.
        holdout: share of the pictures to hold out, in [0, 1).
        say: called with each line of output.

    Returns:
        The set's name, for `ImageSet` and `--dataset`.

    Raises:
        UserError: if there is no usable picture, a class has only one picture or no name of its
            own, the name is taken, or the set cannot be written; then no file is left.
    """
    if not 0 <= holdout < 1:
        raise UserError(f"--holdout={holdout}: must be a number in [0, 1)")
    root = sources.data_folder(data_dir)
    if name:
        _check_name(name)
    facts = {**dataclasses.asdict(how), "holdout": holdout, "source": source.fingerprint()}
    identity = hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()
    name = name or f"{_slug(source.stem)}_{how.image_size}_{identity[:8]}"
    folder = root / name / VERSION
    if _is_prepared(folder, name, identity):
        return name
    with sources.alone(root), _disk_told(root):
        if _is_prepared(folder, name, identity):  # another process may just have prepared it
            return name
        _remove_leftovers(root, name)
        for other in sorted(root.glob(f"{name.removesuffix(identity[:8])}????????/{VERSION}")):
            say(
                f"Pictures: the folder or the flags have changed since {other.parent.name} was "
                "prepared"
            )
        with tempfile.TemporaryFile(dir=root) as file:
            spool = Spool(file)
            spool.fill(source, how)
            _tell(source, spool, how, folder, say)
            _choose_classes(source, spool.taken, say)
            _hold_out(spool.taken, holdout, say)
            write(spool, source, how, root, name, facts | {"identity": identity})
    return name


def _check_name(name: str) -> None:
    if not re.fullmatch(r"[a-z][a-z0-9_]*", name):
        raise UserError(
            f"--name={name}: must be lower-case letters, digits and _, and begin with a letter"
        )
    if name in derived.SETS or name in tfds.list_builders(with_community_datasets=False):
        raise UserError(
            f"--name={name}: TensorFlow Datasets has a set of that name; choose another"
        )


def _slug(stem: str) -> str:
    """A name with only those characters that TensorFlow Datasets allows."""
    kept = re.sub("[^a-z0-9]+", "_", stem.lower()).strip("_")[:40]
    return kept if kept[:1].isalpha() else f"pictures_{kept}".strip("_")


def _is_prepared(folder: pathlib.Path, name: str, identity: str) -> bool:
    try:
        record = json.loads((folder / RECORD).read_text())
    except FileNotFoundError:
        if folder.exists():
            raise UserError(
                f"--name={name}: {folder} exists, and is not a set of pictures"
            ) from None
        return False
    except (OSError, ValueError) as error:
        raise UserError(f"{folder / RECORD}: cannot be read: {error}") from None
    if record.get("identity") != identity:
        raise UserError(
            f"--name={name}: {folder} was prepared from other pictures or with other options; "
            "choose another name, or remove that folder"
        )
    return True


@contextlib.contextmanager
def _disk_told(root: pathlib.Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise UserError(
            f"--data_dir={root}: the pictures cannot be prepared: {error.strerror or error}"
        ) from None


def _remove_leftovers(root: pathlib.Path, name: str) -> None:
    """Removes what a killed process has left of the same set."""
    for leftover in (root / name).glob(f"{VERSION}.incomplete*"):
        remove(leftover)


def _tell(source: Source, spool: Spool, how: Preparation, folder: pathlib.Path, say: Say) -> None:
    """Prints one line that says what was taken, and what was not and why."""
    taken, left = spool.taken, spool.left
    reasons = collections.defaultdict(list)
    for name, why in left:
        reasons[why].append(shown(name))
    not_taken = "; ".join(
        f"{len(names):,} {why} ({', '.join(names[:_NAMED])}{', ...' if names[_NAMED:] else ''})"
        for why, names in sorted(reasons.items(), key=lambda item: -len(item[1]))
    )
    if not taken:
        raise UserError(f"{source.flag}: contains no pictures: {not_taken}")
    total = len(taken) + len(left)
    tail = f"; left out: {not_taken}; full list in {folder / LIST}" if left else ""
    say(f"Pictures: {len(taken):,} of {total:,} files taken from {source.flag}{tail}")
    widest = max(min(each.size) for each in taken)
    if widest < how.image_size:
        say(
            f"Warning: --image_size={how.image_size} enlarges every picture: the largest has a "
            f"shorter side of {widest} pixels"
        )


def _choose_classes(source: Source, taken: list[Picture], say: Say) -> None:
    """Makes sub-folders classes, if the entries have no classes yet."""
    if not source.labels:
        parts = folders.below_common([each.name for each in taken])
        beside = sum(len(path) == 1 for path in parts)
        if beside == len(parts):
            return
        if beside:
            say(f"Classes: none, because of pictures that are in no sub-folder: {beside:,}")
            return
        for each, path in zip(taken, parts, strict=True):
            each.label = path[0]
        counts = collections.Counter(each.label for each in taken)
        _check_names(source, counts)
        alone = sorted(shown(label) for label, count in counts.items() if count == 1)
        if alone:
            raise UserError(
                f"{source.flag}: the class {', '.join(alone[:_NAMED])} has only one picture; add "
                "more, or move it elsewhere"
            )
    labels = sorted({each.label for each in taken} - {""})
    some = ", ".join(shown(label) for label in labels[:5])
    say(f"Classes: {len(labels):,} ({some}{', ...' if labels[5:] else ''})")


def _check_names(source: Source, labels: Iterable[str]) -> None:
    """Makes sure that TensorFlow Datasets, which strips them, keeps the names of classes apart."""
    stripped = collections.defaultdict(list)
    for label in sorted(labels):
        stripped[shown(label).strip()].append(shown(label))
    for name, same in stripped.items():
        if not name or len(same) > 1:
            raise UserError(
                f"{source.flag}: no class can have the name of the sub-folder "
                f"{' or '.join(map(repr, same))}, since spaces around it do not count; rename it"
            )


def _hold_out(taken: list[Picture], share: float, say: Say) -> None:
    """Chooses a split for each picture without one."""
    if any(each.split == "test" for each in taken):
        return
    free = [each for each in taken if each.split in ("", "train")]
    held = [each for each in free if int(each.digest[:8], 16) < share * 2**32]
    for each in free:
        each.split = "train"
    if share and FEWEST_HELD_OUT <= len(held) < len(free):
        for each in held:
            each.split = "test"
        say(f"Held out for evaluation, as the split test: {len(held):,} pictures")
    elif share:
        say(
            f"Held out for evaluation: none, since {share:.0%} would be {len(held):,} pictures; at "
            f"least {FEWEST_HELD_OUT} are needed"
        )

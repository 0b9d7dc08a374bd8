"""The classes that a user selects of an exported generator, `--label=7,sneaker`.

This works without TensorFlow, so that a command can check them before it loads the generator.
"""

import difflib
import json
import pathlib

from tfgan.datasets.classes import Classes
from tfgan.ground.errors import UserError, first_line

DATA = "trained_on.json"  # in the generator's folder: what it was trained on
_SHOWN_NAMES = 12


def recorded_classes(path: pathlib.Path) -> Classes | None:
    """The classes that an exported generator records; None if it records none.

    Raises:
        UserError: if the record is damaged.
    """
    file = path / DATA
    try:
        content = json.loads(file.read_bytes())
        return Classes.from_dict(content["classes"]) if "classes" in content else None
    except FileNotFoundError:
        return None
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise UserError(f"{file}: is damaged ({first_line(error)}); export it again") from None


def check(text: str, path: pathlib.Path) -> None:
    """Makes sure that the generator in a folder has the classes of `text`, if it records any.

    Raises:
        UserError: if it has no such class, or no classes.
    """
    classes = recorded_classes(path)
    if text and classes:
        chosen(text, classes)
    elif text and (path / DATA).exists():
        raise unconditional(text, f"--model={path}")


def chosen(text: str, classes: Classes) -> list[int]:
    """The selected classes: "7", "7,1,3", "sneaker" or "all". Names take precedence over numbers.

    Raises:
        UserError: if there is no such class, or it had no training images.
    """
    if text == "all":
        return classes.present
    labels = [_chosen(part.strip(), list(classes.names), text) for part in text.split(",")]
    for label in labels:
        if not classes.counts[label]:
            raise UserError(
                f"--label={text}: class {label}, {classes.names[label]}, had no training images; "
                "--label=all draws all classes that had"
            )
    return labels


def _chosen(part: str, names: list[str], text: str) -> int:
    if part in names:
        return names.index(part)
    if part.isascii() and part.isdigit() and int(part) < len(names):
        return int(part)
    near = [] if part.isdigit() else difflib.get_close_matches(part, names, 1)
    known = f"0 to {len(names) - 1}"
    if names != list(map(str, range(len(names)))):
        known += f", or {', '.join(names[:_SHOWN_NAMES])}{' ...' * (len(names) > _SHOWN_NAMES)}"
    meant = f" (did you mean {near[0]}?)" if near else ""
    raise UserError(
        f"--label={text}: {part!r} is not a class of this generator{meant}; it has {known}"
    )


def unconditional(text: str, named: str) -> UserError:
    """The message if a user selects a class of a generator without classes."""
    return UserError(
        f"--label={text}: {named} has no classes; only a generator trained with --conditional does"
    )

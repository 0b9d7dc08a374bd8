"""The classes that a user names, `--label=7,sneaker`, of an exported generator.

Without TensorFlow, so that a command can check them before it loads the generator.
"""

import difflib
import json
import pathlib

from tfgan.datasets.classes import Classes
from tfgan.ground.errors import UserError, first_line

DATA = "trained_on.json"  # in the generator's folder: what it was trained on
_SHOWN_NAMES = 12


def recorded_classes(path: pathlib.Path) -> Classes | None:
    """The classes that an exported generator draws; None if it knows none, or does not say.

    Raises:
        UserError: if what it says is damaged.
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
    """Makes sure that the generator of a folder knows the classes of `text`, if it says which.

    Raises:
        UserError: if it knows no such class, or none at all.
    """
    classes = recorded_classes(path)
    if text and classes:
        chosen(text, classes)
    elif text and (path / DATA).exists():
        raise unconditional(text, f"--model={path}")


def chosen(text: str, classes: Classes) -> list[int]:
    """The classes that a user names: "7", "7,1,3", "sneaker" or "all"; a name before a number.

    Raises:
        UserError: if there is no such class, or it had no images to learn from.
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
    """What to say to who asks a generator without classes for one."""
    return UserError(
        f"--label={text}: {named} has no classes; only a generator trained with --conditional does"
    )

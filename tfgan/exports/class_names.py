"""The classes that a user selects of an exported generator, `--label=7,sneaker`.

This works without TensorFlow, so that a command can check them before it loads the generator.
"""

import difflib
import json
import pathlib
from collections.abc import Iterator, Sequence

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
    """The selected classes: "7", "7,1,3", "sneaker" or "all".

    A name's case matters only where two names differ in nothing else, and a name may have commas.
    Names take precedence over numbers; where some name is another class's number, as with folders
    1, 3 and 10, there are only names.

    Raises:
        UserError: if there is no such class, or it had no training images.
    """
    if text == "all":
        return classes.present
    labels = list(_parsed(text, classes.names))
    for label in labels:
        if not classes.counts[label]:
            raise UserError(
                f"--label={text}: class {label}, {classes.names[label]}, had no training images; "
                "--label=all draws all classes that had"
            )
    return labels


def _parsed(text: str, names: Sequence[str]) -> Iterator[int]:
    parts = text.split(",")
    most = 1 + max(name.count(",") for name in names)
    while parts:
        for count in range(min(most, len(parts)), 0, -1):
            label = _label(",".join(parts[:count]).strip(), names)
            if label is not None:
                yield label
                del parts[:count]
                break
        else:
            raise _unknown(parts[0].strip(), names, text)


def _label(part: str, names: Sequence[str]) -> int | None:
    if part in names:
        return names.index(part)
    alike = [index for index, name in enumerate(names) if name.casefold() == part.casefold()]
    if len(alike) == 1:
        return alike[0]
    numbers = _numbers(names)
    number = part.lstrip("0") or part[-1:]
    return numbers.index(number) if number in numbers else None


def _numbers(names: Sequence[str]) -> list[str]:
    """The numbers that select the classes; none if a name is the number of another class."""
    numbers = list(map(str, range(len(names))))
    confusing = any(
        name in numbers and name != own for own, name in zip(numbers, names, strict=True)
    )
    return [] if confusing else numbers


def _unknown(part: str, names: Sequence[str], text: str) -> UserError:
    is_number = part.removeprefix("-").isdigit()
    near = [] if is_number else difflib.get_close_matches(part, names, 1)
    meant = f" (did you mean {near[0]}?)" if near else ""
    numbers = _numbers(names)
    shown = [f"0 to {len(names) - 1}"] if numbers else []
    if list(names) != numbers:
        some = ", ".join(names[:_SHOWN_NAMES])
        shown.append(f"{some}{' ...' * (len(names) > _SHOWN_NAMES)}")
    return UserError(
        f"--label={text}: {part!r} is not a class of this generator{meant}; it has "
        f"{', or '.join(shown)}"
    )


def unconditional(text: str, named: str) -> UserError:
    """The message if a user selects a class of a generator without classes."""
    return UserError(
        f"--label={text}: {named} has no classes; only a generator trained with --conditional does"
    )

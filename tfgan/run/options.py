"""Options: dataclass fields with a help text and allowed values."""

import dataclasses
import math
from collections.abc import Callable
from typing import Any

from tfgan.ground.errors import UserError

TYPE_NAMES: dict[Any, str] = {
    int: "a whole number",
    float: "a number",
    str: "text",
    bool: "true or false",
}


def at_least(low: int) -> Callable[[Any], str | None]:
    return lambda value: None if value >= low else f"must be at least {low}"


def between(low: int, high: int) -> Callable[[Any], str | None]:
    return lambda value: None if low <= value <= high else f"must lie between {low} and {high}"


def positive(value: float) -> str | None:
    return None if math.isfinite(value) and value > 0 else "must be a positive number"


def not_negative(value: float) -> str | None:
    return None if math.isfinite(value) and value >= 0 else "must be a finite number, 0 or more"


def below_one(value: float) -> str | None:
    return None if 0 <= value < 1 else "must be a number in [0, 1)"


def seed(value: int) -> str | None:
    return None if 0 <= value < 2**31 else "must lie between 0 and 2147483647"


def not_empty(value: str) -> str | None:
    return None if value else "must not be empty"


def one_of(choices: tuple[str, ...], others: tuple[str, ...] = ()) -> Callable[[Any], str | None]:
    named = ", ".join(filter(None, choices))
    return lambda value: None if value in (*choices, *others) else f"must be one of {named}"


def option(
    default: Any,
    why: str,
    *,
    check: Callable[[Any], str | None] = lambda value: None,
    choices: tuple[str, ...] = (),
    in_code: tuple[str, ...] = (),
    free: bool = False,
    only_with: dict[str, tuple[str, ...]] | None = None,
) -> Any:
    """A field with its flag's help text.

    Args:
        default: value of the tutorial's recipe.
        why: help text; says why one would change the option.
        check: returns what is wrong with a value, or None.
        choices: the allowed values, if they are few.
        in_code: values that no flag can have.
        free: whether a resumed run may change the option, because the
            weights that a run arrives at do not depend on it.
        only_with: the values of other options without which this one would do nothing.
    """
    metadata = {
        "why": why,
        "check": one_of(choices, in_code) if choices else check,
        "choices": choices,
        "free": free,
        "only_with": only_with or {},
    }
    return dataclasses.field(default=default, metadata=metadata)


def check_all(options: Any) -> None:
    """Checks each option of a dataclass, and turns whole numbers into the numbers they mean.

    Raises:
        UserError: for the first that is wrong; the message names the flag.
    """
    for field in dataclasses.fields(options):
        value = getattr(options, field.name)
        if field.type is float and type(value) is int:
            object.__setattr__(options, field.name, float(value))
        elif type(value) is not field.type:
            kind = TYPE_NAMES[field.type]
            raise UserError(f"--{field.name}={value!r}: must be {kind}")
        problem = field.metadata["check"](getattr(options, field.name))
        if problem:
            raise UserError(f"--{field.name}={value}: {problem}")
    for field in dataclasses.fields(options):
        value = getattr(options, field.name)
        for other, values in field.metadata["only_with"].items():
            if value != field.default and getattr(options, other) not in values:
                wanted = " or ".join(f"--{other}={name}" for name in values)
                raise UserError(f"--{field.name}={value}: does nothing without {wanted}")

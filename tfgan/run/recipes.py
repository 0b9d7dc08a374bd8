"""`--recipe=best`: the flagfiles of `flags/`, by name."""

import difflib
import pathlib
from typing import Any

from absl import flags

from tfgan.ground.errors import UserError
from tfgan.run import config

flags.disclaim_key_flags()  # so that --help shows the flag as the command's own


def folder() -> pathlib.Path:
    """Where the recipes lie: in an installed package, or in the clone that it is imported from."""
    package = pathlib.Path(__file__).parent.parent
    installed = package / "flags"
    return installed if installed.is_dir() else package.parent / "flags"


def names() -> list[str]:
    """All recipes."""
    return sorted(file.stem for file in folder().glob("*.flags"))


def options(name: str) -> dict[str, Any]:
    """The options that a recipe sets, as the command line would read its file.

    Raises:
        UserError: if there is no recipe of that name.
    """
    values = flags.FlagValues()
    config.define_flags(flag_values=values)
    values([name, f"--flagfile={_file(name)}"])
    return {flag: values[flag].value for flag in values if values[flag].present}


def define_flag() -> None:
    """Defines `--recipe`."""
    flags.DEFINE_string(
        "recipe",
        "",
        f"A named recipe: {', '.join(names())}. It sets the flags in flags/NAME.flags; later flags "
        "replace its own.",
    )


def as_flagfiles(argv: list[str]) -> list[str]:
    """Command-line arguments in which each `--recipe` is the `--flagfile` that it stands for.

    Raises:
        UserError: if there is no recipe of that name.
    """
    arguments, rest = [], iter(argv)
    for argument in rest:
        dashes, equals, name = argument.partition("recipe=")
        if argument in ("--recipe", "-recipe"):
            name = next(rest, "")
        elif dashes not in ("--", "-") or not equals:
            arguments.append(argument)
            if argument == "--":
                break
            continue
        arguments.append(f"--flagfile={_file(name)}")
    return [*arguments, *rest]


def _file(name: str) -> pathlib.Path:
    if name not in names():
        near = difflib.get_close_matches(name, names(), n=1)
        hint = f"; did you mean {near[0]}?" if near else f"; must be one of {', '.join(names())}"
        raise UserError(f"--recipe={name}: no recipe of that name{hint}")
    return folder() / f"{name}.flags"

"""Writes docs/flags.md: every flag of every command, by topic, from the commands themselves.

python tests/record_flags.py
"""

import contextlib
import importlib
import pathlib
import sys
from collections.abc import Iterator
from unittest import mock

from absl import flags

from tfgan.ground import cli, flag_help

PAGE = pathlib.Path(__file__).parent.parent / "docs" / "flags.md"
COMMANDS = ("train", "sample", "evaluate", "export", "project", "data", "doctor", "launch", "toy")
COMMANDS += ("theory",)
HEAD = """\
# Flags, by topic

Every flag of every command, in the groups and in the words of `--help`. Without flags,
`python -m tfgan.train` follows the tutorial's recipe. `--name=value` sets a flag, and `--noname`
turns a true-or-false flag off. `--flagfile=FILE` reads flags from a file, one per line. A later
flag replaces an earlier one.

(`python tests/record_flags.py` writes this page; a test fails if it is out of date.)
"""


@contextlib.contextmanager
def defined(command: str) -> Iterator[tuple[str, flag_help.Topics]]:
    """Defines a command's flags for a while; gives what it says of itself, and its topics."""
    package = importlib.import_module(f"tfgan.{command}")
    in_folder = hasattr(package, "__path__")
    module = importlib.import_module(f"tfgan.{command}.__main__") if in_folder else package
    before = set(flags.FLAGS)
    try:
        with mock.patch.object(cli, "run") as run, mock.patch.object(sys, "argv", ["x"]):
            module.main()
        yield module.__doc__, run.call_args.kwargs["topics"]
    finally:
        for name in set(flags.FLAGS) - before:
            delattr(flags.FLAGS, name)


def lines() -> Iterator[str]:
    """The page."""
    yield HEAD
    for command in COMMANDS:
        yield f"- [`tfgan.{command}`](#python--m-tfgan{command})"
    for command in COMMANDS:
        with defined(command) as (doc, topics):
            yield f"\n## python -m tfgan.{command}\n\n{doc.strip()}"
            for title, names in topics.items():
                if len(topics) > 1:
                    yield f"\n### {title}" if command == "train" else f"\n**{title}**"
                yield ""
                for name in names:
                    flag = flags.FLAGS[name]
                    about = f" ({flag_help.kind(flag)})" if flag_help.kind(flag) else ""
                    yield f"- `--{name}`{about}: {flag_help.text(flag)}".replace("<", "&lt;")


def page() -> str:
    """The page's text."""
    return "\n".join(lines()) + "\n"


if __name__ == "__main__":
    PAGE.write_text(page())

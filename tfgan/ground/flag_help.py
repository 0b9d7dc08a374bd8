"""`--help` of a command: its flags in groups by topic."""

import inspect
import sys
import textwrap
from collections.abc import Iterator, Mapping
from typing import Any

from absl import app, flags

Topics = Mapping[str, tuple[str, ...]]


class _Help(flags.BooleanFlag):
    """Prints the help and ends the command, as absl's own flag does."""

    def __init__(self, name: str, short_name: str | None, doc: str, topics: Topics):
        super().__init__(
            name,
            False,
            "show this help",
            short_name=short_name,
            allow_hide_cpp=True,
            allow_override=True,
        )
        self._doc, self._topics = doc, topics

    def parse(self, arg: Any) -> None:
        if self._parse(arg):
            print("\n".join(_lines(self._doc, self._topics)), flush=True)
            sys.exit(0)


def group(doc: str, topics: Topics) -> None:
    """Makes `--help`, `--helpshort` and `-?` print the command's flags by topic.

    `--helpfull` and `--helpxml` stay absl's: they list the flags of all libraries.

    Args:
        doc: what the command does; printed first.
        topics: the names of the command's flags, by title.
    """
    app.define_help_flags()  # which `app.run` would do, and then leaves ours alone
    for name, short_name in (("help", "?"), ("helpshort", None)):
        flags.DEFINE_flag(_Help(name, short_name, doc, topics))


def takes(flag: flags.Flag[Any]) -> str:
    """The values of a flag, e.g. "an integer"; empty for text."""
    choices = [choice for choice in getattr(flag.parser, "enum_values", ()) if choice]
    if choices:
        return f"one of {', '.join(choices)}"
    return "true or false" if flag.boolean else flag.parser.syntactic_help


def kind(flag: flags.Flag[Any]) -> str:
    """What a flag takes, and its default: "an integer; default: 200"."""
    values = "may be repeated" if isinstance(flag, flags.MultiFlag) else takes(flag)
    shown = (flag.default_as_str or "").strip("'")
    default = f"default: {shown}" if shown and flag.default not in ("", [], None) else ""
    return "; ".join(filter(None, ["" if flag.boolean else values, default]))


def text(flag: flags.Flag[Any]) -> str:
    """A flag's help text, without what absl adds: choices before it, repetition after it."""
    own = flag.help or ""
    own = own.partition(">: ")[2] if own.startswith("<") else own
    return own.partition(";\n")[0]


def _lines(doc: str, topics: Topics) -> Iterator[str]:
    yield inspect.cleandoc(doc)
    for title, names in topics.items():
        yield f"\n{title}:"
        for name in names:
            flag = flags.FLAGS[name]
            about = f"  ({kind(flag)})" if kind(flag) else ""
            shown = f"--[no]{name}" if flag.boolean else f"--{name}"
            yield _wrapped(f"{shown}{about}", "  ")
            yield _wrapped(text(flag), "      ")
    yield "\n--flagfile=FILE reads flags from a file. --helpfull lists the libraries' flags too."


def _wrapped(words: str, indent: str) -> str:
    return textwrap.fill(
        words,
        flags.get_help_width(),
        initial_indent=indent,
        subsequent_indent="      ",
        break_on_hyphens=False,  # a flag's name stays whole
    )

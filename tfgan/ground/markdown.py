"""Escapes text from elsewhere, such as names of sets and classes, for Markdown."""

import html
import re
from typing import Any

_IS_CODE = re.compile(r"[^`|\n]*")  # which code in a table can hold


def plain(text: Any) -> str:
    """A line of plain text, which can also be used in a table."""
    return re.sub(r"([\\`*\[\]|])", r"\\\1", html.escape(" ".join(str(text).split()), quote=False))


def code(text: Any) -> str:
    """The text as inline code if Markdown can represent it, else as plain text."""
    return f"`{' '.join(str(text).split())}`" if _IS_CODE.fullmatch(str(text)) else plain(text)

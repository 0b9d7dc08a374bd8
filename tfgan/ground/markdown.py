"""Escapes names of sets and classes for Markdown."""

import html
import re
from typing import Any

_IS_CODE = re.compile(r"[^`|\n]*")  # which code in a table can hold


def plain(text: Any) -> str:
    """One line that is text, in a table too."""
    return re.sub(r"([\\`*\[\]|])", r"\\\1", html.escape(" ".join(str(text).split()), quote=False))


def code(text: Any) -> str:
    """The same as code, where Markdown can have it as code."""
    return f"`{' '.join(str(text).split())}`" if _IS_CODE.fullmatch(str(text)) else plain(text)

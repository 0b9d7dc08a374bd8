"""Console output: lines above a progress bar, durations in words."""

import contextlib
import errno
import os
import sys
import tempfile
from collections.abc import Iterator
from typing import Any, TextIO

from tfgan.ground import notebook
from tfgan.ground.errors import UserError


def bar(**options: Any) -> Any:
    """A progress bar of tqdm's, where somebody watches.

    On a terminal; in a notebook, ipywidgets' bar if they are installed, else a line of text that
    is updated in place. Elsewhere it stays hidden.

    Args:
        options: of `tqdm.tqdm`.
    """
    from tqdm import tqdm

    if not notebook.shell():
        return tqdm(disable=None, **options)
    from tqdm import notebook as widgets

    if widgets.IProgress is not None:
        return widgets.tqdm(**options)
    return tqdm(file=notebook.Line(), ncols=100, ascii=False, **options)


def say(line: str) -> None:
    """Prints a line at once, above the bar if there is one; see `put`."""
    from tqdm import tqdm  # which reads variables, and may not like them

    with tqdm.external_write_mode(file=sys.stdout):
        put(f"{line}\n", sys.stdout)


def put(text: str, stream: TextIO) -> None:
    """Writes text at once. What the stream's encoding lacks becomes `\\uXXXX`.

    If the stream is a terminal that is gone, nobody reads, and nothing happens.

    Raises:
        BrokenPipeError: if whoever read the stream has gone.
        UserError: if it cannot be written for another reason, such as a full disk.
    """
    encoding = getattr(stream, "encoding", None) or "utf-8"
    try:
        stream.write(text.encode(encoding, "backslashreplace").decode(encoding))
        stream.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        if error.errno != errno.EIO:
            raise UserError(f"the output cannot be written: {error.strerror or error}") from None


def show_everything() -> None:
    """Lets the standard streams print `\\uXXXX` for what their encoding lacks."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")


def duration(seconds: float) -> str:
    """Seconds in words, e.g. "42 s", "14 min 5 s" or "1 h 10 min"."""
    minutes, rest = divmod(round(seconds), 60)
    if not minutes:
        return f"{seconds:.1f} s" if seconds < 10 else f"{rest} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s"


@contextlib.contextmanager
def native_stderr_held_back() -> Iterator[None]:
    """Holds back what TensorFlow's libraries print while they load, unless loading fails.

    A `UserError` says all that there is to say.
    """
    sys.stderr.flush()
    real = os.dup(2)
    with tempfile.TemporaryFile() as held:
        os.dup2(held.fileno(), 2)
        try:
            yield
        except UserError:
            raise
        except BaseException:
            held.seek(0)
            os.write(real, held.read())
            raise
        finally:
            os.dup2(real, 2)
            os.close(real)

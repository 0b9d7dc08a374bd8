"""What a person reads: lines above a progress bar, durations in words."""

import contextlib
import os
import sys
import tempfile
from collections.abc import Iterator

from tqdm import tqdm


def say(line: str) -> None:
    """Prints a line at once, above the bar if there is one."""
    with tqdm.external_write_mode(file=sys.stdout):
        print(line, flush=True)


def duration(seconds: float) -> str:
    """Seconds in words, e.g. "42 s", "14 min 5 s" or "1 h 10 min"."""
    minutes, rest = divmod(round(seconds), 60)
    if not minutes:
        return f"{seconds:.1f} s" if seconds < 10 else f"{rest} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s"


@contextlib.contextmanager
def native_stderr_held_back() -> Iterator[None]:
    """Holds back what TensorFlow's libraries print while they load, unless loading fails."""
    sys.stderr.flush()
    real = os.dup(2)
    with tempfile.TemporaryFile() as held:
        os.dup2(held.fileno(), 2)
        try:
            yield
        except BaseException:
            held.seek(0)
            os.write(real, held.read())
            raise
        finally:
            os.dup2(real, 2)
            os.close(real)

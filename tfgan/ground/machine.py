"""The resources of the machine that this process may use."""

import contextlib
import ctypes
import os

_M_ARENA_MAX = -8  # of glibc's malloc.h


def cores() -> int:
    """The number of CPU cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def limit_arenas() -> None:
    """Lets glibc divide memory among one arena for each core, instead of eight.

    What one arena has free, another cannot use. Other C libraries do not have this setting, and
    Windows does not find the library by None.
    """
    with contextlib.suppress(AttributeError, TypeError):
        ctypes.CDLL(None).mallopt(_M_ARENA_MAX, cores())

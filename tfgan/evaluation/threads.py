"""Uses all cores where NumPy uses one."""

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from tfgan.ground.machine import cores


def in_threads(function: Callable[[Any], Any], items: Iterable[Any]) -> list[Any]:
    """`function` of each item, in their order: NumPy lets go of Python's lock while it computes."""
    with ThreadPoolExecutor(cores()) as pool:
        return list(pool.map(function, items))

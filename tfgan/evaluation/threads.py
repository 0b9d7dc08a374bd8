"""Uses all cores where NumPy uses one."""

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from threadpoolctl import threadpool_limits

from tfgan.ground.machine import cores

# Threads of a matrix product wait for each other: it takes twice as long next to other products,
# or if it is small.
alone = threadpool_limits.wrap(limits=1, user_api="blas")


@alone
def in_threads(function: Callable[[Any], Any], items: Iterable[Any]) -> list[Any]:
    """`function` of each item, in their order: NumPy lets go of Python's lock while it computes."""
    with ThreadPoolExecutor(cores()) as pool:
        return list(pool.map(function, items))

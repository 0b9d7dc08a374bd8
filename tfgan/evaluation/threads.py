"""Uses all cores where NumPy uses one."""

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from threadpoolctl import threadpool_limits

from tfgan.ground.machine import cores

# A decorator. BLAS's threads wait for each other, so a product takes twice as long next to others,
# or if it is small.
one_blas_thread = threadpool_limits.wrap(limits=1, user_api="blas")


@one_blas_thread
def in_threads(function: Callable[[Any], Any], items: Iterable[Any]) -> list[Any]:
    """`function` of each item, in their order: NumPy lets go of Python's lock while it computes."""
    with ThreadPoolExecutor(cores()) as pool:
        return list(pool.map(function, items))

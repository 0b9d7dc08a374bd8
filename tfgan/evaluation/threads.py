"""All cores for what NumPy does on one."""

from collections.abc import Callable, Iterable
from typing import Any

import joblib


def in_threads(function: Callable[[Any], Any], items: Iterable[Any]) -> list[Any]:
    """`function` of each item, in their order: NumPy lets go of Python's lock while it computes."""
    parallel = joblib.Parallel(n_jobs=-1, require="sharedmem")
    return list(parallel(joblib.delayed(function)(item) for item in items))

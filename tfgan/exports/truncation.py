"""Checks `--truncation` before TensorFlow is loaded."""

import math

from tfgan.ground.errors import UserError


def check(threshold: float) -> float:
    """The threshold, after a check.

    Raises:
        UserError: if it is not a finite number above 0.
    """
    if not 0 < threshold < math.inf:
        raise UserError(
            f"--truncation={threshold:g}: must be a finite number above 0, the t in [-t, t]"
        )
    return threshold


def thresholds(given: list[str]) -> list[float]:
    """The thresholds of a list without duplicates, largest first.

    Raises:
        UserError: if one is not a number above 0.
    """
    try:
        numbers = [float(text) for text in given]
    except ValueError:
        raise UserError(
            f"--truncation={','.join(given)}: must be numbers above 0, such as 0.5,0.7,1"
        ) from None
    return sorted({check(number) for number in numbers}, reverse=True)

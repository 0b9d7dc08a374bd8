"""Tables and `evaluation.json`."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import scipy.stats

from tfgan.evaluation.protocol import Metric, Row

CONFIDENCE = 0.95
_MOST_LETTERS = 24  # of a class's name


def table(rows: dict[str, Row], metrics: dict[str, Metric]) -> str:
    """A line a metric, a column a row; mean and standard deviation over sets of samples.

    Where there is one set, ± is the standard error, of those that have one.
    """
    lines = [["", *rows]]
    for name, metric in metrics.items():
        cells = []
        for row in rows.values():
            value = row.get(name, {"mean": None, "std": None})
            cell = number(value["mean"], metric)
            spread = value["std"]
            if spread is None:
                spread = row.get(f"{name}_error", {}).get("mean")
            if spread is not None:
                cell += f" ± {number(spread, metric)}"
            cells.append(cell)
        lines.append([metric.label, *cells])
    return _align(lines)


def comparison(
    runs: Sequence[tuple[str, Any, Any, Row]],
    reference_rows: dict[str, Row],
    metrics: dict[str, Metric],
) -> str:
    """A line a run; for runs that differ in their seed alone, also the mean over the seeds.

    Args:
        runs: name, recipe, seed and row of each.
        reference_rows: rows for the end of the table.
        metrics: the columns.

    Returns:
        The table. A mean over seeds has the half-width of its 95 % interval, by Student's t.
        There is none where a seed stands twice: two runs of one seed are no two draws.
    """
    lines = [["", *(metric.label for metric in metrics.values())]]

    def add(name: str, row: Row) -> None:
        values = [row.get(each, {}).get("mean") for each in metrics]
        lines.append([name, *map(number, values, metrics.values())])

    for recipe in _distinct([recipe for _, recipe, _, _ in runs]):
        same = [(name, seed, row) for name, other, seed, row in runs if other == recipe]
        for name, _, row in same:
            add(name, row)
        if len(_distinct([seed for _, seed, _ in same])) < len(same):
            lines.append(["  no mean: two have one seed", *[""] * len(metrics)])
        elif len(same) > 1:
            cells = []
            for each, metric in metrics.items():
                mean, half = interval([row.get(each, {}).get("mean") for _, _, row in same])
                cells.append(f"{number(mean, metric)} ± {number(half, metric)}")
            lines.append([f"  mean of {len(same)} seeds", *cells])
    for name, row in reference_rows.items():
        add(name, row)
    return _align(lines)


def class_table(
    names: Sequence[str],
    images: Sequence[int],
    rows: Sequence[Row],
    floors: Sequence[Row],
    metrics: dict[str, Metric],
) -> str:
    """A line a class: how many images are scored, and each metric beside that of real images.

    Args:
        names: of the classes.
        images: how many samples of each are scored, and real images beside them.
        rows: of the samples, a class each.
        floors: of real images, a class each.
        metrics: the columns. The last line is the mean over the classes that have a value.
    """
    lines = [["class", "images"]]
    for metric in metrics.values():
        lines[0] += [metric.label, "real"]
    for name, count, *beside in zip(names, images, rows, floors, strict=True):
        cells = []
        for each, metric in metrics.items():
            for row in beside:
                spread = row[each]["std"]
                around = "" if spread is None else f" ± {number(spread, metric)}"
                cells.append(number(row[each]["mean"], metric) + around)
        lines.append([" ".join(name.split())[:_MOST_LETTERS], f"{count:,}", *cells])
    means = [_mean([row[each]["mean"] for row in of]) for each in metrics for of in (rows, floors)]
    shown = [metric for metric in metrics.values() for _ in range(2)]
    lines.append(["mean", "", *map(number, means, shown)])
    return _align(lines)


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known else None


def interval(values: Sequence[float | None]) -> tuple[float | None, float | None]:
    """Mean, and half-width of its 95 % interval by Student's t with n - 1 degrees of freedom."""
    if any(value is None for value in values):
        return None, None
    known = np.array(values, np.float64)
    quantile = scipy.stats.t.ppf((1 + CONFIDENCE) / 2, len(known) - 1)
    return float(known.mean()), float(quantile * known.std(ddof=1) / np.sqrt(len(known)))


def number(value: float | None, metric: Metric) -> str:
    """A value as a table shows it; "-" if there is none."""
    return "-" if value is None else f"{value:.{metric.decimals}f}"


def finite(content: Any) -> Any:
    """The same, with None for every number that JSON cannot hold."""
    if isinstance(content, dict):
        return {name: finite(value) for name, value in content.items()}
    if isinstance(content, list):
        return [finite(value) for value in content]
    return None if isinstance(content, float) and not math.isfinite(content) else content


def _distinct(values: Sequence[Any]) -> list[Any]:
    found: list[Any] = []
    for value in values:
        if value not in found:
            found.append(value)
    return found


def _align(lines: list[list[str]]) -> str:
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if index == 0 else cell.rjust(width)
            for index, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    )

"""Medians, ratios, goals, tables and pictures of measured times."""

import datetime
import importlib.metadata
import os
import pathlib
import platform
import statistics
from typing import Any, NamedTuple

from benchmarks.contestants import (
    AS_WRITTEN,
    BARE,
    COMPILED,
    FIT,
    FLOORS,
    FOR_SPEED,
    IN_MEMORY,
    JAX,
)

_DISTRIBUTIONS = ("tensorflow", "keras", "numpy", "torch", "torchvision", "jax", "jaxlib", "optax")


class Spread(NamedTuple):
    """A median between the smallest and the largest value."""

    median: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.median:.3f} ({self.low:.3f}–{self.high:.3f})"  # noqa: RUF001


def spread(values: list[float]) -> Spread:
    """The median, the smallest and the largest."""
    return Spread(statistics.median(values), min(values), max(values))


def ratio(times: dict[str, list[float]], above: str, below: str) -> Spread | None:
    """Spread of the ratios of two contestants, round by round; None if one is not there."""
    if above not in times or below not in times:
        return None
    return spread([a / b for a, b in zip(times[above], times[below], strict=True)])


def fastest_floor(times: dict[str, list[float]]) -> str | None:
    """The name of the floor with the smallest median; None if there is none."""
    floors = [name for name in FLOORS if name in times]
    return min(floors, key=lambda name: statistics.median(times[name]), default=None)


class Goal(NamedTuple):
    """A measured value beside what it should be.

    Attributes:
        what: in words.
        value: None if a contestant was not there.
        limit: the goal.
        at_most: whether the goal is an upper limit.
        unit: of both.
    """

    what: str
    value: float | None
    limit: float
    at_most: bool
    unit: str = ""

    @property
    def met(self) -> bool | None:
        """Whether the goal is met; None if there is no value."""
        if self.value is None:
            return None
        return self.value <= self.limit if self.at_most else self.value >= self.limit


def goals(results: dict[str, dict], recipe: str = "tutorial") -> list[Goal]:
    """The goals of this project.

    Args:
        results: by contestant, {"ms": ms a step in each round, "first_step_s", "peak_mb"}.
        recipe: what they trained by.
    """
    times = {name: result["ms"] for name, result in results.items()}

    def median_ratio(above: str, below: str | None) -> float | None:
        found = ratio(times, above, below) if below else None
        return found.median if found else None

    fit = results.get(FIT, {})
    if recipe == "best":
        return [
            Goal(f"{FIT} / floor", median_ratio(FIT, fastest_floor(times)), 1.5, True),
            Goal(f"{FOR_SPEED} / {FIT}", median_ratio(FOR_SPEED, FIT), 1.0, False),
            Goal(f"{COMPILED} / {FIT}", median_ratio(COMPILED, FIT), 1.0, False),
            Goal(f"{JAX} / {FIT}", median_ratio(JAX, FIT), 1.0, False),
        ]
    return [
        Goal(f"{FIT} / floor", median_ratio(FIT, fastest_floor(times)), 1.12, True),
        Goal(f"{JAX} / {FIT}", median_ratio(JAX, FIT), 1.0, False),
        Goal(f"{IN_MEMORY} / {FIT}", median_ratio(IN_MEMORY, FIT), 2.7, False),
        Goal(f"{AS_WRITTEN} / {FIT}", median_ratio(AS_WRITTEN, FIT), 4.5, False),
        Goal(f"{FIT} / {BARE}", median_ratio(FIT, BARE), 1.05, True),
        Goal(f"{FIT}: command to first step", fit.get("first_step_s"), 5.5, True, " s"),
        Goal(f"{FIT}: peak memory", fit.get("peak_mb"), 900, True, " MB"),
    ]


def table(headings: list[str], rows: list[list[Any]]) -> str:
    """A Markdown table."""
    lines = [headings, ["---"] * len(headings), *rows]
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines)


def results_table(results: dict[str, dict], batch_size: int) -> str:
    """One row for each contestant, the fastest first."""
    times = {name: result["ms"] for name, result in results.items()}
    floor = fastest_floor(times)
    rows = []
    for name in sorted(times, key=lambda name: statistics.median(times[name])):
        ms = spread(times[name])
        to_floor = ratio(times, name, floor) if floor else None
        rows.append(
            [
                name,
                ms,
                f"{1000 / ms.median:,.0f}",
                f"{1000 / ms.median * batch_size:,.0f}",
                f"{to_floor.median:.2f}" if to_floor else "",
                f"{results[name]['peak_mb']:,.0f}",
                f"{results[name]['first_step_s']:.1f}",
            ]
        )
    headings = ["", "ms a step (min–max)", "steps/s", "images/s"]  # noqa: RUF001
    return table([*headings, "to the floor", "peak MB", "s to first step"], rows)


def three_digits(value: float) -> str:
    """Three significant digits, and all of those before the point."""
    return f"{value:,.0f}" if value >= 100 else f"{value:#.3g}"


def goals_table(found: list[Goal]) -> str:
    """One row for each goal."""
    words = {None: "not measured", True: "yes", False: "no"}
    return table(
        ["", "measured", "goal", "met"],
        [
            [
                goal.what,
                "" if goal.value is None else f"{three_digits(goal.value)}{goal.unit}",
                f"{'at most' if goal.at_most else 'at least'} {goal.limit:g}{goal.unit}",
                words[goal.met],
            ]
            for goal in found
        ],
    )


def _cpu() -> str:
    for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.processor()


def _version(distribution: str) -> str:
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return "not installed"


def machine() -> dict[str, Any]:
    """What was measured on, with what and when."""
    return {
        "cpu": _cpu(),
        "cores": len(os.sched_getaffinity(0)),
        "system": platform.platform(),
        "python": platform.python_version(),
        "date": datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "versions": {name: _version(name) for name in _DISTRIBUTIONS},
    }


def machine_line(values: dict[str, Any]) -> str:
    """`machine()` in words."""
    versions = ", ".join(f"{name} {version}" for name, version in values["versions"].items())
    return (
        f"{values['date']}; {values['cpu']}, {values['cores']} cores, {values['system']}; "
        f"Python {values['python']}, {versions}."
    )


def bars(results: dict[str, dict], path: pathlib.Path) -> None:
    """Draws ms a step with their spread, and the floor as a line."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    times = {name: result["ms"] for name, result in results.items()}
    names = sorted(times, key=lambda name: -statistics.median(times[name]))
    spreads = [spread(times[name]) for name in names]
    medians = [s.median for s in spreads]
    errors = [[s.median - s.low for s in spreads], [s.high - s.median for s in spreads]]
    figure, axes = plt.subplots(figsize=(8, 0.5 + 0.4 * len(names)), layout="constrained")
    colors = ["C1" if name in (FIT, BARE) else "C0" for name in names]
    axes.barh(names, medians, xerr=errors, color=colors, capsize=3)
    for y, s in enumerate(spreads):
        axes.text(s.high, y, f"  {s.median:.2f}", va="center")
    if floor := fastest_floor(times):
        axes.axvline(statistics.median(times[floor]), color="black", linestyle="--", linewidth=1)
    axes.margins(x=0.1)
    axes.set_xlabel("ms a step; dashed: the matrix products alone")
    figure.savefig(path, dpi=120)
    plt.close(figure)

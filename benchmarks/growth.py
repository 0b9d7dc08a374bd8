"""How the cost of a step grows with the batch, the networks, the data set and the epochs.

python -m benchmarks.growth

Each point is a process of its own, which times the bare train function. Beside it are the matrix
products that a step of that size cannot avoid. The epochs are those of the real command.
"""

import importlib.util
import json
import os
import pathlib
import shlex
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable

import numpy as np
from absl import flags

from benchmarks import contestants, race, report
from tfgan.ground import cli
from tfgan.ground.files import check_folder

_UNITS = {
    "ms": "ms a step",
    "floor_ms": "floor ms",
    "peak_mb": "peak MB",
    "start_s": "s to build and first 5 steps",
    "first_batch_s": "s to an epoch's first batch",
}


def _python(*arguments: object) -> str:
    """Runs `python -m ...` and returns the last line it printed."""
    done = subprocess.run(
        [sys.executable, "-m", *map(str, arguments)],
        cwd=race.ROOT,
        env=os.environ | race.ENVIRONMENT,
        stdout=subprocess.PIPE,
        check=True,
        text=True,
    )
    return done.stdout.rstrip().rpartition("\n")[2]


def _sweep(varied: str, values: list, folder: pathlib.Path) -> list[dict]:
    """One point for each value of "batch size", "hidden size" or "set size"."""
    images = folder / "images.npy"
    points = []
    for value in map(int, values):
        sizes = {
            "batch size": flags.FLAGS.batch_size,
            "hidden size": flags.FLAGS.hidden_size,
            "set size": len(np.load(images, mmap_mode="r")),
        } | {varied: value}
        point, floor = (
            json.loads(_python("benchmarks.point", what, images, *sizes.values()))
            for what in ("tfgan", "floor")
        )
        points.append({varied: value, **point, "floor_ms": floor["ms"]})
        print(f"{varied} {value}: {point['ms']:.3g} ms, floor {floor['ms']:.3g} ms", flush=True)
    return points


def _epochs(folder: pathlib.Path) -> list[dict]:
    """One point for each epoch of the real command but the first, which is compiled in."""
    images = folder / "images.npy"
    size = len(np.load(images, mmap_mode="r"))
    steps = size // flags.FLAGS.batch_size
    sizes = (flags.FLAGS.batch_size, flags.FLAGS.hidden_size, size)
    floor_ms = json.loads(_python("benchmarks.point", "floor", images, *sizes))["ms"]
    fit = next(each for each in contestants.ALL if each.name == contestants.FIT)
    command = fit.command(
        folder=folder,
        steps=steps,
        dataset="mnist",
        data_dir=flags.FLAGS.data_dir,
        batch_size=flags.FLAGS.batch_size,
        hidden_size=flags.FLAGS.hidden_size,
    )
    points = []
    with race.runner(command, folder / "stderr.txt") as run:
        run.wait_for(fit.epoch)
        for epoch in range(2, flags.FLAGS.epochs + 1):
            start = time.perf_counter()
            run.wait_for(fit.epoch)
            ms = 1000 * (time.perf_counter() - start) / steps
            points.append(
                {"epoch": epoch, "ms": ms, "peak_mb": run.peak_mb(), "floor_ms": floor_ms}
            )
    return points


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 or type(value) is int else f"{value:.3g}"


def _sweep_table(points: list[dict]) -> str:
    rows = [
        [*map(_number, point.values()), _number(point["ms"] / point["floor_ms"])]
        for point in points
    ]
    headings = [_UNITS.get(name, name) for name in points[0]]
    return report.table([*headings, "to the floor"], rows)


def _draw(sweeps: dict[str, list[dict]], path: pathlib.Path) -> None:
    """Draws ms a step, the floor and the peak memory of each sweep."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    figure, all_axes = plt.subplots(2, 2, figsize=(11, 8), layout="constrained")
    for axes, (varied, points) in zip(all_axes.flat, sweeps.items(), strict=True):
        x = [point[varied] for point in points]
        memory = axes.twinx()
        axes.plot(x, [point["ms"] for point in points], "o-C1", label="tfgan")
        axes.plot(x, [point["floor_ms"] for point in points], "o--k", label="matrix products")
        memory.plot(x, [point["peak_mb"] for point in points], ".:C0", label="peak memory")
        for each in (axes, memory):
            each.set_xscale("log", base=2 if varied in ("batch size", "hidden size") else 10)
            each.set_yscale("log")
        memory.set_ylim(100, 10_000)
        axes.set_xlabel(varied)
        axes.set_ylabel("ms a step")
        memory.set_ylabel("MB", color="C0")
    handles = [*all_axes.flat[0].lines, *memory.lines]
    figure.legend(handles=handles, loc="outside upper center", ncols=3)
    figure.savefig(path, dpi=120)
    plt.close(figure)


def _prepare() -> Callable[[], None]:
    output = check_folder(flags.FLAGS.output, "--output")
    return lambda: _measure(output)


def _measure(output: pathlib.Path) -> None:
    """Measures all, and writes it into a folder."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # ends the other processes too
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
        folder = pathlib.Path(name)
        _python("benchmarks.data", "mnist", flags.FLAGS.data_dir, folder)
        sweeps = {
            "batch size": _sweep("batch size", flags.FLAGS.batch_sizes, folder),
            "hidden size": _sweep("hidden size", flags.FLAGS.hidden_sizes, folder),
            "set size": _sweep("set size", flags.FLAGS.set_sizes, folder),
            "epoch": _epochs(folder),
        }
    command = shlex.join(["python", "-m", "benchmarks.growth", *sys.argv[1:]])
    machine = report.machine()
    text = "\n\n".join(
        [f"`{command}`, {report.machine_line(machine)}", *map(_sweep_table, sweeps.values())]
    )
    print(f"\n{text}\n")
    output.mkdir(parents=True, exist_ok=True)
    (output / "growth.md").write_text(text + "\n")
    record = {"command": command, "machine": machine, "sweeps": sweeps}
    (output / "growth.json").write_text(json.dumps(record, indent=1) + "\n")
    if importlib.util.find_spec("matplotlib"):
        _draw(sweeps, output / "growth.png")
    else:
        print("No growth.png: matplotlib is not installed.")


def define_flags() -> None:
    """Defines the flags of the command."""
    flags.DEFINE_list("batch_sizes", [2**n for n in range(5, 13)], "Batch sizes.")
    flags.DEFINE_list("hidden_sizes", [2**n for n in range(6, 13)], "Hidden sizes.")
    flags.DEFINE_list("set_sizes", [6_000, 60_000, 600_000], "MNIST cut or repeated.")
    flags.DEFINE_integer("epochs", 6, "Epochs of the real command.", 2)
    flags.DEFINE_integer("batch_size", 100, "Where it is not varied.", 1)
    flags.DEFINE_integer("hidden_size", 256, "Where it is not varied.", 1)
    flags.DEFINE_string("data_dir", "", "Where MNIST is prepared; empty: TFDS's own.")
    flags.DEFINE_string("output", "runs/benchmark", "Folder for growth.{json,md,png}.")


if __name__ == "__main__":
    define_flags()
    cli.run(_prepare, tensorflow=False)

"""Seconds a step on one device, several, and several processes, at the same global batch.

python -m benchmarks.scaling

Each layout is one epoch of the real command, by its own figure of images a second. Processes and
mirrored devices of one machine share its cores: this shows what sharing a step costs, not what it
wins.
"""

import json
import os
import pathlib
import re
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Callable

from absl import flags

from benchmarks import check_known, race, report
from tfgan.ground import cli
from tfgan.ground.files import check_folder

LAYOUTS = {
    "one device": ("train", "--strategy=one_device"),
    "one device, no XLA": ("train", "--strategy=one_device", "--nojit_compile"),
    "2 mirrored CPUs": ("train", "--strategy=mirrored", "--devices=CPU:0,CPU:1"),
    "4 mirrored CPUs": ("train", "--strategy=mirrored", "--devices=CPU:0,CPU:1,CPU:2,CPU:3"),
    "2 processes": ("launch", "--workers=2", "--"),
    "4 processes": ("launch", "--workers=4", "--"),
}


def _ms_a_step(layout: str, batch_size: int, folder: str) -> float:
    what, *arguments = LAYOUTS[layout]
    arguments += [f"--batch_size={batch_size}", f"--dataset={flags.FLAGS.dataset}", "--overwrite"]
    arguments += ["--epochs=1", f"--data_dir={flags.FLAGS.data_dir}"]
    done = subprocess.run(
        [sys.executable, "-m", f"tfgan.{what}", *arguments, f"--workdir={folder}/run"],
        cwd=race.ROOT,
        env=os.environ | race.ENVIRONMENT,
        capture_output=True,
        text=True,
    )
    found = re.search(r"([\d,]+) images a second", done.stdout)
    if done.returncode or not found:
        sys.exit(f"error: {layout}: {done.stdout}{done.stderr}")
    return 1000 * batch_size / float(found[1].replace(",", ""))


def _prepare() -> Callable[[], None]:
    check_known("layouts", LAYOUTS)
    output = check_folder(flags.FLAGS.output, "--output")
    return lambda: _measure(output)


def _measure(output: pathlib.Path) -> None:
    """Measures all layouts, and writes it into a folder."""
    sizes = [int(size) for size in flags.FLAGS.batch_sizes]
    times: dict[str, dict[int, list[float]]] = {
        layout: {size: [] for size in sizes} for layout in flags.FLAGS.layouts or LAYOUTS
    }
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(flags.FLAGS.rounds):
            for layout, by_size in times.items():
                for size, measured in by_size.items():
                    measured.append(_ms_a_step(layout, size, folder))
                    print(f"{layout}, batch {size}: {measured[-1]:.3g} ms a step", flush=True)
    command = shlex.join(["python", "-m", "benchmarks.scaling", *sys.argv[1:]])
    machine = report.machine()
    headings = ["", *(f"ms a step, batch {size} (min–max)" for size in sizes)]  # noqa: RUF001
    rows = [
        [layout, *(str(report.spread(measured)) for measured in by_size.values())]
        for layout, by_size in times.items()
    ]
    text = f"`{command}`, {report.machine_line(machine)}\n\n{report.table(headings, rows)}\n"
    print(f"\n{text}")
    output.mkdir(parents=True, exist_ok=True)
    (output / "scaling.md").write_text(text)
    record = {"command": command, "machine": machine, "ms": times}
    (output / "scaling.json").write_text(json.dumps(record, indent=1) + "\n")


def define_flags() -> None:
    """Defines the flags of the command."""
    flags.DEFINE_list("batch_sizes", [100, 1600], "Global batch sizes.")
    flags.DEFINE_integer("rounds", 3, "Times that all are measured, in turns.", 1)
    flags.DEFINE_list("layouts", [], "Which; empty: all.")
    flags.DEFINE_string("dataset", "mnist", "Image set, by its TensorFlow Datasets name.")
    flags.DEFINE_string("data_dir", "", "Where prepared sets live; empty: TFDS's own.")
    flags.DEFINE_string("output", "runs/benchmark", "Folder for scaling.{json,md}.")


if __name__ == "__main__":
    define_flags()
    cli.run(_prepare, tensorflow=False)

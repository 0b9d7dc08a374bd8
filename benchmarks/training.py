"""How fast training is: tfgan, its peers, and the arithmetic that no step can avoid.

python -m benchmarks.training

Every contestant is a process of its own that trains on the same images. All but one are
suspended at any time: in each round every one does one epoch, so whatever else the machine does
meets all of them alike. What they are is in `benchmarks/contestants`.

`tfgan fit` is the real command with everything on that is on by default.
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
from collections.abc import Callable

import numpy as np
from absl import flags

from benchmarks import contestants, race, report
from tfgan.ground import cli
from tfgan.ground.errors import UserError
from tfgan.ground.files import check_folder

NAMES = [contestant.name for contestant in contestants.ALL]

_ROUNDS = flags.DEFINE_integer("rounds", 7, "Epochs of each contestant that are timed.", 1)
_CONTESTANTS = flags.DEFINE_list("contestants", NAMES, "Who takes part, by name.")
_OUTPUT = flags.DEFINE_string("output", "runs/benchmark", "Folder for results.{json,md,png}.")
_DATASET = flags.DEFINE_string("dataset", "mnist", "Image set, by its TensorFlow Datasets name.")
_DATA_DIR = flags.DEFINE_string("data_dir", "", "Where prepared sets live; empty: TFDS's own.")
_BATCH_SIZE = flags.DEFINE_integer("batch_size", 100, "Real images a step.", 1)
_HIDDEN_SIZE = flags.DEFINE_integer("hidden_size", 256, "Units in each hidden layer.", 1)


def _measure(folder: pathlib.Path) -> tuple[dict[str, dict], dict[str, str]]:
    """Runs the race on the data that the flags name; see `race.measure`."""
    prepare = [sys.executable, "-m", "benchmarks.data", _DATASET.value, _DATA_DIR.value, folder]
    subprocess.run(prepare, check=True, cwd=race.ROOT, env=os.environ | race.ENVIRONMENT)
    images = np.load(folder / "images.npy", mmap_mode="r")
    steps = len(images) // _BATCH_SIZE.value
    chosen, skipped = {}, {}
    for contestant in contestants.ALL:
        if contestant.name not in _CONTESTANTS.value:
            continue
        if missing := contestant.missing():
            skipped[contestant.name] = f"not installed: {', '.join(missing)}"
            continue
        command = contestant.command(
            images=folder / "images.npy",
            folder=folder,
            steps=steps,
            dataset=_DATASET.value,
            data_dir=_DATA_DIR.value,
            batch_size=_BATCH_SIZE.value,
            hidden_size=_HIDDEN_SIZE.value,
        )
        chosen[contestant.name] = (command, contestant.first_step, contestant.epoch)
    results, dropped = race.measure(chosen, _ROUNDS.value, folder)
    for result in results.values():
        result["ms"] = [1000 * seconds / steps for seconds in result.pop("epoch_s")]
    return results, skipped | dropped


def _write(results: dict[str, dict], skipped: dict[str, str], output: pathlib.Path) -> None:
    """Prints the results and writes them as results.md, results.json and results.png."""
    machine, goals = report.machine(), report.goals(results)
    command = shlex.join(["python", "-m", "benchmarks.training", *sys.argv[1:]])
    text = "\n\n".join(
        [
            f"`{command}`, {report.machine_line(machine)} Epochs timed: {_ROUNDS.value}.",
            report.results_table(results, _BATCH_SIZE.value),
            *(f"Skipped: {name} ({reason})." for name, reason in skipped.items()),
            "Ratios are medians of the ratios in each round.",
            report.goals_table(goals),
        ]
    )
    print(f"\n{text}\n")
    output.mkdir(parents=True, exist_ok=True)
    (output / "results.md").write_text(text + "\n")
    record = {
        "command": command,
        "machine": machine,
        "results": results,
        "skipped": skipped,
        "goals": [{**goal._asdict(), "met": goal.met} for goal in goals],
    }
    (output / "results.json").write_text(json.dumps(record, indent=1) + "\n")
    if importlib.util.find_spec("matplotlib"):
        report.bars(results, output / "results.png")
    else:
        print("No results.png: matplotlib is not installed.")


def _prepare() -> Callable[[], None]:
    if unknown := [name for name in _CONTESTANTS.value if name not in NAMES]:
        raise UserError(
            f"--contestants={','.join(_CONTESTANTS.value)}: unknown: {', '.join(unknown)}; must be "
            f"of {', '.join(NAMES)}"
        )
    output = check_folder(_OUTPUT.value, "--output")
    return lambda: _race(output)


def _race(output: pathlib.Path) -> None:
    """Runs the race, and writes how it ended into a folder."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # ends the contestants too
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        results, skipped = _measure(pathlib.Path(folder))
    if not results:
        sys.exit(f"error: nobody was left: {skipped}")
    _write(results, skipped, output)


if __name__ == "__main__":
    cli.run(_prepare, tensorflow=False)

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

from benchmarks import check_known, contestants, race, report
from tfgan.ground import cli
from tfgan.ground.files import check_folder

NAMES = list(dict.fromkeys(contestant.name for contestant in contestants.ALL))


def _measure(folder: pathlib.Path) -> tuple[dict[str, dict], dict[str, str]]:
    """Runs the race on the data that the flags name; see `race.measure`."""
    prepare = [sys.executable, "-m", "benchmarks.data"]
    prepare += [flags.FLAGS.dataset, flags.FLAGS.data_dir, folder]
    subprocess.run(prepare, check=True, cwd=race.ROOT, env=os.environ | race.ENVIRONMENT)
    images = np.load(folder / "images.npy", mmap_mode="r")
    steps = len(images) // flags.FLAGS.batch_size
    chosen, skipped = {}, {}
    for contestant in contestants.ALL:
        if contestant.name not in flags.FLAGS.contestants:
            continue
        if flags.FLAGS.recipe not in contestant.recipes:
            continue
        if flags.FLAGS.device == "GPU" and not contestant.on_gpus:
            skipped[contestant.name] = "works on CPUs alone"
            continue
        if missing := contestant.missing():
            skipped[contestant.name] = f"not installed: {', '.join(missing)}"
            continue
        command = contestant.command(
            images=folder / "images.npy",
            folder=folder,
            steps=steps,
            dataset=flags.FLAGS.dataset,
            data_dir=flags.FLAGS.data_dir,
            batch_size=flags.FLAGS.batch_size,
            hidden_size=flags.FLAGS.hidden_size,
            device=flags.FLAGS.device,
            recipe=flags.FLAGS.recipe,
        )
        chosen[contestant.name] = (command, contestant.first_step, contestant.epoch)
    environment = race.GPU_ENVIRONMENT if flags.FLAGS.device == "GPU" else race.ENVIRONMENT
    results, dropped = race.measure(chosen, flags.FLAGS.rounds, folder, environment)
    for result in results.values():
        result["ms"] = [1000 * seconds / steps for seconds in result.pop("epoch_s")]
    return results, skipped | dropped


def _write(results: dict[str, dict], skipped: dict[str, str], output: pathlib.Path) -> None:
    """Prints the results and writes them as results.md, results.json and results.png."""
    machine = report.machine()
    goals = report.goals(results, flags.FLAGS.recipe)
    command = shlex.join(["python", "-m", "benchmarks.training", *sys.argv[1:]])
    text = "\n\n".join(
        [
            f"`{command}`, {report.machine_line(machine)} Epochs timed: {flags.FLAGS.rounds}.",
            report.results_table(results, flags.FLAGS.batch_size),
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
    check_known("contestants", NAMES)
    output = check_folder(flags.FLAGS.output, "--output")
    return lambda: _race(output)


def _race(output: pathlib.Path) -> None:
    """Runs the race, and writes how it ended into a folder."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # ends the contestants too
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        results, skipped = _measure(pathlib.Path(folder))
    if not results:
        sys.exit(f"error: nobody was left: {skipped}")
    _write(results, skipped, output)


def define_flags() -> None:
    """Defines the flags of the command."""
    flags.DEFINE_integer("rounds", 7, "Epochs of each contestant that are timed.", 1)
    flags.DEFINE_enum("recipe", "tutorial", contestants.RECIPES, "Which networks they train.")
    flags.DEFINE_enum("device", "CPU", ["CPU", "GPU"], "Where all of them work.")
    flags.DEFINE_list("contestants", NAMES, "Who takes part, by name.")
    flags.DEFINE_string("output", "runs/benchmark", "Folder for results.{json,md,png}.")
    flags.DEFINE_string("dataset", "mnist", "Image set, by its TensorFlow Datasets name.")
    flags.DEFINE_string("data_dir", "", "Where prepared sets live; empty: TFDS's own.")
    flags.DEFINE_integer("batch_size", 100, "Real images a step.", 1)
    flags.DEFINE_integer("hidden_size", 256, "Units in each hidden layer.", 1)


if __name__ == "__main__":
    define_flags()
    cli.run(_prepare, tensorflow=False)

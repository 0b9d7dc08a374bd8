"""Kills short runs at random moments, resumes them, and compares their ends with unbroken runs.

    python tests/soak.py --kills=100
    python tests/soak.py --kills=1000 --folder=soak      # the same command goes on with it

The runs take turns in what they train: see `RECIPES`. Eight kills in ten are SIGKILL, the others
SIGTERM or SIGINT. One in ten comes before the first log line, the others at any time after it:
steps take a few milliseconds and every seventh is followed by a checkpoint, so they fall into
steps, into writes of checkpoints, pictures and events, and into the export. A run that has ended
is compared, and becomes a line of `record.jsonl`.
"""

import argparse
import json
import pathlib
import random
import shutil
import signal
import sys
import tempfile
import time

import picture_sets
import tensorflow_datasets as tfds
from conftest import prepare_tiny
from fingerprint import log_lines, outcome
from forked import Python

FLAGS = ["--batch_size=6", "--hidden_size=128", "--log_every=1", "--threads=1"]
FLAGS += ["--steps_per_execution=1", "--checkpoint_every_steps=7", "--data_dir={folder}/data"]
CONVOLUTIONS = [
    "--nojit_compile",
    "--network=conv",
    "--hidden_size=32",
    "--ema=0.9",
    "--r1=1",
    "--r2=1",
]
RECIPES = {
    "tutorial": ["--epochs=12"],
    "convolutions": ["--epochs=6", *CONVOLUTIONS, "--loss=relativistic", "--lr_schedule=cosine"],
    "augmentation": ["--epochs=8", "--nojit_compile", "--augment=color,translation,cutout"],
    "classes": ["--epochs=12", "--conditional"],
    "pictures": ["--epochs=8", "--images={folder}/pictures", "--image_size=8"],
    "bfloat16": ["--epochs=10", "--precision=mixed_bfloat16", "--ema=0.9"],
    "best": ["--epochs=12", "--keep_best=fcd", "--evaluate_every=2", "--split=train[:50]"],
}
FIRST = "Epoch: ["  # of a log line
# Killed, or stopped as asked.
STOPPED = (-signal.SIGKILL, -signal.SIGTERM, -signal.SIGINT, 130, 143)


def train(recipe: str, workdir: pathlib.Path) -> Python:
    folder = workdir.parent
    flags = [flag.format(folder=folder) for flag in (*FLAGS, *RECIPES[recipe])]
    return Python("-m", "tfgan.train", *flags, f"--workdir={workdir}")


def prepare(folder: pathlib.Path) -> None:
    """What the recipes train on."""
    prepare_tiny(tfds.image_classification.MNIST, folder / "data", "mnist", (28, 28, 1))
    for index in range(80):
        picture_sets.save(folder / "pictures" / f"{index}.png", index)


class Unbroken:
    """How a recipe's run ends when nobody disturbs it, and how long it takes.

    Attributes:
        before: seconds until the first log line.
        after: seconds from there to the end.
    """

    def __init__(self, recipe: str, folder: pathlib.Path):
        workdir = folder / f"unbroken-{recipe}"
        shutil.rmtree(workdir, ignore_errors=True)
        begin = time.monotonic()
        process = train(recipe, workdir)
        process.read_until(FIRST)
        self.before = time.monotonic() - begin
        done = process.finish()
        self.after = time.monotonic() - begin - self.before
        if done.returncode:
            sys.exit(f"{recipe}: exit status {done.returncode}\n{done.stdout}{done.stderr}")
        self.lines = log_lines(done.stdout)
        self.outcome = outcome(workdir)
        print(f"{recipe}: {self.before:.1f} s and {self.after:.1f} s", flush=True)


def sleep(process: Python, seconds: float) -> None:
    """Sleeps as long as that, or until the process has ended."""
    end = time.monotonic() + seconds
    while process.runs() and time.monotonic() < end:
        time.sleep(0.002)


def broken(
    recipe: str, workdir: pathlib.Path, unbroken: Unbroken, most: int, choose: random.Random
) -> dict[str, object]:
    """Breaks a run until it ends or `most` kills are spent; returns what to record."""
    kills, output = 0, ""
    while True:
        process = train(recipe, workdir)
        if kills < most:
            if choose.random() < 0.1:
                sleep(process, choose.uniform(0, unbroken.before))
            else:
                process.read_until(FIRST)
                sleep(process, choose.uniform(0, unbroken.after))
            if process.runs():
                kind = choose.choices((signal.SIGKILL, signal.SIGTERM, signal.SIGINT), (8, 1, 1))[0]
                process.send_signal(kind)
                kills += 1
        done = process.finish()
        output += done.stdout
        if done.returncode == 0:
            break
        if done.returncode not in STOPPED:
            wrong = [f"exit status {done.returncode}: {(done.stdout + done.stderr)[-2000:]}"]
            return {"recipe": recipe, "run": workdir.name, "kills": kills, "wrong": wrong}
    found = outcome(workdir)
    names = {*found, *unbroken.outcome}
    wrong = sorted(name for name in names if found.get(name) != unbroken.outcome.get(name))
    if log_lines(output) != unbroken.lines:
        wrong.append("log lines")
    resumes = output.count("Resuming after step")
    return {
        "recipe": recipe,
        "run": workdir.name,
        "kills": kills,
        "resumes": resumes,
        "wrong": wrong,
    }


def main(kills: int, seed: int, folder: pathlib.Path) -> int:
    """Returns the number of runs that ended otherwise; prints what happened."""
    record = folder / "record.jsonl"
    record.touch()
    lines = [json.loads(line) for line in record.read_text().splitlines()]
    if not (folder / "data").exists():
        prepare(folder)
    unbroken: dict[str, Unbroken] = {}
    while (left := kills - sum(line["kills"] for line in lines)) > 0:
        recipe = [*RECIPES][len(lines) % len(RECIPES)]
        if recipe not in unbroken:
            unbroken[recipe] = Unbroken(recipe, folder)
        workdir = folder / f"run{len(lines)}"
        shutil.rmtree(workdir, ignore_errors=True)
        choose = random.Random(f"{seed} {len(lines)}")
        line = broken(recipe, workdir, unbroken[recipe], left, choose)
        lines.append(line)
        with record.open("a") as file:
            file.write(json.dumps(line) + "\n")
        print(json.dumps(line), flush=True)
        if not line["wrong"]:
            shutil.rmtree(workdir)
    for recipe in RECIPES:
        its = [line for line in lines if line["recipe"] == recipe]
        counts = [sum(line.get(name, 0) for line in its) for name in ("kills", "resumes")]
        wrong = sum(bool(line["wrong"]) for line in its)
        print(f"{recipe}: kills {counts[0]}, resumes {counts[1]}, runs {len(its)}, wrong {wrong}")
    return sum(bool(line["wrong"]) for line in lines)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=777)
    parser.add_argument("--folder", type=pathlib.Path, help="where to keep it, to go on with it")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        path = options.folder or pathlib.Path(temporary)
        path.mkdir(parents=True, exist_ok=True)
        sys.exit(main(options.kills, options.seed, path.resolve()) > 0)

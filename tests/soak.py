"""Kills short runs at random moments, resumes them, and compares their ends with unbroken runs.

    python tests/soak.py --kills=100
    python tests/soak.py --kills=1000 --folder=soak      # the same command goes on with it

The runs take turns in what they train: see `RECIPES`. Eight kills in ten are SIGKILL, the others
SIGTERM or SIGINT. One in ten comes while the run starts, one in four while it writes its end, the
others soon after some log line that is still to come: every step has one, and every seventh a
checkpoint, so they fall into steps and into writes of checkpoints, pictures and events. A run that
has ended is compared, and becomes a line of `record.jsonl`.
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

import numpy as np
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
RECIPES = {  # epochs, and flags
    "tutorial": (12, []),
    "convolutions": (6, [*CONVOLUTIONS, "--loss=relativistic", "--lr_schedule=cosine"]),
    "augmentation": (8, ["--nojit_compile", "--augment=color,translation,cutout"]),
    "classes": (12, ["--conditional"]),
    "modulated": (6, [*CONVOLUTIONS, "--network=conv_modulated", "--conditional"]),
    "wasserstein": (
        12,
        ["--loss=wasserstein", "--gradient_penalty=10", "--d_steps=2", "--pack=2"],
    ),
    "pictures": (8, ["--images={folder}/pictures", "--image_size=8"]),
    "bfloat16": (10, ["--precision=mixed_bfloat16", "--ema=0.9"]),
    "best": (12, ["--keep_best=fcd", "--evaluate_every=2", "--split=train[:50]"]),
}
# Killed, or stopped as asked.
STOPPED = (-signal.SIGKILL, -signal.SIGTERM, -signal.SIGINT, 130, 143)


def train(recipe: str, workdir: pathlib.Path) -> Python:
    epochs, options = RECIPES[recipe]
    flags = [flag.format(folder=workdir.parent) for flag in (*FLAGS, *options)]
    return Python("-m", "tfgan.train", *flags, f"--epochs={epochs}", f"--workdir={workdir}")


def last_line(recipe: str) -> str:
    """What a run says when its last epoch is done and its end is still to be written."""
    epochs, _ = RECIPES[recipe]
    return f"Epoch {epochs} of {epochs} done"


def prepare(folder: pathlib.Path) -> None:
    """What the recipes train on."""
    prepare_tiny(tfds.image_classification.MNIST, folder / "data", "mnist", (28, 28, 1))
    for index in range(80):
        picture_sets.save(folder / "pictures" / f"{index}.png", index)


class Unbroken:
    """How a recipe's run ends when nobody disturbs it.

    Attributes:
        lines: its log lines in their order.
        start: seconds until the first of them.
        end: seconds from the last of them on.
        outcome: what a broken run must share.
    """

    def __init__(self, recipe: str, folder: pathlib.Path):
        workdir = folder / f"unbroken-{recipe}"
        shutil.rmtree(workdir, ignore_errors=True)
        process = train(recipe, workdir)
        times = [time.monotonic()]
        for words in ("Epoch: [", last_line(recipe)):
            process.read_until(words)
            times.append(time.monotonic())
        done = process.finish()
        times.append(time.monotonic())
        if done.returncode:
            sys.exit(f"{recipe}: exit status {done.returncode}\n{done.stdout}{done.stderr}")
        self.start, _, self.end = np.diff(times)
        self.lines = [*log_lines(done.stdout).values()]
        self.outcome = outcome(workdir)
        print(f"{recipe}: {times[-1] - times[0]:.1f} s, {len(self.lines)} lines", flush=True)


def sleep(process: Python, seconds: float) -> None:
    """Sleeps as long as that, or until the process has ended."""
    end = time.monotonic() + seconds
    while process.runs() and time.monotonic() < end:
        time.sleep(0.002)


def await_moment(
    process: Python, recipe: str, unbroken: Unbroken, seen: int, choose: random.Random
) -> None:
    """Waits for a random moment of what a run has left to do."""
    where = choose.random()
    if where < 0.1:
        sleep(process, choose.uniform(0, unbroken.start))
    elif where < 0.35 or seen == len(unbroken.lines):
        process.read_until(last_line(recipe))
        sleep(process, choose.uniform(0, unbroken.end))
    else:
        process.read_until(choose.choice(unbroken.lines[seen:]))
        sleep(process, choose.uniform(0, 0.1))


def broken(
    recipe: str, workdir: pathlib.Path, unbroken: Unbroken, most: int, choose: random.Random
) -> dict[str, object]:
    """Breaks a run until it ends or `most` kills are spent; returns what to record."""
    kills, output = 0, ""
    while True:
        process = train(recipe, workdir)
        if kills < most:
            await_moment(process, recipe, unbroken, len(log_lines(output)), choose)
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
    if [*log_lines(output).values()] != unbroken.lines:
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

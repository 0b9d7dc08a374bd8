"""Kills a short run at random moments, resumes it, and compares its end with an unbroken run.

    python tests/soak.py --kills=100
    python tests/soak.py --kills=50 --keep_best

Most kills are SIGKILL, some SIGTERM and SIGINT. A run that comes to its end is compared, and
another begins, until all kills are spent. Steps take a few milliseconds and every seventh is
followed by a checkpoint, so that kills fall into steps, writes of checkpoints, pictures and
events, into start-up and into the export.
"""

import argparse
import pathlib
import random
import signal
import subprocess
import sys
import tempfile
import time

import tensorflow_datasets as tfds
from conftest import prepare_tiny
from fingerprint import log_lines, outcome

FLAGS = ["--epochs=25", "--batch_size=6", "--hidden_size=128", "--log_every=1"]
FLAGS += ["--steps_per_execution=1", "--checkpoint_every_steps=7"]
KEEP_BEST = ["--keep_best=fcd", "--evaluate_every=2", "--split=train[:50]", "--ema=0.9"]


# Killed, or stopped as asked; a signal during the first imports finds no handler yet.
STOPPED = (-signal.SIGKILL, -signal.SIGTERM, -signal.SIGINT, 130, 143)


def start(workdir: pathlib.Path, data_dir: pathlib.Path, flags: list[str]) -> subprocess.Popen:
    command = [sys.executable, "-u", "-m", "tfgan.train", *flags]
    return subprocess.Popen(
        [*command, f"--data_dir={data_dir}", f"--workdir={workdir}"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def wait(process: subprocess.Popen, timeout: float | None = None) -> str:
    output, _ = process.communicate(timeout=timeout)
    return output


def main(kills: int, seed: int, folder: pathlib.Path, flags: list[str]) -> int:
    """Returns the number of mismatches; prints what happened."""
    choose = random.Random(seed)
    data_dir = folder / "data"
    prepare_tiny(tfds.image_classification.MNIST, data_dir, "mnist", (28, 28, 1))
    begin = time.monotonic()
    process = start(folder / "unbroken", data_dir, flags)
    expected_lines = log_lines(wait(process))
    longest = time.monotonic() - begin
    expected = outcome(folder / "unbroken")
    print(
        f"unbroken: {longest:.1f} s, {len(expected_lines)} log lines, "
        f"{len(expected['events'])} events",
        flush=True,
    )

    spent = resumes = finished = mismatches = 0
    workdir, output = folder / "run0", ""
    while True:
        process = start(workdir, data_dir, flags)
        try:
            # Start-up takes about half of a run and writes nothing: seldom aim there.
            moment = choose.triangular(0, longest * 1.1, longest * 0.9)
            output += wait(process, moment if spent < kills else None)
        except subprocess.TimeoutExpired:
            process.send_signal(
                choose.choices([signal.SIGKILL, signal.SIGTERM, signal.SIGINT], [8, 1, 1])[0]
            )
            output += wait(process)
            spent += 1
        if process.returncode != 0:
            if process.returncode not in STOPPED:
                print(f"exit status {process.returncode}:\n{output[-2000:]}", flush=True)
                return mismatches + 1
            continue
        resumes += output.count("Resuming after step")
        finished += 1
        found, lines = outcome(workdir), log_lines(output)
        wrong = [name for name in expected if found.get(name) != expected[name]]
        wrong += [name for name in found if name not in expected]
        if lines != expected_lines:
            wrong.append("log lines")
        mismatches += bool(wrong)
        print(
            f"{workdir.name}: {spent} kills so far, "
            f"{'differs in ' + ', '.join(wrong) if wrong else 'equal'}",
            flush=True,
        )
        if spent >= kills:
            break
        workdir, output = folder / f"run{finished}", ""
    print(f"kills {spent}, resumes {resumes}, finished runs {finished}, mismatches {mismatches}")
    return mismatches


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=777)
    parser.add_argument("--keep_best", action="store_true", help="runs that keep their best")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        flags = [*FLAGS, *(KEEP_BEST if arguments.keep_best else [])]
        sys.exit(main(arguments.kills, arguments.seed, pathlib.Path(temporary), flags) > 0)

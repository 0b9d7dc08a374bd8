"""Hits the workers of a short run at random moments, and compares its end with an unbroken run.

    python tests/soak_cluster.py --faults=30

`tfgan.launch` starts them again. Faults: SIGKILL or SIGTERM to the chief or another worker, and
SIGSTOP for a few seconds, also while they start. The launcher itself is interrupted too, and the
same command given again.
"""

import argparse
import collections
import contextlib
import json
import os
import pathlib
import random
import signal
import subprocess
import sys
import tempfile
import time

import psutil
import tensorflow_datasets as tfds
from conftest import prepare_tiny
from fingerprint import outcome

FLAGS = ["--epochs=25", "--batch_size=6", "--hidden_size=128", "--log_every=1"]
FLAGS += ["--steps_per_execution=1", "--checkpoint_every_steps=7", "--worker_timeout=30"]
INTERRUPTED = 130


def start(workers: int, workdir: pathlib.Path, data_dir: pathlib.Path) -> subprocess.Popen:
    command = [sys.executable, "-m", "tfgan.launch", f"--workers={workers}", "--max_restarts=1000"]
    flags = [*FLAGS, f"--data_dir={data_dir}", f"--workdir={workdir}"]
    log = open(workdir.with_suffix(".log"), "ab")  # noqa: SIM115, the child's
    return subprocess.Popen([*command, "--", *flags], stdout=log, stderr=subprocess.STDOUT)


def worker_pids(launcher: subprocess.Popen) -> dict[int, int]:
    found = {}
    with contextlib.suppress(psutil.Error):
        for child in psutil.Process(launcher.pid).children():
            found[json.loads(child.environ()["TF_CONFIG"])["task"]["index"]] = child.pid
    return found


def hit(launcher: subprocess.Popen, choose: random.Random) -> str | None:
    """Does one random thing; returns what, or None if there was nobody to do it to."""
    pids = worker_pids(launcher)
    if not pids:
        return None
    kind = choose.choice(("SIGKILL", "SIGKILL", "SIGTERM", "SIGSTOP", "launcher SIGINT"))
    index = choose.choice(sorted(pids))
    with contextlib.suppress(ProcessLookupError):
        if kind == "launcher SIGINT":
            launcher.send_signal(signal.SIGINT)
            return kind
        os.kill(pids[index], signal.Signals[kind])
        if kind == "SIGSTOP":
            time.sleep(choose.uniform(0.5, 5))
            os.kill(pids[index], signal.SIGCONT)
    return f"{kind} to {'a worker' if index else 'the chief'}"


def main(faults: int, workers: int, seed: int, folder: pathlib.Path) -> int:
    """Returns the number of mismatches; prints what happened."""
    choose = random.Random(seed)
    data_dir = folder / "data"
    prepare_tiny(tfds.image_classification.MNIST, data_dir, "mnist", (28, 28, 1))
    begin = time.monotonic()
    assert start(workers, folder / "unbroken", data_dir).wait(timeout=300) == 0
    longest = time.monotonic() - begin
    expected = outcome(folder / "unbroken")
    print(f"unbroken: {longest:.1f} s, {len(expected['events'])} events", flush=True)
    done: collections.Counter[str] = collections.Counter()
    runs = mismatches = restarts = 0
    while done.total() < faults:
        workdir = folder / f"run_{runs}"
        launcher = start(workers, workdir, data_dir)
        for _ in range(choose.randint(1, 4)):
            with contextlib.suppress(subprocess.TimeoutExpired):
                launcher.wait(choose.uniform(1, longest / 2))
            if launcher.poll() is None and (what := hit(launcher, choose)):
                done[what] += 1
        while (status := launcher.wait(timeout=300)) != 0:
            assert status == INTERRUPTED, workdir.with_suffix(".log").read_text()[-3000:]
            launcher = start(workers, workdir, data_dir)
        restarts += workdir.with_suffix(".log").read_text().count("restarting all workers")
        runs += 1
        if outcome(workdir) != expected:
            mismatches += 1
            print(f"{workdir} differs", flush=True)
        print(f"{done.total()} faults, {runs} runs ended, {mismatches} mismatches", flush=True)
    counts = ", ".join(f"{count} {what}" for what, count in sorted(done.items()))
    print(
        f"{workers} workers, seed {seed}: {done.total()} faults ({counts}); {restarts} restarts, "
        f"{runs} runs, {mismatches} mismatches"
    )
    return mismatches


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--faults", type=int, default=30)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        path = pathlib.Path(temporary)
        sys.exit(min(main(options.faults, options.workers, options.seed, path), 1))

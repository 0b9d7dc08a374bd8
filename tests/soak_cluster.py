"""Hits the workers of a short run at random moments, and compares its end with an unbroken run.

    python tests/soak_cluster.py --faults=30
    python tests/soak_cluster.py --faults=100 --folder=soak      # the same command goes on with it

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
import shutil
import signal
import subprocess
import sys
import tempfile
import time

import psutil
import tensorflow_datasets as tfds
from conftest import prepare_tiny
from fingerprint import outcome

FLAGS = ["--epochs=12", "--batch_size=6", "--hidden_size=128", "--log_every=1"]
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


def broken(
    workers: int, workdir: pathlib.Path, data_dir: pathlib.Path, longest: float, seed: str
) -> dict[str, object]:
    """Hits a run a few times, starting it again where that is needed, until it has ended."""
    choose = random.Random(seed)
    done: collections.Counter[str] = collections.Counter()
    launcher = start(workers, workdir, data_dir)
    for _ in range(choose.randint(1, 4)):
        with contextlib.suppress(subprocess.TimeoutExpired):
            launcher.wait(choose.uniform(1, longest / 2))
        if launcher.poll() is None and (what := hit(launcher, choose)):
            done[what] += 1
    while (status := launcher.wait(timeout=300)) != 0:
        assert status == INTERRUPTED, workdir.with_suffix(".log").read_text()[-3000:]
        launcher = start(workers, workdir, data_dir)
    restarts = workdir.with_suffix(".log").read_text().count("restarting all workers")
    return {"run": workdir.name, "faults": done, "restarts": restarts}


def main(faults: int, workers: int, seed: int, folder: pathlib.Path) -> int:
    """Returns the number of mismatches; prints what happened."""
    record = folder / "record.jsonl"
    record.touch()
    lines = [json.loads(line) for line in record.read_text().splitlines()]
    data_dir = folder / "data"
    if not data_dir.exists():
        prepare_tiny(tfds.image_classification.MNIST, data_dir, "mnist", (28, 28, 1))
    unbroken = folder / "unbroken"
    shutil.rmtree(unbroken, ignore_errors=True)
    begin = time.monotonic()
    assert start(workers, unbroken, data_dir).wait(timeout=300) == 0
    longest = time.monotonic() - begin
    expected = outcome(unbroken)
    print(f"unbroken: {longest:.1f} s, {len(expected['events'])} events", flush=True)

    def done() -> collections.Counter[str]:
        return sum((collections.Counter(line["faults"]) for line in lines), collections.Counter())

    while done().total() < faults:
        workdir = folder / f"run_{len(lines)}"
        shutil.rmtree(workdir, ignore_errors=True)
        workdir.with_suffix(".log").unlink(missing_ok=True)
        line = broken(workers, workdir, data_dir, longest, f"{seed} {len(lines)}")
        line["equal"] = outcome(workdir) == expected
        lines.append(line)
        with record.open("a") as file:
            file.write(json.dumps(line) + "\n")
        print(json.dumps(line), flush=True)
        if line["equal"]:
            shutil.rmtree(workdir)
    counts = ", ".join(f"{count} {what}" for what, count in sorted(done().items()))
    restarts = sum(line["restarts"] for line in lines)
    mismatches = sum(not line["equal"] for line in lines)
    print(
        f"{workers} workers, seed {seed}: {done().total()} faults ({counts}); {restarts} restarts, "
        f"{len(lines)} runs, {mismatches} mismatches"
    )
    return mismatches


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--faults", type=int, default=30)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--folder", type=pathlib.Path, help="where to keep it, to go on with it")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        path = options.folder or pathlib.Path(temporary)
        path.mkdir(parents=True, exist_ok=True)
        sys.exit(min(main(options.faults, options.workers, options.seed, path.resolve()), 1))

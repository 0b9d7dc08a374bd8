"""Contestants as processes of which one works at a time."""

import contextlib
import os
import pathlib
import re
import selectors
import subprocess
import time
from collections.abc import Iterator, Mapping

import psutil

ROOT = pathlib.Path(__file__).parent.parent
# One process each: torch.compile would keep workers of its own.
_EACH = {"TF_CPP_MIN_LOG_LEVEL": "2", "TORCHINDUCTOR_COMPILE_THREADS": "1"}
ENVIRONMENT = _EACH | {"CUDA_VISIBLE_DEVICES": "-1", "JAX_PLATFORMS": "cpu"}
# All hold memory of one GPU at once, of which TensorFlow and JAX would take the most there is.
GPU_ENVIRONMENT = _EACH | {
    "TF_FORCE_GPU_ALLOW_GROWTH": "true",
    "XLA_PYTHON_CLIENT_PREALLOCATE": "false",
}


class ProcessEndedError(Exception):
    """A contestant is gone, or says nothing any more."""


class Runner:
    """A running contestant.

    Args:
        command: its command line.
        errors: file for its stderr.
        environment: variables of its own.
    """

    def __init__(
        self,
        command: list[str],
        errors: pathlib.Path,
        environment: Mapping[str, str] = ENVIRONMENT,
    ):
        self._errors = errors
        self._unread = b""
        with errors.open("wb") as stderr:
            self._process = subprocess.Popen(
                command,
                cwd=ROOT,
                env=os.environ | environment,
                stdout=subprocess.PIPE,
                stderr=stderr,
                # Out of reach of Ctrl-C; and should this process be killed, the kernel ends
                # the suspended ones, for a group of their own has nobody left to wake it.
                process_group=0,
            )
        self._pipe = self._process.stdout.fileno()
        os.set_blocking(self._pipe, False)

    def wait_for(self, pattern: str, seconds: float = 1800) -> None:
        """Returns at the next line that begins with a regular expression.

        Raises:
            ProcessEndedError: if the process ends instead, or takes too long.
        """
        deadline = time.monotonic() + seconds
        with selectors.DefaultSelector() as selector:
            selector.register(self._pipe, selectors.EVENT_READ)
            while True:
                while b"\n" in self._unread:
                    line, self._unread = self._unread.split(b"\n", 1)
                    if re.match(pattern, line.decode(errors="replace")):
                        return
                if not selector.select(deadline - time.monotonic()):
                    raise ProcessEndedError(f"silent for {seconds:.0f} s")
                if not (output := os.read(self._pipe, 1 << 16)):
                    raise ProcessEndedError(self._last_words())
                self._unread += output

    def _last_words(self) -> str:
        lines = self._errors.read_text(errors="replace").split("\n")
        said = [line.strip() for line in lines if line.strip()]
        return said[-1] if said else f"ended with exit code {self._process.wait()}"

    def suspend(self) -> None:
        """Stops the process where it is, and forgets what it said until then."""
        psutil.Process(self._process.pid).suspend()
        self._unread = b""
        with contextlib.suppress(BlockingIOError):
            while os.read(self._pipe, 1 << 16):
                pass

    def resume(self) -> None:
        """Lets a suspended process go on."""
        psutil.Process(self._process.pid).resume()

    def peak_mb(self) -> float:
        """The most memory that the process had resident so far, in MB (10^6 bytes)."""
        status = pathlib.Path(f"/proc/{self._process.pid}/status").read_text()
        return int(re.search(r"VmHWM:\s+(\d+) kB", status)[1]) * 1024 / 1e6

    def kill(self) -> None:
        """Ends the process, suspended or not."""
        self._process.kill()
        self._process.wait()
        self._process.stdout.close()


@contextlib.contextmanager
def runner(
    command: list[str], errors: pathlib.Path, environment: Mapping[str, str] = ENVIRONMENT
) -> Iterator[Runner]:
    """A `Runner` that is killed at the end."""
    running = Runner(command, errors, environment)
    try:
        yield running
    finally:
        running.kill()


def measure(
    contestants: dict[str, tuple[list[str], str, str]],
    rounds: int,
    folder: pathlib.Path,
    environment: Mapping[str, str] = ENVIRONMENT,
) -> tuple[dict[str, dict], dict[str, str]]:
    """Takes the time of `rounds` epochs of every contestant, in turns.

    Args:
        contestants: by name, the command, and the regular expressions of the line after the
            first step and of those after each epoch.
        rounds: epochs that are timed, after one that is not. Each round begins with another
            contestant.
        folder: for files with what they say on stderr.
        environment: variables of all.

    Returns:
        By name, {"epoch_s": a list, "first_step_s", "peak_mb"}; and of those who dropped out,
        the reason.
    """
    results: dict[str, dict] = {}
    dropped: dict[str, str] = {}
    running: dict[str, Runner] = {}
    with contextlib.ExitStack() as stack:

        def drop(name: str, error: Exception) -> None:
            dropped[name] = str(error)
            results.pop(name, None)
            running.pop(name).kill()
            print(f"{name}: dropped out: {error}", flush=True)

        for index, (name, (command, first_step, epoch)) in enumerate(contestants.items()):
            start = time.perf_counter()
            one = stack.enter_context(runner(command, folder / f"stderr_{index}.txt", environment))
            running[name] = one
            try:
                one.wait_for(first_step)
                results[name] = {"first_step_s": time.perf_counter() - start, "epoch_s": []}
                one.wait_for(epoch)
                one.suspend()
            except (ProcessEndedError, psutil.NoSuchProcess) as error:
                drop(name, error)
                continue
            print(f"{name}: first step after {results[name]['first_step_s']:.1f} s", flush=True)
        for number in range(rounds):
            names = list(running)
            first = number % max(len(names), 1)
            for name in names[first:] + names[:first]:
                try:
                    start = time.perf_counter()
                    running[name].resume()
                    running[name].wait_for(contestants[name][2])
                    results[name]["epoch_s"].append(time.perf_counter() - start)
                    running[name].suspend()
                except (ProcessEndedError, psutil.NoSuchProcess) as error:
                    drop(name, error)
            print(f"round {number + 1} of {rounds} done", flush=True)
        for name, one in running.items():
            results[name]["peak_mb"] = one.peak_mb()
    return results, dropped

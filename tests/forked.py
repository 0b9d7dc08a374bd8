"""Python processes, forked from one that has imported TensorFlow.

That import takes longer than most of what the tests run in processes of their own.
"""

import multiprocessing
import os
import pathlib
import runpy
import subprocess
import sys
import tempfile
import time

from tfgan.ground import cli

ROOT = pathlib.Path(__file__).parent.parent

_context = multiprocessing.get_context("forkserver")
_context.set_forkserver_preload(["tfgan.training", "tfgan.doctor.monitors"])  # and SciPy


class Python:
    """`python -m MODULE ...` or `python -c CODE ...` in the project's folder, as it runs."""

    def __init__(self, *arguments: str, env: dict[str, str] | None = None):
        self.args = arguments
        self._folder = tempfile.TemporaryDirectory()
        self._outputs = [pathlib.Path(self._folder.name, name) for name in ("out", "err")]
        for path in self._outputs:
            path.touch()
        self._process = _context.Process(
            target=_run,
            args=(arguments, self._outputs, dict(env or os.environ)),
            daemon=True,  # ends with the tests
        )
        self._process.start()

    def read_until(self, words: str) -> None:
        """Waits until it has printed them, or has ended."""
        while words not in self._outputs[0].read_text():
            if not self.runs():
                return
            time.sleep(0.01)

    def runs(self) -> bool:
        return self._process.is_alive()

    def send_signal(self, signum: int) -> None:
        os.kill(self._process.pid, signum)

    def finish(self, timeout: float = 300) -> subprocess.CompletedProcess:
        """Waits for its end.

        Raises:
            subprocess.TimeoutExpired: it had not ended after `timeout` seconds, and was killed.
        """
        self._process.join(timeout)
        if self._process.exitcode is None:
            self._process.kill()
            raise subprocess.TimeoutExpired(self.args, timeout)
        with self._folder:
            out, err = (path.read_text() for path in self._outputs)
        return subprocess.CompletedProcess(self.args, self._process.exitcode, out, err)


def _run(arguments: tuple[str, ...], outputs: list[pathlib.Path], env: dict[str, str]) -> None:
    for descriptor, path in enumerate(outputs, 1):
        os.dup2(os.open(path, os.O_WRONLY), descriptor)
    sys.stdout.reconfigure(line_buffering=True)
    os.environ.clear()
    os.environ.update(env)
    os.chdir(ROOT)
    cli.load_tensorflow()  # absl may have it look for CUDA before a command holds back what it says
    option, program, *rest = arguments
    sys.argv = [option, *rest]
    if option == "-m":
        runpy.run_module(program, run_name="__main__", alter_sys=True)
    else:
        exec(program, {"__name__": "__main__"})

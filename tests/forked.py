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

from tfgan import cli

ROOT = pathlib.Path(__file__).parent.parent

_context = multiprocessing.get_context("forkserver")
_context.set_forkserver_preload(["tfgan.training"])


class Python:
    """`python -m MODULE ...` or `python -c CODE ...` in the project's folder, as it runs."""

    def __init__(self, *arguments: str, env: dict[str, str] | None = None):
        self.args = arguments
        self._folder = tempfile.TemporaryDirectory()
        self._outputs = [os.path.join(self._folder.name, name) for name in ("out", "err")]
        self._process = _context.Process(
            target=_run, args=(arguments, self._outputs, dict(env or os.environ))
        )
        self._process.start()

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
            out, err = (pathlib.Path(path).read_text() for path in self._outputs)
        return subprocess.CompletedProcess(self.args, self._process.exitcode, out, err)


def _run(arguments: tuple[str, ...], outputs: list[str], env: dict[str, str]) -> None:
    for descriptor, path in enumerate(outputs, 1):
        os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT), descriptor)
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

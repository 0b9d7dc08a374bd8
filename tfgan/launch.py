"""`python -m tfgan.launch --workers=2 -- --epochs=5` trains with several workers on this machine.

Use it to try distributed training without a cluster. Each worker runs `python -m tfgan.train` with
the flags after `--` and its own `TF_CONFIG`; its lines are printed after its number. If one dies,
the others are ended, and all restart from the newest checkpoint.
"""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from typing import IO, TextIO

from absl import flags

from tfgan.ground import cli, console, signals
from tfgan.ground.errors import Interrupted, UserError, WorkerLost
from tfgan.run import topics

_GRACE_SECONDS = 10  # for the others to end when one has died
_STOP_SECONDS = 60  # for all to end when they are asked to


def _say(line: str) -> None:
    console.put(f"[launch] {line}\n", sys.stdout)


def _free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


def _ending(status: int) -> str:
    return f"was killed by {signal.Signals(-status).name}" if status < 0 else f"ended with {status}"


class _Workers:
    """The worker processes of one start.

    Args:
        count: how many.
        arguments: flags of `tfgan.train`.
    """

    def __init__(self, count: int, arguments: list[str]):
        addresses = [f"127.0.0.1:{port}" for port in _free_ports(count)]
        self._processes = []
        self._printers = []
        self._unread = threading.Event()
        for index in range(count):
            task = {"type": "worker", "index": index}
            tf_config = json.dumps({"cluster": {"worker": addresses}, "task": task})
            process = subprocess.Popen(
                [sys.executable, "-u", "-m", "tfgan.train", *arguments],
                env=os.environ | {"TF_CONFIG": tf_config},
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                errors="replace",
                start_new_session=True,  # Ctrl-C reaches them through `send` alone
            )
            self._processes.append(process)
            for source, target in ((process.stdout, sys.stdout), (process.stderr, sys.stderr)):
                printer = threading.Thread(
                    target=_print_lines, args=(index, source, target, self._unread)
                )
                printer.start()
                self._printers.append(printer)

    def are_read(self) -> bool:
        """Whether somebody reads what they print, as far as is known."""
        return not self._unread.is_set()

    def statuses(self) -> list[int | None]:
        """Exit status of each, None while it runs."""
        return [process.poll() for process in self._processes]

    def send(self, signum: int) -> None:
        """Sends a signal to those that run."""
        for process in self._processes:
            process.send_signal(signum)

    def end(self, seconds: float) -> None:
        """Asks those that run to end, and kills them if they have not after some seconds."""
        self.send(signal.SIGTERM)
        deadline = time.monotonic() + seconds
        while None in self.statuses() and time.monotonic() < deadline:
            time.sleep(0.1)
        for process in self._processes:
            # Each leads a group: what it has started may not hold its outputs open, either.
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        for printer in self._printers:
            printer.join()


def _print_lines(index: int, source: IO[str], target: TextIO, unread: threading.Event) -> None:
    """Prints lines as long as that is possible, and takes them from the worker in any case.

    A worker would wait for ever to print into a pipe that nobody empties.
    """
    for line in source:
        try:
            if not unread.is_set():
                console.put(f"[{index}] {line}", target)
        except (OSError, ValueError):  # the reader has gone, or the stream is closed
            unread.set()


def launch(count: int, max_restarts: int, arguments: list[str]) -> None:
    """Runs the workers to their end.

    Args:
        count: how many workers.
        max_restarts: how often all start again after one has died.
        arguments: flags of `tfgan.train`.

    Raises:
        UserError: if a worker refused what the user gave.
        WorkerLost: if a worker died once too often.
        Interrupted: if SIGINT, SIGTERM or SIGHUP came.
        BrokenPipeError: if whoever read the output has gone; all workers are ended then.
    """
    received: list[int] = []
    for signum in signals.stopping():
        signal.signal(signum, lambda number, frame: received.append(number))
    for restart in range(max_restarts + 1):
        if restart:
            _say(f"restarting all workers ({restart} of at most {max_restarts})")
        workers = _Workers(count, arguments)
        try:
            while not received and workers.are_read():
                statuses = workers.statuses()
                if any(statuses) or None not in statuses:
                    break
                time.sleep(0.1)
        finally:
            statuses = workers.statuses()
            asked = received or not workers.are_read()
            workers.end(_STOP_SECONDS if asked else _GRACE_SECONDS)
        if received:
            signum = signal.Signals(received[0])
            raise Interrupted(f"[launch] {signum.name}: all workers have ended", signum)
        if not workers.are_read():
            raise BrokenPipeError
        if not any(statuses):
            return
        if cli.USER_ERROR in statuses:
            died = statuses.index(cli.USER_ERROR)
            raise UserError(
                f"worker {died} found an error in its flags or environment; see its line above"
            )
        dead = [(index, status) for index, status in enumerate(statuses) if status]
        # Rather the one that died than one that has ended for having lost it.
        died, status = min(dead, key=lambda each: each[1] == os.EX_TEMPFAIL)
        _say(f"worker {died} {_ending(status)}; the others were ended")
    raise WorkerLost(f"worker {died} {_ending(status)}, after {max_restarts} restarts")


def main() -> None:
    """Entry point of the command."""
    flags.DEFINE_integer("workers", 2, "Number of worker processes.", lower_bound=1)
    flags.DEFINE_integer(
        "max_restarts",
        3,
        "Restart all workers after one has died, at most this many times.",
        lower_bound=0,
    )
    dashes = sys.argv.index("--") if "--" in sys.argv else len(sys.argv)
    arguments = sys.argv[dashes + 1 :]
    del sys.argv[dashes:]

    def prepare() -> Callable[[], None]:
        count, max_restarts = flags.FLAGS.workers, flags.FLAGS.max_restarts
        return lambda: launch(count, max_restarts, arguments)

    cli.run(prepare, tensorflow=False, topics=topics.LAUNCH)


if __name__ == "__main__":
    main()

"""What becomes of output that nobody reads, or that cannot be shown."""

import errno
import io
import signal
import subprocess
import sys

import pytest
from conftest import ROOT

from tfgan import UserError
from tfgan.ground import console, signals


class Broken(io.StringIO):
    """A stream that cannot be written."""

    def __init__(self, error: OSError):
        super().__init__()
        self._error = error

    def flush(self) -> None:
        raise self._error


def ascii_stream() -> io.TextIOWrapper:
    return io.TextIOWrapper(io.BytesIO(), encoding="ascii")


def test_what_cannot_be_shown_is_replaced(monkeypatch):
    stream = ascii_stream()
    console.put("폴더 é\n", stream)
    assert stream.buffer.getvalue() == b"\\ud3f4\\ub354 \\xe9\n"
    monkeypatch.setattr(sys, "stdout", ascii_stream())
    console.say("폴더")
    assert sys.stdout.buffer.getvalue() == b"\\ud3f4\\ub354\n"


def test_print_cannot_fail_in_a_command_either(monkeypatch):
    monkeypatch.setattr(sys, "stdout", ascii_stream())
    console.show_everything()
    print("폴더", flush=True)
    assert sys.stdout.buffer.getvalue() == b"\\ud3f4\\ub354\n"


def test_output_that_cannot_be_written_is_told_from_the_run_s_files():
    console.put("x", Broken(OSError(errno.EIO, "a terminal that is gone")))
    with pytest.raises(BrokenPipeError):
        console.put("x", Broken(BrokenPipeError()))
    with pytest.raises(UserError, match=r"^the output cannot be written: No space left on device"):
        console.put("x", Broken(OSError(errno.ENOSPC, "No space left on device")))


@pytest.mark.parametrize("ignored", [False, True], ids=["ssh", "nohup"])
def test_lost_terminal_stops_unless_that_is_ignored(ignored, monkeypatch):
    handler = signal.SIG_IGN if ignored else signal.SIG_DFL
    monkeypatch.setattr(signal, "getsignal", lambda signum: handler)
    usual = [signal.SIGINT, signal.SIGTERM]
    assert signals.stopping() == (usual if ignored else [*usual, signal.SIGHUP])


def test_error_on_ascii_output_is_one_line(tmp_path):
    code = "import sys; sys.argv = ['t', '--epochs=0', '--workdir=폴더', '--dataset=é']\n"
    code += "import runpy; runpy.run_module('tfgan.train', run_name='__main__')"
    done = subprocess.run(
        [sys.executable, "-c", code.replace("--epochs=0", "--strategy=é")],
        cwd=ROOT,
        capture_output=True,
        env={"PYTHONIOENCODING": "ascii:strict", "PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin"},
    )
    assert done.returncode == 2
    assert done.stderr.decode("ascii").count("\n") == 1
    assert b"\\xe9" in done.stderr

import fcntl
import os
import pty
import struct
import subprocess
import sys
import termios

import pytest
from conftest import ROOT, SMALL

from tfgan.ground.console import duration


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.04, "0.0 s"),
        (9.96, "10.0 s"),
        (42.4, "42 s"),
        (59.7, "1 min 0 s"),
        (845, "14 min 5 s"),
        (4200, "1 h 10 min"),
        (90000, "25 h 0 min"),
    ],
)
def test_duration(seconds, words):
    assert duration(seconds) == words


def test_terminal_gets_a_bar_over_the_whole_run(tiny_data_dir, tmp_path):
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 90, 0, 0))
    flags = [f"--data_dir={tiny_data_dir}", f"--workdir={tmp_path}/run", "--epochs=2"]
    process = subprocess.Popen(
        [sys.executable, "-m", "tfgan.train", *flags, *SMALL],
        stdout=theirs,
        stderr=theirs,
        cwd=ROOT,
    )
    os.close(theirs)
    output = b""
    try:
        while chunk := os.read(ours, 1000):
            output += chunk
    except OSError:  # Linux's word for the end of a terminal
        pass
    os.close(ours)
    assert process.wait() == 0
    # Two epochs of 60 images are one bar of 120.
    assert b"| 120/120 [" in output
    assert b"img/s]" in output

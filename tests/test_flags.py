"""Flags by topic: `--help` of each command, and docs/flags.md."""

import os
import subprocess
import sys

import pytest
from absl import flags
from conftest import ROOT
from record_flags import COMMANDS, PAGE, defined, page


@pytest.mark.parametrize("command", COMMANDS)
def test_each_flag_has_one_topic(command):
    before = set(flags.FLAGS)
    with defined(command) as (_, topics):
        shown = [name for names in topics.values() for name in names]
        assert sorted(shown) == sorted(set(flags.FLAGS) - before)
    assert set(flags.FLAGS) == before


def test_the_page_is_current():
    assert PAGE.read_text() == page(), "run python tests/record_flags.py"


def help_of_training(*arguments: str) -> subprocess.CompletedProcess:
    command = [sys.executable, "-m", "tfgan.train", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True)


def test_help_begins_with_what_is_used_most():
    done = help_of_training("--help")
    assert done.returncode == 0, done.stderr
    titles = [line for line in done.stdout.splitlines() if line.endswith(":") and line[0] != " "]
    assert titles[0] == "Most used:"
    assert len(titles) > 5
    assert done.stdout.index("--epochs") < done.stdout.index("--beta_2")
    assert done.stdout == help_of_training("--helpshort").stdout


def test_helpfull_also_has_the_flags_of_libraries():
    done = help_of_training("--helpfull")
    assert done.returncode == 0, done.stderr
    assert "--epochs" in done.stdout
    assert "--pdb_post_mortem" in done.stdout


def test_an_installed_command_has_the_same_help():
    code = "from tfgan.sample import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", code, "--help"], cwd=ROOT, capture_output=True, text=True
    )
    assert "--interpolate" in done.stdout, done.stderr


def test_help_that_is_not_read_to_its_end_is_no_failure():
    reader, writer = os.pipe()
    os.close(reader)  # as `| head` leaves it
    command = [sys.executable, "-m", "tfgan.train", "--help"]
    with os.fdopen(writer, "w") as nobody:
        done = subprocess.run(command, cwd=ROOT, stdout=nobody, stderr=subprocess.PIPE, text=True)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(
    ("flag", "takes"),
    [
        ("--epochs=ten", "an integer"),
        ("--r1=a b", "a number"),
        ("--conditional=3", "true or false"),
        ("--updates=never", "one of alternating, simultaneous"),
    ],
)
def test_a_value_of_another_kind_is_one_clear_line(flag, takes):
    done = help_of_training(flag)
    assert (done.returncode, done.stderr) == (2, f"error: {flag}: must be {takes}\n")

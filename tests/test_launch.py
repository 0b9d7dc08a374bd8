"""Several processes, and what can happen to them: each case ends, or recovers, the same."""

import contextlib
import io
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time

import psutil
import pytest
from conftest import ROOT, assert_one_line_error, free_ports, run, tf_config
from fingerprint import log_lines, outcome

import tfgan.launch
from tfgan import UserError
from tfgan.ground import signals
from tfgan.ground.errors import WorkerLost

TRAIN = [sys.executable, "-u", "-m", "tfgan.train"]


@pytest.fixture(scope="module")
def flags(tiny_data_dir):
    """A run of 30 steps, one a call, that can be hit in the middle."""
    flags = [f"--data_dir={tiny_data_dir}", "--epochs=3", "--batch_size=6", "--log_every=1"]
    flags += ["--hidden_size=512", "--steps_per_execution=1", "--checkpoint_every_steps=7"]
    return [*flags, "--worker_timeout=60"]


def launch(*arguments: object) -> subprocess.Popen:
    return popen([sys.executable, "-u", "-m", "tfgan.launch", *map(str, arguments)])


def popen(command: list[str], **kwargs) -> subprocess.Popen:
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT, **kwargs
    )


def read_until(process: subprocess.Popen, words: str) -> str:
    seen = ""
    for line in process.stdout:
        seen += line
        if words in line:
            return seen
    raise AssertionError(f"no {words!r} in {seen}\n{process.stderr.read()}")


def finish(process: subprocess.Popen, seen: str = "") -> tuple[str, str]:
    out, err = process.communicate(timeout=200)
    return seen + out, err


def pids(launcher: subprocess.Popen) -> dict[int, int]:
    """The process of each worker."""
    found = {}
    for child in psutil.Process(launcher.pid).children():
        with contextlib.suppress(psutil.Error):
            found[json.loads(child.environ()["TF_CONFIG"])["task"]["index"]] = child.pid
    return found


def unprefixed(output: str) -> dict[tuple[int, int], str]:
    lines = [line[4:] for line in output.splitlines() if line.startswith("[0] ")]
    return log_lines("\n".join(lines))


@pytest.fixture(scope="module")
def unbroken(flags, tmp_path_factory):
    workdir = tmp_path_factory.mktemp("runs") / "unbroken"
    process = launch("--workers=2", "--", *flags, f"--workdir={workdir}")
    out, err = finish(process)
    assert process.returncode == 0, out + err
    assert "on 2 workers with 1 CPU each" in out
    assert len(unprefixed(out)) == 30
    return outcome(workdir), unprefixed(out), workdir


def test_only_the_chief_writes_and_what_it_writes_is_that_of_one_device(unbroken, flags, tmp_path):
    _, lines, workdir = unbroken
    done = run("train", *flags, f"--workdir={tmp_path}/one")
    assert done.returncode == 0, done.stderr

    def files(folder):
        names = {str(file.relative_to(folder)) for file in folder.rglob("*") if file.is_file()}
        return {name for name in names if not name.startswith(("tensorboard", "checkpoints"))}

    assert files(workdir) == files(tmp_path / "one")
    assert len(list((workdir / "tensorboard").iterdir())) == 1
    assert list(log_lines(done.stdout)) == list(lines)
    assert log_lines(done.stdout)[1, 1] == lines[1, 1]


@pytest.fixture(scope="module")
def interrupted(flags, tmp_path_factory):
    """A run that Ctrl-C ended in its first epoch: folder, output, status, the workers' pids."""
    workdir = tmp_path_factory.mktemp("runs") / "interrupted"
    process = launch("--", *flags, f"--workdir={workdir}")
    seen = read_until(process, "Epoch: [1/3], Step: [3/10]")
    workers = list(pids(process).values())
    process.send_signal(signal.SIGINT)
    out, err = finish(process, seen)
    return workdir, out + err, process.returncode, workers


def test_ctrl_c_ends_all(interrupted):
    _, out, status, workers = interrupted
    assert status == 130, out
    assert "[launch] SIGINT: all workers have ended" in out
    assert len(workers) == 2
    assert not any(psutil.pid_exists(pid) for pid in workers)


def hit(flags, workdir, worker: int, signum: int, restarts: int = 1) -> tuple[str, int]:
    """Sends a signal to a worker in the last epoch of a run; returns the output and exit status."""
    process = launch(f"--max_restarts={restarts}", "--", *flags, f"--workdir={workdir}")
    seen = read_until(process, "Epoch: [3/3], Step: [2/10]")
    os.kill(pids(process)[worker], signum)
    out, _ = finish(process, seen)
    return out, process.returncode


@pytest.mark.parametrize(
    ("worker", "signum", "words"),
    [
        (0, signal.SIGKILL, "worker 0 was killed by SIGKILL"),
        pytest.param(
            *(1, signal.SIGKILL, "worker 1 was killed by SIGKILL"), marks=pytest.mark.slow
        ),
        pytest.param(
            *(1, signal.SIGTERM, "SIGTERM: stopped after step"), marks=pytest.mark.slow
        ),  # Ctrl-C sends it to all
    ],
)
def test_interrupted_and_restarted_run_ends_as_the_unbroken_one(
    worker, signum, words, interrupted, unbroken, flags, tmp_path
):
    expected, lines, _ = unbroken
    workdir, before, *_ = interrupted
    shutil.copytree(workdir, tmp_path / "run")
    out, status = hit(flags, tmp_path / "run", worker, signum)
    assert status == 0, out
    assert words in out
    first, second = out.split("[launch] restarting all workers (1 of at most 1)")
    assert "Resuming after step" in first  # after Ctrl-C
    assert "Resuming after step" in second
    assert outcome(tmp_path / "run") == expected
    assert unprefixed(before + out) == lines


@pytest.mark.slow  # test_who_died_is_named has none left either
def test_restarts_come_to_an_end(flags, tmp_path):
    out, status = hit(flags, tmp_path / "run", 1, signal.SIGKILL, restarts=0)
    assert status == os.EX_TEMPFAIL, out


@pytest.mark.slow  # test_frozen_worker_is_given_up waits for one, too
def test_paused_worker_is_waited_for(unbroken, flags, tmp_path):
    process = launch("--max_restarts=0", "--", *flags, f"--workdir={tmp_path}/run")
    seen = read_until(process, "Epoch: [2/3], Step: [5/10]")
    os.kill(pids(process)[1], signal.SIGSTOP)
    time.sleep(5)
    os.kill(pids(process)[1], signal.SIGCONT)
    out, err = finish(process, seen)
    assert process.returncode == 0, out + err
    assert outcome(tmp_path / "run") == unbroken[0]


def test_who_died_is_named_and_not_who_lost_it(monkeypatch):
    class Ended:
        def __init__(self, count, arguments):
            pass

        def statuses(self):
            return [os.EX_TEMPFAIL, -signal.SIGKILL]

        def end(self, seconds):
            pass

        def are_read(self):
            return True

    monkeypatch.setattr(tfgan.launch, "_Workers", Ended)
    monkeypatch.setattr(signal, "signal", lambda signum, handler: None)
    with pytest.raises(WorkerLost, match=r"^worker 1 was killed by SIGKILL, after 0 restarts"):
        tfgan.launch.launch(2, 0, [])


@pytest.fixture
def talkers(monkeypatch, tmp_path):
    """Has the launcher start workers that print without end, more than a pipe holds."""
    script = tmp_path / "talk"
    script.write_text("#!/bin/sh\nyes line >&2 &\nexec yes line\n")
    script.chmod(0o700)
    monkeypatch.setattr(sys, "executable", str(script))
    before = {signum: signal.getsignal(signum) for signum in signals.stopping()}
    yield
    for signum, handler in before.items():
        signal.signal(signum, handler)


@pytest.mark.parametrize("name", ["stdout", "stderr"])
def test_unread_output_ends_all_workers(name, talkers, monkeypatch):
    reader, writer = os.pipe()
    os.close(reader)
    started = []
    start = subprocess.Popen

    def popen(*args, **kwargs):
        started.append(start(*args, **kwargs))
        return started[-1]

    monkeypatch.setattr(subprocess, "Popen", popen)
    monkeypatch.setattr(sys, "stdout", io.StringIO())
    with open(writer, "w") as closed:
        monkeypatch.setattr(sys, name, closed)
        with pytest.raises(BrokenPipeError):
            tfgan.launch.launch(2, 3, [])
        monkeypatch.setattr(sys, name, io.StringIO())
        with contextlib.suppress(BrokenPipeError):
            closed.close()
    assert [process.poll() for process in started] == [-signal.SIGTERM] * 2


@pytest.mark.parametrize(
    "error", [BrokenPipeError(), OSError(28, "full"), ValueError("closed"), UserError("full")]
)
def test_lines_are_taken_from_a_worker_whatever_becomes_of_them(error):
    class Target:
        encoding = "utf-8"

        def write(self, text):
            raise error

    unread, source = threading.Event(), io.StringIO("line\n" * 1000)
    tfgan.launch._print_lines(0, source, Target(), unread)
    assert source.read() == ""
    assert unread.is_set()


def test_bad_flags_are_not_tried_again(tmp_path):
    done = run("launch", "--", "--epochs=0", f"--workdir={tmp_path}/run")
    assert done.returncode == 2
    # Whoever is quicker refuses; the other may be ended before it has said a word.
    *_, last = done.stderr.splitlines()
    refused = re.fullmatch(r"error: worker ([01]) found an error in its flags .*", last)
    assert refused, done.stderr
    assert f"[{refused[1]}] error: --epochs=0: must be at least 1" in done.stderr
    assert "restarting all workers" not in done.stdout
    assert_one_line_error(run("launch", "--workers=0"), "--workers=0", "positive")
    assert_one_line_error(run("launch", "--epochs=5"), "epochs")


def cluster(flags, addresses, workdir, prefixes=((), ())) -> list[subprocess.Popen]:
    """Two workers that nobody restarts."""
    return [
        popen([*prefix, *TRAIN, *flags, f"--workdir={workdir}"], env=tf_config(addresses, index))
        for index, prefix in enumerate(prefixes)
    ]


def assert_gives_up(process: subprocess.Popen, seconds: float) -> None:
    start = time.monotonic()
    _, err = process.communicate(timeout=seconds + 60)
    assert process.returncode == os.EX_TEMPFAIL, err
    assert time.monotonic() - start < seconds
    assert "Traceback" not in err
    assert "has lost another" in err.splitlines()[-1]


@pytest.mark.parametrize("frozen", [0, pytest.param(1, marks=pytest.mark.slow)])
def test_frozen_worker_is_given_up(frozen, flags, tmp_path):
    addresses = [f"127.0.0.1:{port}" for port in free_ports(2)]
    processes = cluster([*flags, "--worker_timeout=10"], addresses, tmp_path / "run")
    read_until(processes[0], "Epoch: [2/3]")
    processes[frozen].send_signal(signal.SIGSTOP)
    assert_gives_up(processes[1 - frozen], seconds=20)
    processes[frozen].send_signal(signal.SIGCONT)
    assert_gives_up(processes[frozen], seconds=20)


def ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True, capture_output=True)


@pytest.fixture
def network():
    """Two network namespaces that see each other."""
    names = [f"tfgan{os.getpid()}{letter}" for letter in "ab"]
    try:
        for name in names:
            ip("netns", "add", name)
        first, second = names
        link = ["veth1", "netns", first, "type", "veth", "peer", "name", "veth2", "netns", second]
        ip("link", "add", *link)
        for number, name in enumerate(names, start=1):
            ip("-n", name, "addr", "add", f"10.77.0.{number}/24", "dev", f"veth{number}")
            ip("-n", name, "link", "set", f"veth{number}", "up")
            ip("-n", name, "link", "set", "lo", "up")
    except subprocess.CalledProcessError as error:
        pytest.skip(f"needs the right to make network namespaces: {error.stderr.decode().strip()}")
    else:
        yield names
    finally:
        for name in names:
            subprocess.run(["ip", "netns", "del", name], capture_output=True, check=False)


@pytest.mark.slow  # in test_frozen_worker_is_given_up, too, each side hears nothing of the other
@pytest.mark.skipif(not shutil.which("ip"), reason="needs ip, of iproute2")
def test_cut_network_ends_both_sides(network, flags, tmp_path):
    inside = [("ip", "netns", "exec", name) for name in network]
    addresses = ["10.77.0.1:5000", "10.77.0.2:5000"]
    flags = [*flags, "--worker_timeout=10", "--epochs=100"]
    processes = cluster(flags, addresses, tmp_path / "run", inside)
    read_until(processes[0], "Epoch: [2/100]")
    ip("-n", network[1], "link", "set", "veth2", "down")
    for process in processes:
        assert_gives_up(process, seconds=20)


def test_worker_that_never_comes_is_named(flags, tmp_path):
    addresses = [f"127.0.0.1:{port}" for port in free_ports(2)]
    for index, words in enumerate((f"worker 1 ({addresses[1]})", f"the chief ({addresses[0]})")):
        done = run(
            "train",
            *flags,
            "--worker_timeout=2",
            f"--workdir={tmp_path}/run",
            env=tf_config(addresses, index),
        )
        assert done.returncode == os.EX_TEMPFAIL
        assert_one_line_error(done, words, "within 2 seconds")
    assert not (tmp_path / "run").exists()

"""What a command is to write is looked at before its work, and nothing is left behind."""

import os
import runpy
import subprocess
import sys

import pytest
from absl import flags
from conftest import ROOT, assert_one_line_error

from tfgan import UserError
from tfgan.datasets import sources
from tfgan.datasets.image_set import ImageSet
from tfgan.ground.files import check_file, check_folder


@pytest.fixture
def here(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("precious")
    (tmp_path / "folder").mkdir()
    monkeypatch.chdir(tmp_path)
    return tmp_path


def everything(folder):
    return {path: path.stat().st_mtime_ns for path in [folder, *folder.rglob("*")]}


@pytest.mark.parametrize("path", ["new.png", "file", "folder/new", "~/new"])
def test_files_that_can_be_written_leave_no_trace(here, path, monkeypatch):
    monkeypatch.setenv("HOME", str(here / "folder"))
    before = everything(here)
    found = check_file(path, "--output")
    assert everything(here) == before
    found.write_text("written")


@pytest.mark.parametrize("path", ["", "folder", "folder/new/deep"])
def test_folders_that_can_be_made_leave_no_trace(here, path):
    before = everything(here)
    found = check_folder(path, "--output")
    assert everything(here) == before
    found.mkdir(parents=True, exist_ok=True)


@pytest.mark.parametrize(
    ("path", "problem"),
    [
        ("", "is a folder; name a file"),
        ("folder", "is a folder; name a file"),
        ("none/new", "there is no folder none; create it first"),
        ("file/new", "there is no folder file; create it first"),
        ("/proc/new", "cannot be written: "),
        ("n" * 254, "cannot be written: File name too long"),  # with the ending of what is beside
    ],
)
def test_files_that_cannot_be_written_are_named(here, path, problem):
    before = everything(here)
    with pytest.raises(UserError, match=f"^--output={path}: {problem}"):
        check_file(path, "--output")
    assert everything(here) == before


@pytest.mark.parametrize(
    ("path", "problem"),
    [
        ("file", "is a file; name a folder"),
        ("file/new", "file is a file; name a folder"),
        ("/proc/new/deep", "/proc cannot be written to: "),
    ],
)
def test_folders_that_cannot_be_written_are_named(here, path, problem):
    with pytest.raises(UserError, match=f"^--output={path}: {problem}"):
        check_folder(path, "--output")
    with pytest.raises(UserError, match=f"^{path}: {problem}"):
        check_folder(path)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_permissions_count(here):
    (here / "folder").chmod(0o500)
    (here / "file").chmod(0o400)
    for path in ("folder/new", "file"):
        with pytest.raises(UserError, match=f"^--output={path}: "):
            check_file(path, "--output")


# A path that a command is to write to, and what it takes besides to get as far.
FILES = [
    ("tfgan.sample", "--output", "a.png", ["--model=model"]),
    ("tfgan.project", "--output", "a.png", ["--model=model", "--images=file"]),
    ("tfgan.theory.__main__", "--output", "a.png", []),
    ("tfgan.evaluation.train_classifier", "--output", "a.npz", []),
    ("examples.failures", "--picture", "a.png", []),
]
FOLDERS = [
    ("tfgan.evaluate", "--output", ["--samples=file"]),
    ("tfgan.evaluate", "--output", ["--model=model"]),
    ("tfgan.toy", "--workdir", []),
    ("examples.failures", "--workdir", []),
    ("benchmarks.growth", "--output", []),
    ("benchmarks.training", "--output", []),
    ("benchmarks.scaling", "--output", []),
    ("benchmarks.streaming", "--output", []),
]


def prepare(module: str, *arguments: str) -> None:
    """What a command does before its work, in this process."""
    known = set(flags.FLAGS)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["x", *arguments])
        patch.delitem(sys.modules, module, raising=False)
        patch.setattr("tfgan.ground.cli.run", lambda prepare, **_: call(prepare))
        try:
            runpy.run_module(module, run_name="__main__", alter_sys=True)
        finally:
            flags.FLAGS.unparse_flags()
            for name in set(flags.FLAGS) - known:
                delattr(flags.FLAGS, name)


def call(prepare):
    flags.FLAGS(sys.argv)
    prepare()


@pytest.fixture
def model(here):
    (here / "model").mkdir()
    (here / "model" / "saved_model.pb").touch()


@pytest.mark.usefixtures("model")
@pytest.mark.parametrize(("module", "flag", "name", "more"), FILES)
def test_a_file_that_cannot_be_written_is_told_before_the_work(here, module, flag, name, more):
    before = everything(here)
    prepare(module, f"{flag}={name}", *more)
    with pytest.raises(UserError, match=f"^{flag}=file/{name}: there is no folder file"):
        prepare(module, f"{flag}=file/{name}", *more)
    assert everything(here) == before


@pytest.mark.usefixtures("model")
@pytest.mark.parametrize(("module", "flag", "more"), FOLDERS)
def test_a_folder_that_cannot_be_written_is_told_before_the_work(here, module, flag, more):
    before = everything(here)
    prepare(module, f"{flag}=folder/new", *more)
    with pytest.raises(UserError, match=f"^{flag}=file: is a file; name a folder"):
        prepare(module, f"{flag}=file", *more)
    assert everything(here) == before


@pytest.mark.parametrize("command", ["evaluate", "export"])
def test_a_run_that_cannot_be_written_to_is_told_before_the_work(here, command):
    (here / "run").mkdir()
    (here / "run" / "config.json").write_text('{"config": {}, "environment": {}}')
    prepare(f"tfgan.{command}", "--workdir=run")
    written = {"evaluate": "evaluation", "export": "exports"}[command]
    (here / "run" / written).touch()
    with pytest.raises(UserError, match=f"^run/{written}: is a file; name a folder"):
        prepare(f"tfgan.{command}", "--workdir=run")


def test_a_data_folder_that_is_a_file_is_called_so(here):
    with pytest.raises(UserError, match=r"^--data_dir=.*file: is a file; name a folder"):
        sources.prepare(ImageSet("mnist", data_dir=str(here / "file")))


def test_a_benchmark_says_it_in_one_line():
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.growth", "--output=README.md"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert_one_line_error(done, "--output=README.md", "is a file; name a folder")

"""Every command: imported without side effects, `--help`, paths that do not exist."""

import ast
import ctypes
import importlib
import json
import pathlib
import re
import subprocess
import sys
from collections.abc import Iterator

import forked
import pytest
from conftest import ROOT

from tfgan.ground import cli, machine

COMMANDS = ["train", "data", "sample", "evaluate", "export", "launch", "toy", "doctor.__main__"]
COMMANDS += ["project", "theory.__main__", "evaluation.train_classifier"]
EXTRAS = {"jax", "optax", "selenium", "torch", "torchvision"}  # what only some peers import,
EXTRAS |= {"mlflow", "optuna", "wandb"}  # and some examples


def python(code: str) -> subprocess.CompletedProcess:
    return subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)


def run_light(command: str, *arguments: str) -> subprocess.CompletedProcess:
    """Runs a command that may not get as far as to import TensorFlow."""
    code = f"import sys, runpy; sys.argv = {['x', *arguments]!r}\n"
    code += f"try: runpy.run_module('tfgan.{command}', run_name='__main__', alter_sys=True)\n"
    code += "finally: assert 'tensorflow' not in sys.modules"
    return python(code)


def test_importing_any_module_defines_no_flag():
    code = f"""
import importlib, pathlib
from absl import flags

folders = ("tfgan", "benchmarks", "examples")
for folder in folders:
    for path in sorted(pathlib.Path(folder).rglob("*.py")):
        try:
            importlib.import_module(".".join(path.with_suffix("").parts).removesuffix(".__init__"))
        except ModuleNotFoundError as error:
            assert error.name in {EXTRAS}, (path, error)
print([name for name, ours in flags.FLAGS.flags_by_module_dict().items() if ours
       and name.split(".")[0] in folders])
"""
    done = forked.Python("-c", code).finish()
    assert done.stdout == "[]\n", done.stderr


@pytest.mark.parametrize(
    ("name", "flag"), [("browser", "--ort"), ("growth", "--data_dir"), ("scaling", "--layouts")]
)
def test_a_benchmark_has_its_flags_when_it_runs(name, flag):
    done = python(
        f"import sys, runpy; sys.argv = ['x', '--help']\n"
        f"runpy.run_module('benchmarks.{name}', run_name='__main__', alter_sys=True)"
    )
    assert flag in done.stdout, done.stderr


@pytest.mark.parametrize("command", COMMANDS)
def test_help_is_no_failure(command):
    done = run_light(command, "--help")
    assert done.returncode == 0, done.stderr
    assert "--" in done.stdout


def test_shared_flags_are_described_as_the_command_uses_them():
    assert "resume the run" not in run_light("export", "--help").stdout
    assert "resume the run" in run_light("train", "--help").stdout
    assert "whose generator is exported" in run_light("export", "--help").stdout
    assert "networks take their" not in run_light("evaluate", "--help").stdout


@pytest.mark.parametrize(
    ("command", "flag"),
    [
        ("sample", "--model"),
        ("project", "--model"),
        ("evaluate", "--model"),
        ("evaluate", "--samples"),
        ("evaluate", "--workdir"),
        ("export", "--workdir"),
        ("doctor.__main__", "--workdir"),
    ],
)
def test_path_that_does_not_exist_is_told_at_once(command, flag):
    done = run_light(command, f"{flag}=no/such")
    assert done.returncode == 2
    assert done.stderr.startswith(f"error: {flag}=no/such: ")
    assert done.stderr.count("\n") == 1


def messages(path: pathlib.Path) -> Iterator[str]:
    """The texts of all errors that a file raises; what is filled in is empty braces."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "UserError":
            for text in node.args:
                if isinstance(text, ast.JoinedStr):
                    yield "".join(
                        part.value if isinstance(part, ast.Constant) else "{}"
                        for part in text.values
                    )
                elif isinstance(text, ast.Constant):
                    yield text.value


def test_errors_name_a_flag_with_its_value():
    found = [
        text
        for folder in ("tfgan", "benchmarks", "examples")
        for path in (ROOT / folder).rglob("*.py")
        for text in messages(path)
    ]
    assert len(found) > 100
    flag = re.compile(r"--[a-z0-9_{}]+")
    bare = [
        text for text in found if (start := flag.match(text)) and text[start.end() :][:1] != "="
    ]
    assert not bare


def test_packages_are_hidden_until_tensorflow_is_loaded(monkeypatch):
    monkeypatch.delitem(sys.modules, "colorsys", raising=False)
    with cli._hidden(["colorsys", "json"]):
        with pytest.raises(ImportError):
            importlib.import_module("colorsys")
        assert importlib.import_module("json") is json, "it was loaded before"
    assert importlib.import_module("colorsys").rgb_to_hsv(0, 0, 0) == (0, 0, 0)


@pytest.mark.parametrize(
    "library", [lambda _: object(), lambda _: len(_)], ids=["macOS", "Windows"]
)
def test_arenas_are_limited_where_the_c_library_can(library, monkeypatch):
    machine.limit_arenas()
    monkeypatch.setattr(ctypes, "CDLL", library)
    machine.limit_arenas()

"""`--recipe`: a flagfile of `flags/`, by name."""

import shutil
import subprocess
import sys

import pytest
from conftest import ROOT, assert_one_line_error, run

from tfgan import UserError
from tfgan.run import recipes

FLAGS = ROOT / "flags"


def test_every_flagfile_is_a_recipe():
    assert recipes.names() == sorted(file.stem for file in FLAGS.glob("*.flags"))


def test_a_recipe_is_its_flagfile_in_its_place():
    flagfile = f"--flagfile={FLAGS / 'best.flags'}"
    for given in (["--recipe=best"], ["--recipe", "best"], ["-recipe=best"]):
        argv = ["train", "--epochs=2", *given, "--seed=1"]
        assert recipes.as_flagfiles(argv) == ["train", "--epochs=2", flagfile, "--seed=1"]
    untouched = ["train", "--workdir=recipe=best", "--", "--recipe=best"]
    assert recipes.as_flagfiles(untouched) == untouched


@pytest.mark.parametrize(("name", "words"), [("bset", "did you mean best"), ("", "one of best, ")])
def test_unknown_recipe_is_one_line(name, words):
    with pytest.raises(UserError, match=rf"^--recipe={name}: .*{words}"):
        recipes.as_flagfiles(["train", f"--recipe={name}"])


def test_command_takes_a_recipe_and_later_flags_win(tmp_path):
    done = run("train", "--recipe=goodfellow2014", "--momentum_epochs=0", f"--workdir={tmp_path}")
    assert_one_line_error(done, "--final_momentum=0.7")
    nested = tmp_path / "nested.flags"
    nested.write_text("--recipe=best\n")
    assert_one_line_error(run("train", f"--flagfile={nested}"), "--recipe=best", "command line")


def test_recipes_are_found_without_a_clone(tmp_path):
    # What a wheel installs; that it has `flags/` in this place, test_packaging.py looks after.
    installed = tmp_path / "tfgan"
    shutil.copytree(
        ROOT / "tfgan", installed, ignore=shutil.ignore_patterns("*.npz", "__pycache__")
    )
    shutil.copytree(FLAGS, installed / "flags")
    script = "from tfgan.run import recipes; print(recipes.folder(), *recipes.names())"
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    folder, *names = done.stdout.split()
    assert (folder, names) == (str(installed / "flags"), recipes.names())


def test_options_of_a_recipe_are_what_absl_reads(tmp_path, monkeypatch):
    (tmp_path / "other.flags").write_text("--ema=0.9\n")
    (tmp_path / "own.flags").write_text(
        "# A comment: --seed=3\n\n--spectral_norm\n  --nojit_compile\n-r1=2\n--loss=hinge\n"
        f'--workdir="a b"\n--flagfile={tmp_path}/other.flags\n'
    )
    monkeypatch.setattr(recipes, "folder", lambda: tmp_path)
    found = recipes.options("own")
    assert found.pop("workdir").strip('"') == "a b"
    assert found == {
        "spectral_norm": True,
        "jit_compile": False,
        "r1": 2.0,
        "loss": "hinge",
        "ema": 0.9,
    }

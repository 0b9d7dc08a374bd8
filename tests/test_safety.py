"""Files from strangers: nothing is executed, and nothing is written outside the workdir."""

import ast
import json

import keras
import pytest
from conftest import ROOT, SMALL, run
from fingerprint import tree
from test_checkpointing import make_gan, restore

from tfgan.run.checkpointing import Checkpoints


def test_nothing_in_the_package_unpickles():
    for file in (ROOT / "tfgan").glob("*.py"):
        names = set()
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Import):
                names |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                names.add((node.module or "").split(".")[0])
            elif isinstance(node, ast.keyword):
                names.add(node.arg)
            elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                names.add(node.func.id)
        forbidden = {"pickle", "dill", "cloudpickle", "joblib", "marshal", "shelve"}
        forbidden |= {"allow_pickle", "safe_mode", "eval", "exec"}
        assert not names & forbidden, file


def test_keras_file_with_code_in_it_is_refused(tmp_path):
    hostile = keras.Sequential([keras.Input((1,)), keras.layers.Lambda(lambda x: x)])
    hostile.save(tmp_path / "hostile.keras")
    with pytest.raises(ValueError, match=r"safe_mode|unsafe|Lambda"):
        keras.saving.load_model(tmp_path / "hostile.keras")


def test_paths_in_config_json_are_not_followed(finished, tmp_path, tiny_data_dir):
    outside = tmp_path / "outside"
    outside.mkdir()
    flags = [f"--data_dir={tiny_data_dir}", *SMALL, f"--workdir={finished}"]
    config = json.loads((finished / "config.json").read_text())
    config["config"]["workdir"] = str(outside)
    config["config"]["data_dir"] = "../outside"
    config["config"]["../../outside/x"] = "../../outside/x"
    (finished / "config.json").write_text(json.dumps(config))
    for more in (["--epochs=2"], ["--epochs=1", "--overwrite"]):
        assert run("train", *flags, *more).returncode == 0
    assert list(outside.iterdir()) == []


def test_sums_that_point_elsewhere_are_refused(tmp_path):
    gan = make_gan()
    checkpoints = Checkpoints(tmp_path / "checkpoints", gan)
    (tmp_path / "checkpoints").mkdir()
    checkpoints.save()
    gan.step.assign(6)
    checkpoints.save()
    secret = tmp_path / "secret"
    secret.write_text("x")
    sums = tmp_path / "checkpoints" / "000000006" / "SHA256SUMS"
    sums.write_text(sums.read_text() + f"{'0' * 64}  ../../secret\n")
    before = tree(tmp_path)
    _, found, lines = restore(tmp_path / "checkpoints")
    assert found.name == "000000000"
    assert "was changed" in lines[0]
    assert tree(tmp_path) == before


def test_overwrite_does_not_follow_links(finished, tmp_path, tiny_data_dir):
    outside = tmp_path / "outside"
    flags = [f"--data_dir={tiny_data_dir}", *SMALL, "--epochs=1", f"--workdir={finished}"]
    outside.mkdir()
    (outside / "thesis.tex").write_text("precious")
    (finished / "checkpoints" / ".000000009.part").symlink_to(outside)
    assert run("train", *flags, "--overwrite").returncode == 0
    assert (outside / "thesis.tex").read_text() == "precious"

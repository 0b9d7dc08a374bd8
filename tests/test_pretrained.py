"""The generator that comes with tfgan draws what its record says, without a training."""

import json
import re
import shutil

import forked
import keras
import numpy as np
import pytest
import tensorflow as tf
from conftest import ROOT, assert_one_line_error, run

import tfgan
from benchmarks.pretrained import write_page
from tfgan import TrainConfig, UserError
from tfgan.evaluation import classifier
from tfgan.exports import loading, pretrained, sampling, saved_model
from tfgan.run import recipes


@pytest.fixture(scope="module")
def loaded():
    return loading.load("mnist")


def test_it_is_a_keras_model_of_two_megabytes_at_most():
    generator = tfgan.pretrained("mnist")
    assert isinstance(generator, keras.Model)
    images = generator((tf.random.normal((3, 64), seed=1), tf.constant([7, 7, 1], tf.int64)))
    assert images.shape == (3, 28, 28, 1)
    assert np.abs(images).max() <= 1
    assert pretrained.file("mnist").stat().st_size < 2_000_000


def test_it_draws_the_class_that_it_is_told(loaded):
    judge = classifier.load(pretrained.image_set("mnist"))
    for label in range(10):
        seen = judge.probabilities(sampling.Draw(loaded, 1, 64, [label]).batch(0, 0)).argmax(axis=1)
        assert (seen == label).mean() >= 0.9  # 0.99 of 10,000, as its record has it


def test_it_draws_as_its_export_would(loaded, tmp_path):
    data = pretrained.record("mnist")["data"]
    saved_model.save_generator(tmp_path / "g", pretrained.pretrained("mnist"), data=data)
    exported = loading.load(str(tmp_path / "g"))
    for label in (3, loading.ANY):
        ours, theirs = (sampling.draw(each, 64, 5, label) for each in (loaded, exported))
        np.testing.assert_array_equal(ours, theirs)
    z, weights = np.zeros((2, 64), np.float32), np.full((2, 10), 0.1, np.float32)
    np.testing.assert_array_equal(loaded.blend(z, weights), exported.blend(z, weights))
    assert loaded.classes == exported.classes


def test_its_record_names_a_recipe_and_scores():
    record = pretrained.record("mnist")
    command = record["command"].split()
    assert command[:3] == ["python", "-m", "tfgan.train"]
    assert command[3].removeprefix("--recipe=") in recipes.names()
    assert record["scores"]["fcd"] < 1.5
    assert record["scores"]["label_accuracy"] > 0.98


@pytest.mark.slow
def test_its_scores_are_those_of_its_record(tmp_path):
    options = ("--quick", "--model=mnist", f"--output={tmp_path}")
    done = run("evaluate", *options)
    assert done.returncode == 0, done.stderr
    row = json.loads((tmp_path / "evaluation.json").read_text())["rows"]["generator"]
    scores = pretrained.record("mnist")["scores"]
    for name, score in scores.items():  # C2ST and errors are of few images
        most = 0.02 * abs(score) + (0.02 if name in ("fcd", "c2st") or "error" in name else 0.002)
        assert abs(row[name]["mean"] - score) < most, name


def test_the_page_in_the_docs_is_of_it(tmp_path):
    write_page(tmp_path / "mnist.html", "mnist")
    ours, theirs = ((folder / "mnist.html").read_text() for folder in (tmp_path, ROOT / "docs"))
    assert '"centred":true' in ours  # drawings are centred as MNIST is
    assert ours == theirs, "python -m benchmarks.pretrained --page writes it again"


@pytest.fixture
def copied(tmp_path, monkeypatch):
    """The folder of a copy of the package's files."""
    for suffix in (".keras", ".json"):
        shutil.copy(pretrained.file("mnist").with_suffix(suffix), tmp_path)
    monkeypatch.setattr(pretrained, "file", lambda name: tmp_path / f"{name}.keras")
    return tmp_path


@pytest.mark.parametrize("name", ["mnist.keras", "mnist.json"])
@pytest.mark.parametrize("use", [tfgan.pretrained, pretrained.check_model])
def test_damaged_files_are_told(name, use, copied):
    use("mnist")
    file = copied / name
    content = file.read_bytes()
    damaged = [content[:500], b"", b"{}", b"[]", b"\xff", content.replace(b'"counts"', b'"sums"')]
    for each in damaged[: 6 if name.endswith("json") else 3]:
        file.write_bytes(each)
        with pytest.raises(UserError, match=rf"{name}: is damaged or was changed; reinstall tfgan"):
            use("mnist")
    file.unlink()
    with pytest.raises(UserError, match=rf"{name}: No such file or directory; reinstall tfgan"):
        use("mnist")


@pytest.mark.parametrize("name", ["cats", "MNIST", "", None, ["mnist"]])
def test_other_names_are_told(name):
    told = rf"^{re.escape(repr(name))}: no generator of that name.*; must be mnist$"
    with pytest.raises(UserError, match=told):
        tfgan.pretrained(name)


def test_only_a_saved_model_of_that_name_goes_first(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert pretrained.comes_with_tfgan("mnist")
    (tmp_path / "mnist").mkdir()  # of pictures of digits, say
    assert pretrained.comes_with_tfgan("mnist")
    (tmp_path / "mnist" / "saved_model.pb").touch()
    assert not pretrained.comes_with_tfgan("mnist")


def test_the_command_draws_without_a_run(tmp_path):
    output = tmp_path / "sevens.npy"
    done = run("sample", "--n=3", "--label=7", f"--output={output}")
    assert done.returncode == 0, done.stderr
    assert np.load(output).shape == (3, 28, 28, 1)
    assert_one_line_error(
        run("sample", "--label=10", f"--output={tmp_path}/tens.png"),
        "--label=10: '10' is not a class of this generator; it has 0 to 9",
    )
    assert_one_line_error(
        run("sample", "--model=cats", f"--output={tmp_path}/cats.png"),
        "--model=mnist comes with tfgan",
    )


def test_a_run_of_another_recipe_is_not_put_into_the_package(tmp_path):
    config = TrainConfig(**recipes.options("best_conditional") | {"r1": 7.0, "seed": 5})
    (tmp_path / "evaluation").mkdir()
    (tmp_path / "evaluation" / "evaluation.json").write_text('{"rows": {"generator": {}}}')
    (tmp_path / "config.json").write_text(json.dumps({"config": config.to_dict()}))
    done = forked.Python("-m", "benchmarks.pretrained", f"--workdir={tmp_path}").finish()
    assert_one_line_error(done, "is no run of --recipe=best_conditional, which has another r1")

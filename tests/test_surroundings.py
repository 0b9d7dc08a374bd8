"""Folders with odd names and strangers' files in them: a run ends well, and loses nothing."""

import json
import shlex
import shutil

import numpy as np
import pytest
from conftest import make_images
from fingerprint import tree
from test_page import data_of

from tfgan import TrainConfig, UserError, report, training
from tfgan.datasets import training_set
from tfgan.evaluation import samples
from tfgan.exports import exporting, loading, sampling
from tfgan.ground import pictures
from tfgan.ground.files import without_patterns
from tfgan.run import callbacks
from tfgan.run.workdir import Workdir

TINY = {"batch_size": 15, "hidden_size": 4, "jit_compile": False}
ODD_NAME = "lr[0.1] *a? b\\c 한국 'q'"


@pytest.fixture
def config(tmp_path, monkeypatch) -> TrainConfig:
    """A run of one epoch of 4 steps, whose images need no file."""
    data = training_set.InMemory(make_images(60))
    monkeypatch.setattr(training_set, "open_set", lambda *args: data)
    return TrainConfig(workdir=str(tmp_path / "run"), epochs=1, **TINY)


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    """Folders of such runs that have done one epoch and two."""
    folder = tmp_path_factory.mktemp("done")
    data = training_set.InMemory(make_images(60))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(training_set, "open_set", lambda *args: data)
        for epochs in (1, 2):
            config = TrainConfig(workdir=str(folder / "run"), epochs=epochs, **TINY)
            training.train_and_export(config)
            shutil.copytree(folder / "run", folder / str(epochs))
    return folder


@pytest.fixture
def after_one(config, done) -> Workdir:
    """What the run has left after its epoch."""
    shutil.copytree(done / "1", config.workdir)
    return Workdir(config.workdir)


@pytest.fixture
def after_two(config, done) -> Workdir:
    """What it has left after one more."""
    shutil.copytree(done / "2", config.workdir)
    return Workdir(config.workdir)


def longer(config: TrainConfig) -> TrainConfig:
    return TrainConfig(**config.to_dict() | {"epochs": config.epochs + 1})


REPORT = (report, "write_report", "report")
GIF = (callbacks, "save_training_gif", "training_gif")
FULL = OSError(28, "No space left")


@pytest.mark.parametrize(
    ("module", "name", "file", "error"),
    [
        (*REPORT, ValueError("cannot\nwrite")),
        (*GIF, FULL),
        *(
            pytest.param(*which, marks=pytest.mark.slow)
            for which in ((*REPORT, FULL), (*REPORT, MemoryError()), (*GIF, MemoryError()))
        ),
    ],
)
def test_decoration_that_fails_is_one_line_after_the_generator(
    module, name, file, error, config, monkeypatch, capsys
):
    workdir = Workdir(config.workdir)
    write = getattr(module, name)

    def fail(workdir):
        assert (workdir.generator / "saved_model.pb").exists()
        raise error

    monkeypatch.setattr(module, name, fail)
    training.train_and_export(config)
    (line,) = [line for line in capsys.readouterr().out.splitlines() if "Warning" in line]
    assert str(getattr(workdir, file)) in line
    monkeypatch.setattr(module, name, write)
    training.train_and_export(config)  # the same command catches up
    assert getattr(workdir, file).exists()


def test_images_with_transparency_have_a_report(config, monkeypatch, capsys):
    data = training_set.InMemory(make_images(60, (28, 28, 4)))
    monkeypatch.setattr(training_set, "open_set", lambda *args: data)
    training.train_and_export(config)
    assert "Warning" not in capsys.readouterr().out
    workdir = Workdir(config.workdir)
    assert data_of(workdir.report)["real"].startswith("data:image/png")
    assert workdir.training_gif.exists()
    assert sampling.draw(loading.load(str(workdir.generator)), 2, 1).shape == (2, 28, 28, 4)


def test_files_of_others_in_a_run_stay_and_do_no_harm(config, after_one):
    workdir = after_one
    foreign = []
    for folder in (workdir.path, workdir.samples, workdir.checkpoints, workdir.tensorboard):
        for name in ("notes.txt", ".notes.old", ".draft.part", "best", "fixed_best.png"):
            foreign.append(folder / name)
            foreign[-1].write_text("mine")
    foreign.append(workdir.checkpoints / "999999999")  # a file, where ours are folders
    foreign[-1].write_text("mine")
    foreign.append(workdir.checkpoints / "000000004.kept" / "state.index")
    foreign[-1].parent.mkdir()
    foreign[-1].write_text("mine")
    gan = training.train_and_export(longer(config))
    assert int(gan.step.numpy()) == 8
    assert {file.read_text() for file in foreign} == {"mine"}


def killed(workdir: Workdir) -> Workdir:
    """What is there of a run that was killed at its end, and whose checkpoints someone removed."""
    for folder in (workdir.generator, workdir.checkpoints):
        shutil.rmtree(folder)
    workdir.report.unlink()
    return workdir


@pytest.mark.parametrize(
    "kept",
    [
        "metrics.csv",
        *(
            pytest.param(each, marks=pytest.mark.slow)
            for each in ("samples", "monitors.jsonl", "exports")
        ),
    ],
)
def test_progress_without_checkpoints_is_not_wiped(kept, config, after_one):
    workdir = killed(after_one)
    workdir.monitors.write_text("")
    workdir.exports.mkdir()
    for path in ("metrics.csv", "samples", "monitors.jsonl", "exports"):
        if path != kept:
            shutil.rmtree(workdir.path / path, ignore_errors=True)
            (workdir.path / path).unlink(missing_ok=True) if path != "exports" else None
    before = tree(workdir.path)
    with pytest.raises(UserError, match=r"checkpoints: is empty, but .* --overwrite"):
        training.train_and_export(config)
    assert tree(workdir.path) == before
    training.train_and_export(config, overwrite=True)
    assert workdir.generator.exists()


def test_emptied_checkpoints_are_told_from_those_of_a_run_that_had_none_yet(config, after_two):
    workdir = killed(after_two)
    workdir.checkpoints.mkdir()
    with pytest.raises(UserError, match="is empty, but"):
        training.train_and_export(longer(config))
    # Killed between the first epoch's pictures and its checkpoint: all is written again.
    workdir.metrics.unlink()
    (workdir.samples / "fixed_1.png").unlink()
    training.train_and_export(config)
    assert workdir.generator.exists()


def test_first_epoch_leaves_a_checkpoint(config):
    # Else a run that was killed in its first minute would be taken for one without checkpoints.
    training.train_and_export(
        TrainConfig(**config.to_dict() | {"epochs": 3, "checkpoint_every_minutes": 0.0})
    )
    names = {path.name for path in Workdir(config.workdir).checkpoints.iterdir()}
    assert names == {"000000004", "000000012"}


def test_overwrite_takes_nothing_of_the_old_run_through_a_link(config, after_two, tmp_path):
    workdir = after_two
    for folder in (workdir.samples, workdir.checkpoints, workdir.tensorboard, workdir.generator):
        folder.rename(tmp_path / folder.name)
        folder.symlink_to(tmp_path / folder.name)
    before = {name: tree(tmp_path / name) for name in ("samples", "checkpoints", "generator")}
    training.train_and_export(config, overwrite=True)
    assert list(workdir.fixed_pictures()) == [0]
    assert {name: tree(tmp_path / name) for name in before} == before


@pytest.mark.parametrize("letter", "*?[]\\ 한'\"$")
def test_no_letter_of_a_name_is_a_pattern(letter, tmp_path):
    folder = tmp_path / f"a{letter}b"
    folder.mkdir()
    (folder / "x").write_text("found")
    with without_patterns(folder) as plain:
        assert not set("*?[]\\") & set(str(plain))
        assert (plain / "x").read_text() == "found"


def test_run_in_a_folder_with_an_odd_name(config, tmp_path, capsys, quick_check):
    plain = training.train_and_export(longer(config))
    config = TrainConfig(**config.to_dict() | {"workdir": str(tmp_path / ODD_NAME)})
    training.train_and_export(config)
    capsys.readouterr()
    gan = training.train_and_export(longer(config))
    out = capsys.readouterr().out
    assert "Resuming after step 4 of 8" in out
    for weights, same in zip(gan.get_weights(), plain.get_weights(), strict=True):
        np.testing.assert_array_equal(weights, same)

    # What is printed can be pasted into a shell.
    lines = out.splitlines()
    draw = shlex.split(lines[-1])
    model = str(tmp_path / ODD_NAME / "generator")
    assert draw[1:4] == ["-m", "tfgan.sample", f"--model={model}"]
    watch = next(line for line in lines if "tensorboard --logdir" in line).split("to watch it: ")[1]
    assert shlex.split(watch) == ["tensorboard", "--logdir", str(tmp_path)]
    assert f"--workdir={config.workdir}" in shlex.split(config.command())

    drawn = samples.FromModel(model).draw(1000)
    np.testing.assert_allclose(drawn, samples.from_gan(gan, 1000), atol=1)  # which round apart
    sampling.sample(model, 4, 1, str(tmp_path / ODD_NAME / "four.png"))
    assert pictures.load_png(tmp_path / ODD_NAME / "four.png").shape == (32, 122, 1)
    path = exporting.export(config.workdir, ["savedmodel", "keras"])
    assert (path / "savedmodel" / "saved_model.pb").exists()
    recorded = json.loads((tmp_path / ODD_NAME / "config.json").read_text())
    assert recorded["config"]["workdir"] == config.workdir

"""A run exports the generator that scored best on images it never sees, whatever happens to it."""

import csv
import dataclasses
import itertools
import json
import math

import numpy as np
import pytest
import tensorflow as tf
from conftest import run, run_afresh, small_config
from fingerprint import exported_weights, outcome, tree
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from test_gan import make_gan
from test_page import data_of

from tfgan import UserError, training
from tfgan.datasets import pipeline
from tfgan.evaluation import judges, metrics, neighbours, parzen, samples, validation
from tfgan.exports import exporting, saved_model
from tfgan.noise import Stream
from tfgan.run import config as run_config
from tfgan.run import stopping
from tfgan.run.best import Best
from tfgan.run.checkpointing import Checkpoints
from tfgan.run.workdir import Workdir

SPLIT = "train[:50]"  # of 60; the last sixth are the validation images


@pytest.fixture(scope="module", autouse=True)
def few_samples():
    """Each scoring takes 200 samples."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(judges, "SET_SIZE", 200)
        yield


def keeping(data_dir, workdir, **options):
    """A run of five steps an epoch that keeps its best."""
    usual = {"batch_size": 10, "split": SPLIT, "keep_best": "fcd", "evaluate_every": 1}
    return small_config(data_dir, workdir, **usual | options)


@pytest.fixture
def make(tiny_data_dir, tmp_path):
    return lambda name, **options: keeping(tiny_data_dir, tmp_path / name, **options)


@pytest.fixture
def scripted(monkeypatch):
    """Scores as they are given, one a scoring, whatever the samples."""

    def script(*scores):
        given = iter(scores)
        monkeypatch.setattr(validation.Validation, "score", lambda self, drawn: next(given))

    return script


def recorded_best(config):
    return json.loads(Workdir(config.workdir).config.read_text())["best"]


def rows_of(config):
    with open(Workdir(config.workdir).metrics, newline="") as file:
        return list(csv.DictReader(file))


def weights(config, name="generator"):
    return exported_weights(Workdir(config.workdir).path / name)


def test_the_best_is_exported_and_marked_everywhere(make, scripted):
    scripted(9.5, 7.25, 8.0, 7.25, math.nan)  # of two alike the earlier stays; NaN is never better
    config = make("run", epochs=5, ema=0.5)
    gan = training.train_and_export(config)
    assert recorded_best(config) == {"metric": "fcd", "score": 7.25, "step": 10}
    # The same run up to there, without any of this.
    plain = make("plain", epochs=2, ema=0.5, keep_best="", evaluate_every=0)
    training.train_and_export(plain)
    assert weights(config) == weights(plain)
    rows = rows_of(config)
    assert [float(row["validation_fcd"] or "nan") for row in rows[:4]] == [9.5, 7.25, 8.0, 7.25]
    assert rows[4]["validation_fcd"] == ""
    assert [float(row["best_step"]) for row in rows] == [5, 10, 10, 10, 10]
    assert "fcd" not in rows[0]  # which looks at test images
    workdir = Workdir(config.workdir)
    events = EventAccumulator(str(workdir.tensorboard), {"tensors": 0})
    events.Reload()
    assert [event.step for event in events.Tensors("evaluation/validation_fcd")] == [5, 10, 15, 20]
    marked = [
        float(tf.make_ndarray(e.tensor_proto)) for e in events.Tensors("evaluation/best_step")
    ]
    assert marked == [5, 10, 10, 10, 10]
    words = "after step 10, the best by fcd on the validation images: 7.25"
    assert words in (workdir.generator / "README.md").read_text()
    assert words not in (workdir.raw_generator / "README.md").read_text()
    data = data_of(workdir.report)
    assert data["best"] == {"metric": "fcd", "score": 7.25, "step": 10}
    assert data["fakeEpoch"] == 1  # drawn by the generator that is exported
    assert "--keep_best=fcd" in data["command"]
    assert "--evaluate_every=1" in data["command"]
    # The formats are of it too.
    trained = exporting.trained_generator(config.workdir, "auto", lambda line: None)
    assert trained.weights == f"moving average of those trained, {words}"
    assert (trained.name, trained.step) == ("generator", 25)
    raw = exporting.trained_generator(config.workdir, "raw", lambda line: None)
    assert (raw.name, raw.weights) == ("generator_raw", "as trained, after step 25")
    for mine, theirs in zip(raw.generator.weights, gan.generator.weights, strict=True):
        np.testing.assert_array_equal(mine.numpy(), theirs.numpy())
    exported = sorted(np.ravel(w.numpy()).tolist() for w in trained.generator.weights)
    raws = sorted(np.ravel(w.numpy()).tolist() for w in raw.generator.weights)
    assert exported != raws


def test_scores_are_what_they_are_called(make):
    """Each score from its definition, of samples of a stream that no other evaluation uses."""
    config = make("run", epochs=1, conditional=True)
    gan = training.train_and_export(dataclasses.replace(config, keep_best="", evaluate_every=0))
    drawn = samples.from_gan(gan, 200, Stream.SELECTION)
    assert not np.array_equal(drawn, samples.from_gan(gan, 200))
    held_out = config.image_set.with_split("train[50:]")
    real = pipeline.load_images(held_out, lambda line: None)
    judge = judges.judge(config.image_set, quick=True, say=lambda line: None)
    see = judge._reference.classifier
    expected = {
        "fcd": metrics.frechet_distance(see(real)[0], see(drawn)[0]),
        "coverage": neighbours.manifolds(see(real)[0], see(drawn)[0]).coverage,
        "parzen": parzen.log_likelihood(drawn, real, real).mean,
    }
    for name, value in expected.items():
        found = validation.Validation(config.image_set, name, pytest.fail)
        assert found.split == "train[50:]"
        assert found.count == 200
        assert found.score(drawn) == value == found.score(drawn)


def test_choices_are_the_metrics_and_their_direction_is_known():
    assert set(run_config.KEPT_BY) - {""} == set(validation.METRICS)


@pytest.mark.parametrize(("metric", "kept"), [("fcd", 1.0), ("fsd", 1.0), ("coverage", 3.0)])
def test_lower_or_higher_is_better(metric, kept):
    gan = make_gan()
    best = Best(gan, metric)
    for step, score in enumerate((2.0, 3.0, 1.0, math.inf)):
        gan.step.assign(step + 1)
        best.offer(score)
    assert best.score == kept


class Killed(BaseException):
    """Ends a run as SIGKILL would: nothing is written after it."""


def kill_at(patch, owner, name, nth):
    calls, original = itertools.count(1), getattr(owner, name)

    def replaced(*args, **kwargs):
        if next(calls) == nth:
            raise Killed
        return original(*args, **kwargs)

    patch.setattr(owner, name, replaced)


def same(found, expected):
    """But for a checkpoint's bookkeeping, which counts the models of a process."""
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        assert name.startswith("checkpoints/") or found[name] == value, name


OFTEN = {"epochs": 4, "ema": 0.5, "checkpoint_every_steps": 3, "steps_per_execution": 1}


@pytest.fixture(scope="module")
def unbroken(tiny_data_dir, tmp_path_factory, few_samples):
    config = keeping(tiny_data_dir, tmp_path_factory.mktemp("runs") / "unbroken", **OFTEN)
    training.train_and_export(config)
    return config


@pytest.mark.parametrize(
    ("owner", "name", "nth"),
    [
        # The third epoch is to be scored.
        pytest.param(Best, "offer", 3, marks=pytest.mark.slow),
        (Checkpoints, "save", 5),  # it is scored, and in no checkpoint
        # The best is to be exported.
        pytest.param(saved_model, "save_generator", 2, marks=pytest.mark.slow),
    ],
)
def test_killed_run_keeps_the_same_best(owner, name, nth, unbroken, make, monkeypatch):
    config = make("run", **OFTEN)
    kill_at(monkeypatch, owner, name, nth)
    with pytest.raises(Killed):
        training.train_and_export(config)
    training.train_and_export(config)
    same(outcome(Workdir(config.workdir).path), outcome(Workdir(unbroken.workdir).path))
    assert recorded_best(config) == recorded_best(unbroken)


def test_no_best_from_the_future(unbroken, make, capsys):
    """The newest checkpoint is damaged: the best that it held is found again."""
    config = make("run", **OFTEN)
    short = dataclasses.replace(config, epochs=2, checkpoint_every_steps=5)
    training.train_and_export(short)
    newest = max(Workdir(config.workdir).checkpoints.iterdir())
    assert newest.name == "000000010"
    (newest / "state.index").unlink()
    training.train_and_export(config)
    assert "000000010 is damaged" in capsys.readouterr().out
    same(outcome(Workdir(config.workdir).path), outcome(Workdir(unbroken.workdir).path))
    assert recorded_best(config) == recorded_best(unbroken)


def test_patience_ends_a_run_and_a_larger_one_goes_on(make, scripted, capsys):
    scores = [5.0, 3.0, 4.0, 4.0, 2.0, 6.0, 6.0, 6.0, 1.0]
    scripted(*scores)
    config = make("run", epochs=9, patience=2)
    gan = training.train_and_export(config)
    assert int(gan.step.numpy()) == 20
    assert recorded_best(config) == {"metric": "fcd", "score": 3.0, "step": 10}
    assert (
        "fcd has not improved in 2 scores; rerun with a larger --patience"
        in capsys.readouterr().out
    )
    workdir = Workdir(config.workdir)
    before = tree(workdir.path)
    for again in (config, dataclasses.replace(config, epochs=20)):  # more epochs change nothing
        training.train_and_export(again)
        assert "--patience=2: the run has ended after step 20" in capsys.readouterr().out
        assert tree(workdir.path) == before
    training.train_and_export(dataclasses.replace(config, patience=3))
    assert recorded_best(config) == {"metric": "fcd", "score": 2.0, "step": 25}
    assert len(rows_of(config)) == 8
    scripted(*scores)
    once = make("once", epochs=9, patience=3)
    training.train_and_export(once)
    found, expected = (outcome(Workdir(each.workdir).path) for each in (config, once))
    assert found.pop("report.html") == expected.pop("report.html")
    same(found, expected)


def test_minutes_end_a_run_well_and_the_same_command_goes_on(unbroken, make, capsys):
    config = dataclasses.replace(make("run", **OFTEN), max_minutes=1e-9)
    training.train_and_export(config)
    lines = capsys.readouterr().out.splitlines()
    assert any("not scored yet; exporting the last generator" in line for line in lines)
    assert (
        lines[-2] == "--max_minutes=1e-09: ended after step 1 of 20. Resume with:"
    )  # each start gets further
    assert lines[-1] == config.command()
    workdir = Workdir(config.workdir)
    assert recorded_best(config) is None
    assert workdir.report.exists()
    assert workdir.generator.exists()
    rest = dataclasses.replace(config, max_minutes=9.0)
    training.train_and_export(rest)
    assert "ended after" not in capsys.readouterr().out
    same(outcome(workdir.path), outcome(Workdir(unbroken.workdir).path))


def test_a_run_on_the_validation_images_is_refused(make, tmp_path):
    before = list(tmp_path.iterdir())
    for split, count in (("train", 10), ("train[:55]", 5)):
        with pytest.raises(UserError, match=rf"^--keep_best=fcd: --split=.* trains on {count} of "):
            training.train_and_export(make("run", epochs=1, split=split))
    with pytest.raises(UserError, match=r"train\[50:\]; use --split=train\[:50\]$"):
        training.train_and_export(make("run", epochs=1, split="train"))
    with pytest.raises(UserError, match=r"^--keep_best=fsd: does not suit mnist; use fcd or cov"):
        training.train_and_export(make("run", epochs=1, keep_best="fsd"))
    assert list(tmp_path.iterdir()) == before


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"keep_best": "fid"}, "^--keep_best=fid: must be one of fcd, fsd, coverage, parzen$"),
        (
            {"evaluate_every": 0},
            "^--keep_best=fcd: needs --evaluate_every, .* from 1 to --epochs=2",
        ),
        ({"evaluate_every": 3}, "^--keep_best=fcd: needs --evaluate_every"),
        ({"keep_best": "", "patience": 1}, "^--patience=1: does nothing without --keep_best=fcd"),
        ({"patience": -1}, "^--patience=-1: must be at least 0"),
        ({"max_minutes": -1.0}, "^--max_minutes=-1.0: must be a finite number, 0 or more"),
        ({"max_minutes": math.nan}, "^--max_minutes=nan: must be a finite number, 0 or more"),
    ],
)
def test_bad_values_are_named(options, problem, make):
    with pytest.raises(UserError, match=problem):
        make("run", epochs=2, **options)


def test_what_is_kept_belongs_to_the_run(make):
    config = make("run", epochs=2)
    recorded = config.to_dict()
    others = dataclasses.replace(config, keep_best="coverage", evaluate_every=2, patience=3)
    assert others.differences(recorded) == [
        "--evaluate_every is 2 but the run has 1",
        "--keep_best is 'coverage' but the run has 'fcd'",
    ]
    plain = make("plain", epochs=2, keep_best="")
    assert dataclasses.replace(plain, evaluate_every=2).differences(plain.to_dict()) == []


def test_workers_agree_on_why_they_end():
    up = False
    strategy = tf.distribute.get_strategy()
    with stopping.StopSignals(strategy, {"a": lambda: False, "b": lambda: up}) as stop:
        assert not stop.agree()
        up = True
        assert stop.agree()
        assert (stop.agreed, stop.ended_by) == (None, "b")


FLAGS = ["--epochs=4", "--batch_size=10", "--hidden_size=16", f"--split={SPLIT}", "--nojit_compile"]
FLAGS += ["--keep_best=coverage", "--evaluate_every=1", "--patience=1"]


@pytest.mark.slow  # test_launch.py ends two workers together by a signal
@pytest.mark.parametrize("where", ["mirrored", "workers"])
def test_all_devices_end_at_the_same_step(where, tiny_data_dir, tmp_path):
    flags = [*FLAGS, f"--data_dir={tiny_data_dir}", f"--workdir={tmp_path}/run"]
    if where == "mirrored":
        done = run("train", *flags, "--strategy=mirrored", "--devices=CPU:0,CPU:1")
    else:
        done = run_afresh("launch", "--workers=2", "--", *flags)
    assert done.returncode == 0, done.stderr
    assert "rerun with a larger --patience" in done.stdout
    alone = run("train", *FLAGS, f"--data_dir={tiny_data_dir}", f"--workdir={tmp_path}/one")
    assert alone.returncode == 0, alone.stderr
    found, expected = (
        json.loads((tmp_path / name / "config.json").read_text())["best"] for name in ("run", "one")
    )
    assert found["step"] == expected["step"]
    assert found["score"] == pytest.approx(expected["score"], rel=1e-2)

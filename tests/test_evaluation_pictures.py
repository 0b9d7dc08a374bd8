"""`tfgan-eval-pictures-v1` on pictures that the tests draw themselves."""

import csv
import json
import pathlib
import re
import shutil
import subprocess
import sys

import numpy as np
import pytest
import scipy.ndimage
import tensorflow as tf
from conftest import ROOT, assert_one_line_error, make_images, run
from PIL import Image

from tfgan import TrainConfig, UserError, training
from tfgan.datasets import pipeline, sources
from tfgan.datasets.image_set import ImageSet
from tfgan.datasets.own import preparing
from tfgan.datasets.own.picture import Preparation
from tfgan.datasets.own.picture_sources import Folder
from tfgan.evaluation import (
    features,
    harness,
    judges,
    metrics,
    neighbours,
    picture_parts,
    picture_protocol,
    samples,
    validation,
)
from tfgan.ground import pictures
from tfgan.run.workdir import Workdir

SIDE = 16


def quiet(line):
    pass


def draw(count, seed):
    """Coloured bars at different places, in colour: what differs is place, brightness and hue."""
    grey = make_images(count, (SIDE, SIDE, 1), seed).astype(np.float64)
    hue = np.random.default_rng(seed).uniform(0.3, 1, (count, 1, 1, 3))
    return (grey * hue).astype(np.uint8)


def prepare(folder, count, holdout, name, seed=0):
    images = folder / f"{name}_pictures"
    images.mkdir()
    for number, image in enumerate(draw(count, seed)):
        Image.fromarray(image).save(images / f"{number}.png")
    data_dir = str(folder / "data")
    made = preparing.prepare(Folder(images), Preparation(SIDE), data_dir, name, holdout, quiet)
    return ImageSet(made, data_dir=data_dir)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("own")


@pytest.fixture(scope="module")
def bars(folder):
    """About 630 pictures to train on and 70 held out."""
    return prepare(folder, 700, 0.1, "bars")


@pytest.fixture(scope="module")
def whole(folder):
    """300 pictures, none held out."""
    return prepare(folder, 300, 0, "whole")


@pytest.fixture(autouse=True)
def few_steps(monkeypatch):
    monkeypatch.setattr(features, "STEPS", 60)


@pytest.fixture(scope="module")
def reference(bars):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(features, "STEPS", 60)
        return picture_protocol.Reference.load(bars, quiet)


def score(images, reference, quick=False):
    return picture_protocol.score(images, reference.features(images), reference, quick)


def sizes(image_set):
    splits = sources.prepare(image_set, quiet).info.splits
    return {name: info.num_examples for name, info in splits.items()}


def test_parts_of_a_set_that_holds_images_out(bars):
    found, there = picture_parts.parts(bars), sizes(bars)
    count = there["test"]
    assert found.size == count < there["train"] // 6
    assert found.held_out == f"test[:{count}]"
    assert found.floor == f"train[{there['train'] - count}:{there['train']}]"
    assert found.fit == f"train[:{there['train'] - count}]"
    assert picture_parts.warnings(bars) == []
    (warning,) = picture_parts.warnings(bars.with_split("train+test"))
    assert warning.endswith("; --split=train leaves them out")


def test_parts_of_a_set_without_test(whole):
    found = picture_parts.parts(whole)
    assert found == ("train[:200]", "train[200:250]", "train[250:]", "train[:200]", 50)
    (warning,) = picture_parts.warnings(whole)
    assert warning == (
        "it was trained on 50 of the 50 images that it is scored against (--split=train), so its "
        "scores are too good; --split=train[:-50] leaves them out"
    )
    assert picture_parts.warnings(whole.with_split("train[:-50]")) == []
    three = [picture_parts.load(whole, split) for split in found[:3]]
    everything = pipeline.load_images(whole, quiet)
    np.testing.assert_array_equal(np.concatenate(three), everything)


def test_too_few_images_are_told_before_the_work(folder, monkeypatch):
    monkeypatch.setattr(features, "train", lambda *_: pytest.fail("has begun to work"))
    image_set = prepare(folder, 299, 0, "few", seed=5)
    said = "^--dataset=few: has 299 images in train, but the protocol needs at least 300$"
    with pytest.raises(UserError, match=said):
        judges.judge(image_set, quick=True)


def test_which_sets_are_judged_as_pictures(bars, tiny_data_dir):
    assert judges.kind(bars) is judges.PictureQuality
    for name in ("mnist", "cifar10"):
        known = ImageSet(name, data_dir=str(tiny_data_dir))
        assert judges.kind(known) is judges.SampleQuality
    assert judges.kind(ImageSet("stacked_mnist")) is judges.ModeCoverage


@pytest.mark.parametrize("name", ["bars", "whole"])
def test_sets_of_others_without_classes_are_judged_as_pictures(name, request, tmp_path):
    mine = request.getfixturevalue(name)
    prepared = pathlib.Path(mine.data_dir, mine.name)
    shutil.copytree(prepared, tmp_path / mine.name)
    for record in (tmp_path / mine.name).rglob("tfgan.json"):
        record.unlink()
    assert judges.kind(ImageSet(mine.name, data_dir=str(tmp_path))) is judges.PictureQuality


def test_spoilt_images_rank_below_whole_ones(reference):
    count, fresh = reference.parts.size, draw(3000, seed=77)
    images = fresh[:count]
    x, rng = images.astype(np.float64), np.random.default_rng(1)

    def pixels(values):
        return np.clip(np.rint(values), 0, 255).astype(np.uint8)

    left = fresh[:, SIDE // 2].sum(axis=-1).argmax(axis=1) < 6
    spoilt = {
        "blurred": pixels(scipy.ndimage.gaussian_filter(x, (0, 1.5, 1.5, 0))),
        "noisy": pixels(x + rng.normal(0, 40, x.shape)),
        "moved": np.roll(images, 4, axis=1),
        "half of the kinds": fresh[left][:count],
        "repeated": np.repeat(images[: -(-count // 10)], 10, axis=0)[:count],
        "half collapsed": np.concatenate([images[: count // 2], images[:1].repeat(count, 0)])[
            :count
        ],
    }
    found = {name: score(each, reference, quick=True) for name, each in spoilt.items()}
    good = score(images, reference, quick=True)
    for name, scores in found.items():
        assert scores["fsd"] > good["fsd"] + 2 * good["fsd_error"], name
    for name in ("blurred", "noisy", "moved", "half of the kinds", "half collapsed"):
        assert found[name]["swd"] > 1.5 * good["swd"], name
    assert good["repeats"] < 0.1
    assert found["repeated"]["repeats"] == 1
    assert found["half collapsed"]["repeats"] == pytest.approx(0.5, abs=0.06)
    assert found["repeated"]["recall"] == 0  # each sample's fifth neighbour is a copy of it
    for name in ("half of the kinds", "repeated", "half collapsed"):
        assert found[name]["coverage"] < good["coverage"] - 0.03, name


def test_repeats_by_hand():
    real, samples_ = np.arange(1, 101.0), np.array([0, 1, 1.9, 2, 50])
    assert np.percentile(real, 1) == 1.99
    assert picture_protocol.repeats(real, samples_) == pytest.approx(3 / 5)
    line = np.arange(1000.0)[:, np.newaxis]
    radii = neighbours.radii(line)
    assert picture_protocol.repeats(radii, radii) == pytest.approx(1, abs=0.01)  # all alike


def test_the_features_are_the_same_each_time(bars):
    images = picture_parts.load(bars, "train[:150]")
    made = [features.train(images, steps=5) for _ in range(2)]
    assert made[0] == made[1]
    assert features.train(images, steps=6) != made[0]
    see = features.Features(made[0])
    found = see(images)
    assert found.shape == (150, features.FEATURES)
    np.testing.assert_array_equal(found[100:], see(images[100:]))  # whatever comes before


def test_contrast_is_the_cross_entropy_by_hand():
    """Two images; all four forms at right angles but for the pairs, which are the same."""
    one = tf.constant([[1.0, 0.0], [0.0, 2.0]])
    close, far = np.exp(1 / features.TEMPERATURE), 1.0
    expected = -np.log(close / (close + 2 * far))
    assert float(features.contrast(one, 3 * one)) == pytest.approx(expected, rel=1e-5)


def test_altered_images_differ_and_come_again():
    images = tf.constant(draw(20, 3), tf.float32) / 255
    forms = [features.altered(images, tf.constant(7), form).numpy() for form in (1, 2, 1)]
    np.testing.assert_array_equal(forms[0], forms[2])
    assert np.abs(forms[0] - forms[1]).max() > 0.1
    assert forms[0].shape == images.shape


@pytest.mark.parametrize("shape", [(16, 16, 3), (28, 28, 1), (17, 40, 1), (64, 64, 3)])
def test_network_of_every_size(shape):
    assert features.network(shape).output_shape == (None, features.FEATURES)


@pytest.mark.parametrize(
    ("shape", "expected"),
    [((16, 16, 3), (16, 16, 3)), ((128, 128, 1), (64, 64, 1)), ((96, 48, 3), (64, 32, 3))],
)
def test_large_images_are_looked_at_in_small(shape, expected):
    images = np.random.default_rng(0).integers(0, 256, (3, *shape), np.uint8)
    found = picture_parts.at_most(images, 64)
    assert (found.shape[1:], found.dtype) == (expected, np.uint8)
    assert found.mean() == pytest.approx(images.mean(), abs=1)
    if shape == (128, 128, 1):
        blocks = images.reshape(3, 64, 2, 64, 2, 1).mean(axis=(2, 4))
        assert np.abs(found - blocks).max() <= 0.5


def test_floors_are_kept_and_ideal_stands_beside(reference, monkeypatch):
    lines = []
    rows = picture_protocol.floors(reference, say=lines.append)
    assert list(rows) == ["floor", "ideal"]
    assert set(picture_protocol.METRICS) <= set(rows["floor"])
    for name in picture_protocol.METRICS:
        assert np.isfinite(rows["floor"][name]["mean"]), name
    assert rows["ideal"]["fsd"]["mean"] == 0
    assert [line for line in lines if line.startswith("Floors: scoring real images")]
    monkeypatch.setattr(picture_protocol, "row", lambda *_: pytest.fail("computed again"))
    assert picture_protocol.floors(reference, say=lines.append) == rows


def test_copies_of_training_images_have_a_ratio_of_nought(reference):
    copies = picture_parts.load(reference.image_set, "train")[: reference.parts.size]
    found = score(copies, reference)
    assert found["nn_ratio_median"] == 0
    held_out = score(reference.images, reference)
    assert (held_out["nn_ratio_median"], held_out["fsd"]) == (1, pytest.approx(0, abs=1e-6))
    assert (held_out["swd"], held_out["coverage"]) == (0, 1)


def test_the_best_of_a_run_is_found_by_the_floors_images(reference):
    parts, images = reference.parts, reference.image_set
    found = validation.Validation(images.with_split(parts.rest), "fsd", pytest.fail)
    assert (found.split, found.count) == (parts.floor, parts.size)
    eyes, floor = reference.features, reference.floor_images
    assert found.score(reference.images) == metrics.frechet_distance(
        eyes(floor), eyes(reference.images)
    )
    assert found.score(floor) == pytest.approx(0, abs=1e-6)
    coverage = validation.Validation(images.with_split(parts.rest), "coverage", pytest.fail)
    assert coverage.score(floor) == 1
    with pytest.raises(UserError, match=rf"use --split={re.escape(parts.rest)}$"):
        validation.Validation(images, "fsd", pytest.fail)
    with pytest.raises(UserError, match=r"^--keep_best=fcd: does not suit .*; use fsd or coverage"):
        validation.Validation(images, "fcd", pytest.fail)


@pytest.fixture(scope="module")
def workdir(bars, folder):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(features, "STEPS", 60)
        options = {"batch_size": 60, "hidden_size": 16, "jit_compile": False, "epochs": 2}
        config = TrainConfig(
            dataset=bars.name,
            data_dir=bars.data_dir,
            workdir=str(folder / "run"),
            evaluate_every=1,
            **options,
        )
        training.train_and_export(config)
    return Workdir(folder / "run")


def test_evaluations_in_training(workdir, bars):
    with open(workdir.metrics, newline="") as file:
        rows = list(csv.DictReader(file))
    quick = [name for name, metric in picture_protocol.METRICS.items() if metric.quick]
    assert [name for name in rows[0] if name in picture_protocol.METRICS] == quick
    judge = judges.judge(bars, quick=True, say=quiet)
    drawn = samples.FromModel(str(workdir.generator)).draw(judge.count)
    assert len(drawn) == judge.count == picture_parts.parts(bars).size
    row = judge.row(drawn, judge.look(drawn))
    assert float(rows[-1]["fsd"]) == pytest.approx(row["fsd"]["mean"], rel=1e-3)


def test_command_evaluates_a_run(workdir, bars):
    done = run("evaluate", f"--workdir={workdir.path}", "--quick")
    assert done.returncode == 0, done.stderr
    count = picture_parts.parts(bars).size
    assert f"{count} samples, tfgan-eval-pictures-v1 --quick" in done.stdout
    content = json.loads((workdir.evaluation / "evaluation.json").read_bytes())
    assert content["protocol"] == "tfgan-eval-pictures-v1"
    assert (content["samples"], content["warnings"]) == (count, [])
    assert len(content["features_sha256"]) == 64
    assert list(content["rows"]) == ["generator", "floor", "ideal"]
    row = content["rows"]["generator"]
    assert row["fsd"]["mean"] > content["rows"]["floor"]["fsd"]["mean"] > 0
    assert any(line.startswith("FSD") for line in done.stdout.splitlines())
    assert "FID" not in done.stdout
    assert pictures.load_png(workdir.evaluation / "neighbours.png").shape[2] == 3
    assert '"fsd"' in workdir.report.read_text()


def test_two_runs_are_compared_over_five_sets(workdir, tmp_path):
    shutil.copytree(workdir.path, tmp_path / "other")
    lines = []
    subjects = [harness.run(str(path)) for path in (workdir.path, tmp_path / "other")]
    contents = harness.evaluate(subjects, say=lines.append)
    for content in contents:
        row = content["rows"]["generator"]
        assert row["fsd"]["std"] > 0
        assert row["nn_ratio_median"]["mean"] > 0
    assert contents[0]["rows"] == contents[1]["rows"]
    assert lines[-1].splitlines()[0].split()[:3] == ["FSD", "KID", "SWD"]
    assert "two have one seed" in lines[-1]


def test_a_collapsed_generator_is_called_so(bars, tmp_path):
    count = picture_parts.parts(bars).size
    np.save(tmp_path / "one.npy", draw(1, 1).repeat(count, 0))
    lines = []
    subject = harness.images(str(tmp_path / "one.npy"), str(tmp_path / "found"), bars)
    (content,) = harness.evaluate([subject], quick=True, say=lines.append)
    assert content["collapsed"] == ["samples"]
    assert any("nearly identical" in line for line in lines)


def test_too_few_samples_are_one_line(bars, tmp_path):
    np.save(tmp_path / "few.npy", draw(20, 1))
    given = (f"--samples={tmp_path / 'few.npy'}", f"--dataset={bars.name}")
    done = run("evaluate", *given, f"--data_dir={bars.data_dir}", f"--output={tmp_path / 'out'}")
    assert_one_line_error(done, "has 20 images; the protocol needs")


@pytest.mark.slow
def test_the_search_for_features_makes_its_table(bars):
    flags = (f"--dataset={bars.name}", f"--data_dir={bars.data_dir}", "--steps=1")
    flags += ("--candidate=PCA", "--candidate=SimCLR")
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.features", *flags],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    assert "| whole | 1.00 | 1.00 | 1.00 |" in done.stdout

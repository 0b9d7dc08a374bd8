import dataclasses
import json
import shutil
import sys

import conftest
import numpy as np
import pytest
import tensorflow_datasets as tfds
from conftest import assert_one_line_error, make_images, prepare_tiny, run

from tfgan import TrainConfig, UserError, noise, training
from tfgan.datasets import pipeline
from tfgan.datasets.image_set import ImageSet
from tfgan.evaluation import classifier, harness, judges, protocol, samples, splits
from tfgan.exports import exporting, loading, saved_model
from tfgan.ground import pictures
from tfgan.noise import Stream
from tfgan.run import checkpointing
from tfgan.run.workdir import Workdir, exported_step


@pytest.fixture(scope="module")
def workdir(tiny_data_dir, tmp_path_factory):
    path = str(tmp_path_factory.mktemp("runs") / "run")
    training.train_and_export(
        TrainConfig(
            data_dir=str(tiny_data_dir),
            workdir=path,
            epochs=1,
            batch_size=15,
            hidden_size=16,
            jit_compile=False,
        )
    )
    return Workdir(path)


@pytest.fixture
def few_samples(monkeypatch):
    """Scores of 500 samples: 10,000 take long."""
    monkeypatch.setattr(judges, "SET_SIZE", 500)
    monkeypatch.setattr(protocol, "SET_SIZE", 500)


def test_command_evaluates_a_run(workdir):
    done = run("evaluate", f"--workdir={workdir.path}", "--quick")
    assert done.returncode == 0, done.stderr
    assert "10,000 samples, tfgan-eval-v2 --quick" in done.stdout
    content = json.loads((workdir.evaluation / "evaluation.json").read_bytes())
    assert content["protocol"] == "tfgan-eval-v2"
    assert content["samples"] == 10_000
    assert (content["split"], content["warnings"]) == ("train", [])
    assert content["config"]["hidden_size"] == 16
    assert content["step"] == exported_step(workdir.generator) > 0
    assert set(content["rows"]) == {"generator", "floor", "ideal"}
    row = content["rows"]["generator"]
    quick = {name for name, metric in protocol.METRICS.items() if metric.quick}
    assert set(row) == quick | {"fcd_error", "kid_error"}
    assert row["fcd"]["mean"] > content["rows"]["floor"]["fcd"]["mean"] > 0
    fcd = next(line for line in done.stdout.splitlines() if line.startswith("FCD"))
    assert fcd.split()[1] == f"{row['fcd']['mean']:.2f}"
    # One step in a noise picture: all of it is of one or two classes.
    assert content["collapsed"] == ["generator"]
    assert "collapsed" in done.stdout
    # 32 samples in rows of 8, each above its neighbour.
    grid = pictures.load_png(workdir.evaluation / "neighbours.png")
    assert grid.shape == (8 * 30 + 2, 8 * 30 + 2, 1)
    training_images = pipeline.load_images(
        ImageSet("mnist", data_dir=content["config"]["data_dir"])
    )
    below = grid[32 : 32 + 28, 2 : 2 + 28]
    assert any(np.array_equal(below, image) for image in training_images[:50])


def test_plots_or_a_line_that_says_how(workdir, few_samples, monkeypatch):
    lines = []
    subject = harness.run(str(workdir.path))
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    harness.evaluate([subject], quick=True, say=lines.append)
    assert any("pip install -e '.[plots]'" in line for line in lines)


def test_plots(tmp_path):
    pytest.importorskip("matplotlib")
    from tfgan.evaluation import figures

    shares = np.full(10, 0.1)
    row = protocol.alone({"precision": 0.5, "recall": 0.25})
    assert figures.save_plots(tmp_path, shares, shares, {"generator": row, "kmeans": {}}) == ""
    assert {file.name for file in tmp_path.iterdir()} == {"classes.png", "precision_recall.png"}


def test_full_protocol_and_comparison(tiny_data_dir, tmp_path, monkeypatch):
    # Real images as samples: of another seed than the training images. Two small sets.
    monkeypatch.setattr(judges, "SETS", 2)
    monkeypatch.setattr(judges, "SET_SIZE", 500)
    monkeypatch.setattr(protocol, "SET_SIZE", 500)
    path = str(tmp_path / "samples.npy")
    np.save(path, make_images(1000, seed=1))
    image_set = ImageSet("mnist", data_dir=str(tiny_data_dir))
    lines = []
    copy = str(tmp_path / "copy.npy")
    shutil.copy(path, copy)
    subjects = [harness.images(each, f"{each}-out", image_set) for each in (path, copy)]
    content, again = harness.evaluate(subjects, say=lines.append)
    assert content["rows"] == again["rows"]
    assert set(content["rows"]) == {"samples", "floor", "kmeans", "ideal"}
    row = content["rows"]["samples"]
    assert set(protocol.METRICS) <= set(row)
    assert row["fcd"]["std"] > 0
    assert set(content["rows"]["kmeans"]) == {"parzen", "parzen_error", "parzen_sigma"}
    assert content["rows"]["ideal"]["nn_ratio_median"]["mean"] == 1
    lines = [line for line in "\n".join(lines).splitlines() if line.startswith((path, copy))]
    assert len(lines) >= 4  # a title each, and a line each of the comparison
    assert "Floors:" not in "\n".join(lines)


def test_wrong_input_is_one_line(workdir, tmp_path):
    assert_one_line_error(run("evaluate"), "nothing to evaluate", "--workdir")
    both = run("evaluate", "--workdir=a", "--model=b")
    assert_one_line_error(both, "--workdir=a and --model=b: name one of")
    own = run("evaluate", "--workdir=a", "--dataset=mnist")
    assert_one_line_error(own, "--dataset=mnist", "has its own")
    assert_one_line_error(run("evaluate", f"--workdir={tmp_path}"), "--workdir", "no run")


def test_truncation_gives_a_curve(workdir, few_samples, tmp_path):
    lines = []
    (before,) = harness.evaluate([harness.run(str(workdir.path))], quick=True, say=lines.append)
    subject = harness.run(str(workdir.path), truncations=[1.0, 0.25])
    (content,) = harness.evaluate([subject], quick=True, say=lines.append)
    rows = content["rows"]
    assert list(rows)[:3] == ["generator", "truncated at 1", "truncated at 0.25"]
    assert rows["generator"] == before["rows"]["generator"]  # as it would be alone
    assert len({json.dumps(rows[name]) for name in list(rows)[:3]}) == 3
    path = str(workdir.generator)
    drawn = samples.FromModel(path, truncation=0.25).draw(1500)
    z = noise.latents(0, Stream.SAMPLES, protocol.SEED + 1, 1000, 64).numpy()
    expected = loading.load(path).generate(noise.truncated(z, 0.25))
    np.testing.assert_array_equal(drawn[1000:], pictures.unit_to_uint8(expected)[:500])
    uniform = tmp_path / "uniform"
    shutil.copytree(path, uniform)
    (uniform / "latents.txt").write_text("uniform\n")
    with pytest.raises(UserError, match=r"^--truncation=1: --model=.*/uniform has latents of the"):
        samples.FromModel(str(uniform), truncation=1.0).check(500, (28, 28, 1))


def test_wrong_truncations_are_one_line(workdir, tmp_path):
    given = f"--workdir={workdir.path}"
    for value in ("0", "0.5,nan", "-1", "x", "inf"):
        done = run("evaluate", given, f"--truncation={value}")
        assert_one_line_error(done, "--truncation=", "above 0")
    (tmp_path / "a.npy").touch()
    done = run("evaluate", f"--samples={tmp_path}/a.npy", "--truncation=0.5")
    assert_one_line_error(done, "--truncation=0.5", "needs a generator")


def test_run_that_is_being_extended_is_not_scored(workdir):
    newest = checkpointing.newest(workdir.checkpoints)
    later = newest.with_name(f"{int(newest.name) + 1:09d}")
    newest.rename(later)
    try:
        with pytest.raises(UserError, match=r"has continued since .* use --model=.*/generator"):
            harness.run(str(workdir.path))
    finally:
        later.rename(newest)


@pytest.fixture
def mnist(tiny_data_dir, monkeypatch):
    """A small MNIST that nobody may begin to score."""
    monkeypatch.setattr(judges, "judge", lambda *_: pytest.fail("has begun to work"))
    return ImageSet("mnist", data_dir=str(tiny_data_dir))


def test_generator_of_a_run_is_called_so(workdir, mnist):
    subject = harness.run(str(workdir.path))
    source = samples.FromModel(str(workdir.path / "none"), subject.sources["generator"]._named)
    with pytest.raises(UserError, match=f"^--workdir={workdir.path}: its generator: no SavedModel"):
        source.check(1000, (28, 28, 1))


def test_run_records_in_its_exports_what_it_was_trained_on(workdir, quick_check):
    recorded = json.loads(workdir.config.read_text())
    path = exporting.export(str(workdir.path), ["savedmodel"], say=lambda line: None)
    for export in (workdir.generator, path / "savedmodel"):
        content = json.loads((export / "trained_on.json").read_text())
        assert content == {
            "name": "mnist",
            "split": "train",
            "version": "3.0.1",
            "shape": [60, 28, 28, 1],
            "fingerprint": recorded["environment"]["data"]["fingerprint"],
        }
        assert "images of `mnist`, split `train`" in (export / "README.md").read_text()
        assert saved_model.trained_on(export) == ImageSet("mnist")
        assert harness.model(str(export), "", ImageSet("")).image_set == ImageSet("mnist")


@pytest.mark.parametrize(
    ("trained_on", "given", "problem"),
    [
        ("fashion_mnist", "", None),
        ("fashion_mnist", "FashionMNIST:3.0.1", None),
        ("fashion_mnist", "mnist", "was trained on fashion_mnist"),
        ("MNIST:3.0.1", "mnist", None),
        ("mnist", "mnist:3.0.1", None),
        ("emnist/letters", "emnist", None),
        ("emnist/letters", "emnist/letters:3.1.0", None),
        ("emnist/letters", "emnist/digits", "was trained on emnist/letters"),
        (None, "mnist", None),
        (None, "", None),
    ],
)
def test_a_generator_is_scored_against_the_set_that_it_imitates(
    trained_on, given, problem, tmp_path
):
    if trained_on is not None:
        record = ImageSet(trained_on, "train[:9]").record({"version": "1"})
        (tmp_path / "trained_on.json").write_text(json.dumps(record))
    image_set = ImageSet(given, data_dir="somewhere")
    if problem:
        with pytest.raises(UserError, match=f"^--dataset={given}: --model={tmp_path} {problem}"):
            harness.model(str(tmp_path), "", image_set)
        return
    subject = harness.model(str(tmp_path), "", image_set)
    expected = given or {None: "mnist"}.get(trained_on, trained_on)
    assert subject.image_set == ImageSet(expected, data_dir="somewhere")
    assert subject.split == (trained_on and "train[:9]")


@pytest.mark.parametrize("content", ["", "[]", '{"name": "mnist"}', '{"name": 3, "split": "a"}'])
def test_a_damaged_record_of_the_set_is_one_line(content, tmp_path):
    (tmp_path / "trained_on.json").write_text(content)
    with pytest.raises(UserError, match=r"trained_on\.json: is damaged .*--dataset"):
        harness.model(str(tmp_path), "", ImageSet("mnist"))


def few(folder, train, test, monkeypatch) -> ImageSet:
    monkeypatch.setattr(conftest, "TEST_EXAMPLES", test)
    prepare_tiny(
        tfds.image_classification.FashionMNIST, folder, "fashion_mnist", (28, 28, 1), train
    )
    return ImageSet("fashion_mnist", data_dir=str(folder))


@pytest.mark.parametrize(("train", "test"), [(10, 10), (35, 6), (36, 5), (1, 1)])
def test_too_few_images_are_told_before_the_work(train, test, tmp_path, monkeypatch):
    monkeypatch.setattr(classifier, "train", lambda *_: pytest.fail("has begun to work"))
    image_set = few(tmp_path, train, test, monkeypatch)
    had = f"has {train} images in train and {test} in test"
    with pytest.raises(UserError, match=f"^--dataset=fashion_mnist: {had}, .* at least 36 and 6$"):
        judges.judge(image_set, quick=True)


def test_the_fewest_images_are_enough(tmp_path, monkeypatch):
    monkeypatch.setattr(judges, "SETS", 1)
    monkeypatch.setattr(judges, "SET_SIZE", 100)
    image_set = few(tmp_path, 36, 6, monkeypatch)
    judge = judges.judge(image_set, say=lambda line: None)
    images = make_images(100, seed=1)
    rows = {"samples": judge.row(images, judge.look(images)), **judge.reference_rows}
    # Without end: where a sample has a class that is not real, or test images are trained on.
    for name in set(protocol.METRICS) - {"class_kl", "nn_ratio_median", "nn_ratio_p01"}:
        assert np.isfinite(rows["samples"][name]["mean"]), name
    assert set(rows) == {"samples", "floor", "kmeans", "ideal"}


@pytest.mark.parametrize(
    ("split", "seen"),
    [
        ("train", 0),
        ("train[:30]", 0),
        ("all", 10),
        ("train+test", 10),
        ("test[:50%]", 5),
        ("train[:9]+test[8:]", 2),
        ("of_another_version", 0),
    ],
)
def test_images_that_training_and_scores_share(split, seen, tiny_data_dir):
    image_set = ImageSet("mnist", split, str(tiny_data_dir))
    assert splits.test_images_in(image_set) == (seen, 10)


def test_a_run_that_saw_the_test_images_is_told_so(workdir, few_samples):
    lines = []
    subject = dataclasses.replace(harness.run(str(workdir.path)), split="all")
    (content,) = harness.evaluate([subject], quick=True, say=lines.append)
    (warning,) = content["warnings"]
    assert warning.startswith("it was trained on 10 of the 10 test images")
    assert f"Warning: {subject.name}: {warning}" in lines
    assert harness._title(subject, "generator", content).endswith(", saw test images, collapsed")
    written = json.loads((workdir.evaluation / "evaluation.json").read_text())
    assert (written["split"], written["warnings"]) == ("all", [warning])


def test_output_that_cannot_be_written_is_named_before_the_work(workdir, mnist, tmp_path):
    np.save(tmp_path / "samples.npy", np.zeros((10_000, 28, 28, 1), np.uint8))
    (tmp_path / "file").touch()
    subject = harness.images(str(tmp_path / "samples.npy"), str(tmp_path / "file"), mnist)
    with pytest.raises(UserError, match=r"^--output=.*file: is a file; name a folder"):
        harness.evaluate([subject], quick=True)
    shutil.rmtree(workdir.evaluation, ignore_errors=True)
    workdir.evaluation.touch()
    with pytest.raises(UserError, match=r"^.*/evaluation: is a file; name a folder"):
        harness.evaluate([harness.run(str(workdir.path))], quick=True)
    workdir.evaluation.unlink()


@pytest.mark.parametrize("spelling", ["{0}", "{0}/", "{0}/../{1}", "link"])
def test_one_run_under_two_names_is_refused_before_the_work(
    spelling, workdir, tmp_path, monkeypatch
):
    monkeypatch.setattr(judges, "judge", lambda *_: pytest.fail("has begun to work"))
    (tmp_path / "link").symlink_to(workdir.path)
    again = spelling.format(workdir.path, workdir.path.name)
    again = str(tmp_path / "link") if spelling == "link" else again
    subjects = [harness.run(each) for each in (str(workdir.path), again)]
    with pytest.raises(UserError, match=r"is the same run as --workdir=.*; name each run once$"):
        harness.evaluate(subjects)


def test_recipes_differ_in_what_decides_the_weights():
    def recipe(**options):
        return harness._recipe(TrainConfig(**options).to_dict())

    assert recipe(seed=1, workdir="a") == recipe(seed=2, workdir="b", log_every=7)
    assert recipe(epochs=1) != recipe(epochs=2)
    assert recipe(batch_size=64) != recipe()

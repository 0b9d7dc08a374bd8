"""The evaluation of conditional generators: label accuracy, confusions, and scores by class."""

import csv
import json

import numpy as np
import pytest
from conftest import assert_one_line_error, make_images, run, small_config
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from tfgan import UserError, networks, training
from tfgan.conditional import ConditionalGAN
from tfgan.datasets.classes import Classes
from tfgan.datasets.image_set import ImageSet
from tfgan.evaluation import by_class, figures, harness, judges, metrics, protocol, report, samples
from tfgan.evaluation.by_class import Labelled
from tfgan.exports import saved_model
from tfgan.ground import pictures
from tfgan.run.workdir import Workdir


def labelled(labels: list[int], seen: list[int], classes: int, features=None) -> Labelled:
    features = np.zeros((len(labels), 2)) if features is None else features
    return Labelled(np.array(labels), features, np.eye(classes)[seen])


def test_accuracies_by_hand():
    # Of two images of class 0 one is seen as 1, of three of class 1 one as 2; 3 has no image.
    found = labelled([0, 0, 1, 1, 1, 2], [0, 1, 1, 1, 2, 2], 4)
    assert found.confusion.tolist() == [[1, 1, 0, 0], [0, 2, 1, 0], [0, 0, 1, 0], [0, 0, 0, 0]]
    assert found.accuracy == pytest.approx(4 / 6)
    np.testing.assert_allclose(found.accuracies, [1 / 2, 2 / 3, 1, np.nan])
    assert found.counts.tolist() == [2, 3, 1, 0]
    # Sets of three: 1/2 of the first and 2/3 ... of all: (2/3, 2/3).
    first, second = found.sets(3)
    assert (first.accuracy, second.accuracy) == pytest.approx((2 / 3, 2 / 3))
    assert second.labels.tolist() == [1, 1, 2]
    assert by_class.accuracy(found.sets(3))["label_accuracy"]["std"] == pytest.approx(0)


def test_scores_by_class_take_as_many_samples_as_real_images():
    rng = np.random.default_rng(0)
    classes, dimensions = 2, 3

    def some(counts: tuple[int, ...], shift: float) -> Labelled:
        labels = rng.permutation(np.repeat(np.arange(classes), counts))
        features = rng.normal(size=(len(labels), dimensions)) + shift * labels[:, None]
        return labelled(labels, labels, classes, features)

    sets, floor, real = [some((50, 5), 0), some((40, 9), 0)], some((45, 60), 0), some((70, 80), 0)
    sizes, rows, beside = by_class.compared(sets, floor, real)
    assert sizes == [40, 5]
    whole = real.features[real.labels == 0]
    scores = [
        metrics.frechet_distance(whole, each.features[each.labels == 0][:40])
        for each in (*sets, floor)
    ]
    assert rows[0]["fcd"] == pytest.approx(
        {"mean": np.mean(scores[:2]), "std": np.std(scores[:2], ddof=1)}
    )
    assert beside[0]["fcd"] == {"mean": pytest.approx(scores[2]), "std": None}
    assert set(rows[0]) == set(by_class.METRICS)
    # Fewer than the six images that have a fifth neighbour: no score, and JSON has null.
    assert report.finite(rows)[1]["recall"] == {"mean": None, "std": None}
    assert rows[1]["accuracy"]["mean"] == 1
    table = report.class_table(
        ("a\nb", "two"), sizes, report.finite(rows), report.finite(beside), by_class.METRICS
    )
    head, first, second, mean = table.splitlines()
    assert head.split()[:4] == ["class", "images", "accuracy", "real"]
    assert first.startswith("a b ")
    assert "40" in first.split()
    assert second.split()[-1] == "-"
    assert mean.split()[0] == "mean"


def test_a_repeated_image_has_no_recall_within_its_class():
    rng = np.random.default_rng(0)
    labels = np.repeat([0, 1], 60)
    real, floor, whole = (
        labelled(labels, labels, 2, rng.normal(size=(120, 4)) + 9 * labels[:, None])
        for _ in range(3)
    )
    collapsed = np.where(labels[:, None] == 1, whole.features[-1], whole.features)
    _, rows, _ = by_class.compared([labelled(labels, labels, 2, collapsed)], floor, real)
    assert rows[0]["recall"]["mean"] > 0.8
    assert rows[1]["recall"]["mean"] == 0
    assert rows[1]["fcd"]["mean"] > 3 * rows[0]["fcd"]["mean"]


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (("0", "1"), ["accuracy_of_0", "accuracy_of_1"]),
        (("T-shirt/top", "고양이"), ["accuracy_of_T-shirt_top", "accuracy_of_고양이"]),
        (("a b", "a(b"), ["accuracy_of_0_a_b", "accuracy_of_1_a_b"]),
        (("", "x,\n"), ["accuracy_of_0_", "accuracy_of_1_x_"]),
    ],
)
def test_names_of_classes_become_tags(names, expected):
    assert by_class.columns(names) == expected


def test_confusions_are_drawn(tmp_path):
    matrix = np.array([[9, 1], [0, 0]])
    figures.save_confusion(tmp_path / "c.png", {"generator": matrix, "test": matrix}, ("a\n", "b"))
    picture = pictures.load_png(tmp_path / "c.png")
    assert picture.shape[2] == 1
    assert np.isin([255, round(255 * 0.1), round(255 * 0.9)], picture).all()
    # Very many classes stay a small picture.
    names = [str(label) for label in range(200)]
    figures.save_confusion(tmp_path / "d.png", {"generator": np.eye(200)}, names)
    assert max(pictures.load_png(tmp_path / "d.png").shape) < 1200


SHARES = (0.1, 0.6, 0.3)
CLASSES = Classes(("a", "b", "c"), (1, 6, 3))
RECORD = {"name": "mnist", "split": "train", "classes": {"names": ["a", "b", "c"]}}
RECORD["classes"]["counts"] = [1, 6, 3]


def conditional_gan() -> ConditionalGAN:
    shape = (4, 6, 1)
    return ConditionalGAN(
        networks.mlp_generator(5, 16, shape, classes=3),
        networks.mlp_discriminator(8, shape, classes=3),
        5,
        SHARES,
    )


def test_training_and_export_draw_the_same_samples_of_the_same_classes(tmp_path):
    gan = conditional_gan()
    path = tmp_path / "generator"
    saved_model.save_generator(path, gan.generator, data=RECORD)
    source = samples.FromModel(str(path))
    assert source.classes() == CLASSES
    drawn = source.draw(2500)
    assert drawn.shape == (2500, 4, 6, 1)
    in_training = samples.from_gan(gan, 2500)
    assert np.abs(drawn.astype(int) - in_training).max() <= 1  # rounding
    labels = samples.labels(2500, SHARES)
    np.testing.assert_allclose(np.bincount(labels) / 2500, SHARES, atol=4 * 0.5 / 50)
    np.testing.assert_array_equal(samples.labels(900, SHARES), labels[:900])
    # They are of these classes: with others, most images are other ones.
    loaded = source._loaded
    z = samples._latents(0, 5, "normal").numpy()
    for told, same in ((labels[:1000], True), ((labels[:1000] + 1) % 3, False)):
        again = pictures.unit_to_uint8(loaded.generate(z, told))
        assert (np.mean(again == drawn[:1000]) > 0.99) == same


def test_generator_that_does_not_say_its_classes_is_one_line(tmp_path):
    path = tmp_path / "generator"
    saved_model.save_generator(path, conditional_gan().generator)
    subject = harness.model(str(path), str(tmp_path / "out"), ImageSet("mnist"))
    with pytest.raises(UserError, match=r"generator: is conditional.* does not list the classes"):
        subject.sources["generator"].classes()


@pytest.fixture(scope="module")
def config(tiny_data_dir, tmp_path_factory):
    """A conditional run that has evaluated itself after its second epoch."""
    config = small_config(
        tiny_data_dir,
        tmp_path_factory.mktemp("runs") / "run",
        epochs=2,
        conditional=True,
        evaluate_every=2,
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(judges, "SET_SIZE", 500)
        patch.setattr(protocol, "SET_SIZE", 500)
        training.train_and_export(config)
    return config


@pytest.fixture
def few_samples(monkeypatch):
    monkeypatch.setattr(judges, "SET_SIZE", 500)
    monkeypatch.setattr(protocol, "SET_SIZE", 500)


def test_run_evaluates_itself_by_class(config, few_samples):
    workdir = Workdir(config.workdir)
    with open(workdir.metrics, newline="") as file:
        first, last = csv.DictReader(file)
    columns = [f"accuracy_of_{digit}" for digit in range(10)]
    assert set(columns) | {"label_accuracy"} <= set(last)
    assert not any(first[name] for name in columns)
    drawn = samples.FromModel(str(workdir.generator)).draw(500)
    labels = samples.labels(500, (0.1,) * 10)
    judge = judges.judge(config.image_set, quick=True, say=lambda line: None)
    seen = judge.look(drawn)
    row, (told,) = judge.labelled_row(drawn, seen, labels)
    assert float(last["label_accuracy"]) == pytest.approx(row["label_accuracy"]["mean"], abs=0.005)
    assert [float(last[name]) for name in columns] == pytest.approx(told.accuracies, abs=0.05)
    assert float(last["fcd"]) == pytest.approx(row["fcd"]["mean"], rel=0.01)
    # The row is that of the same images without labels.
    assert row.pop("label_accuracy")
    assert row == judge.row(drawn, seen)
    events = EventAccumulator(str(workdir.tensorboard), {"tensors": 0})
    events.Reload()
    tags = set(events.Tags()["tensors"])
    assert {f"evaluation/{name}" for name in (*columns, "label_accuracy")} <= tags


def test_evaluation_of_a_conditional_run(config, few_samples):
    lines = []
    subject = harness.run(config.workdir, truncations=[0.5])
    (content,) = harness.evaluate([subject], quick=True, say=lines.append)
    written = json.loads((subject.output / "evaluation.json").read_text())
    content = json.loads(json.dumps(content))
    assert written == content
    assert content["metrics"]["label_accuracy"] == ["label accuracy", 4]
    found = content["by_class"]
    assert found["classes"] == list("0123456789")
    confusion = {name: np.array(matrix) for name, matrix in found["confusion"].items()}
    assert set(confusion) == {"generator", "test images"}
    assert confusion["generator"].sum() == 500
    asked = np.bincount(samples.labels(500, (0.1,) * 10), minlength=10)
    np.testing.assert_array_equal(confusion["generator"].sum(axis=1), asked)
    accuracy = content["rows"]["generator"]["label_accuracy"]["mean"]
    assert accuracy == pytest.approx(confusion["generator"].trace() / 500)
    assert 0 <= content["rows"]["truncated at 0.5"]["label_accuracy"]["mean"] <= 1
    real = content["rows"]["floor"]["label_accuracy"]["mean"]
    assert real == pytest.approx(confusion["test images"].trace() / 10)
    assert sum(found["images"]) == 10  # all the validation images
    assert set(found["rows"]) == {"generator", "floor"}
    assert found["rows"]["generator"][3]["fcd"]["mean"] is None
    assert (subject.output / "confusion.png").exists()
    text = "\n".join(lines)
    assert "label accuracy" in text
    assert "generator by class" in text


def test_all_sets_of_samples_count(config, few_samples, monkeypatch):
    monkeypatch.setattr(judges, "SETS", 2)
    (content,) = harness.evaluate([harness.run(config.workdir)], say=lambda line: None)
    found = content["by_class"]
    matrix = np.array(found["confusion"]["generator"])
    assert matrix.sum() == content["samples"] == 1000
    score = content["rows"]["generator"]["label_accuracy"]
    assert score["mean"] == pytest.approx(matrix.trace() / 1000)
    assert score["std"] is not None
    assert found["rows"]["generator"][0]["accuracy"]["std"] is not None


def test_a_set_without_a_judge_of_classes_says_so(config, few_samples, monkeypatch):
    judge = judges.judge(config.image_set, quick=True, say=lambda line: None)
    monkeypatch.setattr(harness, "SampleQuality", type(None))
    lines = []
    harness._evaluate(harness.run(config.workdir), judge, True, lines.append)
    assert lines.count(f"{config.workdir}: generator: {judges.UNTOLD}") == 1


def test_another_set_s_classes_are_refused_before_the_work(config, tmp_path, monkeypatch):
    monkeypatch.setattr(judges, "judge", lambda *_: pytest.fail("has begun to work"))
    generator = networks.mlp_generator(5, 16, (28, 28, 1), classes=3)
    saved_model.save_generator(tmp_path / "g", generator, data=RECORD)
    subject = harness.model(str(tmp_path / "g"), str(tmp_path / "out"), config.image_set)
    with pytest.raises(UserError, match=r"draws the classes a, b, c, but mnist has 0, 1, 2, 3, 4"):
        harness.evaluate([subject], quick=True)


def test_command_refuses_a_generator_without_classes(config, tmp_path):
    generator = networks.mlp_generator(5, 16, (28, 28, 1), classes=10)
    saved_model.save_generator(tmp_path / "g", generator)
    flags = [f"--model={tmp_path}/g", f"--data_dir={config.data_dir}", f"--output={tmp_path}/out"]
    done = run("evaluate", *flags, "--quick")
    assert_one_line_error(done, f"--model={tmp_path}/g", "does not list the classes")


def test_unconditional_samples_have_no_classes(config, few_samples, tmp_path):
    np.save(tmp_path / "s.npy", make_images(500))
    subject = harness.images(str(tmp_path / "s.npy"), str(tmp_path / "out"), config.image_set)
    (content,) = harness.evaluate([subject], quick=True, say=lambda line: None)
    assert "by_class" not in content
    assert not any("label_accuracy" in row for row in content["rows"].values())

"""What the Hugging Face Hub makes of an export: its own library reads it, without the network."""

import pathlib

import huggingface_hub
import keras
import numpy as np
import pytest
import yaml
from conftest import told_generator
from huggingface_hub import ModelCard
from test_exporting import FOLDER, SHAPE, evaluation, export, make_run

from tfgan.exports import hub
from tfgan.exports.formats import Trained

LICENCE_LINE = 'license: "cc-by-4.0"\n'


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """The folder of a run on a set that the Hub has, evaluated, and the lines that told of it."""
    workdir = make_run(tmp_path_factory.mktemp("hub") / "a run", {"image_shape": SHAPE})
    evaluation(workdir, metrics={"fid": ["FID", 2]}, quick=True)
    lines = export(workdir, "hub")
    return workdir.exports / FOLDER, lines


def test_a_folder_is_what_the_hub_expects(exported):
    folder, lines = exported
    assert sorted(file.name for file in folder.iterdir()) == [
        "README.md", "config.json", "generator.keras", "metadata.json",
        "model.weights.h5", "samples.png", "savedmodel",
    ]  # fmt: skip
    assert [line.split(":")[0] for line in lines[1:4]] == ["savedmodel", "keras", "hub"]
    assert lines[-1].endswith(f"\nhf upload USER/NAME '{folder}'")


def test_the_hub_s_library_reads_the_card(exported):
    card = ModelCard.load(exported[0] / "README.md")
    assert card.data.library_name == "keras"
    assert card.data.pipeline_tag == "unconditional-image-generation"
    assert card.data.datasets == ["uoft-cs/cifar10"]
    assert card.data.license is None
    assert "license: cc-by-4.0" in card.text  # how to name one
    assert card.text.lstrip().startswith("# A generator of cifar10 images")
    found = {each.metric_type: each for each in card.data.eval_results}
    assert {name: each.metric_value for name, each in found.items()} == {
        "fid": pytest.approx(12.35), "coverage": 0.5
    }  # fmt: skip
    assert found["fid"].metric_name == "FID, tfgan-eval-v1 (quick)"
    assert found["fid"].task_type == "unconditional-image-generation"
    assert found["fid"].dataset_type == "uoft-cs/cifar10"


def test_a_licence_that_the_author_adds_counts(exported):
    text = (exported[0] / "README.md").read_text()
    card = ModelCard(text.replace("---\n", f"---\n{LICENCE_LINE}", 1))
    assert card.data.license == "cc-by-4.0"


def test_keras_loads_the_folder_as_it_would_from_the_hub(exported, monkeypatch):
    asked = []

    def snapshot_download(repo_id, **_):
        asked.append(repo_id)
        return str(exported[0])

    monkeypatch.setattr(huggingface_hub, "snapshot_download", snapshot_download)
    fetched = keras.saving.load_model("hf://somebody/digits")
    beside = keras.saving.load_model(exported[0] / "generator.keras")
    assert asked == ["somebody/digits"]
    z = np.random.default_rng(0).normal(size=(3, 5)).astype("float32")
    np.testing.assert_array_equal(fetched(z).numpy(), beside(z).numpy())


def head(name: str, scores: hub.Scores | None, classes: int = 0) -> str:
    generator = told_generator("mlp", 5, 16, (8, 12, 3), classes)
    trained = Trained("generator", "as trained", generator, 3, pathlib.Path(), {"dataset": name})
    return hub.front_matter(trained, scores)


def test_a_class_is_no_task_of_the_hub():
    card = ModelCard(head("mnist", None, classes=3))
    assert card.data.pipeline_tag is None
    assert card.data.tags == ["tfgan", "gan", "image-generation", "class-conditional"]
    assert card.data.eval_results is None
    card = ModelCard(head("mnist", hub.Scores("p", {"fcd": 1.0}, {}), classes=3))
    assert card.data.eval_results[0].task_type == "image-generation"


def read(name: str, means: dict[str, float]) -> dict:
    text = head(name, hub.Scores("p", means, {}))
    return yaml.safe_load(text.removeprefix("---\n").removesuffix("---\n"))


@pytest.mark.parametrize("value", [5e-05, 1e-12, 0.0, -0.25, 123456.0, 0.1234])
def test_a_number_stays_a_number(value):
    (metric,) = read("mnist", {"x": value})["model-index"][0]["results"][0]["metrics"]
    assert metric["value"] == pytest.approx(value, rel=1e-3)
    assert isinstance(metric["value"], float)


@pytest.mark.parametrize("name", ["a: b", "- x", "ü#1", 'say "no"', "yes", "1.0", "a\nb"])
def test_any_name_of_a_set_stays_that(name):
    content = read(name, {"x": 1.0})
    assert content["model-index"][0]["name"] == f"tfgan-{name}"
    assert content["model-index"][0]["results"][0]["dataset"]["name"] == name
    assert "datasets" not in content  # the Hub has none of that name

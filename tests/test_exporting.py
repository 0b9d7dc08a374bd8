"""Exports of a run that the test makes without training, and what can go wrong with them."""

import dataclasses
import importlib.util
import json
import re
import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf
from conftest import assert_one_line_error, run
from fingerprint import tree

from tfgan import UserError
from tfgan.datasets.classes import Classes
from tfgan.exports import card, exporting, sampling, saved_model
from tfgan.exports.formats import FORMATS
from tfgan.ground import pictures
from tfgan.run import building
from tfgan.run.checkpointing import Checkpoints
from tfgan.run.config import TrainConfig
from tfgan.run.workdir import Workdir, exported_step

pytestmark = pytest.mark.usefixtures("quick_check")

SHAPE = (8, 12, 3)
STEP = 12
FOLDER = "generator-000000012"


def make_run(path, environment, **options) -> Workdir:
    config = TrainConfig(dataset="cifar10", latent_size=5, hidden_size=16, epochs=3, **options)
    workdir = Workdir(str(path))
    with workdir.lock():
        workdir.create(config.to_dict(), environment)
    known = environment.get("data", {}).get("classes")
    gan = building.build(config, SHAPE, 1, classes=known and Classes.from_dict(known))
    gan.step.assign(STEP)
    Checkpoints(workdir.checkpoints, gan).save()
    return workdir


@pytest.fixture
def workdir(tmp_path) -> Workdir:
    return make_run(tmp_path / "run", {"image_shape": SHAPE})


def export(workdir, *names, which="auto") -> list[str]:
    lines = []
    exporting.export(str(workdir.path), names, which, lines.append)
    return lines


def code_blocks(folder) -> list[str]:
    return re.findall(r"```python\n(.*?)```", (folder / "README.md").read_text(), re.DOTALL)


def test_writes_checks_and_tells(workdir):
    lines = export(workdir, "savedmodel", "keras")
    folder = workdir.exports / FOLDER
    assert [line.split(":")[0] for line in lines[1:3]] == ["savedmodel", "keras"]
    for line in lines[1:3]:
        difference = re.search(r"largest difference (\S+) in \[0, 1\]", line)
        assert float(difference[1]) <= 1e-6
    assert sorted(file.name for file in folder.iterdir()) == [
        "README.md", "generator.keras", "samples.png", "savedmodel"
    ]  # fmt: skip
    assert exported_step(folder / "savedmodel") == 12
    assert {file.name for file in workdir.exports.iterdir()} == {".lock", FOLDER}
    # The picture is what the SavedModel draws.
    sampling.sample(str(folder / "savedmodel"), 64, 1, str(workdir.path / "drawn.png"))
    drawn, shown = (
        pictures.load_png(file).astype(int)
        for file in (workdir.path / "drawn.png", folder / "samples.png")
    )
    assert np.abs(drawn - shown).max() <= 1


CLASSES = {"names": ["a|b", "`c`", "<d>"], "counts": [1, 6, 3]}
TOLD = {"image_shape": SHAPE, "data": {"classes": CLASSES}}


@pytest.mark.parametrize(
    ("network", "environment"),
    [
        pytest.param("mlp", {"image_shape": SHAPE}, marks=pytest.mark.slow),
        ("mlp", TOLD),
        pytest.param("infogan", {"image_shape": SHAPE}, marks=pytest.mark.slow),
        pytest.param("infogan", TOLD, marks=pytest.mark.slow),
    ],
)
def test_every_code_block_of_the_card_draws(network, environment, tmp_path):
    options = {"network": network, "conditional": environment is TOLD}
    workdir = make_run(tmp_path / "run", environment, **options)
    usable = [
        name
        for name, kind in FORMATS.items()
        if kind.run and all(importlib.util.find_spec(module) for module in kind.needs)
    ]
    export(workdir, *usable)
    folder = workdir.exports / FOLDER
    blocks = code_blocks(folder)
    assert len(blocks) == len(usable) >= 2
    for block in blocks:
        assert len(block.splitlines()) <= 5
    script = "".join(
        f"{block}\nassert images.shape == (16, 8, 12, 3), images.shape\n"
        f"assert 0 <= images.min() < images.max() <= 1\nassert images.dtype == 'float32'\n"
        for block in blocks
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, cwd=folder
    )
    assert done.returncode == 0, done.stderr


def test_a_conditional_generator_is_checked_class_by_class_and_told_of(tmp_path):
    workdir = make_run(tmp_path / "run", TOLD, conditional=True)
    lines = export(workdir, "savedmodel", "keras")
    assert all(line.endswith("over batches of 1, 7, 24") for line in lines[1:3])
    folder = workdir.exports / FOLDER
    # A row a class, of the same latents.
    sampling.sample(str(folder / "savedmodel"), 8, 1, str(tmp_path / "drawn.png"), "all")
    drawn, shown = (
        pictures.load_png(file).astype(int)
        for file in (tmp_path / "drawn.png", folder / "samples.png")
    )
    assert shown.shape == (3 * (8 + 2) + 2, 8 * (12 + 2) + 2, 3)
    assert np.abs(drawn - shown).max() <= 1
    text = (folder / "README.md").read_text()
    names = r"0 a\|b (10 %), 1 \`c\` (60 %), 2 &lt;d&gt; (30 %)"
    assert f"| classes, shares | {names} |" in text
    assert "; `label`: int64 `(batch,)`, the class of each image, or -1 for a random one" in text
    assert r"The code below asks for class 1, \`c\`. " in text
    assert "without labels" not in text
    assert "![24 generated images]" in text
    assert r"The classes: 0 (a\|b), 1 (\`c\`), 2 (&lt;d&gt;)." in (
        folder / "savedmodel" / "README.md"
    ).read_text("utf-8")


def test_another_class_for_a_label_is_found(tmp_path, monkeypatch):
    workdir = make_run(tmp_path / "run", TOLD, conditional=True)

    def run_wrong(path, batches):
        swapped = [batch | {"label": 2 - batch["label"]} for batch in batches]
        return FORMATS["keras"].run(path, swapped)

    wrong = dataclasses.replace(FORMATS["keras"], run=run_wrong)
    monkeypatch.setitem(FORMATS, "onnx", wrong)
    with pytest.raises(UserError, match=r"--format=onnx: .*more than 1e-04; nothing was written"):
        export(workdir, "onnx")


def test_another_format_joins_those_that_are_there(workdir):
    export(workdir, "keras")
    before = tree(workdir.exports / FOLDER)
    export(workdir, "savedmodel")
    after = tree(workdir.exports / FOLDER)
    assert after["generator.keras"] == before["generator.keras"]
    assert "savedmodel/saved_model.pb" in after
    assert len(code_blocks(workdir.exports / FOLDER)) == 2


@pytest.mark.parametrize("found", [2e-4, np.nan, "shape"])
def test_one_that_differs_is_refused_and_nothing_is_left(workdir, monkeypatch, found):
    export(workdir, "keras")
    before = tree(workdir.path)

    def run_wrong(path, batches):
        drawn = FORMATS["keras"].run(path, batches)
        drawn[1] = drawn[1][:, 1:] if found == "shape" else drawn[1] + found
        return drawn

    wrong = dataclasses.replace(FORMATS["keras"], file="wrong.keras", run=run_wrong)
    monkeypatch.setitem(FORMATS, "onnx", wrong)
    with pytest.raises(UserError, match=r"--format=onnx: .*more than 1e-04; nothing was written"):
        export(workdir, "savedmodel", "onnx")
    assert tree(workdir.path) == before
    assert {file.name for file in workdir.exports.iterdir()} == {".lock", FOLDER}


def test_a_generator_of_nan_is_called_so_and_nothing_is_left(workdir, monkeypatch):
    def endpoint(generator, shares):
        return lambda z: {"images": tf.fill((len(z), *SHAPE), np.nan)}

    monkeypatch.setattr(saved_model, "endpoint", endpoint)
    before = tree(workdir.path)
    problem = "its generator: gives pixels that are NaN"
    with pytest.raises(UserError, match=f"^--workdir={workdir.path}: {problem}"):
        export(workdir, "savedmodel", "keras")
    assert tree(workdir.path) == before


def test_the_average_is_taken_if_there_is_one(workdir, tmp_path):
    with pytest.raises(UserError, match=r"--generator=ema: .* has no moving average"):
        export(workdir, "keras", which="ema")
    averaged = make_run(tmp_path / "ema", {"image_shape": SHAPE}, ema=0.5, latents="uniform")
    gan = building.build(TrainConfig(**averaged.recorded()["config"]), SHAPE, 1)
    checkpoints = Checkpoints(averaged.checkpoints, gan)
    for weight in gan.ema_generator.weights:
        weight.assign(weight + 1)
    gan.step.assign(STEP + 1)
    checkpoints.save()
    for which, name, words in [
        ("auto", "generator", "moving average of those trained"),
        ("ema", "generator", "moving average of those trained"),
        ("raw", "generator_raw", "as trained"),
    ]:
        export(averaged, "keras", which=which)
        folder = averaged.exports / f"{name}-000000013"
        loaded = keras.saving.load_model(folder / "generator.keras")
        expected = gan.generator if name == "generator_raw" else gan.ema_generator
        for ours, theirs in zip(loaded.weights, expected.weights, strict=True):
            np.testing.assert_array_equal(ours.numpy(), theirs.numpy())
        text = (folder / "README.md").read_text()
        assert f"| weights | {words}, after step 13;" in text
        assert "drawn from the uniform distribution on [-1, 1]" in text
        assert "so replace that by the uniform distribution on [-1, 1]" in text


def test_older_run_has_its_shape_in_its_generator(tmp_path):
    workdir = make_run(tmp_path / "run", {})
    with pytest.raises(UserError, match=r"config\.json: does not record the image shape"):
        export(workdir, "keras")
    gan = building.build(TrainConfig(latent_size=5, hidden_size=16), SHAPE, 1)
    saved_model.save_generator(workdir.generator, gan.generator)
    export(workdir, "keras")
    assert (workdir.exports / FOLDER / "generator.keras").is_file()


def evaluation(workdir, **changes):
    row = {"fid": {"mean": 12.3456, "std": 0.25}, "coverage": {"mean": 0.5, "std": None}}
    content = {
        "protocol": "tfgan-eval-v1",
        "step": 12,
        "rows": {"generator": row, "floor": {"fid": {"mean": 1.5, "std": None}}},
    }
    folder = workdir.path / "evaluation"
    folder.mkdir(exist_ok=True)
    (folder / "evaluation.json").write_text(json.dumps(content | changes))


def test_card_has_the_metrics_of_this_step_alone(workdir):
    trained = exporting.trained_generator(str(workdir.path), "auto", lambda line: None)

    def written() -> tuple[str, list[str]]:
        lines = []
        card.write(workdir.path, trained, lines.append)
        return (workdir.path / "README.md").read_text(), lines

    text, lines = written()
    assert "## Metrics" not in text
    assert lines == []
    settings = re.search(r"\| settings \| (.*) \|", text)[1].split(", ")
    changed = ("--dataset=cifar10", "--epochs=3", "--latent_size=5", "--hidden_size=16")
    assert sorted(settings) == sorted(f"`{option}`" for option in changed)
    assert "`(batch, 8, 12, 3)`" in text
    evaluation(workdir)
    text, lines = written()
    assert "|  | this generator | floor |\n| --- | --- | --- |" in text
    assert "| fid | 12.35 ± 0.25 | 1.5 |\n| coverage | 0.5 | n/a |" in text
    assert lines == []
    assert "Warning" not in text
    evaluation(workdir, warnings=["it saw them"])
    assert "\n\nWarning: it saw them.\n" in written()[0]
    for changes, why in [
        ({"step": 8}, "is not of step 12"),
        ({"rows": {}}, "is damaged, or has no generator"),
        ({"rows": None}, "is damaged"),
    ]:
        evaluation(workdir, **changes)
        text, lines = written()
        assert "## Metrics" not in text
        assert why in lines[0]


def test_command_exports_while_the_run_trains(workdir):
    with workdir.lock():
        done = run("export", f"--workdir={workdir.path}", "--format=keras,savedmodel")
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    lines = done.stdout.splitlines()
    assert lines[-1].startswith(f"Wrote {workdir.exports / FOLDER}: README.md, ")
    loaded = tf.saved_model.load(str(workdir.exports / FOLDER / "savedmodel"))
    assert loaded.signatures["generate"](z=tf.zeros((2, 5)))["images"].shape == (2, *SHAPE)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--format="], ["--format=", "savedmodel,keras,onnx,litert,html,hub"]),
        (["--format=pdf,keras"], ["--format=pdf,keras", "'pdf' is not a format"]),
        (["--generator=both"], ["--generator=both", "auto"]),
        (["--workdir=runs/no_such_run"], ["--workdir=runs/no_such_run", "no run there"]),
        (["--output=x"], ["output"]),
    ],
)
def test_bad_flag_is_one_line(arguments, words):
    assert_one_line_error(run("export", *arguments), *words)


def test_run_that_cannot_be_exported_is_one_line(tmp_path):
    workdir = make_run(tmp_path / "run", {"image_shape": SHAPE})
    workdir.exports.write_text("a file")
    with pytest.raises(UserError, match=r"exports: is a file; name a folder"):
        export(workdir, "keras")
    workdir.exports.unlink()
    for checkpoint in workdir.checkpoints.iterdir():
        (checkpoint / "state.index").write_bytes(b"")
    with pytest.raises(UserError, match="all checkpoints are damaged"):
        export(workdir, "keras")
    recorded = json.loads(workdir.config.read_text())
    recorded["config"]["latent_size"] = -3
    workdir.config.write_text(json.dumps(recorded))
    with pytest.raises(UserError, match=r"config\.json: --latent_size=-3: must be at least 1"):
        export(workdir, "keras")
    empty = Workdir(str(tmp_path / "empty"))
    with empty.lock():
        empty.create(TrainConfig().to_dict(), {"image_shape": (28, 28, 1)})
    with pytest.raises(UserError, match="has no checkpoint yet"):
        export(empty, "keras")

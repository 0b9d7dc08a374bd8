"""The toy run: what it leaves, that it is exact, and that it learns."""

import csv
import dataclasses
import importlib.util
import json

import numpy as np
import pytest
from conftest import assert_one_line_error, run
from PIL import Image

from tfgan import TrainConfig, UserError, losses, train_and_export
from tfgan.theory import experiment, figures, observation
from tfgan.theory.experiment import Looks
from tfgan.theory.recipes import DENSITIES, LOSSES, RECIPES

SHORT = dataclasses.replace(RECIPES["normal"], hidden_size=8, batch_size=32, steps=40, frames=4)


def learn(recipe):
    looks = Looks()
    return experiment.learn(recipe, looks), looks.seen


@pytest.fixture(scope="module")
def short():
    return learn(SHORT)


def test_same_recipe_same_bits(short):
    (first, seen), (second, seen_again) = short, learn(SHORT)
    for a, b in zip(first.variables, second.variables, strict=True):
        np.testing.assert_array_equal(a, b)
    assert [look.value for look in seen] == [look.value for look in seen_again]


def test_the_seed_decides_weights_and_points():
    p = DENSITIES["normal"]()
    recipes = SHORT, dataclasses.replace(SHORT, seed=1)
    for draw in (
        lambda recipe: experiment.build(recipe, p).generator.get_weights()[0],
        lambda recipe: next(iter(experiment.batches(p, recipe))),
    ):
        assert not np.array_equal(*map(draw, recipes))


def test_batches_are_a_function_of_seed_and_step():
    p = DENSITIES["ring8"]()
    long, short = (
        dataclasses.replace(RECIPES["ring8"], batch_size=4, steps=steps) for steps in (3, 2)
    )
    a, b = (list(experiment.batches(p, r).as_numpy_iterator()) for r in (long, short))
    assert len(a) == 3
    assert a[0].shape == (4, 2)
    assert not np.array_equal(a[0], a[1])
    np.testing.assert_array_equal(a[:2], b)


def test_looking_changes_nothing():
    p = DENSITIES["normal"]()
    gan = experiment.build(SHORT, p)
    before = [variable.numpy() for variable in gan.variables]
    experiment.Observer(gan, p).look()
    for a, b in zip(before, gan.variables, strict=True):
        np.testing.assert_array_equal(a, b.numpy())


def test_a_look_before_and_after_each_part(short):
    gan, seen = short
    assert [look.step for look in seen] == [0, 10, 20, 30, 40]
    last = seen[-1]
    np.testing.assert_allclose(gan.generator(last.latents), last.fakes, atol=1e-6)
    assert last.bound == pytest.approx(np.log(2) + last.value / 2)
    x = observation.plot_points(DENSITIES["normal"]())[:, np.newaxis].astype(np.float32)
    logits = gan.discriminator(x).numpy()[:, 0]
    np.testing.assert_allclose(last.probability, 1 / (1 + np.exp(-logits)), atol=1e-6)


def test_pushes_lead_downhill():
    p = DENSITIES["ring8"]()
    recipe = dataclasses.replace(RECIPES["ring8"], hidden_size=16)
    gan = experiment.build(recipe, p)
    look = experiment.Observer(gan, p).look()
    fakes = look.fakes[: len(look.pushes)]
    # -log D falls where D's logit rises.
    step = 1e-3 * look.pushes / np.linalg.norm(look.pushes, axis=1, keepdims=True)
    before, after = (gan.discriminator(x).numpy()[:, 0] for x in (fakes, fakes + step))
    assert np.mean(after > before) > 0.99


def test_a_relativistic_discriminators_constant_does_not_matter():
    p = DENSITIES["ring8"]()
    recipe = dataclasses.replace(RECIPES["ring8"], hidden_size=16, loss="relativistic")
    gan = experiment.build(recipe, p)
    observer = experiment.Observer(gan, p)
    before = observer.look()
    gan.discriminator.layers[-1].bias.assign([7.0])
    after = observer.look()
    assert after.value == pytest.approx(before.value, abs=1e-5)
    np.testing.assert_allclose(after.probability, before.probability, atol=1e-3)


def test_objectives_are_the_packages():
    assert set(LOSSES) <= set(losses.OBJECTIVES)
    assert {recipe.loss for recipe in RECIPES.values()} <= set(LOSSES)


def test_the_line_is_learnt():
    # From above 0.15 nats to below 0.06; the whole recipe arrives at 0.005.
    recipe = dataclasses.replace(RECIPES["mixture"], steps=1500, frames=10, batch_size=256)
    _, seen = learn(recipe)
    assert seen[0].jsd > 0.15
    assert seen[-1].jsd < 0.06
    # What D shows on points that it has not seen is below the divergence but for noise:
    # its standard error on 20,000 points is below 0.005.
    assert all(look.bound < look.jsd + 0.02 for look in seen)


@pytest.mark.slow
@pytest.mark.parametrize("seed", [777, 1, 2])
@pytest.mark.parametrize("density", ["ring8", "grid25"])
def test_recipes_cover_every_mode(density, seed):
    _, seen = learn(dataclasses.replace(RECIPES[density], seed=seed))
    assert seen[-1].coverage.covered == len(DENSITIES[density]().means)
    assert seen[-1].coverage.high_quality > 0.5


@pytest.mark.parametrize(
    "density",
    [*(pytest.param(name, marks=pytest.mark.slow) for name in ("normal", "ring8")), "classes"],
)
def test_a_run_leaves_its_pictures(density, tmp_path):
    pytest.importorskip("matplotlib")
    small = {"steps": 8, "frames": 4, "batch_size": 16, "hidden_size": 8}
    recipe = dataclasses.replace(RECIPES[density], **small)
    folder = tmp_path / "run"
    seen = experiment.run(recipe, str(folder))
    assert {file.name for file in folder.iterdir()} - {".lock"} == {
        "toy.json",
        "frames",
        "figure.png",
        "training.gif",
        "metrics.csv",
    }
    assert json.loads((folder / "toy.json").read_text())["config"] == recipe.to_dict()
    frames = sorted(file.name for file in (folder / "frames").iterdir())
    assert frames == [f"{index:03d}.png" for index in range(5)]
    assert (folder / "figure.png").read_bytes() == (folder / "frames/004.png").read_bytes()
    assert Image.open(folder / "training.gif").n_frames == 5
    with open(folder / "metrics.csv") as file:
        rows = list(csv.DictReader(file))
    assert [float(row["jsd"]) for row in rows] == [look.jsd for look in seen]
    assert [int(row["modes"]) for row in rows] == [look.coverage.covered for look in seen]

    other = dataclasses.replace(recipe, seed=5)
    with pytest.raises(UserError, match="other settings"):
        experiment.run(other, str(folder))
    with pytest.raises(UserError, match="holds files but no run of tfgan"):
        train_and_export(TrainConfig(workdir=str(folder)))
    # What was there goes, before anything new is drawn.
    toy = experiment.ToyFolder(str(folder))
    toy.create(other.to_dict(), {})
    assert toy.recorded()["config"]["seed"] == 5
    assert not toy.animation.exists()
    assert not list(toy.frames.iterdir())


def test_foreign_folder_is_refused_and_left_alone(tmp_path):
    pytest.importorskip("matplotlib")
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(UserError, match=f"--workdir={tmp_path}: holds files"):
        experiment.run(SHORT, str(tmp_path), overwrite=True)
    assert [file.name for file in tmp_path.iterdir()] == ["thesis.txt"]


def test_folder_of_a_training_run_is_refused(tmp_path):
    pytest.importorskip("matplotlib")
    (tmp_path / "config.json").write_text('{"config": {}, "environment": {}}')
    with pytest.raises(UserError, match="holds files but no run of tfgan"):
        experiment.run(SHORT, str(tmp_path), overwrite=True)


def test_missing_matplotlib_is_one_clear_line(monkeypatch, tmp_path):
    if importlib.util.find_spec("matplotlib"):
        monkeypatch.setitem(__import__("sys").modules, "matplotlib.figure", None)
    with pytest.raises(UserError, match=r"pip install -e '\.\[plots\]'"):
        figures.require_matplotlib()
    with pytest.raises(UserError, match="plots"):
        experiment.run(SHORT, str(tmp_path / "run"))
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("flag", "words"),
    [
        ("--density=ring9", ["ring9", "ring8"]),
        ("--steps=70", ["--steps=70", "multiple of 50"]),
        ("--seed=-1", ["seed"]),
        ("--loss=wgan", ["loss", "non_saturating"]),
    ],
)
def test_bad_flags_are_one_line(flag, words):
    assert_one_line_error(run("toy", flag), *words)

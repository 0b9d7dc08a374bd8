"""`tfgan.sample` with classes: which, in what order, from which latents, and what is refused."""

import json

import keras
import numpy as np
import pytest
from conftest import assert_one_line_error, run, told_generator
from PIL import Image

from tfgan import UserError, networks, noise
from tfgan.datasets.classes import Classes
from tfgan.exports import class_names, loading, sampling, saved_model
from tfgan.ground import pictures
from tfgan.noise import Stream

NAMES = ("boot", "Sneaker", "2", "Ärmel|`x`")  # a name may be a number
COUNTS = (4, 3, 0, 3)  # the third was never learnt
DATA = {"name": "x", "split": "train", "classes": {"names": NAMES, "counts": COUNTS}}


@pytest.fixture(scope="module")
def generator() -> keras.Model:
    return told_generator("mlp", 5, 16, (4, 6, 3), 4)


@pytest.fixture(scope="module")
def model(generator, tmp_path_factory) -> str:
    path = tmp_path_factory.mktemp("told") / "generator"
    saved_model.save_generator(path, generator, data=DATA)
    return str(path)


@pytest.fixture(scope="module")
def plain(tmp_path_factory) -> str:
    """One without classes."""
    path = tmp_path_factory.mktemp("plain") / "generator"
    data = {"name": "x", "split": "train"}
    saved_model.save_generator(path, networks.mlp_generator(5, 16, (4, 6, 1)), data=data)
    return str(path)


def expected(generator, n: int, seed: int, label: int) -> np.ndarray:
    z = noise.latents(0, Stream.SAMPLES, seed, n, 5).numpy()
    return pictures.to_uint8(generator((z, np.full(n, label))).numpy())


def sampled(model, tmp_path, *arguments) -> np.ndarray:
    sampling.sample(model, *arguments[:2], str(tmp_path / "a.npy"), *arguments[2:])
    return np.load(tmp_path / "a.npy")


@pytest.mark.parametrize(
    ("label", "classes"),
    [
        ("0", [0]),
        ("3,1, 0", [3, 1, 0]),
        ("Sneaker", [1]),
        ("sneaker", [1]),
        ("ÄRMEL|`X`,01", [3, 1]),
        ("1,1", [1, 1]),
        ("all", [0, 1, 3]),
    ],
)
def test_each_class_is_drawn_from_the_same_latents(model, generator, tmp_path, label, classes):
    images = sampled(model, tmp_path, 5, 3, label)
    assert images.dtype == np.uint8
    assert images.shape == (5 * len(classes), 4, 6, 3)
    for place, each in enumerate(classes):
        found = images[5 * place : 5 * place + 5].astype(int)
        assert np.abs(found - expected(generator, 5, 3, each)).max() <= 1
    # As a picture: a row a class.
    sampling.sample(model, 5, 3, str(tmp_path / "a.png"), label)
    columns = 5 if len(classes) > 1 else 8
    found = pictures.load_png(tmp_path / "a.png")
    np.testing.assert_array_equal(found, pictures.grid(images, columns=columns))


def test_without_a_label_classes_come_by_their_shares(model, generator, tmp_path):
    images = sampled(model, tmp_path, None, 1)
    assert images.shape == (sampling.DEFAULT, 4, 6, 3)
    z = noise.latents(0, Stream.SAMPLES, 1, 64, 5).numpy()
    labels = noise.by_share(noise.unit_of(z), (0.4, 0.3, 0.0, 0.3)).numpy()
    drawn = pictures.to_uint8(generator((z, labels)).numpy())
    assert np.abs(images.astype(int) - drawn).max() <= 1
    assert set(labels) == {0, 1, 3}
    assert sampled(model, tmp_path, None, 1, "all").shape[0] == 3 * sampling.DEFAULT_EACH


def test_arrays_of_a_generator_without_classes(plain, tmp_path):
    images = sampled(plain, tmp_path, 3, 7)
    assert images.dtype == np.uint8
    assert images.shape == (3, 4, 6, 1)
    sampling.sample(plain, 3, 7, str(tmp_path / "a.png"))
    grid = pictures.grid(images)
    np.testing.assert_array_equal(pictures.load_png(tmp_path / "a.png"), grid)


def test_walks_lead_from_class_to_class(model, generator, tmp_path):
    z = noise.latents(0, Stream.SAMPLES, 1, 3, 5).numpy()
    for label, classes in (("", [0, 1, 3]), ("3,1", [3, 1, 3]), ("1", [1, 1, 1])):
        sampling.interpolate(model, 3, 1, str(tmp_path / "walk.png"), label)
        walk = pictures.load_png(tmp_path / "walk.png").astype(int)
        assert walk.shape == (2 * 6 + 2, 8 * 8 + 2, 3)
        ends = pictures.to_uint8(generator((z, np.array(classes))).numpy())
        for row in (0, 1):
            for column, end in ((0, ends[row]), (7, ends[row + 1])):
                shown = walk[row * 6 + 2 : row * 6 + 6, column * 8 + 2 : column * 8 + 8]
                assert np.abs(shown - end).max() <= 1
        sampling.interpolate(model, 3, 1, str(tmp_path / "tour.gif"), label)
        with Image.open(tmp_path / "tour.gif") as gif:
            assert gif.size == (6, 4)
            assert gif.n_frames > 8


@pytest.mark.parametrize(
    ("label", "problem"),
    [
        ("sneakers", r"--label=sneakers: 'sneakers' is not a class .*\(did you mean Sneaker\?\)"),
        (
            "4",
            "--label=4: '4' is not a class of this generator; it has 0 to 3, or boot, Sneaker, 2",
        ),
        ("-1", "'-1' is not a class of this generator; it has"),
        ("9" * 5000, "9' is not a class of this generator; it has"),
        ("22", "--label=22: '22' is not a class of this generator; it has 0 to 3"),
        ("0,,1", "--label=0,,1: '' is not a class"),
        ("0,", "'' is not a class"),
        ("0,2", "--label=0,2: class 2, 2, had no training images; --label=all draws all"),
        ("\u00b2", "is not a class"),  # a digit, but no number
    ],
)
def test_what_is_no_class_is_told_with_what_is(model, tmp_path, label, problem):
    for draw in (sampling.sample, sampling.interpolate):
        with pytest.raises(UserError, match=problem) as error:
            draw(model, 2, 1, str(tmp_path / "a.png"), label)
        assert "\n" not in str(error.value)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("names", "text", "labels"),
    [
        (("1", "10", "3"), "10,1", [1, 0]),  # in the order of folders: no number but as a name
        (("cat, wild", "dog", "cat"), "cat, wild,dog", [0, 1]),
        (("cat, wild", "dog", "cat"), "cat,dog", [2, 1]),
        (("Cat", "cat"), "cat,Cat", [1, 0]),
    ],
)
def test_unusual_names(names, text, labels):
    assert class_names.chosen(text, Classes(names, (1,) * len(names))) == labels


@pytest.mark.parametrize(
    ("names", "text", "problem"),
    [
        (("1", "10", "3"), "0", r"'0' is not a class of this generator; it has 1, 10, 3$"),
        (("Cat", "cat"), "CAT", r"'CAT' is not a class"),
    ],
)
def test_names_that_could_be_of_two_classes_are_refused(names, text, problem):
    with pytest.raises(UserError, match=problem):
        class_names.chosen(text, Classes(names, (1,) * len(names)))


def test_a_walk_goes_through_every_class_that_was_asked_for(model, tmp_path):
    output = str(tmp_path / "walk.png")
    with pytest.raises(UserError, match=r"--n=2: a walk through 3 classes needs --n=3"):
        sampling.interpolate(model, 2, 1, output, "3,1,0")
    sampling.interpolate(model, None, 1, output, ",".join(["3", "1"] * 35))
    assert pictures.load_png(output).shape[0] == (70 - 1) * 6 + 2


def test_a_record_of_other_classes_is_refused(generator, tmp_path):
    for names in (NAMES[:3], (*NAMES, "e")):
        data = DATA | {"classes": {"names": names, "counts": (1,) * len(names)}}
        path = tmp_path / str(len(names))
        saved_model.save_generator(path, generator)
        (path / class_names.DATA).write_text(json.dumps(data))
        with pytest.raises(UserError, match=rf"names {len(names)} classes, but .* has 4"):
            sampling.sample(str(path), 2, 1, str(tmp_path / "a.npy"))


def test_a_generator_that_does_not_name_its_classes_has_numbers(generator, tmp_path):
    saved_model.save_generator(tmp_path / "generator", generator)
    loaded = loading.load(str(tmp_path / "generator"))
    assert loading.labels_of("all", loaded) == [0, 1, 2, 3]
    with pytest.raises(UserError, match=r"it has 0 to 3$"):
        loading.labels_of("boot", loaded)


def test_command_draws_a_class_by_its_name(model, generator, tmp_path):
    output = tmp_path / "sneakers.npy"
    done = run("sample", f"--model={model}", "--label=sneaker", "--n=3", f"--output={output}")
    assert (done.returncode, done.stdout, done.stderr) == (0, f"Wrote {output}\n", "")
    found = np.load(output).astype(int)
    assert np.abs(found - expected(generator, 3, 1, 1)).max() <= 1


@pytest.fixture
def unloadable(model, tmp_path):
    """As far as a command reads it before its work: there are no weights."""
    return stub(tmp_path / "told", DATA)


def stub(folder, data) -> str:
    folder.mkdir()
    (folder / "saved_model.pb").touch()
    (folder / "trained_on.json").write_text(json.dumps(data))
    return str(folder)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--label=boots"], ["--label=boots", "did you mean boot?"]),
        (["--label=3,,1"], ["--label=3,,1", "'' is not a class"]),
        (["--label=0", "--n=0"], ["--n=0"]),
        (["--label=0", "--output=a.jpg"], ["--output=a.jpg", ".npy"]),
        (["--label=0", "--interpolate", "--output=a.npy"], ["--output=a.npy", ".gif"]),
    ],
)
def test_what_the_folder_tells_is_found_before_the_work(unloadable, arguments, words):
    assert_one_line_error(run("sample", f"--model={unloadable}", *arguments), *words)


def test_a_label_for_a_generator_without_classes_is_refused(plain, tmp_path):
    problem = "--label=7: --model=.* has no classes; only a generator trained with --cond"
    for draw in (sampling.sample, sampling.interpolate):
        with pytest.raises(UserError, match=problem):
            draw(plain, 2, 1, str(tmp_path / "a.png"), "7")
    folder = stub(tmp_path / "plain", {"name": "x", "split": "train"})
    done = run("sample", f"--model={folder}", "--label=7")
    assert_one_line_error(done, "--label=7", f"--model={folder} has no classes")


def test_readme_names_the_classes_as_text(model):
    with open(f"{model}/README.md", encoding="utf-8") as file:
        readme = file.read()
    assert r"The classes: 0 (boot), 1 (Sneaker), 2 (2), 3 (Ärmel\|\`x\`)." in readme
    assert "`weights`: float32 `(batch, 4)`" in readme


def test_more_images_than_a_picture_can_hold_are_refused(model, tmp_path):
    with pytest.raises(UserError, match=r"^--n=9000: for each of .* takes at most 10,000$"):
        sampling.sample(str(model), 9000, 1, str(tmp_path / "all.png"), "all")

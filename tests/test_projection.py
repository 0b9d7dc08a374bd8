"""Images found in a generator, and the command that does it."""

import re

import keras
import numpy as np
import pytest
import tensorflow as tf
from conftest import assert_one_line_error, run, told_generator
from PIL import Image

from tfgan import UserError, networks, noise, project_images
from tfgan.datasets.image_set import ImageSet
from tfgan.exports import loading, projecting, targets
from tfgan.exports.projection import CANDIDATES
from tfgan.exports.saved_model import save_generator
from tfgan.ground import pictures
from tfgan.noise import Stream

CLASSES = {"names": ["sandal", "shirt", "bag"], "counts": [5, 3, 2]}


@pytest.fixture(scope="module")
def generator() -> keras.Model:
    generator = networks.mlp_generator(4, 16, (8, 8, 1), seed=1)
    generator.set_weights([3 * weight for weight in generator.get_weights()])  # for contrast
    return generator


@pytest.fixture(scope="module")
def model(generator, tmp_path_factory) -> str:
    path = tmp_path_factory.mktemp("mlp") / "generator"
    save_generator(path, generator, data={"name": "mnist", "split": "train"})
    return str(path)


@pytest.fixture(scope="module")
def conditional(tmp_path_factory) -> str:
    path = tmp_path_factory.mktemp("conditional") / "generator"
    told = told_generator("mlp", 4, 16, (8, 8, 1), 3)
    save_generator(path, told, data={"name": "x", "split": "train", "classes": CLASSES})
    return str(path)


@pytest.fixture(scope="module")
def own(model) -> np.ndarray:
    return pictures.unit_to_uint8(loading.load(model).sample(6, 99))


def test_own_samples_are_found(generator, model, own):
    for source in (generator, loading.load(model)):
        found = project_images(source, own, restarts=4, steps=150)
        assert found.labels is None
        assert found.distances.max() < 0.01  # 2.5 of 255
        again = pictures.to_uint8(generator(found.z).numpy())
        np.testing.assert_array_equal(again, pictures.unit_to_uint8(found.images))
        # The distance by its definition.
        squares = (found.images - own / np.float32(255)) ** 2
        np.testing.assert_allclose(
            found.distances, np.sqrt(squares.mean((1, 2, 3))), rtol=1e-4, atol=1e-6
        )


def test_of_a_linear_generator_it_is_least_squares():
    rng = np.random.default_rng(0)
    kernel = rng.normal(0, 0.1, (3, 12))
    images = rng.integers(96, 160, (5, 3, 4, 1)).astype(np.uint8)
    found = project_images(linear(kernel, (3, 4, 1)), images, steps=300)
    aims = images.reshape(5, 12) / 127.5 - 1
    expected = np.linalg.lstsq(kernel.T, aims.T)[0].T
    assert np.linalg.norm(expected, axis=1).max() < 3  # inside of what is drawn
    np.testing.assert_allclose(found.z, expected, atol=5e-3)
    rest = (expected @ kernel - aims) / 2
    np.testing.assert_allclose(found.distances, np.sqrt((rest**2).mean(1)), rtol=1e-3)


def test_a_pure_function_of_the_seed_and_of_each_image(generator, own):
    found = project_images(generator, own, restarts=2, steps=20)
    again = project_images(generator, own, restarts=2, steps=20)
    np.testing.assert_array_equal(found.z, again.z)
    alone = project_images(generator, own[3:4], restarts=2, steps=20)
    np.testing.assert_allclose(alone.z[0], found.z[3], atol=1e-3)
    other = project_images(generator, own, restarts=2, steps=20, seed=2)
    assert np.abs(other.z - found.z).max() > 0.01


def linear(kernel: np.ndarray, shape: tuple[int, ...]) -> keras.Model:
    size, pixels = kernel.shape
    dense = keras.layers.Dense(pixels, use_bias=False)
    model = keras.Sequential([keras.Input((size,)), dense, keras.layers.Reshape(shape)])
    dense.kernel.assign(kernel)
    return model


@pytest.mark.parametrize("distribution", ["normal", "uniform"])
def test_z_stays_where_the_generator_was_trained(distribution):
    # White is 1 = 0.1 z, which would be four tens; the least squares of what is drawn are less.
    white = np.full((1, 2, 2, 1), 255, np.uint8)
    tenth = linear(0.1 * np.eye(4), (2, 2, 1))
    found = project_images(tenth, white, restarts=2, steps=60, distribution=distribution)
    drawn = noise.latents(
        0, Stream.PROJECTION_LATENTS, 1, CANDIDATES, 4, distribution=distribution
    ).numpy()
    longest = np.linalg.norm(drawn, axis=1).max()
    assert np.linalg.norm(found.z) == pytest.approx(longest, rel=1e-4)
    assert np.abs(found.z).max() <= np.abs(drawn).max() + 1e-6


def test_more_searches_than_go_on_at_once(generator, own, monkeypatch):
    few = project_images(generator, own, restarts=3, steps=20)
    monkeypatch.setattr("tfgan.exports.projection._ROWS", 4)
    parts = project_images(generator, own, restarts=3, steps=20)
    np.testing.assert_allclose(parts.distances, few.distances, atol=1e-4)


def test_the_class_is_found_too(conditional):
    loaded = loading.load(conditional)
    own = np.concatenate(
        [pictures.unit_to_uint8(loaded.sample(3, 99, label)) for label in range(3)]
    )
    found = project_images(loaded, own, restarts=4, steps=150)
    np.testing.assert_array_equal(found.labels, np.repeat([0, 1, 2], 3))
    assert found.distances.max() < 0.02
    told = project_images(loaded, own, classes=[1], restarts=2, steps=20)
    assert set(told.labels) == {1}


class Rounded(tf.Module):
    """A generator without a gradient."""

    @tf.function(input_signature=[tf.TensorSpec((None, 2), name="z")])
    def generate(self, z):
        return {"images": tf.round(tf.sigmoid(z[:, :1, None, None])) * tf.ones((1, 4, 4, 1))}

    @tf.function(input_signature=[tf.TensorSpec((), tf.int64, name=x) for x in ("n", "seed")])
    def sample(self, n, seed):
        return self.generate(tf.ones((n, 2)) * tf.cast(seed, tf.float32))


def test_a_generator_without_gradients_is_one_clear_line(tmp_path):
    module, path = Rounded(), str(tmp_path / "rounded")
    tf.saved_model.save(module, path, {"sample": module.sample, "generate": module.generate})
    with pytest.raises(
        UserError, match=r"^--model=.*rounded: its images have no gradient with respect to z"
    ):
        project_images(loading.load(path), np.zeros((1, 4, 4, 1), np.uint8), steps=1)


def test_a_generator_that_has_failed_is_one_clear_line():
    generator = networks.mlp_generator(4, 16, (8, 8, 1))
    generator.set_weights([weight * np.nan for weight in generator.get_weights()])
    with pytest.raises(UserError, match="NaN or infinite"):
        project_images(generator, np.zeros((1, 8, 8, 1), np.uint8))


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"images": np.zeros((1, 9, 8, 1), np.uint8)}, r"images: uint8 \(1, 9, 8, 1\)"),
        ({"images": np.zeros((1, 8, 8, 1), np.float32)}, "images: float32"),
        ({"images": np.zeros((0, 8, 8, 1), np.uint8)}, r"images: uint8 \(0, 8, 8, 1\)"),
        ({"classes": [1]}, "classes: mlp_generator has none|classes: .* has none"),
        ({"restarts": 0}, "--restarts=0: must lie between 1 and 1,000"),
        ({"restarts": 1001}, "--restarts=1001: must lie between 1 and 1,000"),
        ({"steps": 0}, "--steps=0: must be at least 1"),
    ],
)
def test_what_cannot_be_searched_is_one_clear_line(generator, change, problem):
    images = np.zeros((1, 8, 8, 1), np.uint8)
    with pytest.raises(UserError, match=problem) as error:
        project_images(generator, **{"images": images} | change)
    assert "\n" not in str(error.value)


def test_a_class_that_is_none_is_one_clear_line(conditional):
    images = np.zeros((1, 8, 8, 1), np.uint8)
    with pytest.raises(UserError, match="classes: 3 is not a class of --model"):
        project_images(loading.load(conditional), images, classes=[3])


QUICK = ("--restarts=2", "--steps=20")


def test_the_picture_has_what_was_found_below(model, own, tmp_path):
    np.save(tmp_path / "own.npy", own[..., 0])
    output = tmp_path / "a.png"
    given = (f"--model={model}", f"--images={tmp_path / 'own.npy'}")
    done = run("project", *given, f"--output={output}", "--restarts=4", "--steps=150")
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert len(lines) == 8
    assert re.fullmatch(r"6 images: median distance 0\.0\d+, largest 0\.0\d+", lines[6])
    assert lines[0].startswith(f"{tmp_path / 'own.npy'} 1: distance 0.0")
    assert lines[0].endswith(", seed 1")
    seen = pictures.load_png(output)
    assert seen.shape == (2 * 10 + 2, 6 * 10 + 2, 1)
    cells = seen[2:, 2:].reshape(2, 10, 6, 10, 1).swapaxes(1, 2)[:, :, :8, :8]
    np.testing.assert_array_equal(cells[0], own)
    assert np.abs(cells[1].astype(int) - own).mean() < 2
    archive = tmp_path / "a.npz"
    done = run("project", *given, f"--output={archive}", *QUICK)
    assert done.returncode == 0, done.stderr
    content = np.load(archive)
    assert sorted(content) == ["distances", "images", "reconstructions", "z"]
    assert content["z"].shape == (6, 4)
    np.testing.assert_array_equal(content["images"], own)


def test_pictures_of_any_kind_are_fitted(conditional, own, tmp_path):
    (tmp_path / "folder").mkdir()
    for number, size in enumerate([(8, 8), (30, 20), (5, 5)]):
        Image.new("RGB", size, (200, 100, 0)).save(tmp_path / "folder" / f"{number}.png")
    (tmp_path / "folder" / "notes.txt").write_text("no picture")
    output = tmp_path / "out.npz"
    rest = (f"--model={conditional}", f"--output={output}", *QUICK)
    done = run("project", f"--images={tmp_path / 'folder'}", *rest)
    assert done.returncode == 0, done.stderr
    left, first, second, *_ = done.stdout.splitlines()
    assert "notes.txt" in left
    assert "not a picture" in left
    assert first.startswith("0.png: distance ")
    assert ", class " in first
    assert second.startswith("1.png (30 x 20, fitted): distance ")
    assert sorted(np.load(output)) == ["distances", "images", "labels", "reconstructions", "z"]
    files = [str(tmp_path / "folder" / f"{number}.png") for number in (2, 0, 2)]
    done = run("project", f"--images={','.join(files)}", "--label=bag", *rest)
    names = [line.split(" (")[0].split(":")[0] for line in done.stdout.splitlines()]
    assert names[:3] == files
    assert "class bag" in done.stdout
    np.testing.assert_array_equal(np.load(output)["labels"], [2, 2, 2])


def test_a_slice_of_the_set(tiny_data_dir, tmp_path):
    generator = networks.mlp_generator(4, 16, (28, 28, 1))
    save_generator(tmp_path / "generator", generator, data={"name": "mnist", "split": "train"})
    before = {path.name for path in tiny_data_dir.iterdir()}
    rest = (f"--model={tmp_path / 'generator'}", f"--data_dir={tiny_data_dir}", *QUICK)
    done = run("project", "--images=test[2:5]", f"--output={tmp_path / 'a.png'}", *rest)
    assert done.returncode == 0, done.stderr
    assert re.findall(r"^test\[2:5\] \d: distance 0", done.stdout, re.MULTILINE) == [
        f"test[2:5] {number}: distance 0" for number in (1, 2, 3)
    ]
    assert {path.name for path in tiny_data_dir.iterdir()} == before


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["--images="], "--images=: name pictures"),
        (["--images=none.png"], "--images=none.png: no file or folder none.png"),
        (["--images=none.npy"], "--images=none.npy: no file or folder none.npy"),
        (["--images=a.png", "--restarts=0"], "--restarts=0: must lie between 1 and 1,000"),
        (["--images=a.png", "--steps=0"], "--steps=0: must lie between 1 and"),
        (["--images=a.png", "--seed=-1"], "--seed=-1: must lie between"),
        (["--images=a.png", "--output=a.jpg"], "--output=a.jpg: must end in .png or .npz"),
        (["--images=a.png", "--model=none"], "--model=none: no SavedModel there"),
        (["--images=a.png", "--label=bags"], "'bags' is not a class of this generator"),
    ],
)
def test_wrong_flags_are_one_clear_line(conditional, arguments, problem):
    done = run("project", f"--model={conditional}", *arguments)
    assert_one_line_error(done, problem)


def test_images_that_cannot_be_had_are_one_clear_line(model, tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "text.png").write_text("no picture")
    np.save(tmp_path / "other.npy", np.zeros((2, 9, 8, 1), np.uint8))
    np.save(tmp_path / "none.npy", np.zeros((0, 8, 8, 1), np.uint8))
    for name, problem in {
        "empty": "no pictures there; use 1 to 1,000",
        "text.png": f"{tmp_path}/text.png cannot be used: not a picture",
        "other.npy": "images of 9 x 8 x 1, but the generator draws 8 x 8 x 1",
        "none.npy": "no pictures there",
    }.items():
        found = targets.find(str(tmp_path / name), ImageSet(""), model)
        with pytest.raises(UserError, match=f"^--images={tmp_path / name}: {problem}") as error:
            projecting.project(model, found, str(tmp_path / "a.png"), "", 1, 1, 1)
        assert "\n" not in str(error.value)
    assert not (tmp_path / "a.png").exists()

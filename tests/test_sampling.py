import shutil

import numpy as np
import pytest
import tensorflow as tf
from conftest import assert_one_line_error, run
from PIL import Image

from tfgan import GAN, UserError, networks
from tfgan.doctor import probe
from tfgan.evaluation import samples
from tfgan.exports import loading, page, sampling, saved_model
from tfgan.ground import pictures


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    path = tmp_path_factory.mktemp("run") / "generator"
    saved_model.save_generator(path, networks.mlp_generator(5, 16, (4, 6, 1)))
    return str(path)


def test_slerp_by_hand():
    a, b = np.array([1.0, 0.0]), np.array([0.0, 1.0])
    np.testing.assert_allclose(sampling.slerp(a, b, 0), a, atol=1e-15)
    np.testing.assert_allclose(sampling.slerp(a, b, 1), b, atol=1e-15)
    # A third of a right angle is 30 degrees.
    np.testing.assert_allclose(sampling.slerp(a, b, 1 / 3), [3**0.5 / 2, 0.5], atol=1e-15)
    np.testing.assert_array_equal(sampling.slerp(a, a, 0.3), a)


def test_sample_writes_the_grid_of_its_seed(model, tmp_path):
    sampling.sample(model, 11, 3, str(tmp_path / "a.png"))
    sampling.sample(model, 11, 3, str(tmp_path / "b.png"))
    sampling.sample(model, 11, 4, str(tmp_path / "c.png"))
    a, b, c = (pictures.load_png(tmp_path / f"{name}.png") for name in "abc")
    assert a.shape == (2 * 6 + 2, 8 * 8 + 2, 1)
    np.testing.assert_array_equal(a, b)
    assert not np.array_equal(a, c)


@pytest.mark.parametrize("distribution", ["normal", "uniform_sqrt3"])
def test_interpolation_starts_and_ends_at_samples(distribution, tmp_path):
    model = str(tmp_path / "generator")
    network = networks.mlp_generator(5, 16, (4, 6, 1))
    saved_model.save_generator(tmp_path / "generator", network, distribution=distribution)
    sampling.interpolate(model, 3, 1, str(tmp_path / "walk.png"))
    sampling.sample(model, 3, 1, str(tmp_path / "ends.png"))
    walk, ends = (pictures.load_png(tmp_path / f"{name}.png") for name in ("walk", "ends"))
    assert walk.shape == (2 * 6 + 2, 8 * 8 + 2, 1)  # two walks of eight pictures

    def picture(grid, row, column):
        return grid[row * 6 + 2 : row * 6 + 6, column * 8 + 2 : column * 8 + 8].astype(int)

    for row in (0, 1):
        assert np.abs(picture(walk, row, 0) - picture(ends, 0, row)).max() <= 1
        assert np.abs(picture(walk, row, 7) - picture(ends, 0, row + 1)).max() <= 1


# What somebody else's SavedModel may give: name, shape, value, and what is wrong with it.
STRANGE = [
    ("x", (4, 6, 1), 0.5, "has the outputs x, but images is needed"),
    ("images", (4, 6), 0.5, r"gives images \(\d+, 4, 6\)"),
    ("images", (4, 6, 2), 0.5, r"gives images \(\d+, 4, 6, 2\)"),
    ("images", (4, 6, 1), np.nan, "NaN"),
    ("images", (4, 6, 1), -0.9, r"from -0.9 to -0.9, but they must lie in \[0, 1\]"),
    ("images", (4, 6, 1), 255, "from 255 to 255"),
]


def save_strange(path: str, key: str, shape: tuple[int, ...], value: float) -> None:
    """A SavedModel with tfgan's signatures, of which every image has one value."""

    class Other(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec([], tf.int64, n) for n in ("n", "seed")])
        def sample(self, n, seed):
            return {key: tf.fill((n, *shape), np.float32(value))}

        @tf.function(input_signature=[tf.TensorSpec([None, 5], tf.float32, "z")])
        def generate(self, z):
            return {key: tf.fill((tf.shape(z)[0], *shape), np.float32(value))}

    other = Other()
    tf.saved_model.save(other, path, {"sample": other.sample, "generate": other.generate})


@pytest.mark.parametrize(("key", "shape", "value", "problem"), STRANGE)
def test_models_that_give_no_images_in_0_1_are_refused(key, shape, value, problem, tmp_path):
    path = str(tmp_path / "m")
    save_strange(path, key, shape, value)
    for draw in (sampling.sample, sampling.interpolate):
        with pytest.raises(UserError, match=f"^--model={path}: .*{problem}"):
            draw(path, 2, 1, str(tmp_path / "a.png"))
    assert not (tmp_path / "a.png").exists()


def test_models_that_take_something_else_are_refused(tmp_path):
    path = str(tmp_path / "m")
    other = tf.Module()
    spec = [tf.TensorSpec([3], tf.float32, name) for name in ("z", "w")]
    other.f = tf.function(lambda z, w: {"images": z + w}, input_signature=spec)
    tf.saved_model.save(other, path, {"sample": other.f, "generate": other.f})
    with pytest.raises(UserError, match=rf"^--model={path}: sample\(n, seed\) fails: "):
        sampling.sample(path, 2, 1, str(tmp_path / "a.png"))
    with pytest.raises(UserError, match=f"^--model={path}: generate has no input z"):
        sampling.interpolate(path, 2, 1, str(tmp_path / "a.png"))


def test_latents_that_are_not_known_are_refused(model, tmp_path):
    path = tmp_path / "generator"
    shutil.copytree(model, path)
    (path / "latents.txt").write_text("cauchy\n")
    with pytest.raises(UserError, match=r"latents\.txt: has 'cauchy', but one of normal, "):
        sampling.interpolate(str(path), 2, 1, str(tmp_path / "a.png"))


def test_nan_is_an_error_wherever_a_generator_is_drawn_with(tmp_path):
    gan = GAN(networks.mlp_generator(5, 16, (4, 6, 1)), networks.mlp_discriminator(8, (4, 6, 1)), 5)
    gan.generator.weights[0].assign(tf.fill(gan.generator.weights[0].shape, np.nan))
    z = np.zeros((2, 5), np.float32)
    for draw in (
        lambda: samples.from_gan(gan, 1000),
        lambda: probe.fakes(gan.generator, z),
        lambda: page.write_page(tmp_path / "page.html", gan.generator),
        lambda: pictures.unit_to_uint8(np.array([0.5, np.inf])),
    ):
        with pytest.raises(UserError, match=r"^the generator: gives pixels that are NaN"):
            draw()
    assert not list(tmp_path.iterdir())


def test_interpolation_as_gif_is_a_closed_tour(model, tmp_path):
    sampling.interpolate(model, 3, 1, str(tmp_path / "tour.gif"))
    with Image.open(tmp_path / "tour.gif") as gif:
        assert gif.size == (6, 4)
        assert gif.n_frames > 8


def test_command_draws(model, tmp_path):
    output = tmp_path / "digits.png"
    done = run("sample", f"--model={model}", "--n=4", f"--output={output}")
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"Wrote {output}\n"
    assert done.stderr == ""
    assert pictures.load_png(output).shape == (8, 4 * 8 + 2, 1)


def test_wrong_saved_models_are_named(model, tmp_path):
    with pytest.raises(UserError, match="no SavedModel there"):
        loading.load(str(tmp_path))
    module = tf.Module()
    module.f = tf.function(lambda x: x, input_signature=[tf.TensorSpec((), tf.float32)])
    tf.saved_model.save(module, str(tmp_path / "other"), signatures={"f": module.f})
    with pytest.raises(UserError, match="signatures f, but generate and sample"):
        loading.load(str(tmp_path / "other"))
    damaged = tmp_path / "damaged"
    damaged.mkdir()
    (damaged / "saved_model.pb").write_bytes(b"\x00garbage")
    emptied = tmp_path / "emptied"
    shutil.copytree(model, emptied)
    (emptied / "variables" / "variables.data-00000-of-00001").write_bytes(b"")
    for folder in (damaged, emptied):
        with pytest.raises(UserError, match="is damaged") as error:
            loading.load(str(folder))
        assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--n=0"], ["--n=0"]),
        (["--n=1", "--interpolate"], ["--n=1", "between 2"]),
        (["--n=1000000000000"], ["--n=1000000000000", "10,000"]),
        (["--n=x"], ["--n=x"]),
        (["--seed=-1"], ["--seed=-1"]),
        (["--output=a.jpg"], ["--output=a.jpg", ".png"]),
        (["--output=a.txt", "--interpolate"], ["--output=a.txt", ".gif"]),
        (["--outptu=a.png"], ["outptu"]),
    ],
)
def test_bad_flag_is_one_line(arguments, words):
    assert_one_line_error(run("sample", *arguments), *words)


def test_bad_paths_are_one_line(model, tmp_path):
    assert_one_line_error(run("sample", f"--model={tmp_path}"), "--model=", "no SavedModel")
    done = run("sample", f"--model={model}", f"--output={tmp_path}/no/where.png")
    assert_one_line_error(done, "--output=", "there is no folder", "create it first")

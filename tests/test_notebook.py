"""Bars and pictures in a notebook's cell. `tests/test_tour.py` has them in a kernel."""

import io
import sys
import types

import IPython.display
import keras
import numpy as np
import pytest
import tqdm.notebook
from PIL import Image

import tfgan
from tfgan import UserError, networks
from tfgan.ground import console, notebook, pictures

SHAPE = (8, 12, 1)


class Cells(list):
    """What was shown: of each output its contents, one after the other."""

    def __init__(self):
        super().__init__()
        self.execution_count = 1
        self.kernel = None

    def __bool__(self):  # a shell is there, also before anything is shown
        return True

    def display(self, content, display_id):
        assert display_id
        self.append([content])
        return types.SimpleNamespace(update=self[-1].append)


@pytest.fixture
def cells(monkeypatch) -> Cells:
    """A notebook that this process is the kernel of."""
    found = Cells()
    monkeypatch.setattr(IPython, "get_ipython", lambda: found)
    monkeypatch.setattr(IPython.display, "display", found.display)
    return found


def small_gan(channels: int = 1) -> tfgan.GAN:
    shape = (*SHAPE[:2], channels)
    generator = networks.mlp_generator(4, 8, shape, seed=1)
    gan = tfgan.GAN(generator, networks.mlp_discriminator(8, shape, seed=2), latent_size=4)
    gan.compile(tfgan.Adam(1e-2), tfgan.Adam(1e-2), jit_compile=False)
    return gan


def fit(gan: keras.Model, *callbacks, epochs: int = 1) -> None:
    images = np.zeros((8, *gan.generator.output_shape[1:]), np.float32)
    gan.fit(images, batch_size=4, epochs=epochs, callbacks=list(callbacks), verbose=0)


def test_a_picture_is_updated_and_of_the_latents_that_stay(cells):
    gan, grid = small_gan(), tfgan.LiveGrid()
    fit(gan, grid, epochs=3)
    (shown,) = cells  # one output
    assert [image.metadata["alt"].split(", ")[1] for image in shown] == [
        "before training", "after epoch 1", "after epoch 2", "after epoch 3"
    ]  # fmt: skip
    z, columns = gan.fixed_latents()
    expected = pictures.grid(pictures.to_uint8(gan(z).numpy()), columns)
    enlarged = 500 // (8 * 14 + 2)
    found = np.asarray(Image.open(io.BytesIO(shown[-1].data)))
    np.testing.assert_array_equal(found[::enlarged, ::enlarged], expected[..., 0])
    assert len({image.data for image in shown}) == 4
    fit(gan, grid)
    assert len(cells) == 1
    cells.execution_count += 1
    fit(gan, grid)
    assert [len(contents) for contents in cells] == [6, 2]


def test_a_terminal_shows_nothing(cells, monkeypatch):
    monkeypatch.setattr(IPython, "get_ipython", lambda: None)
    fit(small_gan(channels=2), tfgan.LiveGrid())
    terminal = types.SimpleNamespace(execution_count=1)  # IPython's own
    monkeypatch.setattr(IPython, "get_ipython", lambda: terminal)
    fit(small_gan(), tfgan.LiveGrid())
    assert console.bar(total=1).disable  # no terminal under pytest
    assert cells == []
    monkeypatch.delitem(sys.modules, "IPython")
    assert notebook.shell() is None


def test_nan_leaves_the_last_picture(cells):
    gan, grid = small_gan(), tfgan.LiveGrid()
    fit(gan, grid)
    weights = gan.generator.trainable_variables[0]
    weights.assign(np.full(weights.shape, np.nan))
    fit(gan, grid)
    assert [len(contents) for contents in cells] == [2]


def test_what_cannot_be_shown_is_told_before_training(cells):
    gan = small_gan(channels=2)
    with pytest.raises(UserError, match=r"^tfgan\.LiveGrid: shows images .* \(64, 8, 12, 2\)"):
        fit(gan, tfgan.LiveGrid())
    assert int(gan.step.numpy()) == 0
    other = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)], name="other")
    other.compile("sgd", "mse")
    with pytest.raises(UserError, match=r"^tfgan\.LiveGrid: other is not a tfgan\.GAN"):
        other.fit(np.ones((4, 2)), np.ones((4, 1)), callbacks=[tfgan.LiveGrid()], verbose=0)


def test_a_bar_is_one_line_that_is_updated(cells, monkeypatch, capsys):
    monkeypatch.setattr(tqdm.notebook, "IProgress", None)  # as without ipywidgets
    bar = console.bar(total=20, unit="img", mininterval=0)
    for _ in range(4):
        bar.update(5)
        console.say("a line")
    bar.close()
    (shown,) = cells
    assert len(shown) >= 5  # updated as often as it moved
    assert shown[0].data.startswith("0%|")
    assert "█| 20/20 [" in shown[-1].data
    assert capsys.readouterr() == ("a line\n" * 4, "")


def test_ipywidgets_bar_is_taken_where_they_are_installed(cells, monkeypatch):
    monkeypatch.setattr(tqdm.notebook, "IProgress", object)
    monkeypatch.setattr(tqdm.notebook, "tqdm", lambda **options: options)
    assert console.bar(total=20, unit="img") == {"total": 20, "unit": "img"}

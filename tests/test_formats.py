import dataclasses
import importlib.util

import keras
import numpy as np
import pytest

from tfgan import UserError, networks
from tfgan.exports import formats, page
from tfgan.exports.formats import FORMATS, Trained

# The name of the folder or file, and what is not installed by default.
PLAIN = ["savedmodel", "keras"]
EXTRA = ["onnx", "litert"]


def convolutional_generator() -> keras.Model:
    """Transposed convolutions, batch normalisation and layers of tfgan's own."""
    generator = networks.infogan_generator(5, 16, (8, 12, 3), seed=1)
    rng = np.random.default_rng(2)
    for weight in generator.trainable_variables:  # InfoGAN begins with nearly grey images
        weight.assign(rng.normal(0, 0.5, weight.shape))
    for weight in generator.non_trainable_variables:  # the moving means and variances
        weight.assign(rng.uniform(0.5, 1, weight.shape))
    for weight in generator.trainable_variables:  # as they begin, all images are nearly grey
        weight.assign(2 * weight)
    return generator


GENERATORS = {
    "mlp": lambda: networks.mlp_generator(5, 16, (8, 12, 3), seed=1),
    "convolutional": convolutional_generator,
    "resnet": lambda: networks.resnet_generator(5, 32, (16, 24, 3), seed=1),
}


def trained(generator) -> Trained:
    return Trained("generator", "as trained", generator, 3, None, {"latents": "normal"})


@pytest.mark.parametrize("kind", GENERATORS)
@pytest.mark.parametrize("name", PLAIN + EXTRA)
def test_runs_as_the_generator_does_for_any_batch(name, kind, tmp_path):
    for module in FORMATS[name].needs:
        pytest.importorskip(module)
    generator = GENERATORS[kind]()
    path = tmp_path / FORMATS[name].file
    FORMATS[name].write(path, trained(generator))
    rng = np.random.default_rng(0)
    batches = [rng.normal(size=(n, 5)).astype("float32") for n in (1, 7, 1000)]
    found = FORMATS[name].run(path, batches)
    for z, images in zip(batches, found, strict=True):
        assert images.shape == (len(z), *generator.output_shape[1:])
        np.testing.assert_allclose(images, (generator(z).numpy() + 1) / 2, atol=1e-5)
        assert images.std() > 0.01
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


def test_onnx_names_its_sides(tmp_path):
    onnx = pytest.importorskip("onnx")
    pytest.importorskip("tf2onnx")
    FORMATS["onnx"].write(tmp_path / "a.onnx", trained(GENERATORS["mlp"]()))
    model = onnx.load(tmp_path / "a.onnx")
    onnx.checker.check_model(model, full_check=True)
    sides = {
        value.name: [each.dim_param or each.dim_value for each in value.type.tensor_type.shape.dim]
        for value in (*model.graph.input, *model.graph.output)
    }
    assert sides == {"z": ["batch", 5], "images": ["batch", 8, 12, 3]}


def test_html_is_the_page_of_that_generator(tmp_path, monkeypatch):
    def write_page(path, generator, workdir):
        path.write_text(f"{generator.name} of {workdir}")

    monkeypatch.setattr(page, "write_page", write_page)
    FORMATS["html"].write(tmp_path / "a.html", trained(GENERATORS["mlp"]()))
    assert (tmp_path / "a.html").read_text() == "generator of None"


def test_saved_model_that_does_not_run_is_an_error_of_one_line(tmp_path):
    with pytest.raises(UserError, match="a fresh process cannot run it: ") as error:
        FORMATS["savedmodel"].run(tmp_path, [np.zeros((1, 5), np.float32)])
    assert "\n" not in str(error.value)


def test_choice_counts_each_once(monkeypatch):
    assert formats.choose(["keras", " savedmodel", "keras"]) == ["keras", "savedmodel"]
    for names in ([], ["keras", "pdf"], [""]):
        with pytest.raises(UserError, match="give one or more of savedmodel,keras,onnx,litert,"):
            formats.choose(names)
    fake = dataclasses.replace(FORMATS["onnx"], needs=("numpy", "no_such_module"))
    monkeypatch.setitem(FORMATS, "onnx", fake)
    with pytest.raises(UserError, match="needs no_such_module: pip install 'tfgan") as error:
        formats.choose(["keras", "onnx"])
    assert "numpy" not in str(error.value)
    assert importlib.util.find_spec("numpy")

import dataclasses
import importlib.util

import keras
import numpy as np
import pytest
from conftest import told_generator

from tfgan import UserError, networks, noise
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
# Keras' files hold layers made of layers as such; elsewhere they are operations. Each SavedModel
# takes a fresh process, and the convolutional one has what the MLP has.
SLOW_PAIRS = {(name, "resnet") for name in ("savedmodel", *EXTRA)} | {("savedmodel", "mlp")}
CLASSES = {"names": ["a", "b", "c"], "counts": [1, 5, 2]}


def conditional(kind: str) -> keras.Model:
    return told_generator(kind, 5, 32, (8, 12, 3), 3, spread=0.4)


def trained(generator) -> Trained:
    data = {"name": "set", "split": "train", "classes": CLASSES}
    return Trained("generator", "as trained", generator, 3, None, {"latents": "normal"}, data)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        pytest.param(name, kind, marks=[pytest.mark.slow] * ((name, kind) in SLOW_PAIRS))
        for name in PLAIN + EXTRA
        for kind in GENERATORS
    ],
)
def test_runs_as_the_generator_does_for_any_batch(name, kind, tmp_path):
    for module in FORMATS[name].needs:
        pytest.importorskip(module)
    generator = GENERATORS[kind]()
    path = tmp_path / FORMATS[name].file
    FORMATS[name].write(path, trained(generator))
    rng = np.random.default_rng(0)
    batches = [{"z": rng.normal(size=(n, 5)).astype("float32")} for n in (1, 7, 1000)]
    found = FORMATS[name].run(path, batches)
    for z, images in zip((batch["z"] for batch in batches), found, strict=True):
        assert images.shape == (len(z), *generator.output_shape[1:])
        np.testing.assert_allclose(images, (generator(z).numpy() + 1) / 2, atol=1e-5)
        assert images.std() > 0.01
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


SLOW = {
    "maxout",
    "infogan",
    "conv",
    "resnet",
}  # mlp and conv_modulated have all ways in which a class is told


@pytest.mark.parametrize(
    "kind",
    [pytest.param(kind, marks=[pytest.mark.slow] * (kind in SLOW)) for kind in networks.KINDS],
)
@pytest.mark.parametrize("name", PLAIN + EXTRA)
def test_draws_the_class_that_it_is_told(name, kind, tmp_path):
    for module in FORMATS[name].needs:
        pytest.importorskip(module)
    generator = conditional(kind)
    path = tmp_path / FORMATS[name].file
    FORMATS[name].write(path, trained(generator))
    z = np.random.default_rng(0).normal(size=(200, 5)).astype("float32")
    asked = np.resize(np.arange(0 if name == "keras" else -1, 3), 200)
    # What -1 stands for, in a process of TensorFlow's: the share of class 1 is 1/8 to 6/8.
    unit = noise.unit_of(z).numpy()
    labels = np.where(asked == -1, (unit >= 1 / 8).astype(int) + (unit >= 6 / 8), asked)
    batches = [{"z": z[:1], "label": asked[:1]}, {"z": z, "label": asked}]
    one, images = FORMATS[name].run(path, batches)
    expected = (generator((z, labels)).numpy() + 1) / 2
    np.testing.assert_allclose(images, expected, atol=1e-5)
    np.testing.assert_allclose(one, expected[:1], atol=1e-5)
    others = (generator((z, (labels + 1) % 3)).numpy() + 1) / 2
    assert np.abs(images - others).max(axis=(1, 2, 3)).min() > 1e-3


@pytest.mark.parametrize("name", ["keras", *EXTRA])
def test_a_label_that_is_no_class_gives_nan(name, tmp_path):
    for module in FORMATS[name].needs:
        pytest.importorskip(module)
    path = tmp_path / FORMATS[name].file
    FORMATS[name].write(path, trained(conditional("mlp")))
    z = np.ones((3, 5), np.float32)
    (images,) = FORMATS[name].run(path, [{"z": z, "label": np.array([3, 2, -2])}])
    assert np.isnan(images[[0, 2]]).all()
    assert np.isfinite(images[1]).all()


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
    def write_page(path, generator, workdir, data):
        path.write_text(f"{generator.name} of {workdir} and {data['name']}")

    monkeypatch.setattr(page, "write_page", write_page)
    FORMATS["html"].write(tmp_path / "a.html", trained(GENERATORS["mlp"]()))
    assert (tmp_path / "a.html").read_text() == "generator of None and set"


def test_saved_model_that_does_not_run_is_an_error_of_one_line(tmp_path):
    with pytest.raises(UserError, match="a fresh process cannot run it: ") as error:
        FORMATS["savedmodel"].run(tmp_path, [{"z": np.zeros((1, 5), np.float32)}])
    assert "\n" not in str(error.value)


def test_choice_counts_each_once(monkeypatch):
    assert formats.choose(["keras", " savedmodel", "keras"]) == ["keras", "savedmodel"]
    for names in ([], ["keras", "pdf"], [""]):
        with pytest.raises(UserError, match="use one or more of savedmodel,keras,onnx,litert,"):
            formats.choose(names)
    fake = dataclasses.replace(FORMATS["onnx"], needs=("numpy", "no_such_module"))
    monkeypatch.setitem(FORMATS, "onnx", fake)
    with pytest.raises(UserError, match="needs no_such_module: pip install -e") as error:
        formats.choose(["keras", "onnx"])
    assert "numpy" not in str(error.value)
    assert importlib.util.find_spec("numpy")

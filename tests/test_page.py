"""What the page is given, without a browser: `test_web_page.py` looks at what it draws."""

import base64
import json
import pathlib
import re

import keras
import numpy as np
import pytest

from tfgan import UserError, networks, noise
from tfgan.exports import page
from tfgan.noise import Stream
from tfgan.run.workdir import Workdir
from tfgan.web import html


def convolutional(seed: int = 0) -> keras.Sequential:
    """Each kind of layer that a page knows, with weights at which each matters."""
    layers = keras.layers
    inner = keras.Sequential([layers.Dense(6, activation="sigmoid"), layers.Dense(12)])
    generator = keras.Sequential(
        [
            keras.Input((5,)),
            inner,
            layers.BatchNormalization(),
            layers.ReLU(),
            layers.Reshape((2, 2, 3)),
            layers.Conv2DTranspose(4, 4, strides=2, padding="same"),
            layers.BatchNormalization(scale=False),
            layers.LeakyReLU(0.3),
            layers.Conv2DTranspose(3, (3, 2), strides=(1, 2), use_bias=False),
            layers.Dropout(0.5),
            layers.UpSampling2D((1, 2)),
            layers.Conv2D(5, (2, 3), strides=(1, 2), padding="same"),
            layers.Activation(networks.leaky_relu),
            layers.Conv2D(3, 3),
            layers.Rescaling(0.5, offset=0.1),
            layers.Activation("tanh"),
        ],
        name="generator",
    )
    rng = np.random.default_rng(seed)
    generator.set_weights(
        [
            np.abs(w) + 0.5 if "variance" in v.name else w
            for v, w in ((v, rng.normal(0, 0.5, v.shape)) for v in generator.weights)
        ]
    )
    return generator


def floats(text: str) -> np.ndarray:
    return np.frombuffer(base64.b64decode(text), "<f4").astype(np.float64)


def convolve(step: dict, x: np.ndarray) -> np.ndarray:
    """By its definition, spreading out each input, where the page gathers for each output."""
    (rows, columns), strides, before = step["size"], step["strides"], step["before"]
    kernel = floats(step["kernel"]).reshape(rows, columns, step["to"][2], step["from"][2])
    y = np.zeros((len(x), *step["to"])) + floats(step["bias"])
    small, large = (x, y) if step["transposed"] else (y, x)
    for i, j, down, right in np.ndindex(*small.shape[1:3], rows, columns):
        far = i * strides[0] + down - before[0], j * strides[1] + right - before[1]
        if 0 <= far[0] < large.shape[1] and 0 <= far[1] < large.shape[2]:
            here, there = ((i, j), far) if step["transposed"] else (far, (i, j))
            y[:, *there] += x[:, *here] @ kernel[down, right].T
    return y


def compute(
    steps: list[dict], x: np.ndarray, told: np.ndarray = None, z: np.ndarray = None
) -> np.ndarray:
    """What `web/network.js` does with a description, in numpy and float64; z is x at the start."""
    z = x if z is None else z
    functions = {
        "relu": lambda v, _: np.maximum(v, 0),
        "leaky_relu": lambda v, slope: np.where(v > 0, v, slope * v),
        "tanh": lambda v, factor: np.tanh(factor * v),
        "sigmoid": lambda v, _: 1 / (1 + np.exp(-v)),
    }
    for step in steps:
        if "from" in step:
            x = x.reshape(len(x), *step["from"])
        match step["kind"]:
            case "dense":
                kernel = floats(step["kernel"]).reshape(step["units"], step["inputs"])
                x = x.reshape(len(x), -1) @ kernel.T + floats(step["bias"])
            case "convolution":
                x = convolve(step, x)
            case "enlarge":
                x = x.repeat(step["factor"][0], 1).repeat(step["factor"][1], 2)
            case "affine":
                scale, offset = floats(step["scale"]), floats(step["offset"])
                x = x.reshape(len(x), -1, scale.size) * scale + offset
            case "beside":
                embedding = floats(step["embedding"]).reshape(told.shape[1], -1)
                x = np.concatenate([x, told @ embedding], axis=1)
            case "classAffine" | "modulate":
                heard = told if step["kind"] == "classAffine" else np.hstack([told, z])
                scale, offset = (
                    heard @ floats(step[name]).reshape(heard.shape[1], -1)
                    for name in ("scale", "offset")
                )
                x = x.reshape(len(x), -1, scale.shape[1]) * scale[:, None] + offset[:, None]
            case "sum":
                parts = [compute(part, x, told, z) for part in step["parts"]]
                x = sum(part.reshape(len(x), -1) for part in parts)
            case "activation":
                x = functions[step["name"]](x, step["parameter"])
    return x


@pytest.mark.parametrize(
    "make",
    [
        networks.mlp_generator,
        lambda: networks.maxout_generator(hidden_size=8),
        lambda: networks.infogan_generator(5, 16, (8, 8, 3)),
        lambda: networks.resnet_generator(5, 32, (24, 16, 4)),
        convolutional,
    ],
    ids=["mlp", "maxout", "infogan", "resnet", "convolutional"],
)
def test_description_computes_what_keras_computes(make):
    generator = make()
    z = np.random.default_rng(1).normal(size=(3, generator.input_shape[-1])).astype(np.float32)
    expected = generator(z).numpy()
    steps = json.loads(json.dumps(page.describe(generator)))
    np.testing.assert_allclose(
        compute(steps, z.astype(np.float64)).reshape(expected.shape), expected, atol=2e-6
    )


@pytest.mark.parametrize("kind", networks.KINDS)
def test_description_computes_each_class_as_keras_does(kind):
    generator = networks.KINDS[kind].generator(5, 32, (8, 12, 3), seed=1, classes=4)
    rng = np.random.default_rng(1)
    for weight in generator.trainable_variables:
        weight.assign(rng.normal(0, 0.3, weight.shape))
    z, labels = rng.normal(size=(6, 5)).astype(np.float32), np.array([3, 0, 1, 2, 2, 1])
    expected = generator((z, labels)).numpy()
    steps = json.loads(json.dumps(page.describe(generator)))
    found = compute(steps, z.astype(np.float64), np.eye(4)[labels]).reshape(expected.shape)
    np.testing.assert_allclose(found, expected, atol=1e-5)
    axes = page.directions(generator)
    np.testing.assert_allclose(axes @ axes.T, np.eye(5), atol=1e-6)


def test_directions_are_of_the_latent_alone():
    generator = networks.mlp_generator(2, 2, (2, 2, 1), classes=3)
    first = next(each for each in generator.layers if isinstance(each, keras.layers.Dense))
    # The class, the last three rows, is heard most, and the second number of z more than the first.
    first.set_weights([np.array([[1, 0], [0, 2], [9, 9], [9, -9], [7, 5]]), np.zeros(2)])
    np.testing.assert_allclose(page.directions(generator), [[0, 1], [1, 0]], atol=1e-6)


def test_page_has_the_classes_and_labels_of_its_probes(tmp_path):
    generator = networks.mlp_generator(5, 16, (4, 6, 1), classes=3)
    known = {"names": ["a", "</script>", "c"], "counts": [1, 0, 3]}
    page.write_page(tmp_path / "page.html", generator, trained_on={"classes": known})
    data = data_of(tmp_path / "page.html")
    assert data["classes"] == known["names"]
    assert data["present"] == [0, 2]
    np.testing.assert_array_equal(floats(data["ends"]), [0.25, 0.25])
    assert data["probes"]["labels"] == [0, 2, 0, 2]
    # A generator of nobody's set: numbers, alike probable.
    page.write_page(tmp_path / "page.html", generator)
    data = data_of(tmp_path / "page.html")
    assert data["classes"] == ["0", "1", "2"]
    np.testing.assert_allclose(floats(data["ends"]), [1 / 3, 2 / 3], atol=1e-7)


def model(*layers: keras.layers.Layer, size: int = 4) -> keras.Sequential:
    return keras.Sequential([keras.Input((size,)), *layers])


def branching() -> keras.Model:
    z = keras.Input((4,))
    y = keras.layers.Dense(4)(z)
    return keras.Model(z, keras.layers.Add()([z, y]))


@pytest.mark.parametrize(
    ("generator", "problem"),
    [
        (model(keras.layers.LayerNormalization(name="odd")), "layer odd is a LayerNormalization"),
        (model(keras.layers.Dense(3, "gelu", name="odd")), "layer odd has the activation gelu"),
        (model(keras.layers.ReLU(6, name="odd")), "layer odd must be a plain ReLU"),
        (
            model(
                keras.layers.Reshape((2, 2, 1)),
                keras.layers.Conv2D(1, 1, dilation_rate=2, name="odd"),
            ),
            "layer odd must have channels last",
        ),
        (branching(), "not a plain chain"),
    ],
)
def test_what_cannot_be_drawn_is_one_clear_line(generator, problem, tmp_path):
    with pytest.raises(UserError, match=problem) as error:
        page.write_page(tmp_path / "page.html", generator)
    assert "\n" not in str(error.value)
    assert not list(tmp_path.iterdir())


def test_a_page_that_no_browser_opens_is_one_clear_line(tmp_path, monkeypatch):
    generator = model(keras.layers.Dense(3))  # 15 parameters: 60 bytes, 80 in base64
    monkeypatch.setattr(page, "MOST_BYTES", 80)
    page.write_page(tmp_path / "page.html", model(keras.layers.Dense(3)))
    monkeypatch.setattr(page, "MOST_BYTES", 79)
    with pytest.raises(UserError, match=r"--format=html: .* 15 parameters") as error:
        page.write_page(tmp_path / "other.html", generator)
    assert "\n" not in str(error.value)
    assert not (tmp_path / "other.html").exists()


def test_directions_of_a_wide_layer_take_little_memory():
    # All left and right singular vectors would be 60,000 x 60,000: 29 GB.
    assert page.directions(model(keras.layers.Dense(60_000))).shape == (4, 4)


def test_bytes_are_decoded_by_a_plain_loop():
    # A callback for each byte, or an argument, ends a browser's tab at a hundred million.
    for file in pathlib.Path(html.__file__).parent.glob("*.js"):
        source = file.read_text()
        assert "Uint8Array.from" not in source
        assert "fromCharCode" not in source
        assert source.count("atob(") == (file.name == "common.js")


def test_directions_by_hand():
    generator = model(keras.layers.Dense(3), size=3)
    generator.set_weights([np.diag([1.0, -3.0, 2.0]), np.zeros(3)])
    # The layer stretches the second axis threefold, the third twofold.
    np.testing.assert_allclose(
        page.directions(generator), [[0, 1, 0], [0, 0, 1], [1, 0, 0]], atol=1e-6
    )
    assert page.directions(networks.mlp_generator(2, 8)).shape == (2, 2)


def data_of(path) -> dict:
    content = path.read_text()
    return json.loads(re.search(r'id="data">(.*?)</script>', content, re.DOTALL)[1])


def test_page_is_whole_and_deterministic(tmp_path):
    generator = networks.mlp_generator(5, 16, (4, 6, 1))
    for name in ("a.html", "b.html"):
        page.write_page(tmp_path / name, generator)
    content = (tmp_path / "a.html").read_bytes()
    assert content == (tmp_path / "b.html").read_bytes()
    assert b"default-src 'none'" in content
    # The only address is SVG's name.
    assert set(re.findall(rb"https?://[^\"\s]*", content)) == {b"http://www.w3.org/2000/svg"}
    data = data_of(tmp_path / "a.html")
    assert data["shape"] == [4, 6, 1]
    assert data["history"]["frames"] == []
    # The pictures to compare with are those of `python -m tfgan.sample --seed=0`.
    z = noise.latents(0, Stream.SAMPLES, 0, 4, 5).numpy()
    np.testing.assert_array_equal(floats(data["probes"]["latents"]), z.ravel())


def test_page_takes_the_runs_latents_and_history(tmp_path):
    workdir = Workdir(str(tmp_path))
    workdir.create({"dataset": "</script>", "latents": "uniform"}, {})
    workdir.metrics.write_text("epoch,step,D_loss\n0,600,0.5\n")
    page.write_page(tmp_path / "page.html", networks.mlp_generator(5, 16, (4, 6, 1)), workdir)
    data = data_of(tmp_path / "page.html")
    assert data["distribution"] == "uniform"
    assert data["dataset"] == "</script>"
    assert data["history"]["curves"][0]["series"] == [{"name": "D_loss", "values": [0.5]}]

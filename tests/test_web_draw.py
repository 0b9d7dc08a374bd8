"""What is drawn on the page, and what the generator finds of it, in a real browser."""

import json
import pathlib
import re

import numpy as np
import pytest
import tensorflow as tf
from conftest import told_generator
from test_page import convolutional
from test_report import make_run

from tfgan import networks
from tfgan.exports import page
from tfgan.web import html

pytest.importorskip("selenium")
import chromium
from chromium import pixels, settle
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import WebDriverWait
from test_web_page import drawn, hash_of

pytestmark = chromium.NEEDED
WEB = pathlib.Path(html.__file__).parent
GRADIENT = """
const [z, told, upstream] = [1, 2, 3].map((i) => Float32Array.from(arguments[i]));
const [y, back] = pull(DATA.layers, z, arguments[4], told);
return [Array.from(y), Array.from(back(upstream))];
"""


def gradient(browser, generator, z, told, upstream) -> tuple[np.ndarray, np.ndarray]:
    """What the page computes: the images, and the gradient by z of their product with upstream."""
    sources = "\n".join(
        (WEB / f"{name}.js").read_text() for name in ("common", "network", "gradient")
    )
    first = 'const DATA = JSON.parse(document.getElementById("data").textContent);'
    assert first in sources
    data = json.loads(json.dumps({"layers": page.describe(generator)}))
    script = sources.replace(first, "const DATA = arguments[0];") + GRADIENT
    browser.get("about:blank")
    flat = (each.ravel().tolist() for each in (z, told, upstream))
    y, dz = browser.execute_script(script, data, *flat, len(z))
    return np.array(y), np.array(dz).reshape(z.shape)


def spread(generator, seed=3):
    """With weights at which each layer matters."""
    rng = np.random.default_rng(seed)
    for weight in generator.trainable_variables:
        weight.assign(rng.normal(0, 0.3, weight.shape))
    return generator


@pytest.mark.parametrize(
    "generator",
    [
        *(spread(networks.KINDS[kind].generator(5, 32, (8, 12, 3))) for kind in networks.KINDS),
        convolutional(),
        *(told_generator(kind, 5, 32, (8, 12, 1), 3, 0.3) for kind in networks.KINDS),
    ],
    ids=[*networks.KINDS, "convolutional", *(f"{kind} of classes" for kind in networks.KINDS)],
)
def test_gradients_are_those_of_keras(browser, generator):
    rng = np.random.default_rng(1)
    size = generator.inputs[0].shape[-1]
    z, labels = rng.normal(size=(3, size)).astype(np.float32), np.array([2, 0, 1])
    conditional = len(generator.inputs) > 1
    x = tf.constant(z)
    with tf.GradientTape() as tape:
        tape.watch(x)
        images = generator((x, tf.constant(labels)) if conditional else x, training=False)
        upstream = rng.normal(size=images.shape).astype(np.float32)
        product = tf.reduce_sum(images * upstream)
    expected = tape.gradient(product, x).numpy()
    told = np.eye(3, dtype=np.float32)[labels] if conditional else np.zeros(0)
    y, found = gradient(browser, generator, z, told, upstream)
    np.testing.assert_allclose(y, images.numpy().ravel(), atol=2e-5)
    assert np.abs(expected).max() > 0.01
    np.testing.assert_allclose(found, expected, atol=1e-4 * np.abs(expected).max())


def searched(browser) -> None:
    """Waits for the end of the search."""
    WebDriverWait(browser, 60).until(
        lambda _: browser.execute_script(
            "return document.getElementById('paper').ariaBusy !== 'true'"
        )
    )


def text(browser, name: str) -> str:
    return browser.find_element(By.ID, name).text


def distances(browser) -> tuple[float, float]:
    """Of what was found, and of the nearest of random pictures."""
    pattern = r"Distance ([\d.]+); .* is at ([\d.]+)\."
    found, random = re.search(pattern, text(browser, "found-caption")).groups()
    return float(found), float(random)


def assert_found(browser) -> None:
    """The version is near to the drawing: nearer than random ones, as far as the caption says."""
    searched(browser)
    found, random = distances(browser)
    assert 0 < found < random
    difference = (pixels(browser, "#found").astype(float) - pixels(browser, "#drawn")) / 255
    assert np.sqrt((difference**2).mean()) == pytest.approx(found, abs=2e-3)
    assert re.fullmatch(r"Found in \d+\.\d s\.", text(browser, "draw-said"))


@pytest.fixture(scope="module")
def generator():
    return spread(networks.mlp_generator(6, 32, (12, 12, 1)))


@pytest.fixture
def opened(visit, tmp_path, generator):
    page.write_page(tmp_path / "page.html", generator)
    return visit(tmp_path / "page.html")


def draw_with_the_mouse(browser, moves=((60, 40), (-90, 20))) -> None:
    pad = browser.find_element(By.ID, "paper")
    browser.execute_script("arguments[0].scrollIntoView({block: 'center'})", pad)
    actions = ActionChains(browser).move_to_element(pad).click_and_hold()
    for move in moves:
        actions.move_by_offset(*move)
    actions.release().perform()


def test_the_mouse_draws_and_one_walks_from_what_was_found(opened, generator):
    browser = opened
    walk_from = browser.find_element(By.ID, "walk-from")
    assert not walk_from.is_enabled()
    assert pixels(browser, "#drawn").max() == 0
    draw_with_the_mouse(browser)
    assert_found(browser)
    assert pixels(browser, "#drawn").max() > 127
    version = pixels(browser, "#found")
    walk_from.click()
    settle(browser)
    address = hash_of(browser)
    z = np.array([address["found"].split(",")], np.float32)
    assert z.shape == (1, 6)
    one = pixels(browser, "#one")
    assert np.abs(one.astype(int) - drawn(generator, z)[0]).max() <= 1
    assert np.abs(one.astype(int) - version).mean() < 2  # but for the digits that were left off
    assert text(browser, "one-caption") == "The image found"
    assert "tfgan.sample" not in text(browser, "in-python")
    # From there, the sliders; and the address alone has all of it.
    browser.switch_to.active_element.send_keys(Keys.ARROW_RIGHT)
    settle(browser)
    moved = pixels(browser, "#one")
    assert np.abs(moved.astype(int) - one).max() > 0
    url = browser.current_url
    browser.get("about:blank")
    browser.get(url)
    settle(browser)
    np.testing.assert_array_equal(pixels(browser, "#one"), moved)
    browser.find_element(By.ID, "surprise").click()
    settle(browser)
    assert "found" not in hash_of(browser)


def test_a_finger_draws_and_the_page_stays(opened):
    browser = opened
    box = browser.execute_script(
        "document.getElementById('paper').scrollIntoView({block: 'center'});"
        "const b = document.getElementById('paper').getBoundingClientRect();"
        "return [b.left, b.top, b.width, scrollY]"
    )
    left, top, width, scrolled = box

    def touch(kind: str, *points: tuple[float, float]) -> None:
        at = [{"x": left + x * width, "y": top + y * width} for x, y in points]
        browser.execute_cdp_cmd("Input.dispatchTouchEvent", {"type": kind, "touchPoints": at})

    touch("touchStart", (0.3, 0.2))
    for step in range(1, 6):
        touch("touchMove", (0.3, 0.2 + 0.12 * step))
    touch("touchEnd")
    assert_found(browser)
    ink = pixels(browser, "#drawn")[..., 0] > 127
    assert 6 <= ink.any(axis=1).sum() <= 10  # from 0.2 to 0.8 of 12 rows
    assert 1 <= ink.any(axis=0).sum() <= 2
    assert browser.execute_script("return scrollY") == scrolled


def test_the_keyboard_draws_and_clears(opened):
    browser = opened
    pad = browser.find_element(By.ID, "paper")
    pad.send_keys(Keys.ARROW_UP, Keys.ARROW_LEFT)  # lifted: nothing is drawn
    searched(browser)
    assert pixels(browser, "#drawn").max() == 0
    pad.send_keys(Keys.SPACE)
    assert text(browser, "draw-said") == "The pen is down."
    pad.send_keys(*[Keys.ARROW_DOWN] * 4)
    assert_found(browser)
    pad.send_keys(Keys.SPACE, *[Keys.ARROW_RIGHT] * 3)
    assert text(browser, "draw-said") == "The pen is up."
    searched(browser)
    ink = pixels(browser, "#drawn")[..., 0] > 127
    assert 4 <= ink.any(axis=1).sum() <= 6
    assert 1 <= ink.any(axis=0).sum() <= 2
    browser.find_element(By.ID, "clear").send_keys(Keys.ENTER)
    searched(browser)
    assert pixels(browser, "#drawn").max() == pixels(browser, "#found").max() == 0
    assert not browser.find_element(By.ID, "walk-from").is_enabled()
    assert text(browser, "found-caption") == "The generator's version."


def test_the_class_is_found_too(visit, tmp_path):
    generator = told_generator("mlp", 6, 32, (12, 12, 1), 3)
    known = {"names": ["one", "none", "three"], "counts": [4, 0, 4]}
    page.write_page(tmp_path / "page.html", generator, trained_on={"classes": known})
    browser = visit(tmp_path / "page.html")
    draw_with_the_mouse(browser)
    assert_found(browser)
    name = re.search(r"as class (\w+)\.", text(browser, "found-caption"))[1]
    assert name in ("one", "three")
    version = pixels(browser, "#found")
    browser.find_element(By.ID, "walk-from").click()
    settle(browser)
    label = known["names"].index(name)
    assert hash_of(browser)["class"] == str(label)
    z = np.array([hash_of(browser)["found"].split(",")], np.float32)
    expected = drawn(generator, (z, np.array([label])))[0]
    one = pixels(browser, "#one").astype(int)
    assert np.abs(one - expected).max() <= 1
    assert np.abs(one - version).mean() < 2


@pytest.mark.parametrize(("dataset", "centred"), [("mnist", True), ("fashion_mnist", False)])
def test_digits_are_centred_as_those_of_mnist(visit, tmp_path, dataset, centred):
    generator = spread(networks.mlp_generator(3, 16, (28, 28, 1)))
    workdir = make_run(tmp_path / "run", 1)
    recorded = json.loads(workdir.config.read_text())
    recorded["config"]["dataset"] = dataset
    workdir.config.write_text(json.dumps(recorded))
    page.write_page(tmp_path / "page.html", generator, workdir)
    browser = visit(tmp_path / "page.html")
    # A short line near the right, downwards from the middle.
    draw_with_the_mouse(browser, ((150, 0), (0, 110)))
    searched(browser)
    seen = pixels(browser, "#drawn")[..., 0].astype(float)
    seen = np.abs(seen - seen[0, 0])  # the ink, of light and of dark paper
    rows, columns = (np.flatnonzero(seen.max(axis=axis) > 40) for axis in (1, 0))
    middle = [np.average(np.arange(28) + 0.5, weights=seen.sum(axis)) for axis in (1, 0)]
    extent = max(rows[-1] - rows[0], columns[-1] - columns[0]) + 1
    assert (18 <= extent <= 22) == centred
    assert (np.abs(np.array(middle) - 14).max() < 0.5) == centred
    assert ("MNIST" in text(browser, "drawn-caption")) == centred


def test_a_light_generator_gets_light_paper(visit, tmp_path, generator):
    inverted = spread(networks.mlp_generator(6, 32, (12, 12, 1)))
    *_, kernel, bias = inverted.get_weights()
    inverted.set_weights([*inverted.get_weights()[:-2], kernel, bias + 2])
    page.write_page(tmp_path / "page.html", inverted)
    browser = visit(tmp_path / "page.html")
    assert pixels(browser, "#drawn").min() == 255
    draw_with_the_mouse(browser)
    assert_found(browser)
    assert pixels(browser, "#drawn").min() < 127


def test_colours_have_no_pad(visit, tmp_path):
    page.write_page(tmp_path / "page.html", networks.mlp_generator(6, 32, (12, 12, 3)))
    browser = visit(tmp_path / "page.html")
    assert not browser.find_elements(By.ID, "draw")
    assert "draw a picture" not in text(browser, "lede")

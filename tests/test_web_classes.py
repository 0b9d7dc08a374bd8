"""The page of a conditional generator in a real browser; skipped where there is no Chromium."""

import keras
import numpy as np
import pytest
from conftest import told_generator

from tfgan import networks, noise
from tfgan.exports import loading, page, sampling
from tfgan.exports.saved_model import save_generator
from tfgan.ground import pictures
from tfgan.noise import Stream

pytest.importorskip("selenium")
import chromium
from chromium import pixels, settle
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import Select
from test_web import CONTRAST
from test_web_page import assert_same, hash_of

pytestmark = chromium.NEEDED
NAMES = [
    "sneaker",
    "<b>Ärmel</b>",
    "a very long name of a class, longer than a phone is wide, " * 2,
]
DATA = {"name": "x", "split": "train", "classes": {"names": NAMES, "counts": [2, 5, 3]}}


def conditional(kind: str) -> keras.Model:
    return told_generator(kind, 6, 32, (8, 8, 1), 3)


@pytest.fixture(scope="module", params=["mlp", "infogan"])
def files(request, tmp_path_factory):
    """The page and the loaded SavedModel of a generator."""
    folder = tmp_path_factory.mktemp(request.param)
    generator = conditional(request.param)
    page.write_page(folder / "page.html", generator, trained_on=DATA)
    save_generator(folder / "generator", generator, data=DATA)
    return folder / "page.html", loading.load(str(folder / "generator"))


def text(browser, name: str) -> str:
    return browser.find_element(By.ID, name).text


def test_pictures_are_those_of_the_sample_command(visit, files):
    path, loaded = files
    browser = visit(path)
    for seed in (1, 777, 2**53 - 1):
        for label in (-1, 0, 2):
            asked = {} if label == -1 else {"class": str(label)}
            fragment = "&".join(f"{name}={value}" for name, value in asked.items())
            browser.execute_script(f"location.hash = 'seed={seed}&{fragment}'")
            settle(browser)
            assert hash_of(browser) == {"seed": str(seed)} | asked
            expected = pictures.grid(sampling.draw(loaded, 64, seed, label))
            assert_same(pixels(browser, "#grid canvas"), expected)
    assert "more than 0 of 255" in text(browser, "check") or "than 1 of" in text(browser, "check")


def test_the_keyboard_alone_chooses_a_class(visit, files):
    path, loaded = files
    browser = visit(path)
    browser.find_element(By.ID, "seed").send_keys(Keys.TAB)
    picker = browser.switch_to.active_element
    assert picker.get_attribute("id") == "class"
    assert picker.accessible_name.startswith("Class")
    assert [each.text for each in Select(picker).options] == [
        "random",
        *(" ".join(name.split()) for name in NAMES),
    ]
    picker.send_keys(Keys.ARROW_DOWN, Keys.ARROW_DOWN)
    settle(browser)
    assert hash_of(browser) == {"seed": "1", "class": "1"}
    expected = sampling.draw(loaded, 64, 1, 1)
    assert_same(pixels(browser, "#grid canvas"), pictures.grid(expected))
    assert text(browser, "one-caption") == "Picture 1, class <b>Ärmel</b>"
    assert "python -m tfgan.sample --n=64 --seed=1 --label=1" in text(browser, "in-python")
    # Another seed, and back to the start, keep it.
    browser.find_element(By.ID, "home").send_keys(Keys.ENTER)
    browser.find_element(By.ID, "seed").send_keys(Keys.CONTROL, "a")
    browser.find_element(By.ID, "seed").send_keys("5", Keys.TAB)
    settle(browser)
    assert hash_of(browser) == {"seed": "5", "class": "1"}
    expected = pictures.grid(sampling.draw(loaded, 64, 5, 1))
    assert_same(pixels(browser, "#grid canvas"), expected)


def test_walks_lead_from_class_to_class(visit, files):
    path, loaded = files
    browser = visit(path, "#seed=3&from=2&to=2")
    Select(browser.find_element(By.ID, "from-class")).select_by_visible_text("sneaker")
    Select(browser.find_element(By.ID, "to-class")).select_by_value("2")
    settle(browser)
    at = {"seed": "3", "from": "2", "to": "2", "from-class": "0", "to-class": "2"}
    assert hash_of(browser) == at
    z = np.repeat(noise.latents(0, Stream.SAMPLES, 3, 64, 6).numpy()[1:2], 9, axis=0)
    fractions = np.linspace(0, 1, 9)[:, np.newaxis]
    weights = np.concatenate([1 - fractions, 0 * fractions, fractions], axis=1)
    expected = pictures.unit_to_uint8(loaded.blend(z, weights.astype(np.float32)))
    assert np.abs(expected[0].astype(int) - expected[-1]).max() > 20
    assert_same(pixels(browser, "#strip"), pictures.grid(expected, columns=9))
    assert_same(pixels(browser, "#between"), expected[4])


def test_a_class_without_images_is_not_offered(visit, tmp_path):
    data = DATA | {"classes": {"names": NAMES, "counts": [2, 0, 3]}}
    generator = conditional("mlp")
    page.write_page(tmp_path / "page.html", generator, trained_on=data)
    save_generator(tmp_path / "generator", generator, data=data)
    loaded = loading.load(str(tmp_path / "generator"))
    browser = visit(tmp_path / "page.html")
    offered = ["sneaker", " ".join(NAMES[2].split())]
    for picker in ("class", "from-class", "to-class"):
        options = Select(browser.find_element(By.ID, picker)).options
        assert [each.text for each in options][1:] == offered, picker
    Select(browser.find_element(By.ID, "class")).select_by_index(2)
    settle(browser)
    assert hash_of(browser) == {"seed": "1", "class": "2"}
    assert_same(pixels(browser, "#grid canvas"), pictures.grid(sampling.draw(loaded, 64, 1, 2)))


def test_a_class_that_is_none_counts_as_any(visit, files):
    browser = visit(files[0], "#class=99&from-class=x&to-class=-7")
    assert hash_of(browser) == {"seed": "1"}


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_long_names_fit_a_phone(visit, browser, files, scheme):
    size = {"width": 390, "height": 844, "deviceScaleFactor": 1, "mobile": True}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    feature = {"name": "prefers-color-scheme", "value": scheme}
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [feature]})
    visit(files[0], "#class=2&from-class=2&to-class=2")
    assert browser.execute_script("return document.documentElement.scrollWidth") == 390
    wide = browser.execute_script(
        "return [...document.querySelectorAll('main *')].filter((each) => each.checkVisibility() &&"
        "each.getBoundingClientRect().right > 391).map((each) => each.outerHTML)"
    )
    assert wide == []
    contrast, least = browser.execute_script(CONTRAST)
    assert contrast > 4.5, least


def test_without_classes_there_is_nothing_to_choose(visit, tmp_path):
    page.write_page(tmp_path / "page.html", networks.mlp_generator(5, 16, (6, 6, 1)))
    browser = visit(tmp_path / "page.html", "#class=1&from-class=2")
    assert not [
        each for each in browser.find_elements(By.TAG_NAME, "select") if each.is_displayed()
    ]
    assert hash_of(browser) == {"seed": "1"}
    assert text(browser, "one-caption") == "Picture 1"
    assert "--label" not in text(browser, "in-python")

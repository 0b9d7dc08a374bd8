"""The generator's page in a real browser, from disk; skipped where there is no Chromium."""

import json
import re

import numpy as np
import pytest
from test_page import convolutional
from test_report import make_run

from benchmarks import browser as browser_benchmark
from tfgan import networks, noise
from tfgan.exports import loading, page, sampling
from tfgan.exports.sampling import slerp
from tfgan.exports.saved_model import save_generator
from tfgan.ground import pictures
from tfgan.noise import Stream

pytest.importorskip("selenium")
import chromium
from chromium import FRAMES, pixels, settle
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

pytestmark = chromium.NEEDED


def hash_of(browser) -> dict[str, str]:
    fragment = browser.current_url.split("#")[1]
    return dict(part.split("=") for part in fragment.split("&"))


def drawn(generator, z) -> np.ndarray:
    return pictures.to_uint8(generator(z, training=False).numpy())


def assert_same(seen: np.ndarray, expected: np.ndarray) -> None:
    expected = np.broadcast_to(expected, seen.shape)
    assert expected.std() > 5  # a picture, not one grey
    assert np.abs(seen.astype(int) - expected).max() <= 1


@pytest.mark.parametrize(
    ("generator", "factor"),
    [
        (networks.mlp_generator(), 2),
        (networks.infogan_generator(7, 16, (8, 12, 3)), 15),
        (networks.resnet_generator(7, 32, (16, 24, 3)), 2),
        (convolutional(), 1),
    ],
    ids=["mlp", "infogan", "resnet", "convolutional"],
)
def test_pixels_are_those_of_python(visit, tmp_path, generator, factor):
    generator.set_weights([factor * weight for weight in generator.get_weights()])  # for contrast
    page.write_page(tmp_path / "page.html", generator)
    browser = visit(tmp_path / "page.html", "#seed=4294967303")  # above 2^32
    z = noise.latents(0, Stream.SAMPLES, 4294967303, 64, generator.input_shape[-1])
    expected = drawn(generator, z)
    assert_same(pixels(browser, "#grid canvas"), pictures.grid(expected))
    assert_same(pixels(browser, "#one"), expected[0])
    check = browser.find_element(By.ID, "check")
    assert re.search(r"differs here by more than [01] of 255", check.text)
    assert check.get_attribute("class") == ""


def test_seeds_are_those_of_the_sample_command(visit, tmp_path):
    generator = networks.mlp_generator(7, 16, (5, 4, 1))
    generator.set_weights([2 * weight for weight in generator.get_weights()])
    save_generator(tmp_path / "generator", generator)
    page.write_page(tmp_path / "page.html", generator)
    loaded = loading.load(str(tmp_path / "generator"))
    browser = visit(tmp_path / "page.html")
    for seed in (0, 1, 777, 2**31, 2**32 + 7, 2**53 - 1):
        browser.execute_script(f"location.hash = 'seed={seed}'")
        settle(browser)
        assert hash_of(browser) == {"seed": str(seed)}
        expected = pictures.grid(sampling.draw(loaded, 64, seed))
        assert_same(pixels(browser, "#grid canvas"), expected)


@pytest.mark.parametrize("distribution", ["uniform", "uniform_sqrt3"])
def test_other_latents_too(visit, tmp_path, distribution):
    generator = networks.mlp_generator(6, 16, (5, 4, 1))
    workdir = make_run(tmp_path / "run", 1)
    recorded = json.loads(workdir.config.read_text())
    recorded["config"]["latents"] = distribution
    workdir.config.write_text(json.dumps(recorded))
    page.write_page(tmp_path / "page.html", generator, workdir)
    browser = visit(tmp_path / "page.html", "#seed=3")
    z = noise.latents(0, Stream.SAMPLES, 3, 64, 6, distribution=distribution)
    assert_same(pixels(browser, "#grid canvas"), pictures.grid(drawn(generator, z)))


def test_address_reproduces_a_walk(visit, tmp_path):
    generator = networks.mlp_generator()
    page.write_page(tmp_path / "page.html", generator)
    browser = visit(tmp_path / "page.html", "#seed=9&pick=3&walk=1.5,0,-2&from=2&to=6&at=0.25")
    z = noise.latents(0, Stream.SAMPLES, 9, 64, 64).numpy()
    axes = page.directions(generator)
    z += (1.5 * axes[0] - 2 * axes[2]).astype(np.float32)
    assert_same(pixels(browser, "#one"), drawn(generator, z[2:3])[0])
    walk = np.array([slerp(z[1], z[5], fraction) for fraction in np.linspace(0, 1, 9)])
    assert_same(pixels(browser, "#strip"), pictures.grid(drawn(generator, walk), columns=9))
    quarter = slerp(z[1], z[5], 0.25)[np.newaxis]
    assert_same(pixels(browser, "#between"), drawn(generator, quarter)[0])


def test_keyboard_alone_walks(visit, tmp_path):
    page.write_page(tmp_path / "page.html", networks.mlp_generator(5, 16, (6, 6, 1)))
    browser = visit(tmp_path / "page.html")

    def active() -> str:
        return browser.switch_to.active_element.get_attribute("id")

    reached = []
    for _ in range(30):
        browser.switch_to.active_element.send_keys(Keys.TAB)
        reached.append(active())
        outline = browser.execute_script(
            "return getComputedStyle(document.activeElement).outlineStyle"
        )
        if reached[-1]:
            assert outline != "none", reached[-1]
        if reached[-1] == "fraction":
            break
    controls = ["seed", "surprise", "home", "share", "grid", "pad", "from", "to", "between-play"]
    assert [name for name in reached if name in controls] == controls

    for name, keys in (
        ("grid", [Keys.ARROW_RIGHT, Keys.ARROW_DOWN]),
        ("pad", [Keys.ARROW_RIGHT, Keys.ARROW_UP, Keys.ARROW_UP]),
    ):
        browser.find_element(By.ID, name).send_keys(*keys)
    settle(browser)
    # One to the right and one row of eight down; a step of the pad is 0.1.
    assert hash_of(browser) == {"seed": "1", "pick": "10", "walk": "0.1,0.2"}
    before = pixels(browser, "#one")
    browser.find_element(By.ID, "home").send_keys(Keys.ENTER)
    settle(browser)
    assert hash_of(browser) == {"seed": "1", "pick": "10"}
    assert not np.array_equal(pixels(browser, "#one"), before)
    browser.find_element(By.ID, "surprise").send_keys(Keys.ENTER)
    settle(browser)
    assert hash_of(browser)["seed"] != "1"


def test_scrubber_moves_picture_and_curves(visit, tmp_path):
    workdir = make_run(tmp_path / "run", epochs=3)
    page.write_page(tmp_path / "page.html", networks.mlp_generator(5, 16, (6, 6, 1)), workdir)
    browser = visit(tmp_path / "page.html")
    picture = browser.find_element(By.ID, "training-picture")
    last = picture.get_attribute("src")
    assert "after epoch 3" in picture.get_attribute("alt")
    browser.find_element(By.ID, "training-time").send_keys(Keys.ARROW_LEFT)
    assert "after epoch 2" in picture.get_attribute("alt")
    assert picture.get_attribute("src") != last
    numbers = browser.find_elements(By.CSS_SELECTOR, "#training .key b")
    assert [number.text for number in numbers] == ["0.100", "4.500", "0.900", "0.100", "7.000"]
    label = browser.find_element(By.CSS_SELECTOR, ".chart svg[role=img]").get_attribute(
        "aria-label"
    )
    assert label.startswith("Losses, epochs 1 to 3: D_loss from 0.000 to 0.200")


def test_every_control_does_what_it_says(visit, tmp_path):
    workdir = make_run(tmp_path / "run", epochs=3)
    page.write_page(tmp_path / "page.html", networks.mlp_generator(5, 16, (6, 6, 1)), workdir)
    browser = visit(tmp_path / "page.html")

    def press(selector: str, across: float, down: float, drag: tuple[int, int] = (0, 0)):
        """Presses at a part of an element's width and height, perhaps drags, and lets go."""
        element = browser.find_element(By.CSS_SELECTOR, selector)
        browser.execute_script("arguments[0].scrollIntoView({block: 'center'})", element)
        width, height = element.rect["width"], element.rect["height"]
        actions = ActionChains(browser).move_to_element_with_offset(
            element, int((across - 0.5) * width), int((down - 0.5) * height)
        )
        actions.click_and_hold().move_by_offset(*drag).release().perform()
        settle(browser)
        return hash_of(browser)

    def type_into(name: str, text: str) -> dict[str, str]:
        browser.find_element(By.ID, name).send_keys(Keys.CONTROL, "a")
        browser.find_element(By.ID, name).send_keys(text, Keys.TAB)
        settle(browser)
        return hash_of(browser)

    assert press("#grid", 2.5 / 8, 1.5 / 8) == {"seed": "1", "pick": "11"}
    # The pad reaches from -4 to 4: three quarters across are 2, one quarter down is 2 up.
    across, up = map(float, press("#pad", 0.75, 0.25)["walk"].split(","))
    assert (across, up) == (pytest.approx(2, abs=0.1), pytest.approx(2, abs=0.1))
    dragged, _ = map(float, press("#pad", 0.75, 0.25, (-20, 0))["walk"].split(","))
    assert dragged < across
    assert press("#home", 0.5, 0.5) == {"seed": "1", "pick": "11"}
    for number in range(1, 6):
        slider = f"#sliders label:nth-child({number}) input"
        walk = press(slider, 0.75, 0.5)["walk"].split(",")
        assert len(walk) == number
        assert float(walk[-1]) == pytest.approx(2, abs=0.3)
    assert press("#home", 0.5, 0.5) == {"seed": "1", "pick": "11"}
    assert type_into("from", "3") | {"from": "3", "to": "55"} == hash_of(browser)
    assert type_into("to", "99")["to"] == "64"
    assert float(press("#fraction", 0.25, 0.5)["at"]) == pytest.approx(0.25, abs=0.05)
    assert type_into("seed", "-5")["seed"] == "0"
    assert press("#surprise", 0.5, 0.5)["seed"] not in ("0", "1")
    press("#share", 0.5, 0.5)
    assert browser.find_element(By.ID, "said").text in (
        "Copied.",
        "The link is in the address bar.",
    )
    browser.execute_script("location.hash = 'seed=5&pick=7'")
    settle(browser)
    assert browser.find_element(By.ID, "one-caption").text == "Picture 7"
    # The charts: the left end is the first epoch, also while the pictures play.
    epoch = browser.find_element(By.ID, "training-epoch")
    charts = browser.find_elements(By.CSS_SELECTOR, ".chart svg[role=img]")
    for chart in charts:
        browser.execute_script("arguments[0].scrollIntoView({block: 'center'})", chart)
        for at, expected in ((-0.45, "Epoch 1"), (0.03, "Epoch 2"), (0.49, "Epoch 3")):
            browser.find_element(By.ID, "training-play").click()
            offset = int(at * chart.rect["width"])
            ActionChains(browser).move_to_element_with_offset(chart, offset, 0).click().perform()
            browser.execute_async_script(FRAMES)
            assert epoch.text == expected
    assert len(charts) == 3


def test_another_seed_keeps_the_walk_and_does_not_jump(visit, tmp_path):
    """The first picture of the way to another seed is the one that was shown before it."""
    generator = networks.mlp_generator(5, 16, (6, 6, 1))
    generator.set_weights([3 * weight for weight in generator.get_weights()])
    page.write_page(tmp_path / "page.html", generator)
    browser = visit(tmp_path / "page.html", "#seed=9&walk=3,-3,2")
    before = pixels(browser, "#one")
    # A clock that stands still: the journey stays at its beginning, whatever is drawn.
    browser.execute_script("const now = performance.now(); performance.now = () => now")
    field = browser.find_element(By.ID, "seed")
    for act in (lambda: field.send_keys("9", Keys.TAB), browser.find_element(By.ID, "home").click):
        act()
        for _ in range(20):
            browser.execute_async_script(FRAMES)
        difference = np.abs(pixels(browser, "#one").astype(int) - before)
        assert difference.max() <= 2
    assert browser.find_element(By.ID, "seed").get_property("value") == "99"


def test_the_benchmark_times_what_the_page_computes(browser, tmp_path):
    content = browser_benchmark._plain(networks.mlp_generator(64, 8, (4, 4, 1)))
    (tmp_path / "page.html").write_text(content)
    times = browser_benchmark.measure(browser, tmp_path / "page.html")
    assert len(times) == browser_benchmark.REPEATS

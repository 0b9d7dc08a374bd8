"""The pages in a real browser, from disk; skipped where there is no Chromium."""

import json
import re
import shutil

import numpy as np
import pytest
from test_page import convolutional
from test_report import evaluate, make_run

from tfgan import networks, noise, report
from tfgan.exports import page, sampling
from tfgan.exports.sampling import slerp
from tfgan.exports.saved_model import save_generator
from tfgan.ground import pictures
from tfgan.noise import Stream
from tfgan.web import html

pytest.importorskip("selenium")
from selenium import webdriver
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import WebDriverWait

CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
pytestmark = pytest.mark.skipif(
    not (CHROMIUM and DRIVER), reason="needs chromium and chromedriver on the PATH"
)
PHONE = {"width": 360, "height": 740, "deviceScaleFactor": 1, "mobile": True}
READ = """
const canvas = document.querySelector(arguments[0]);
const {data} = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
return [canvas.height, canvas.width, Array.from(data)];
"""


@pytest.fixture(scope="module")
def browser():
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", "--window-size=1280,900"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options, webdriver.ChromeService(DRIVER))
    yield driver
    driver.quit()


@pytest.fixture
def visit(browser, tmp_path):
    """Opens a file; afterwards, nothing was asked of the network and nothing complained."""

    def go(path, fragment=""):
        browser.get("about:blank")
        browser.get_log("performance")
        browser.get(path.as_uri() + fragment)
        settle(browser)
        return browser

    yield go
    browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
    messages = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    asked = [
        message["params"]["request"]["url"]
        for message in messages
        if message["method"] == "Network.requestWillBeSent"
    ]
    assert asked
    assert {url.split(":")[0] for url in asked} <= {"file", "data"}
    assert browser.get_log("browser") == []


def settle(browser) -> None:
    """Waits until all is drawn, and the address tells of it."""
    WebDriverWait(browser, 60).until(
        lambda _: browser.execute_async_script(
            "setTimeout(() => arguments[0](document.querySelector('main').ariaBusy != 'true'), 300)"
        )
    )


def pixels(browser, selector: str) -> np.ndarray:
    height, width, data = browser.execute_script(READ, selector)
    return np.array(data, np.uint8).reshape(height, width, 4)[..., :3]


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
    loaded = sampling.load(str(tmp_path / "generator"))
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


FRAMES = """
const done = arguments[0];
requestAnimationFrame(() => requestAnimationFrame(() => requestAnimationFrame(() => done())));
"""


@pytest.mark.parametrize(
    ("kind", "button"),
    [("report", "training-play"), ("page", "training-play"), ("page", "between-play")],
)
def test_each_click_on_play_plays(visit, tmp_path, kind, button):
    workdir = make_run(tmp_path / "run", epochs=60)
    report.write_report(workdir)
    page.write_page(tmp_path / "page.html", networks.mlp_generator(5, 16, (6, 6, 1)), workdir)
    browser = visit(tmp_path / "page.html" if kind == "page" else workdir.report)
    # A frame's time is that of its beginning, which may lie before the click.
    browser.execute_script(
        "const real = requestAnimationFrame;"
        "window.requestAnimationFrame = (act) => real((now) => act(now - 40))"
    )
    element = browser.find_element(By.ID, button)
    slider = "training-time" if button == "training-play" else "fraction"
    places = set()
    for _ in range(40):
        ActionChains(browser).click(element).perform()
        assert element.text == "Stop"
        browser.execute_async_script(FRAMES)
        places.add(browser.find_element(By.ID, slider).get_property("value"))
        # At once: it may come to its end by itself in between.
        browser.execute_script(
            "if (arguments[0].textContent === 'Stop') arguments[0].click()", element
        )
        assert element.text == "Play"
    assert len(places) > 3  # it moved; `visit` sees that nothing complained


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
    assert browser.find_element(By.ID, "said").text in ("Copied.", "The address bar has it.")
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


def test_report_opens(visit, tmp_path):
    workdir = make_run(tmp_path / "run", epochs=3)
    evaluate(workdir, step=1800)
    workdir.diverged.write_text("step 7: D_loss not finite\n")
    report.write_report(workdir)
    browser = visit(workdir.report)
    table = browser.find_element(By.ID, "evaluation-rows").text
    assert table.split("\n") == ["generator floor", "FCD ↓ 78.00 ± 1.50 1.00"]
    verdict = browser.find_element(By.ID, "evaluation-verdict").text
    assert verdict == "The generator has FCD 78.00, where real images have 1.00; lower is better."
    collapsed = browser.find_element(By.ID, "evaluation-collapsed").text
    assert collapsed == "generator has collapsed: some classes are missing from its samples."
    finding = browser.find_element(By.CSS_SELECTOR, "#findings .finding").text
    assert finding.split("\n")[:2] == ["diverged", "step 7: D_loss not finite"]
    skipped = browser.find_element(By.CSS_SELECTOR, "#findings ul").text
    assert skipped.startswith("all else: ")
    changed = browser.find_elements(By.CSS_SELECTOR, "#settings-changed tr")
    assert {row.text for row in changed} == {"epochs 3", "batch_size 64"}
    assert not browser.find_element(By.ID, "settings-config").is_displayed()
    browser.find_element(By.TAG_NAME, "summary").click()
    assert browser.find_element(By.ID, "settings-config").is_displayed()


@pytest.mark.parametrize("kind", ["page", "report"])
def test_a_name_that_is_a_script_is_text(browser, tmp_path, kind):
    """Nothing of it runs, and the policy would stop what did."""
    name = (
        "</title><script>document.title='run'</script><img src=x onerror=\"document.title='run'\">"
    )
    workdir = make_run(tmp_path / "run", epochs=3)
    recorded = json.loads(workdir.config.read_text())
    recorded["config"]["dataset"] = name
    workdir.config.write_text(json.dumps(recorded))
    report.write_report(workdir)
    page.write_page(tmp_path / "page.html", networks.mlp_generator(5, 16, (6, 6, 1)), workdir)
    browser.get((workdir.report if kind == "report" else tmp_path / "page.html").as_uri())
    settle(browser)
    assert name in browser.find_element(By.TAG_NAME, "header").text
    assert browser.title == (
        f"{name}: a run of tfgan" if kind == "report" else "A generator to walk through"
    )
    assert browser.get_log("browser") == []
    # And if something were let in: the policy stops it.
    browser.execute_script(
        "const script = document.createElement('script');"
        "script.textContent = 'document.title = \"run\"'; document.body.append(script);"
        "const other = document.createElement('div');"
        "other.innerHTML = '<b onclick=\"document.title = 1\">b</b>'; document.body.append(other);"
        "other.firstChild.click(); fetch('https://example.com').catch(() => {})"
    )
    assert browser.title not in ("run", "1")
    complaints = [entry["message"] for entry in browser.get_log("browser")]
    assert len(complaints) >= 3
    assert all("Content Security Policy" in each for each in complaints), complaints


def test_numbers_are_rounded_as_in_the_terminal(visit, tmp_path):
    workdir = make_run(tmp_path / "run", epochs=3)
    report.write_report(workdir)
    source = html._web("common.js")
    say = source[source.index("function say") : source.index("/** The bytes")]
    rng = np.random.default_rng(0)
    values = [0.9365, 0.0625, 0.1875, 2.5, 3.5, 0.5, 1.005, 1234567.125, -0.9375, 1e-7, 0.0006, 0]
    values += [round(value, 4) for value in rng.uniform(0, 1, 200)]
    values += (rng.integers(0, 4096, 200) / 256).tolist()
    browser = visit(workdir.report)
    for digits in (0, 1, 2, 3, 5):
        seen = browser.execute_script(
            f"{say}; return arguments[0].map((value) => say(value, {digits}))", values
        )
        assert seen == [f"{value:,.{digits}f}".replace("-", "\u2212") for value in values]


def test_no_value_of_a_later_epoch_is_shown(visit, tmp_path):
    workdir = make_run(tmp_path / "run", epochs=3)
    rows = ["epoch,step,D_loss,class_kl", "0,600,1.5,", "1,1200,1.25,0.000612", "2,1800,1.0,"]
    workdir.metrics.write_text("\n".join(rows) + "\n")
    report.write_report(workdir)
    browser = visit(workdir.report)
    seen = []
    for _ in range(3):
        numbers = browser.find_elements(By.CSS_SELECTOR, "#training .key b")
        seen.append([number.text for number in numbers])
        browser.find_element(By.ID, "training-time").send_keys(Keys.ARROW_LEFT)
    assert seen == [["1.000", "0.00061"], ["1.250", "0.00061"], ["1.500", "\u2013"]]


@pytest.mark.parametrize("kind", ["page", "report"])
def test_a_phone_scrolls_one_way(visit, browser, tmp_path, kind):
    workdir = make_run(tmp_path / "run", epochs=3)
    rows = ["epoch,step,D_loss,fcd", "0,600,1.5,123456.7", "1,1200,0.00001,9", "2,1800,1.0,80"]
    workdir.metrics.write_text("\n".join(rows) + "\n")
    wide = {name: {"mean": 12345.678, "std": 1234.567} for name in ("fcd", "nn_ratio_median")}
    evaluate(workdir, step=1800)
    file = workdir.evaluation / "evaluation.json"
    content = json.loads(file.read_text())
    content["rows"] = dict.fromkeys(("generator", "generator_raw", "floor", "noise"), wide)
    file.write_text(json.dumps(content))
    report.write_report(workdir)
    page.write_page(tmp_path / "page.html", networks.mlp_generator(5, 16, (6, 6, 1)), workdir)
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", PHONE)
    visit(tmp_path / "page.html" if kind == "page" else workdir.report)
    assert browser.execute_script("return document.documentElement.scrollWidth") == 360
    beyond = browser.execute_script(
        "return [...document.querySelectorAll('main *')].filter((each) => each.checkVisibility() &&"
        "(each.getBoundingClientRect().right > 361 || each.getBoundingClientRect().left < -1))"
        ".map((each) => each.outerHTML)"
    )
    assert beyond == []
    unnamed = browser.execute_script(
        "return [...document.querySelectorAll('img:not([alt]), svg[role=img]:not([aria-label]),"
        "canvas:not([aria-label]):not([aria-hidden])')].length"
    )
    assert unnamed == 0


# The least contrast of an element's own text with what is behind it, by WCAG 2's formula.
CONTRAST = """
const light = (color) => {
  const [r, g, b] = color.match(/[\\d.]+/g).map((part) => part / 255)
    .map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4));
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
};
const behind = (element) => {
  const color = getComputedStyle(element).backgroundColor;
  return color === "rgba(0, 0, 0, 0)" ? behind(element.parentElement) : color;
};
const found = [...document.querySelectorAll("main *")]
  .filter((each) => each.checkVisibility() && [...each.childNodes].some(
    (child) => child.nodeType === Node.TEXT_NODE && child.data.trim()))
  .map((each) => {
    const { color, fill } = getComputedStyle(each);
    const front = light(each instanceof SVGElement ? fill : color), back = light(behind(each));
    return [(Math.max(front, back) + 0.05) / (Math.min(front, back) + 0.05), each.textContent];
  });
return found.sort((a, b) => a[0] - b[0])[0];
"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_is_legible(visit, browser, tmp_path, scheme):
    workdir = make_run(tmp_path / "run", epochs=3)
    evaluate(workdir, step=1800)
    report.write_report(workdir)
    page.write_page(tmp_path / "page.html", networks.mlp_generator(5, 16, (6, 6, 1)), workdir)
    feature = {"name": "prefers-color-scheme", "value": scheme}
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [feature]})
    papers = set()
    for path in (tmp_path / "page.html", workdir.report):
        visit(path)
        contrast, text = browser.execute_script(CONTRAST)
        assert contrast > 4.5, text
        papers.add(browser.execute_script("return getComputedStyle(document.body).backgroundColor"))
    assert papers == {{"light": "rgb(250, 249, 246)", "dark": "rgb(20, 22, 26)"}[scheme]}

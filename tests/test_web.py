"""What both pages promise, in a real browser, from disk; skipped where there is no Chromium."""

import json

import pytest
from test_report import evaluate, make_run

from tfgan import networks, report
from tfgan.exports import page

pytest.importorskip("selenium")
import chromium
from chromium import FRAMES, settle
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By

pytestmark = chromium.NEEDED
PHONE = {"width": 360, "height": 740, "deviceScaleFactor": 1, "mobile": True}


@pytest.mark.parametrize(
    ("kind", "button", "clicks"),
    [
        pytest.param("report", "training-play", 40, marks=pytest.mark.slow),
        ("page", "training-play", 40),
        ("page", "between-play", 10),
    ],
)
def test_each_click_on_play_plays(visit, tmp_path, kind, button, clicks):
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
    for _ in range(clicks):
        ActionChains(browser).click(element).perform()
        assert element.text == "Stop"
        browser.execute_async_script(FRAMES)
        places.add(browser.find_element(By.ID, slider).get_property("value"))
        # Unless it is at its end, which must not come between the look and the click.
        browser.execute_script(
            "if (arguments[0].textContent === 'Stop') arguments[0].click()", element
        )
        assert element.text == "Play"
    assert len(places) > 3  # it moved; `visit` sees that nothing complained


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
        f"{name}: a run of tfgan" if kind == "report" else "Explore a generator"
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

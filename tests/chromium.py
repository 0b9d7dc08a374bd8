"""A Chromium for the tests of the pages: starts it, and looks at what it shows."""

import json
import shutil
from collections.abc import Callable, Iterator

import numpy as np
import pytest

pytest.importorskip("selenium")
from selenium import webdriver
from selenium.webdriver.support.ui import WebDriverWait

CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
NEEDED = pytest.mark.skipif(
    not (CHROMIUM and DRIVER), reason="needs chromium and chromedriver on the PATH"
)
READ = """
const canvas = document.querySelector(arguments[0]);
const {data} = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
return [canvas.height, canvas.width, Array.from(data)];
"""
FRAMES = """
const done = arguments[0];
requestAnimationFrame(() => requestAnimationFrame(() => requestAnimationFrame(() => done())));
"""


def start() -> webdriver.Chrome:
    """A browser without a window, which keeps what it was told and what it asked for."""
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", "--window-size=1280,900"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    return webdriver.Chrome(options, webdriver.ChromeService(DRIVER))


def visits(browser: webdriver.Chrome) -> Iterator[Callable]:
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
    """What a canvas shows, uint8 `(height, width, 3)`."""
    height, width, data = browser.execute_script(READ, selector)
    return np.array(data, np.uint8).reshape(height, width, 4)[..., :3]

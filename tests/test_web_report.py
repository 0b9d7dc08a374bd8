"""The report of a run in a real browser, from disk; skipped where there is no Chromium."""

import json

import numpy as np
import pytest
from test_report import evaluate, make_run

from tfgan import report
from tfgan.web import html

pytest.importorskip("selenium")
import chromium
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

pytestmark = chromium.NEEDED


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
    assert skipped.startswith("everything else: ")
    again = browser.find_elements(By.CSS_SELECTOR, "#again dt")
    assert [each.text for each in again] == ["Train"]  # it has no generator
    changed = browser.find_elements(By.CSS_SELECTOR, "#settings-changed tr")
    assert {row.text for row in changed} == {"epochs 3", "batch_size 64"}
    assert not browser.find_element(By.ID, "settings-config").is_displayed()
    browser.find_element(By.TAG_NAME, "summary").click()
    assert browser.find_element(By.ID, "settings-config").is_displayed()


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


def test_parts_of_a_setting_are_told_and_flags_stay_whole(visit, browser, tmp_path):
    workdir = make_run(tmp_path / "run", epochs=3)
    recorded = json.loads(workdir.config.read_text())
    classes = {"names": ["boot", "<b>"], "counts": [3, 4]}
    recorded["config"]["conditional"] = True
    recorded["environment"]["data"] = {"version": "1.0.0", "classes": classes}
    workdir.config.write_text(json.dumps(recorded))
    workdir.generator.mkdir()
    report.write_report(workdir)
    size = {"width": 390, "height": 844, "deviceScaleFactor": 1, "mobile": True}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    visit(workdir.report)
    for summary in browser.find_elements(By.TAG_NAME, "summary"):
        summary.click()
    rows = browser.find_elements(By.CSS_SELECTOR, "#settings-environment tr")
    assert [row.text for row in rows] == [
        "keras 3",
        "data version 1.0.0",
        "data classes names boot, <b>",
        "data classes counts 3, 4",
    ]
    settings = browser.find_element(By.ID, "settings-config").text.splitlines()
    assert "augment none" in settings
    code = [each.text for each in browser.find_elements(By.CSS_SELECTOR, "#again code")]
    assert code[1].split() == [
        *("python", "-m", "tfgan.sample", "--model=RUN/generator", "--label=all"),
        *("--seed=1", "--output=samples.png"),
    ]
    broken = browser.execute_script(
        "return [...document.querySelectorAll('#again .word')].filter("
        "(each) => each.getClientRects()[0].height > 30).map((each) => each.textContent)"
    )
    assert broken == []
    lede = browser.find_element(By.ID, "training-lede").text
    assert lede.startswith("The same 8 latents after each epoch, one row per class (boot")
    caption = browser.find_element(By.ID, "report-fake-caption").text
    assert caption.endswith("One row per class, all of the same latents.")
    picture = browser.find_element(By.ID, "training-picture")
    assert picture.get_attribute("alt").startswith("16 generated")


def test_accuracies_of_classes_are_one_chart(visit, tmp_path):
    workdir = make_run(tmp_path / "run", epochs=2)
    names = [f"accuracy_of_{name}" for name in ("zero", "고양이", "T-shirt_top")]
    header = ",".join(["epoch", "step", "D_loss", "G_loss", *names])
    rows = [header, "0,600,1.5,1,,,", "1,1200,1.25,1,0.5,0.25,1.0"]
    workdir.metrics.write_text("\n".join(rows) + "\n", encoding="utf-8")
    report.write_report(workdir)
    browser = visit(workdir.report)
    (chart,) = browser.find_elements(By.CSS_SELECTOR, "#training-scores .chart")
    assert chart.text.split("\n")[0] == "label accuracy by class"
    key = [line.text for line in chart.find_elements(By.CSS_SELECTOR, ".key li")]
    assert key == ["zero 0.500", "고양이 0.250", "T-shirt_top 1.000"]
    lines = chart.find_elements(By.CSS_SELECTOR, ".key path")
    assert len({line.value_of_css_property("stroke") for line in lines}) == 3

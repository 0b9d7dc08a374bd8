"""What the documents point at is there."""

import pathlib
import re

import pytest
from conftest import ROOT

PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")])
SOURCES = sorted((ROOT / "tfgan").rglob("*.py"))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page):
    text = page.read_text()
    links = re.findall(r"\]\(([^)\s]+)\)", text)
    here = [link.split("#")[0] for link in links if not re.match(r"[a-z]+:|#", link)]
    assert not [link for link in here if not (page.parent / link).exists()]
    paths = re.findall(r"`((?:tfgan|tests|benchmarks|examples|flags|docs)/[\w./]+)`", text)
    assert not [path for path in paths if not (ROOT / path).exists()]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_commands_are_modules(page):
    for name in re.findall(r"python -m ((?:tfgan|benchmarks)[\w.]*)", page.read_text()):
        path = ROOT / name.replace(".", "/")
        assert path.with_suffix(".py").exists() or (path / "__main__.py").exists(), name


def test_docstrings_name_modules_that_exist():
    missing = []
    for source in SOURCES:
        for name in re.findall(r"`tfgan\.([a-z_][\w.]*)", source.read_text()):
            parts = name.split(".")
            path = pathlib.Path(ROOT, "tfgan", parts[0])
            if not (path.is_dir() or path.with_suffix(".py").exists()):
                missing.append(f"{source.name}: tfgan.{name}")
            elif path.is_dir() and len(parts) > 1:
                inside = path / parts[1]
                in_its_own_file = re.search(rf"\b{parts[1]}\b", (path / "__init__.py").read_text())
                if not (inside.with_suffix(".py").exists() or in_its_own_file):
                    missing.append(f"{source.name}: tfgan.{name}")
    assert not missing

"""The Dockerfile, as far as it can be checked without Docker."""

import json
import os
import pathlib
import re
import shlex
import shutil
import subprocess
import tomllib

import pytest
from conftest import ROOT


def instructions() -> list[tuple[str, str]]:
    """Name and rest of each, its lines joined."""
    text = re.sub(r"^\s*#.*\n", "", (ROOT / "Dockerfile").read_text(), flags=re.MULTILINE)
    lines = text.replace("\\\n", " ").splitlines()
    return [(name, rest) for name, _, rest in (line.partition(" ") for line in lines) if name]


def given(name: str) -> list[str]:
    return [rest for each, rest in instructions() if each == name]


@pytest.fixture
def image(tmp_path) -> pathlib.Path:
    """The working directory of the image before anything is run there."""
    folder = tmp_path / "image"
    folder.mkdir()
    for rest in given("COPY"):
        *sources, target = shlex.split(rest)
        for source in sources:
            if (ROOT / source).is_dir():
                shutil.copytree(ROOT / source, folder / target)
            else:
                shutil.copy(ROOT / source, folder / target)
    return folder


def test_what_is_copied_is_sent_to_the_builder_and_nothing_else():
    copied = {source for rest in given("COPY") for source in shlex.split(rest)[:-1]}
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    assert "*" in lines
    assert {line[1:] for line in lines if line.startswith("!")} == copied


def test_what_is_copied_is_all_that_an_installation_needs(image):
    project = tomllib.loads((image / "pyproject.toml").read_text())
    for name in (project["project"]["readme"], *project["project"]["license-files"]):
        assert (image / name).is_file()
    setuptools = project["tool"]["setuptools"]
    for package in setuptools["packages"]:
        place = setuptools["package-dir"].get(package, package.replace(".", "/"))
        assert (image / place).is_dir(), package


def test_make_train_installs_nothing_more(image):
    (command,) = map(json.loads, given("CMD"))
    assert command == ["make", "train"]
    (image / ".venv").mkdir()
    for file in image.iterdir():  # older than what they made
        os.utime(file, (0, 0))
    (image / ".venv" / "installed").touch()
    alone = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    made = subprocess.run(
        [*command, "--dry-run"], cwd=image, env=alone, capture_output=True, text=True
    )
    assert made.stdout == ".venv/bin/python -m tfgan.train --epochs=200\n", made.stderr
    assert any("touch .venv/installed" in rest for rest in given("RUN"))


def test_nobody_is_root_and_what_is_written_lies_in_volumes():
    names = [name for name, _ in instructions()]
    assert names.index("USER") > max(i for i, name in enumerate(names) if name == "RUN")
    assert given("USER") == ["1000"]
    (volumes,) = map(json.loads, given("VOLUME"))
    assert volumes == ["/data", "/tfgan/runs"]
    assert given("WORKDIR") == ["/tfgan"]  # below which `runs` is, the default of --workdir
    assert any(rest.endswith("TFDS_DATA_DIR=/data") for rest in given("ENV"))
    assert "install --directory --owner=1000 /data runs" in given("RUN")[-1]

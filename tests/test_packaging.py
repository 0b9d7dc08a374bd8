"""What an installation without the source folder needs is declared."""

import tomllib

from conftest import ROOT


def test_every_package_and_its_data_is_declared():
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]
    folders = [file.parent for file in (ROOT / "tfgan").rglob("__init__.py")]
    names = [".".join(folder.relative_to(ROOT).parts) for folder in folders]
    for name, place in declared["package-dir"].items():
        names.append(name)
        folders.append(ROOT / place)
    assert sorted(declared["packages"]) == sorted(names)
    for name, folder in zip(names, folders, strict=True):
        patterns = declared["package-data"].get(name, [])
        matched = {file for pattern in patterns for file in folder.glob(pattern)}
        files = {file for file in folder.iterdir() if file.is_file() and file.suffix != ".py"}
        assert files <= matched, name

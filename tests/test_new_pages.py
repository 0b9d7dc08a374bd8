"""docs/tutorial.md, docs/troubleshooting.md and docs/README.md: what they name exists."""

import ast
import re

import pytest
from conftest import ROOT

DOCS = ROOT / "docs"
ROWS = [line for line in (DOCS / "tutorial.md").read_text().splitlines() if "](../tfgan/" in line]
# One or more names, and the file that they are in.
PLACE = re.compile(r"((?:`\w+`(?:, )?)+) in \[`(tfgan/[\w/]+\.py)`\]")
NOT_OURS = {"zsh", "No module named", "Too many open files", "pip install"}


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.split("|")[1].strip())
def test_what_a_row_of_the_tutorial_names_is_there(row):
    places = PLACE.findall(row)
    assert places
    for names, file in places:
        defined = {
            node.name
            for node in ast.walk(ast.parse((ROOT / file).read_text()))
            if isinstance(node, ast.ClassDef | ast.FunctionDef)
        }
        assert set(re.findall(r"\w+", names)) <= defined, file


def test_the_whole_tutorial_is_there():
    text = "\n".join(ROWS)
    for part in ("nn.BCELoss", "randn", "backward()", "save_image", "DataLoader", "denorm"):
        assert part in text


def strings() -> str:
    """All texts of the package; what is filled in is left out."""
    found = []
    for path in (ROOT / "tfgan").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.JoinedStr):
                parts = [each.value for each in node.values if isinstance(each, ast.Constant)]
                found.append("\n".join(map(str, parts)))
            elif isinstance(node, ast.Constant):
                found.append(str(node.value))
    return "\n".join(found)


def test_messages_that_the_troubleshooting_page_quotes_are_the_package_s():
    symptoms = re.findall(r"^\| (.*?) \| ", (DOCS / "troubleshooting.md").read_text(), re.MULTILINE)
    quoted = [text for symptom in symptoms for text in re.findall(r"`([^`]+)`", symptom)]
    ours = [text for text in quoted if not any(text.startswith(each) for each in NOT_OURS)]
    assert len(ours) > 12
    known = strings()
    # An ellipsis, a number or a name stands for what is filled in.
    pieces = [piece for text in ours for piece in re.split(r"\.\.\.|[\d,]+|=\w+|test\[", text)]
    assert not [piece for piece in pieces if len(piece) > 7 and piece.strip() not in known]


def test_the_index_has_every_page():
    index = (DOCS / "README.md").read_text()
    pages = {page.name for page in DOCS.glob("*.md")} - {"README.md"}
    assert not [page for page in pages if f"({page})" not in index]

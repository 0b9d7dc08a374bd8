"""docs/theory.md quotes the code that is each equation: the quotes must not rot."""

import ast
import re
import textwrap

import pytest
from conftest import ROOT

DOCS = ROOT / "docs"
PAGES = ("theory.md", "theory.ko.md")
# [`losses.py`](../tfgan/losses.py), `discriminator_loss`: and then the lines.
QUOTE = re.compile(r"\]\(\.\./(tfgan/[\w/]+\.py)\), `([\w.]+)`:\n\n```python\n(.*?)```", re.DOTALL)


def source(path: str, name: str) -> str:
    """The source of a function or of a method `Class.method`."""
    text = (ROOT / path).read_text()
    node = ast.parse(text)
    for part in name.split("."):
        (node,) = [child for child in node.body if getattr(child, "name", None) == part]
    return textwrap.dedent(
        "\n".join(text.splitlines()[node.lineno - 1 : node.end_lineno])  # indented as it stands
    )


def quotes(page: str) -> list[tuple[str, str, str]]:
    return QUOTE.findall((DOCS / page).read_text())


def is_quoted_from(code: str, function: str) -> bool:
    """Whether the lines of `code` follow one another in `function`, whatever the indentation."""
    lines, wanted = function.splitlines(), textwrap.dedent(code).splitlines()
    return any(
        textwrap.dedent("\n".join(lines[start : start + len(wanted)])).splitlines() == wanted
        for start in range(len(lines))
    )


@pytest.mark.parametrize("page", PAGES)
def test_quoted_lines_are_in_the_code(page):
    assert len(quotes(page)) >= 5
    for path, name, code in quotes(page):
        assert is_quoted_from(code, source(path, name)), f"{path}, {name} has no longer:\n{code}"


@pytest.mark.parametrize("page", PAGES)
def test_each_block_of_python_names_its_source(page):
    assert (DOCS / page).read_text().count("```python") == len(quotes(page))


def test_both_languages_quote_the_same():
    assert quotes("theory.md") == quotes("theory.ko.md")


@pytest.mark.parametrize("page", [*(f"docs/{page}" for page in PAGES), "README.ko.md"])
def test_links_lead_somewhere(page):
    text = (ROOT / page).read_text()
    for target in re.findall(r"\]\((?!https?://)([^)#]+)", text):
        assert ((ROOT / page).parent / target).exists(), target


def test_a_changed_line_would_be_seen():
    function = source("tfgan/losses.py", "minimax_generator_loss")
    assert is_quoted_from("return -tf.nn.softplus(fake_logits)", function)
    assert not is_quoted_from("return tf.nn.softplus(fake_logits)", function)
    assert not is_quoted_from("return -tf.nn.softplus(-fake_logits)", function)

"""Korean pages and notebooks have the structure, code and links of the English ones."""

import itertools
import os
import re

import nbformat
import pytest
from conftest import ROOT

TRANSLATED = sorted([*ROOT.glob("*.ko.*"), *(ROOT / "docs").glob("*.ko.*")])
NOTEBOOKS = [page for page in TRANSLATED if page.suffix == ".ipynb"]
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
SPAN = re.compile(r"(?<!`)`([^`\n]+)`(?!`)")
IMAGE = re.compile(r"!\[[^\]]*\]\(([^)\s]+)\)")
LINK = re.compile(r"(?<!!)\[((?:[^\[\]]|\[[^\]]*\])*)\]\(([^)\s]+)\)")
IN_ENGLISH = re.compile(r"\(영어[),]")


def original(page):
    """The page that it is a translation of."""
    return page.with_name(page.name.replace(".ko.", "."))


def text_of(page) -> str:
    """Its Markdown; of a notebook, that of its cells, one below the other."""
    if page.suffix != ".ipynb":
        return page.read_text()
    cells = nbformat.read(page, as_version=4).cells
    return "\n\n".join(cell.source for cell in cells if cell.cell_type == "markdown")


def prose(text: str) -> str:
    """All but blocks of code."""
    return BLOCK.sub("", text)


def headings(text: str) -> list[str]:
    return re.findall(r"^(#+) ", prose(text), re.MULTILINE)


def sections(text: str) -> list[str]:
    """What lies between two headings, without code."""
    return re.split(r"^#+ .*$", prose(text), flags=re.MULTILINE)


def without_comments(code: str) -> list[str]:
    """Its lines; comments are words, and may be Korean, and so may the notebook that is opened."""
    lines = [re.sub(r"(^|\s+)#( .*|$)", "", line).rstrip() for line in code.splitlines()]
    lines = [line.replace("tour.ko.ipynb", "tour.ipynb") for line in lines]
    return [line for line in lines if line]


def tables(text: str) -> list[list[list[str]]]:
    """Of each table its rows, of each of them the cells."""
    found = []
    for is_table, lines in itertools.groupby(
        prose(text).splitlines(), lambda line: line[:1] == "|"
    ):
        if is_table:
            found.append([re.split(r"(?<!\\)\|", line)[1:-1] for line in lines])
    return found


def numbers(row: list[str]) -> list[str]:
    """The numbers of a row, in whatever order the language says them."""
    without_links = re.sub(r"\]\([^)]*\)", "]", " ".join(row))
    return sorted(re.findall(r"\d[\d.,]*\d|\d", without_links))


def english_target(page, target: str) -> str:
    """Where the English page links to, where a translation links to `target`."""
    path = target.split("#")[0]
    there = os.path.normpath(page.parent / path) if path else str(page)
    return os.path.relpath(original(type(page)(there)), ROOT)


@pytest.fixture(params=TRANSLATED, ids=lambda page: page.name)
def page(request):
    return request.param


@pytest.fixture
def both(page) -> tuple[str, str]:
    """The original and the translation."""
    return text_of(original(page)), text_of(page)


def test_headings_follow_one_another_in_the_same_order(both):
    english, korean = map(headings, both)
    assert len(english) > 4
    assert korean == english


def test_figures_and_formulas_are_the_same(both):
    for pattern in (IMAGE, re.compile(r"\$\$.*?\$\$", re.DOTALL)):
        english, korean = map(pattern.findall, both)
        assert korean == english


def test_code_is_the_same_word_for_word(both):
    english, korean = (
        [(language, without_comments(code)) for language, code in BLOCK.findall(text)]
        for text in both
    )
    assert english
    assert korean == english


def test_tables_have_the_same_columns_rows_and_numbers(both):
    english, korean = map(tables, both)
    assert [[len(row) for row in table] for table in korean] == [
        [len(row) for row in table] for table in english
    ]
    for row, translated in zip(
        *(itertools.chain(*found) for found in (english, korean)), strict=True
    ):
        assert numbers(translated) == numbers(row)


def test_each_section_names_the_same_code(both):
    for english, korean in zip(*map(sections, both), strict=True):
        spans = [
            {each.replace(".ko.", ".") for each in SPAN.findall(text)} for text in (english, korean)
        ]
        assert spans[1] == spans[0]


def test_each_section_has_the_same_links(page, both):
    for english, korean in zip(*map(sections, both), strict=True):
        found = [
            {
                target if re.match(r"https?:", target) else english_target(of, target)
                for _, target in LINK.findall(text)
            }
            for of, text in ((original(page), english), (page, korean))
        ]
        assert found[1] == found[0]


def test_links_that_leave_the_language_say_so(page):
    text = prose(text_of(page))
    silent = []
    for match in LINK.finditer(text):
        said, target = match.groups()
        path = page.parent / target.split("#")[0]
        if re.match(r"https?:|#", target) or path.suffix not in (".md", ".ipynb", ".html"):
            continue
        follows = IN_ENGLISH.match(text, match.end())
        if ".ko." in path.name:
            assert not follows, match[0]
        elif not (follows or said == "English"):
            silent.append(match[0])
        translated = path.with_name(path.stem + ".ko" + path.suffix)
        assert said == "English" or not translated.exists(), (
            f"{match[0]}: there is {translated.name}"
        )
    assert not silent


def test_links_within_pages_lead_to_headings(page):
    for _, target in LINK.findall(prose(text_of(page))):
        path, _, anchor = target.partition("#")
        if anchor and not re.match(r"https?:", target):
            there = text_of(page.parent / path if path else page)
            names = re.findall(r"^#+ (.*)$", prose(there), re.MULTILINE)
            slugs = [re.sub(r"[^\w\- ]", "", name.lower()).replace(" ", "-") for name in names]
            assert anchor in slugs, target


@pytest.mark.parametrize("page", NOTEBOOKS, ids=lambda page: page.name)
def test_a_notebook_has_the_cells_and_outputs_of_the_english_one(page):
    english, korean = (nbformat.read(each, as_version=4).cells for each in (original(page), page))
    assert [cell.id for cell in korean] == [cell.id for cell in english]
    for ours, theirs in zip(korean, english, strict=True):
        assert ours.cell_type == theirs.cell_type
        if ours.cell_type == "code":
            assert ours == theirs
        else:
            assert len(headings(ours.source)) == len(headings(theirs.source))
            for tag in ("<details>", "<summary>", "</details>"):
                assert ours.source.count(tag) == theirs.source.count(tag)


def test_bold_ends_where_markdown_sees_it(page):
    # After a punctuation mark, "**" right before a letter closes nothing (CommonMark 6.2).
    assert not re.findall(r"[`)\].,]\*{1,2}[가-힣]", prose(text_of(page)))


def test_one_word_for_one_thing(page):
    text = text_of(page)
    assert not re.findall(r"젠슨|얀센", text)  # Jensen: 옌센
    assert not re.findall(r"바서스타인|와서스테인|워서스테인", text)  # Wasserstein: 바서슈타인
    assert not re.findall(r"레서피", text)  # recipe: 레시피

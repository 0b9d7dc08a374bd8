"""docs/tour.ipynb stands there as it ran, and its calls and words are those of now."""

import ast
import contextlib
import inspect
import io
import json
import re
from typing import Any

import nbformat
from conftest import ROOT
from matplotlib import pyplot as plt
from test_tour import (
    ANSWER,
    TOUR,
    assert_answers,
    assert_pictures,
    assert_readable,
    assert_sentences,
    assert_theory,
    code_cells,
    printed,
)

from tfgan import networks
from tfgan.doctor import diagnoses
from tfgan.doctor.evidence import Evidence
from tfgan.doctor.record import History
from tfgan.evaluation import protocol
from tfgan.run import recipes

MOST_BYTES = 1_500_000
FOREIGN = re.compile(r"/(home|root|tmp|Users|work)\b")  # folders of somebody's machine


def test_stands_there_as_it_ran():
    notebook = nbformat.read(TOUR, as_version=4)
    nbformat.validate(notebook)
    cells = code_cells(notebook)
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    assert_theory(notebook)
    assert_pictures(notebook, recorded=True)
    assert_readable(notebook)
    assert_sentences(notebook)
    text = "\n".join(cell.source for cell in notebook.cells)
    assert_answers(*(output for _, output in ANSWER.findall(text)))
    assert not FOREIGN.search(printed(notebook) + text)
    assert TOUR.stat().st_size < MOST_BYTES


def test_short_cells_print_what_is_recorded(monkeypatch):
    notebook = nbformat.read(TOUR, as_version=4)
    monkeypatch.setattr(plt, "show", lambda: None)
    space: dict[str, Any] = {"display": None}
    exercise = "\n".join(cell.source for cell in notebook.cells if cell.id == "exercise-1")
    ((answer, expected),) = ANSWER.findall(exercise)
    sources = {cell.id: cell.source for cell in code_cells(notebook)}
    with plt.rc_context():
        for name in ("parameters", "imports", "value", "optimal", "softplus", "update"):
            assert output_of(sources[name], space) == printed(notebook, name)
        assert output_of(answer, space) == expected
    plt.close("all")


def output_of(source: str, space: dict[str, Any]) -> str:
    with contextlib.redirect_stdout(io.StringIO()) as said:
        exec(source, space)
    return said.getvalue()


def test_tables_and_findings_have_the_words_of_now():
    notebook = nbformat.read(TOUR, as_version=4)
    lines = printed(notebook, "scores").splitlines()
    assert lines[1].split() == ["generator", "generator_raw", "floor", "ideal"]
    quick = [metric.label for metric in protocol.METRICS.values() if metric.quick]
    assert [re.match(r"(.*?)  ", line)[1] for line in lines[2:-1]] == quick

    record = (ROOT / "tests/doctor_evidence/saturating_loss.jsonl").read_text().splitlines()[-1]
    finding = diagnoses.gradient_vanished(History((Evidence.from_dict(json.loads(record)),)))
    told = printed(notebook, "diagnose").split("\n- ")[1]
    expected = f"{finding.title}\n  evidence: {finding.evidence}\n  try: {finding.advice}\n"
    assert without_numbers(told) == without_numbers(expected)

    fast = recipes.options("fast")
    kind, size = networks.KINDS[fast["network"]], (28, 28, 1)
    counts = [
        f"generator {kind.generator(64, 256, size).count_params():,} parameters",
        f"discriminator {kind.discriminator(256, size).count_params():,}",
    ]
    assert f"Networks: {', '.join(counts)}\n" in printed(notebook, "train-fast")


def without_numbers(text: str) -> str:
    return re.sub(r"\d[\d.e+-]*\d|\d", "#", text)


def test_calls_take_what_the_tour_gives_them():
    notebook = nbformat.read(TOUR, as_version=4)
    text = "\n".join(cell.source for cell in notebook.cells)
    sources = [cell.source for cell in code_cells(notebook)] + [
        code for code, _ in ANSWER.findall(text)
    ]
    space: dict[str, Any] = {}
    checked = set()
    for node in ast.walk(ast.parse("\n".join(sources))):
        if isinstance(node, ast.ImportFrom | ast.Import):
            exec(ast.unparse(node), space)
    for node in ast.walk(ast.parse("\n".join(sources))):
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
            continue
        owner = node.func.value
        if not (isinstance(owner, ast.Name) and inspect.ismodule(space.get(owner.id))):
            continue
        function = getattr(space[owner.id], node.func.attr)
        if (getattr(function, "__module__", None) or "").startswith("tfgan."):
            positional = [None] * len(node.args)
            named = {each.arg: None for each in node.keywords if each.arg}
            inspect.signature(function).bind_partial(*positional, **named)
            checked.add(ast.unparse(node.func))
    assert {
        "tfgan.train_and_export",
        "harness.evaluate",
        "harness.run",
        "doctor.diagnose",
    } < checked


def test_asks_for_nothing_but_python():
    for cell in code_cells(nbformat.read(TOUR, as_version=4)):
        assert not re.search(r"^\s*[!%]", cell.source, re.MULTILINE), cell.source

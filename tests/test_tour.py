"""docs/tour.ipynb runs from top to bottom, and stands there as it ran."""

import base64
import inspect
import io
import os
import pathlib
import re
import subprocess
import sys
from typing import Any

import nbclient
import nbformat
import numpy as np
import pytest
from conftest import ROOT
from PIL import Image

import tfgan
from tfgan.ground import pictures

TOUR = ROOT / "docs" / "tour.ipynb"
MOST_LINES = 40  # of one cell: a bar that is drawn anew, line by line, would have more
FOREIGN = re.compile(r"/(home|root|tmp|Users|work)\b")  # folders of somebody's machine


def execute(folder: pathlib.Path, **parameters: Any) -> nbformat.NotebookNode:
    """Runs the tour in a folder, with the package of this repository.

    Args:
        folder: where its runs go.
        **parameters: values instead of those in its cell of parameters.
    """
    notebook = nbformat.read(TOUR, as_version=4)
    (cell,) = [cell for cell in notebook.cells if "parameters" in cell.metadata.get("tags", [])]
    defaults = cell.source
    cell.source += "".join(f"\n{name} = {value!r}" for name, value in parameters.items())
    client = nbclient.NotebookClient(
        notebook,
        resources={"metadata": {"path": str(folder)}},
        kernel_name="python3",
        timeout=600,
        record_timing=False,
        coalesce_streams=True,
    )
    beside_python = os.path.dirname(sys.executable)
    client.execute(
        env=os.environ
        | {
            "PYTHONPATH": str(ROOT),
            "PATH": f"{beside_python}{os.pathsep}{os.environ['PATH']}",
            "IPYTHONDIR": str(folder / "ipython"),  # nobody's own start-up files
        }
    )
    cell.source = defaults
    return notebook


def code_cells(notebook: nbformat.NotebookNode) -> list[nbformat.NotebookNode]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def text_of(notebook: nbformat.NotebookNode, marker: str = "") -> str:
    """What the code cells print whose source has the marker."""
    return "".join(
        output.text
        for cell in code_cells(notebook)
        if marker in cell.source
        for output in cell.outputs
        if output.output_type == "stream"
    )


def assert_theory(notebook: nbformat.NotebookNode) -> None:
    values = dict(re.findall(r"sigmoid\((\d) x\):  V = (-\d\.\d{4})", text_of(notebook)))
    assert values["0"] == "-1.3863"  # -log 4: D = 1/2 whatever x is
    # -log 4 + 2 JSD = -0.71263; D* has logit 2x. The mean of 100,000 errs by 0.004 or so.
    assert max(values, key=lambda a: float(values[a])) == "2"
    assert float(values["2"]) == pytest.approx(-0.7126, abs=0.02)
    text = text_of(notebook, "optimal_logit")
    assert "JSD by quadrature:                0.33683 nats" in text
    assert float(re.search(r"\|logit D\* - 2x\|: +(\S+)", text)[1]) < 1e-12
    assert re.search(r"^ +100 +inf +100\.00000$", text_of(notebook, "softplus"), re.MULTILINE)


def assert_readable(notebook: nbformat.NotebookNode) -> None:
    """No errors, no warnings, and no floods, where no bar can be drawn."""
    for cell in code_cells(notebook):
        for output in cell.outputs:
            assert output.output_type in ("stream", "display_data"), cell.source
            if output.output_type == "stream":
                assert output.name == "stdout", output.text
                assert len(output.text.splitlines()) <= MOST_LINES, output.text
                assert not re.search(r"[\r\b]", output.text)


def drawn(cell: nbformat.NotebookNode) -> list[np.ndarray]:
    """The pictures of a cell's outputs."""
    data = [output.get("data", {}) for output in cell.outputs]
    encoded = [base64.b64decode(each["image/png"]) for each in data if "image/png" in each]
    return [np.asarray(Image.open(io.BytesIO(png))) for png in encoded]


def bars(cell: nbformat.NotebookNode) -> list[str]:
    """What a cell's outputs have of nothing but text."""
    data = [output.get("data", {}) for output in cell.outputs]
    return [each["text/plain"] for each in data if list(each) == ["text/plain"]]


def assert_pictures(notebook: nbformat.NotebookNode) -> None:
    """A call that draws has one, and so has a training, however many epochs it updated it in."""
    for cell in code_cells(notebook):
        draws = re.search(r"^ *(show|plt\.show)\(", cell.source, re.MULTILINE)
        trains = re.search(r"tfgan\.(LiveGrid|train_and_export)\(", cell.source)
        assert len(drawn(cell)) == bool(draws) + bool(trains), cell.source
        runs = "tfgan.train_and_export(" in cell.source
        assert len(bars(cell)) == runs, cell.source
        assert all(re.match(r"100%\|█+\| (\S+)/\1 \[", bar) for bar in bars(cell))


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> pathlib.Path:
    return tmp_path_factory.mktemp("tour")


@pytest.fixture(scope="module")
def small(folder, tiny_data_dir) -> nbformat.NotebookNode:
    """The tour with tiny data and few steps, all else as it stands."""
    return execute(folder, data_dir=str(tiny_data_dir), batch_size=6, epochs=2, toy_steps=50)


def test_runs_from_top_to_bottom(small, folder):
    assert_theory(small)
    assert_pictures(small)
    assert_readable(small)
    assert "Epoch 2 of 2 done" in text_of(small, "tfgan.train_and_export(config)")
    assert re.search(r"^FCD +\d", text_of(small, "harness.evaluate"), re.MULTILINE)
    assert (folder / "runs" / "tour" / "report.html").is_file()
    (page,) = (folder / "runs" / "tour" / "exports").glob("*/generator.html")
    assert page.stat().st_size > 100_000


def test_a_training_shows_what_its_last_epoch_draws(small, folder):
    for marker, run in (("train_and_export(config)", "tour"), ("(told)", "tour_classes")):
        (cell,) = [cell for cell in code_cells(small) if marker in cell.source]
        newest = max((folder / "runs" / run / "samples").glob("fixed_?.png"))
        expected = pictures.load_png(newest)[..., 0]
        live = drawn(cell)[0]
        scale = live.shape[0] // expected.shape[0]
        np.testing.assert_array_equal(live[::scale, ::scale], expected)


@pytest.fixture
def bare(tmp_path) -> pathlib.Path:
    """A Python in which nothing is installed but a pip that notes how it is called."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", tmp_path / "venv"], check=True)
    (packages,) = (tmp_path / "venv").glob("lib/*/site-packages")
    (packages / "pip.py").write_text("import sys; print(*sys.argv[1:], sep='|')")
    return tmp_path


def first_cell(bare: pathlib.Path, where: pathlib.Path) -> subprocess.CompletedProcess:
    """Runs what installs, as a notebook in a folder does."""
    (cell,) = [
        cell
        for cell in nbformat.read(TOUR, as_version=4).cells
        if "install" in cell.metadata.get("tags", [])
    ]
    return subprocess.run(
        [bare / "venv/bin/python", "-c", cell.source],
        cwd=where,
        env={"PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
    )


def test_first_cell_installs_the_clone_or_a_wheel_that_was_uploaded(bare):
    def called(package: object) -> str:
        return f"install|--quiet|{package}[plots]\n"

    assert first_cell(bare, TOUR.parent).stdout == called(ROOT)
    assert first_cell(bare, ROOT).stdout == called(ROOT)
    colab = bare / "content"
    colab.mkdir()
    done = first_cell(bare, colab)
    assert done.returncode
    assert "upload tfgan's wheel to this folder" in done.stderr.splitlines()[-1]
    wheel = colab / "tfgan-0.2.0-py3-none-any.whl"
    wheel.touch()
    assert first_cell(bare, colab).stdout == called(wheel)
    (packages,) = (bare / "venv").glob("lib/*/site-packages")
    for name in ("tfgan", "tensorflow_datasets"):
        (packages / name).mkdir()
    done = first_cell(bare, colab)
    assert (done.returncode, done.stdout) == (0, "")


@pytest.mark.slow
def test_runs_as_it_stands(tmp_path):
    notebook = execute(tmp_path)
    assert_theory(notebook)
    assert_pictures(notebook)
    assert_readable(notebook)
    text = text_of(notebook, "harness.evaluate")
    generator, _, floor, _ = map(float, re.search(r"^FCD +(.+)$", text, re.MULTILINE)[1].split())
    assert 0 < floor < generator < 300
    assert "collapsed" not in text


def test_stands_there_as_it_ran():
    notebook = nbformat.read(TOUR, as_version=4)
    nbformat.validate(notebook)
    cells = code_cells(notebook)
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    assert_theory(notebook)
    assert_pictures(notebook)
    assert_readable(notebook)
    assert not FOREIGN.search(text_of(notebook))
    assert TOUR.stat().st_size < 600_000


def test_shows_the_heart_as_it_is():
    notebook = nbformat.read(TOUR, as_version=4)
    shown = text_of(notebook, "inspect.getsource(tfgan.GAN.update)")
    assert inspect.getsource(tfgan.GAN.update).strip() in shown


def test_asks_for_nothing_but_python():
    notebook = nbformat.read(TOUR, as_version=4)
    for cell in code_cells(notebook):
        assert not re.search(r"^\s*[!%]", cell.source, re.MULTILINE), cell.source


def test_links_lead_somewhere():
    text = "\n".join(cell.source for cell in nbformat.read(TOUR, as_version=4).cells)
    for target in re.findall(r"\]\((?!https?://)([^)#]+)", text):
        assert (TOUR.parent / target).exists(), target

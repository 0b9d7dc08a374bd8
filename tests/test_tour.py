"""docs/tour.ipynb runs from top to bottom; `test_tour_recorded.py` is about its record."""

import base64
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

from tfgan.ground import pictures

TOUR = ROOT / "docs" / "tour.ipynb"
MOST_LINES = 40  # of one cell: a bar that is drawn anew, line by line, would have more
# In an exercise: the answer's code, and what it prints.
ANSWER = re.compile(r"```python\n(.*?)```\n\n```text\n(.*?)```\n\n</details>", re.DOTALL)


def execute(folder: pathlib.Path, answers: bool = False, **parameters: Any):
    """Runs the tour in a folder, with the package of this repository.

    Args:
        folder: where its runs go.
        answers: whether the cells for the reader's answers run those of the exercises.
        **parameters: values instead of those in its cell of parameters.

    Returns:
        The notebook, its code cells with what they print and show.
    """
    notebook = nbformat.read(TOUR, as_version=4)
    cells = {cell.id: cell for cell in notebook.cells}
    sources = {name: cell.source for name, cell in cells.items()}
    cells["parameters"].source += "".join(
        f"\n{name} = {value!r}" for name, value in parameters.items()
    )
    for number in (1, 2, 3) if answers else ():
        cells[f"answer-{number}"].source = ANSWER.search(sources[f"exercise-{number}"])[1]
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
    cells["parameters"].source = sources["parameters"]
    return notebook


def code_cells(notebook) -> list:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def printed(notebook, name: str = "") -> str:
    """What a code cell prints; without a name, what all do."""
    return "".join(
        output.text
        for cell in code_cells(notebook)
        if name in ("", cell.id)
        for output in cell.outputs
        if output.output_type == "stream"
    )


def scores(table: str) -> dict[str, list[float]]:
    """Values by the names of an evaluation's rows, in the order of its columns."""
    rows = re.findall(r"^(\w[\w ,%]*?)  +(\d.*)$", table, re.MULTILINE)
    return {
        name: [float(each) for each in re.findall(r"(?<!± )\b\d+\.\d+", cells)]
        for name, cells in rows
    }


def assert_theory(notebook) -> None:
    values = dict(re.findall(r"sigmoid\((\d) x\):  V = (-\d\.\d{4})", printed(notebook, "value")))
    assert values["0"] == "-1.3863"  # -log 4: D = 1/2 whatever x is
    # -log 4 + 2 JSD = -0.71263; D* has logit 2x. The mean of 100,000 errs by 0.004 or so.
    assert max(values, key=lambda a: float(values[a])) == "2"
    assert float(values["2"]) == pytest.approx(-0.7126, abs=0.02)
    text = printed(notebook, "optimal")
    assert "JSD by quadrature:                0.33683 nats" in text
    assert float(re.search(r"\|logit D\* - 2x\|: +(\S+)", text)[1]) < 1e-12
    assert re.search(r"^ +100 +inf +100\.00000$", printed(notebook, "softplus"), re.MULTILINE)


def assert_sentences(notebook) -> None:
    """The text says so of what the runs print."""
    found = scores(printed(notebook, "scores"))
    average, raw, floor, _ = found["FCD"]
    assert 3 * floor < average < raw < 15
    log = printed(notebook, "minimax")
    assert log.splitlines()[-5].endswith(
        "D_loss: 0.0000, G_loss: -0.0000, D(x): 1.00, D(G(z)): 0.00"
    )
    good, *bad = printed(notebook, "diagnose").splitlines()
    assert good == "runs/tour, findings: 0"
    assert bad[:2] == ["runs/broken, findings: 1", "- G's gradient has vanished"]


def assert_answers(first: str, second: str, third: str) -> None:
    """The answers say so of what they print."""
    assert float(re.search(r"largest difference: (\S+)", first)[1]) < 1e-12
    assert first.endswith("JSD: 0.12817 nats\n")  # as in docs/theory.md
    assert second.endswith("runs/mended, findings: 0\n")
    found = scores(third)
    (precision, truncated), (recall, fewer) = found["precision"][:2], found["recall"][:2]
    assert precision < truncated
    assert recall > fewer
    assert found["FCD"][0] < found["FCD"][1]


def assert_readable(notebook) -> None:
    """No errors, no warnings, and no floods, where no bar can be drawn."""
    for cell in code_cells(notebook):
        for output in cell.outputs:
            assert output.output_type in ("stream", "display_data"), cell.source
            if output.output_type == "stream":
                assert output.name == "stdout", output.text
                assert len(output.text.splitlines()) <= MOST_LINES, output.text
                assert not re.search(r"[\r\b]", output.text)


def drawn(cell) -> list[np.ndarray]:
    """The pictures of a cell's outputs."""
    data = [output.get("data", {}) for output in cell.outputs]
    encoded = [base64.b64decode(each["image/png"]) for each in data if "image/png" in each]
    return [np.asarray(Image.open(io.BytesIO(png))) for png in encoded]


def bars(cell) -> list[str]:
    """What a cell's outputs have of nothing but text."""
    data = [output.get("data", {}) for output in cell.outputs]
    return [each["text/plain"] for each in data if list(each) == ["text/plain"]]


def assert_pictures(notebook, recorded: bool = False) -> None:
    """A call that draws has one, and so has a training, however many epochs it updated it in."""
    for cell in code_cells(notebook):
        draws = re.findall(r"^ *(show|plt\.show)\(|callbacks=\[watch\]", cell.source, re.MULTILINE)
        trains = re.findall(r"tfgan\.(LiveGrid|train_and_export)\(", cell.source)
        page = "srcdoc" in cell.source
        count = len(draws) + len(trains) + (page and recorded)
        assert len(drawn(cell)) == count, cell.source
        assert any("text/html" in output.get("data", {}) for output in cell.outputs) == (
            page and not recorded
        )
        assert len(bars(cell)) == ("train_and_export" in trains), cell.source
        assert all(re.match(r"100%\|█+\| (\S+)/\1 \[", bar) for bar in bars(cell))


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> pathlib.Path:
    return tmp_path_factory.mktemp("tour")


@pytest.fixture(scope="module")
def small(folder, tiny_data_dir):
    """The tour with tiny data, small networks and few steps, all else as it stands."""
    # A call for each step: TensorFlow warns if 5 of 60 or so calls had to build a function.
    changes = {"network": "mlp", "hidden_size": 16, "batch_size": 6, "steps_per_execution": 1}
    return execute(folder, data_dir=str(tiny_data_dir), batch_size=6, toy_steps=50, changes=changes)


@pytest.mark.slow
def test_runs_from_top_to_bottom(small, folder):
    assert_theory(small)
    assert_pictures(small)
    assert_readable(small)
    assert "Epoch 2 of 2 done" in printed(small, "train-fast")
    assert set(scores(printed(small, "scores"))) >= {"FCD", "precision", "recall"}
    assert (folder / "runs" / "tour" / "report.html").is_file()
    (page,) = (folder / "runs" / "tour" / "exports").glob("*/generator.html")
    assert page.stat().st_size > 100_000


@pytest.mark.slow
def test_a_training_shows_what_its_last_epoch_draws(small, folder):
    for name, run in (("train-fast", "tour"), ("sevens", "tour_classes")):
        (cell,) = [cell for cell in code_cells(small) if cell.id == name]
        expected = pictures.load_png(folder / "runs" / run / "samples/fixed_1.png")[..., 0]
        live = drawn(cell)[0]
        scale = live.shape[0] // expected.shape[0]
        np.testing.assert_array_equal(live[::scale, ::scale], expected)


@pytest.mark.slow
def test_runs_as_it_stands(tmp_path):
    notebook = execute(tmp_path, answers=True)
    assert_theory(notebook)
    assert_pictures(notebook)
    assert_readable(notebook)
    assert_sentences(notebook)
    assert_answers(*(printed(notebook, f"answer-{number}") for number in (1, 2, 3)))


@pytest.fixture
def bare(tmp_path) -> pathlib.Path:
    """A Python in which nothing is installed but a pip that notes how it is called."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", tmp_path / "venv"], check=True)
    (packages,) = (tmp_path / "venv").glob("lib/*/site-packages")
    (packages / "pip.py").write_text("import sys; print(*sys.argv[1:], sep='|')")
    return tmp_path


def first_cell(bare: pathlib.Path, where: pathlib.Path) -> subprocess.CompletedProcess:
    """Runs what installs, as a notebook in a folder does."""
    (cell,) = [cell for cell in nbformat.read(TOUR, as_version=4).cells if cell.id == "install"]
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

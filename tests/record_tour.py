"""Runs docs/tour.ipynb, and keeps what its cells say and show there and in docs/tour.ko.ipynb.

pip install -c constraints.txt -e '.[test,browser]'
python tests/record_tour.py

The page in the notebook needs a browser (see tests/chromium.py): of 2.4 MB of HTML, a picture is
kept.
"""

import pathlib
import tempfile
import time

import chromium
import nbformat
from test_tour import ANSWER, TOUR, code_cells, execute, printed

TRANSLATED = TOUR.with_suffix(".ko.ipynb")
LAST_LINE_OF_A_RUN = "--output=samples.png\n"


def picture_of(page: pathlib.Path) -> str:
    """What a browser shows of it at first, as PNG in base64."""
    browser = chromium.start()
    try:
        browser.set_window_size(900, 900)
        browser.get(page.as_uri())
        chromium.settle(browser)
        return browser.get_screenshot_as_base64()
    finally:
        browser.quit()


def record(notebook, folder: pathlib.Path) -> dict[str, str]:
    """Makes what the cells put out fit for keeping; returns the answers' lines by exercise."""
    answers = {}
    (page,) = (folder / "runs/tour/exports").glob("*/generator.html")
    for cell in code_cells(notebook):
        if cell.id.startswith("answer"):
            text = printed(notebook, cell.id).rpartition(LAST_LINE_OF_A_RUN)[2]
            answers[cell.id.replace("answer", "exercise")], cell.outputs = text, []
        for output in cell.outputs:
            if output.output_type == "stream":  # the data's folder is in what a run says
                output.text = output.text.replace(str(pathlib.Path.home()), "~")
            elif "text/html" in output.data:
                output.data = nbformat.from_dict({"image/png": picture_of(page)})
    return answers


def keep(path: pathlib.Path, ran, answers: dict[str, str]) -> None:
    """Writes the outputs into a notebook of the same code cells."""
    notebook = nbformat.read(path, as_version=4)
    found = {cell.id: cell for cell in code_cells(ran)}
    for cell in notebook.cells:
        if cell.cell_type == "code":
            same = cell.source == found[cell.id].source
            assert same or cell.id.startswith("answer"), f"{path}: {cell.id} differs"
            cell.outputs = found[cell.id].outputs
            cell.execution_count = found[cell.id].execution_count
        elif cell.id in answers:
            start, end = ANSWER.search(cell.source).span(2)
            cell.source = cell.source[:start] + answers[cell.id] + cell.source[end:]
    # A version of Python, which changes from machine to machine, is all that it holds.
    notebook.metadata.language_info = {"name": "python"}
    nbformat.write(notebook, path)
    print(f"{path}: {path.stat().st_size:,} bytes")


if __name__ == "__main__":
    start = time.perf_counter()
    with tempfile.TemporaryDirectory() as name:
        notebook = execute(pathlib.Path(name), answers=True)
        print(f"took {time.perf_counter() - start:.0f} s, answers included")
        answers = record(notebook, pathlib.Path(name))
    for path in (TOUR, TRANSLATED):
        keep(path, notebook, answers)

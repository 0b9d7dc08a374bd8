"""Runs docs/tour.ipynb and keeps what its cells say and show.

pip install -c constraints.txt -e '.[test]'
python tests/record_tour.py
"""

import pathlib
import tempfile
import time

import nbformat
from test_tour import TOUR, execute

if __name__ == "__main__":
    start = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        notebook = execute(pathlib.Path(folder))
    seconds = time.perf_counter() - start
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            if output.output_type == "stream":  # the data's folder is in what a run says
                output.text = output.text.replace(str(pathlib.Path.home()), "~")
    # A version of Python, which changes from machine to machine, is all that it holds.
    notebook.metadata.language_info = {"name": "python"}
    nbformat.write(notebook, TOUR)
    print(f"{TOUR}: {TOUR.stat().st_size:,} bytes, took {seconds:.0f} s")

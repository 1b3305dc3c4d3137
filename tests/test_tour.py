"""The notebook of docs/ runs from its first cell to its last, and shows what it promises."""

import re
import shutil

import nbformat
import pytest
from nbclient import NotebookClient

from tests.shared_data import REPOSITORY

TOUR = REPOSITORY / "docs" / "tour.ipynb"


def test_the_notebook_is_small_and_has_no_results_in_it():
    assert TOUR.stat().st_size < 100_000
    notebook = nbformat.read(TOUR, as_version=4)
    nbformat.validate(notebook)
    assert not any(cell.get("outputs") for cell in notebook.cells)


@pytest.mark.slow
def test_the_notebook_runs(tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(REPOSITORY))
    shutil.copy(TOUR, tmp_path)
    notebook = nbformat.read(tmp_path / "tour.ipynb", as_version=4)
    place = {"metadata": {"path": str(tmp_path)}}
    NotebookClient(notebook, timeout=420, kernel_name="python3", resources=place).execute()
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    printed = "".join(output.get("text", "") for output in outputs)
    pictures = [output for output in outputs if "image/png" in output.get("data", {})]
    assert "epoch 6: validation loss" in printed and "of the words right" in printed
    assert "words of ours that it read: " in printed
    assert re.search(r"^ +we: \w+ \w+", printed, re.MULTILINE)  # it says something
    assert len(pictures) == 2  # a post's, and the attention

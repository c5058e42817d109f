"""The notebooks are stored without outputs, install what they need in Colab, and run from end to end."""

from __future__ import annotations

import os
import re
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

REPOSITORY = Path(__file__).parents[1]
FOLDER = REPOSITORY / "docs" / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_has_a_badge_and_an_install_cell_and_no_outputs(path):
    book = nbformat.read(path, as_version=4)
    nbformat.validate(book)
    code = [cell for cell in book.cells if cell.cell_type == "code"]
    assert f"/blob/main/{path.relative_to(REPOSITORY).as_posix()})" in book.cells[0].source
    assert "%pip install --quiet audio-ft" in code[0].source
    assert not [cell for cell in code if cell.outputs or cell.execution_count]
    assert f"(notebooks/{path.name})" in (REPOSITORY / "docs" / "notebooks.md").read_text("utf-8")


def test_the_page_links_every_notebook_and_no_other():
    linked = re.findall(r"\(notebooks/(\w+\.ipynb)\)", (REPOSITORY / "docs" / "notebooks.md").read_text("utf-8"))
    assert sorted(linked) == [path.name for path in NOTEBOOKS]


# The others train for longer.
RUN_ALWAYS = FOLDER / "own_recordings.ipynb"


@pytest.mark.parametrize(
    "path",
    [RUN_ALWAYS, *(pytest.param(path, marks=pytest.mark.slow) for path in NOTEBOOKS if path != RUN_ALWAYS)],
    ids=lambda path: path.stem,
)
def test_a_notebook_runs(path, tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, (str(REPOSITORY), os.environ.get("PYTHONPATH")))))
    book = nbformat.read(path, as_version=4)
    if path == RUN_ALWAYS:
        (training,) = (cell for cell in book.cells if '"max_steps": 30' in cell.source)
        training.source = training.source.replace('"max_steps": 30', '"max_steps": 3')
    NotebookClient(book, timeout=900, resources={"metadata": {"path": str(tmp_path)}}).execute()
    shown = [output for cell in book.cells if cell.cell_type == "code" for output in cell.outputs]
    assert any("text/html" in output.get("data", {}) for output in shown), "the run and the clip show themselves"
    assert (tmp_path / "runs").is_dir()

"""CONTRIBUTING.md shows the package as it is."""

from __future__ import annotations

import runpy
from pathlib import Path

REPOSITORY = Path(__file__).parents[1]


def test_the_tree_is_that_of_the_package():
    tree = runpy.run_path(str(REPOSITORY / "tools" / "tree.py"))
    text = (REPOSITORY / "CONTRIBUTING.md").read_text("utf-8")
    assert tree["with_tree"](text, REPOSITORY / "audio_ft") == text, "run `make tree`"


def test_a_folder_and_a_file_on_top_are_a_line_each(tmp_path):
    tree = runpy.run_path(str(REPOSITORY / "tools" / "tree.py"))["tree"]
    (tmp_path / "room" / "corner").mkdir(parents=True)
    (tmp_path / "room" / "__init__.py").write_text('"""What it is for.\n\nMore."""')
    (tmp_path / "room" / "corner" / "__init__.py").write_text('"""A part of it."""')
    (tmp_path / "room" / "inside.py").write_text('"""Not shown."""')
    (tmp_path / "alone.py").write_text('"""A file on top."""')
    (tmp_path / "__init__.py").write_text('"""The package."""')
    lines = ["  alone.py   A file on top", "  room/      What it is for", "    corner/  A part of it"]
    assert tree(tmp_path).splitlines()[2:-1] == lines

"""What is installed: extras as the install page lists them, and a wheel from the sdist that lacks nothing."""

from __future__ import annotations

import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

tomllib = pytest.importorskip("tomllib")  # from Python 3.11 on

REPOSITORY = Path(__file__).parents[1]
PROJECT = tomllib.loads((REPOSITORY / "pyproject.toml").read_text("utf-8"))["project"]
EXTRAS = PROJECT["optional-dependencies"]
# What `make` installs for contributors.
CONTRIBUTORS = {"dev", "dist", "fuzz"}


def packages(extra: str) -> list[str]:
    """Return the names of an extra's packages; those of an extra of ours that it includes come first."""
    found = []
    for requirement in EXTRAS[extra]:
        inner = re.fullmatch(r"audio-ft\[(\w+)\]", requirement)
        found += packages(inner[1]) if inner else [re.split(r"[^\w.-]", requirement)[0]]
    return found


def test_the_install_page_lists_each_extra_with_its_packages():
    text = (REPOSITORY / "docs" / "install.md").read_text("utf-8")
    rows = re.findall(r"^\| `(\w+)` \| (.+) \| ([\w, -]+) \| (\d+) \|$", text, re.MULTILINE)
    assert {name: listed.split(", ") for name, _, listed, _ in rows} == {
        name: packages(name) for name in EXTRAS if name not in CONTRIBUTORS
    }
    assert [name for name, *_ in rows] == sorted(name for name, *_ in rows)


def test_messages_name_extras_that_exist():
    texts = [path.read_text("utf-8") for path in (REPOSITORY / "audio_ft").rglob("*.py")]
    texts += [path.read_text("utf-8") for path in (REPOSITORY / "README.md", *(REPOSITORY / "docs").rglob("*.md"))]
    named = [name for text in texts for group in re.findall(r"audio-ft\[([\w,]+)\]", text) for name in group.split(",")]
    assert {"demo", "lora"} <= set(named) <= set(EXTRAS)
    assert not [text for text in texts if "install '.[" in text]


@pytest.mark.slow
def test_the_wheel_of_the_sdist_has_all_that_quickstart_needs(tmp_path):
    """Without isolation, hence with the setuptools that is installed here."""
    pytest.importorskip("build")
    build = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(tmp_path), str(REPOSITORY)]
    subprocess.run(build, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    zipfile.ZipFile(wheel).extractall(tmp_path / "wheel")
    for path in (REPOSITORY / "audio_ft").rglob("*"):
        if path.is_file() and "__pycache__" not in path.parts:
            there = tmp_path / "wheel" / path.relative_to(REPOSITORY)
            assert there.read_bytes() == path.read_bytes(), path
    program = [sys.executable, "-P", "-m", "audio_ft", "--version"]
    shown = subprocess.run(program, env={"PYTHONPATH": str(tmp_path / "wheel")}, capture_output=True, text=True)
    assert shown.stdout.startswith("audio-ft "), shown.stderr

"""What the tests of evaluation share: a model, and a few of the shipped test clips."""

from __future__ import annotations

import csv
import shutil
from pathlib import Path

import pytest

import audio_ft as aft

WORDS = Path(aft.__file__).parent / "assets" / "words"


@pytest.fixture(scope="module")
def model(small_run: Path) -> aft.Model:
    return aft.load(small_run)


@pytest.fixture
def few(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    """Return a folder with a manifest of test clips of all words, every EVERY-th of the module."""
    folder = tmp_path / "few"
    folder.mkdir()
    rows = list(csv.DictReader((WORDS / "test" / "metadata.csv").open()))[:: request.module.EVERY]
    with (folder / "metadata.csv").open("w", newline="") as stream:
        writer = csv.DictWriter(stream, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    for row in rows:
        shutil.copy(WORDS / "test" / row["file_name"], folder)
    return folder

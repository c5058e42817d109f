"""Importing the package and asking the command for help load nothing heavy."""

from __future__ import annotations

import subprocess
import sys

import pytest
from waiting import HUNG

HEAVY = {
    "accelerate",
    "av",
    "datasets",
    "evaluate",
    "librosa",
    "matplotlib",
    "pandas",
    "pyarrow",
    "scipy",
    "sklearn",
    "soundfile",
    "torch",
    "transformers",
}
REPORT = "import sys; print('loaded:', *sorted({name.partition('.')[0] for name in sys.modules}))"


def loaded_by(statement: str) -> set[str]:
    """Return the top-level modules that a fresh interpreter holds after the statement."""
    result = subprocess.run(
        [sys.executable, "-c", f"{statement}\n{REPORT}"], capture_output=True, text=True, check=True, timeout=HUNG
    )
    return set(result.stdout.splitlines()[-1].removeprefix("loaded:").split())


@pytest.mark.parametrize(
    "statement",
    [
        "import audio_ft",
        "import audio_ft.cli.main",
        "import audio_ft.cli.main\ntry: audio_ft.cli.main.main(['--help'])\nexcept SystemExit: pass",
    ],
)
def test_nothing_heavy_is_loaded(statement):
    loaded = loaded_by(statement)
    assert "audio_ft" in loaded
    assert not loaded & HEAVY


def test_the_command_line_waits_with_numpy_too():
    assert "numpy" not in loaded_by("import audio_ft.cli.main")

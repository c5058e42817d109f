"""A run to push, and a client that talks to the test server."""

from __future__ import annotations

import os
import shutil
from dataclasses import replace

import pytest
from hub_runs import CARD_FIELDS
from hub_server import connected

from audio_ft.run import Run


@pytest.fixture
def run(small_run, tmp_path) -> Run:
    """Return a finished run with random bytes as its weights, which no test here loads."""
    folder = tmp_path / "run"
    shutil.copytree(small_run, folder)
    (folder / "model" / "model.safetensors").write_bytes(os.urandom(200_000))
    found = Run.load(folder)
    return replace(found, recipe=replace(found.recipe, **CARD_FIELDS))


@pytest.fixture
def online(hub, tmp_path):
    with connected(hub, tmp_path / "cache") as patch:
        yield patch

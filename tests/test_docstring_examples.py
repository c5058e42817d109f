"""The examples in docstrings print what they state."""

from __future__ import annotations

import doctest
import importlib
from pathlib import Path

import pytest

import audio_ft

ROOT = Path(audio_ft.__file__).parent
FILES = [file for file in sorted(ROOT.rglob("*.py")) if ">>> " in file.read_text(encoding="utf-8")]


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.relative_to(ROOT).as_posix())
def test_examples_run(file):
    module = ".".join(file.relative_to(ROOT.parent).with_suffix("").parts)
    assert doctest.testmod(importlib.import_module(module)).failed == 0

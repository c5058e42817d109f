"""What `import audio_ft` offers: the names of its stub, loaded when first used."""

from __future__ import annotations

import pydoc
import subprocess
import sys

import pytest
from waiting import HUNG

import audio_ft
from audio_ft.cli import command_list

# What a command does, Python does too; these commands make no sense from Python, or are methods there.
WITHOUT_A_FUNCTION = {"cache", "completion", "demo", "listen", "lm", "quickstart", "serve", "show"}
IN_PYTHON = {
    "anomaly": "detect",
    "clean": "Chain",
    "map": "embedding_map",
    "predict": "load",
    "settings": "list_settings",
}


def test_every_name_can_be_loaded_listed_and_explained():
    assert set(dir(audio_ft)) >= set(audio_ft.__all__)
    for name in audio_ft.__all__:
        assert getattr(audio_ft, name) is not None
    page = pydoc.plain(pydoc.render_doc(audio_ft))
    assert all(name in page for name in audio_ft.__all__)


@pytest.mark.parametrize("name", ["augmentation", "features", "plots", "steps"])
def test_a_module_can_be_the_first_name_that_is_used(name):
    code = f"import audio_ft\nprint(audio_ft.{name}.__name__)"
    subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=HUNG)


def test_a_star_import_brings_all_names_and_no_others():
    code = "from audio_ft import *\nprint(*sorted(name for name in dir() if not name.startswith('__')))"
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=HUNG)
    assert printed.stdout.split() == sorted(audio_ft.__all__)


def test_what_the_command_line_does_python_does():
    for command in set(command_list.built_in()) - WITHOUT_A_FUNCTION:
        assert IN_PYTHON.get(command, command) in audio_ft.__all__, command

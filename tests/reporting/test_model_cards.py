"""The cards that ship in model_cards/: each agrees with the run in its folder and names no local path."""

from __future__ import annotations

import json
import runpy
import shutil
from pathlib import Path

import pytest
from huggingface_hub import ModelCard

from audio_ft import Run
from audio_ft.reporting.card import model_card

FOLDER = Path(__file__).parents[2] / "model_cards"
CARDS = sorted(file.parent for file in FOLDER.glob("*/run.json"))


@pytest.mark.parametrize("folder", CARDS, ids=lambda folder: folder.name)
def test_the_card_is_what_its_run_makes_of_it(folder):
    written = (folder / "README.md").read_text()
    assert model_card(Run.load(folder)) == written, "run `make cards`"
    head = ModelCard(written).data
    assert head.eval_results
    assert head.license
    assert head.language


@pytest.mark.parametrize("folder", CARDS, ids=lambda folder: folder.name)
def test_no_folder_of_a_machine_is_in_it(folder):
    for file in folder.iterdir():
        text = file.read_text()
        assert not [place for place in ("/home/", "/tmp/", "/work/", "/root/", "/Users/") if place in text], file


def test_there_are_cards():
    assert FOLDER / "quickstart" in CARDS


def test_a_run_is_taken_in_without_the_folders_above_it(tmp_path):
    make = runpy.run_path(str(FOLDER / "make.py"))
    run = json.loads((FOLDER / "quickstart" / "run.json").read_text())
    run["recipe"]["data"]["path"] = "/home/somebody/words"
    run["splits"]["train"]["unreadable"] = [["/home/somebody/words/a.wav", "empty"]]
    source = tmp_path / "source"
    source.mkdir()
    (source / "run.json").write_text(json.dumps(run))
    shutil.copy(FOLDER / "quickstart" / "slices.json", source)
    make["take_in"](Run.load(source), tmp_path / "taken")
    taken = Run.load(tmp_path / "taken")
    assert taken.recipe.data.path == "words"
    assert taken.splits["train"]["unreadable"] == [["words/a.wav", "empty"]]
    assert (tmp_path / "taken" / "slices.json").read_text() == (source / "slices.json").read_text()

"""A package outside audio_ft adds a target and a task, each in one file: the number of syllables of a word.

As in tests/test_extending.py each command runs in a process of its own, and nothing of audio_ft is changed.
"""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
from test_extending import ASSETS, audio_ft, installed, trained

SYLLABLES = '''
"""Syllables: how many a recording has."""

from dataclasses import dataclass

from audio_ft.errors import InputError
from audio_ft.targets.number import Number
from audio_ft.targets.wording import Wording


@dataclass(frozen=True)
class Syllables(Number):
    """A whole number of syllables; predictions are rounded for people."""

    kind = "syllables"
    wording = Wording(
        short="numbers of syllables",
        cell="the number of syllables",
        task="Counting syllables",
        card="For each recording it counts syllables, {column}.",
        errors_title="Farthest off",
        errors_name="counts",
    )
    column_names = (("syllables",),)
    second_score = "root_mean_squared_error"
    selection_metric = "mean_absolute_error"

    @classmethod
    def parse_cell(cls, cell, source, key):
        value = super().parse_cell(cell, source, key)
        if value < 1 or value % 1:
            raise InputError(f"{source}: {key} has {cell!r} syllables; expected a whole number of 1 or more")
        return value

    def as_dict(self, prediction):
        return {"syllables": float(prediction)}

    def columns(self, predictions, targets):
        return {"prediction": [prediction["syllables"] for prediction in predictions]}

    def as_line(self, prediction):
        return f"{round(prediction['syllables'])} syllables"
'''
COUNTING = '''
"""Count syllables from the pooled frames of a clip."""

from dataclasses import dataclass

from audio_ft.tasks.classification import Classification

from soundlab.syllables import Syllables


@dataclass(frozen=True)
class Counting(Classification):
    """Predict the number of syllables."""

    name = "syllable_count"
    targets = (Syllables,)
'''
ENTRY_POINTS = """
[audio_ft.targets]
syllables = soundlab.syllables:Syllables

[audio_ft.tasks]
syllable_count = soundlab.counting:Counting
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Path:
    return installed(tmp_path_factory.mktemp("site"), ENTRY_POINTS, syllables=SYLLABLES, counting=COUNTING)


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Path:
    """Return a table of shipped words with made-up numbers of syllables."""
    rows = []
    for split in ("train", "validation", "test"):
        with open(ASSETS / "words" / split / "metadata.csv", newline="", encoding="utf-8") as table:
            listed = list(csv.DictReader(table))
        for row in listed[:: max(1, len(listed) // 8)]:
            file = ASSETS / "words" / split / row["file_name"]
            rows.append({"file_name": str(file), "split": split, "syllables": 1 + len(row["label"]) % 3})
    file = tmp_path_factory.mktemp("data") / "syllables.csv"
    with file.open("w", newline="", encoding="utf-8") as table:
        writer = csv.DictWriter(table, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    return file


@pytest.fixture(scope="module")
def run(site, data, tmp_path_factory) -> Path:
    return trained(site, tmp_path_factory.mktemp("counting") / "run", str(data), task="syllable_count")


def test_it_trains_and_scores(run):
    record = json.loads((run / "run.json").read_text())
    assert (record["kind"], record["labels"]) == ("syllables", [])
    assert record["best"]["metric"] == "mean_absolute_error"
    scores = record["scores"]["test"]
    assert scores["mean_absolute_error"]["low"] <= scores["mean_absolute_error"]["value"]
    assert set(record["baselines"]) == {"majority", "linear on MFCC", "linear probe"}


def test_it_evaluates_and_predicts_in_another_process(site, run, data):
    evaluated = json.loads(audio_ft(site, "evaluate", str(run), str(data), "--json").stdout)
    record = json.loads((run / "run.json").read_text())
    value = evaluated["scores"]["mean_absolute_error"]["value"]
    assert value == pytest.approx(record["scores"]["test"]["mean_absolute_error"]["value"], rel=1e-3)
    clip = next((ASSETS / "words" / "test").glob("*.ogg"))
    line = json.loads(audio_ft(site, "predict", str(run), str(clip), "--json").stdout)
    assert line.keys() == {"file", "syllables"}
    assert "syllables" in audio_ft(site, "predict", str(run), str(clip)).stdout


def test_it_has_a_report_and_a_card(site, run):
    audio_ft(site, "report", str(run))
    page = (run / "report.html").read_text(encoding="utf-8")
    assert "Farthest off" in page
    words = {"intended_use": "Counting.", "limits": "English words.", "consent": "Given."}
    told = [word for name, value in words.items() for word in ("--set", f"{name}={value}")]
    card = audio_ft(site, "card", str(run), "--set", "name=counter", *told).stdout
    assert "it counts syllables, `syllables`" in card
    assert "Counting syllables" in card


def test_a_cell_that_is_not_of_the_target_is_refused_by_the_targets_own_words(site, data, tmp_path):
    wrong = tmp_path / "wrong.csv"
    wrong.write_text(data.read_text(encoding="utf-8").replace(",2\n", ",0\n"), encoding="utf-8")
    said = audio_ft(site, "inspect", str(wrong), "--task", "syllable_count", code=2).stderr
    assert "expected a whole number of 1 or more" in said
